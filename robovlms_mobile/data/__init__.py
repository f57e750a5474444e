"""Episodes in, upstream batches out."""
