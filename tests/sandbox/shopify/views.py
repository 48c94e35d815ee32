"""Owns how products, variants, stock and places look in the schema. Fields with arguments are functions, called late."""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLError

from tests.sandbox.shopify import payloads
from tests.sandbox.shopify.connections import connection
from tests.sandbox.shopify.state import Record, Shop

QUANTITIES = ("available", "on_hand", "committed")


def _listed(rows: Callable[[], Sequence[Record]], view: Callable[[Record], Record]) -> Callable[..., Record]:
    return lambda _info, **arguments: connection(rows(), arguments, view)


def location(place: Record) -> Record:
    """A Location of the schema."""
    return {
        "__typename": "Location",
        "id": place["id"],
        "name": place["name"],
        "isActive": place["active"],
        "fulfillsOnlineOrders": place["fulfills_online_orders"],
        "shipsInventory": place["ships_inventory"],
    }


def product(shop: Shop, record: Record) -> Record:
    """A Product of the schema."""
    return {
        "__typename": "Product",
        "id": record["id"],
        "title": record["title"],
        "status": record["status"],
        "updatedAt": record["updated_at"],
        "variants": _listed(lambda: shop.catalogue.of_product(record["id"]), lambda one: variant(shop, one)),
    }


def variant(shop: Shop, record: Record) -> Record:
    """A ProductVariant of the schema."""
    parent = shop.catalogue.products[record["product_id"]]
    title = parent["title"]
    return {
        "__typename": "ProductVariant",
        "id": record["id"],
        "sku": record["sku"],
        "title": record["title"],
        "displayName": title if record["title"] == "Default Title" else f"{title} - {record['title']}",
        "price": record["price"],
        "taxable": record["taxable"],
        "updatedAt": record.get("updated_at") or parent["updated_at"],
        "inventoryPolicy": record["policy"],
        "inventoryQuantity": sum(level["available"] for level in record["levels"].values()),
        "product": product(shop, parent),
        "inventoryItem": item(shop, record),
    }


def item(shop: Shop, record: Record) -> Record:
    """The InventoryItem of a variant's record."""
    return {
        "__typename": "InventoryItem",
        "id": record["item_id"],
        "sku": record["sku"],
        "tracked": record["tracked"],
        "requiresShipping": record["requires_shipping"],
        "variants": _listed(lambda: [record], lambda one: variant(shop, one)),
        "inventoryLevels": _listed(lambda: _levels(shop, record), lambda one: level(shop, record, one["place"])),
    }


def _levels(shop: Shop, record: Record) -> list[Record]:
    active = {one["id"] for one in shop.locations() if one["active"]}
    return [
        {"id": payloads.level_id(record, place["id"]), "place": place["id"]}
        for place in shop.locations()
        if place["id"] in record["levels"] and place["id"] in active
    ]


def level(shop: Shop, record: Record, place_id: str) -> Record:
    """An InventoryLevel of the schema."""
    held = record["levels"][place_id]
    place = next(one for one in shop.locations() if one["id"] == place_id)
    at = held.get("updated_at")

    def quantities(_info: Any, names: Sequence[str]) -> list[Record]:
        if strangers := set(names) - set(QUANTITIES):
            raise GraphQLError(f"Invalid inventory quantity name: {sorted(strangers)[0]}")
        return [{"name": name, "quantity": held[name], "updatedAt": at} for name in names]

    return {
        "__typename": "InventoryLevel",
        "id": payloads.level_id(record, place_id),
        "updatedAt": at or record.get("updated_at"),
        "location": location(place),
        "quantities": quantities,
    }
