"""One page about a folder of episodes: what is in it, what it already predicts, what is missing."""
