"""Owns which access scopes a shop has granted and which of them a type or field of the Admin schema needs.

The table is retyped from the `offline_scopes` of the contract for what the subset holds; each entry is satisfied by
any one of its scopes.
"""

from collections.abc import Iterable

DEFAULT_SCOPES = ("read_products", "read_inventory", "write_inventory", "read_locations", "read_orders", "write_orders")

TYPES: dict[str, tuple[str, ...]] = {
    "Order": ("read_orders", "read_marketplace_orders", "read_quick_sale"),
    "Product": ("read_products",),
    "ProductVariant": ("read_products",),
    "InventoryItem": ("read_inventory", "read_products"),
    "InventoryLevel": ("read_inventory",),
    "Location": ("read_locations", "read_inventory", "read_markets_home"),
}
FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("QueryRoot", "order"): TYPES["Order"],
    ("QueryRoot", "orders"): TYPES["Order"],
    ("QueryRoot", "orderByIdentifier"): ("read_orders", "read_marketplace_orders"),
    ("QueryRoot", "productVariants"): TYPES["ProductVariant"],
    ("ProductVariant", "inventoryItem"): TYPES["InventoryItem"],
    ("InventoryItem", "inventoryLevels"): TYPES["InventoryLevel"],
    ("QueryRoot", "locations"): TYPES["Location"],
    ("Mutation", "orderCreate"): ("write_orders",),
    ("Mutation", "orderCancel"): ("write_orders", "write_marketplace_orders"),
    # The contract names no scope for it; what it writes belongs to orders.
    ("Mutation", "metafieldDefinitionCreate"): ("write_orders",),
    ("Location", "name"): ("read_locations", "read_markets_home"),
    ("Location", "isActive"): ("read_locations",),
    ("Location", "fulfillsOnlineOrders"): ("read_locations",),
    ("Location", "shipsInventory"): ("read_locations",),
}


def parse_scopes(text: str) -> list[str]:
    """Scopes of a comma-separated list, in order, once each."""
    return list(dict.fromkeys(part for one in text.split(",") if (part := one.strip())))


def implied(granted: Iterable[str]) -> set[str]:
    """The granted scopes with the reading scope that each writing scope brings along."""
    given = set(granted)
    return given | {"read_" + one.removeprefix("write_") for one in given if one.startswith("write_")}


def compressed(granted: Iterable[str]) -> list[str]:
    """The way the token endpoint writes scopes: without the reading scopes that a writing one implies."""
    given = list(dict.fromkeys(granted))
    return [one for one in given if not (one.startswith("read_") and "write_" + one.removeprefix("read_") in given)]


def in_words(scopes: Iterable[str]) -> str:
    """`requiredAccess` in Shopify's wording."""
    return " or ".join(f"`{one}` access scope" for one in scopes) + "."
