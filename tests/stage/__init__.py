"""The stage of the tests: servers of our own on loopback, and the sandbox's switches as plain functions."""
