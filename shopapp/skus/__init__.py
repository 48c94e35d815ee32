"""SKUs: which variant of the shop a marketplace's SKU means. Exact, or not at all."""
