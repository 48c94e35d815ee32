"""shopapp: an embedded Shopify app that imports marketplace orders and flags what failed."""
