"""The way of a listing: read from the marketplace, linked to a variant, kept equal to it, its refusal told."""
