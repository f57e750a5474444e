"""What is done to this process before upstream runs."""
