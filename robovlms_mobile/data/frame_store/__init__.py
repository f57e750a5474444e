"""Frames decoded once, kept in memory-mapped files."""
