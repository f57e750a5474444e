"""What in a set of episodes would mislead a training: a small module a kind, and `everything`, which asks them all."""
