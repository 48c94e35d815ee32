"""The way of a shipment: heard of from Shopify, kept, reported to the marketplace once, its refusal told."""
