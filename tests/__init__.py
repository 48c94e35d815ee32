"""Tests of the product and the sandbox that stands in for the outside systems."""
