"""Synthetic episodes and a tiny VLM, for tests, the demo and users' own tests."""
