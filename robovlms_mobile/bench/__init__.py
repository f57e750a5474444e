"""Benchmarks: every claim about speed or size, measured in one run as ratios, printed as JSON."""
