"""Episode files nobody vouches for, read in bounded memory and time."""
