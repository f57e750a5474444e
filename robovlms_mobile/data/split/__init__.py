"""Which episodes train and which validate."""
