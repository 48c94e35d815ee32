"""The way of an order: polled, stored, matched, created once in Shopify, mirrored when cancelled, found again."""
