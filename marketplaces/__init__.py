"""Marketplaces as stateless translators: our nouns in, wire calls out, and back. Knows no shop, database, web or queue."""
