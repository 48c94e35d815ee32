"""Crash tests: the real processes are killed at random while orders arrive; judged by the sandbox's ledger alone."""
