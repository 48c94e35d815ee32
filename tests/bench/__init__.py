"""Benchmarks: `python -m tests.bench <name> [--json]` prints figures and ratios of one run on this machine."""
