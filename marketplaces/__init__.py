"""Marketplaces as stateless translators: our nouns in, wire calls out, and back. No shop, database, web or queue."""
