"""Linked marketplace accounts: how they come to be, how we speak for them, how they are repaired, when they end."""
