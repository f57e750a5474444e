"""Look at every file of a folder of episodes and say what is wrong with it, worst first. Changes nothing."""
