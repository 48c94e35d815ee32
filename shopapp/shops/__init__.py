"""A shop's life with us: installation, scopes, webhooks, upkeep, uninstallation, privacy."""
