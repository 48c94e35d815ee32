"""The part of Shopify's Admin schema that the sandbox executes, and the script that cuts it out."""
