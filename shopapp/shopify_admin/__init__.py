"""All that is said to and heard from Shopify, in our error families. The libraries are imported nowhere else."""
