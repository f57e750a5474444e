"""Data order and random numbers that depend on seed, epoch and batch alone."""
