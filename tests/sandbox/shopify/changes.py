"""Owns what a person changes of a shop's products: SKU, price, stock, status, deletion; and who is told of each."""

from collections.abc import Mapping
from typing import Any

from tests.sandbox.clock import iso
from tests.sandbox.shopify import payloads, stock, webhooks
from tests.sandbox.shopify.state import Record, Shop, gid

PRODUCT_FIELDS = frozenset({"title", "status"})
ITEM_FIELDS = frozenset({"sku", "tracked"})
STOCK_FIELDS = frozenset({"available", "levels"})


def find(shop: Shop, name: str) -> Record:
    """The variant with that number, global id or (behind "sku:") SKU. Raises ValueError when there is none."""
    if name.startswith("sku:"):
        sku = name.removeprefix("sku:")
        made = [one for one in shop.catalogue.variants.made() if one["sku"] == sku]
        found = made or shop.catalogue.in_ranges(sku)
        if found:
            return found[0]
        raise ValueError(f"no variant with this SKU: {sku}")
    key = name if name.startswith("gid:") else gid("ProductVariant", name)
    if key not in shop.catalogue.variants:
        raise ValueError(f"no such variant: {name}")
    return shop.catalogue.variants[key]


def change(shop: Shop, name: str, wish: Mapping[str, Any]) -> Record:
    """Change a variant and tell the app: sku, price, policy, tracked, title, status, available, levels.

    `available` counts at the selling location, `levels` is {location gid: available}. Raises ValueError on nonsense.
    """
    variant = shop.catalogue.variants.own(find(shop, name)["id"])
    product = shop.catalogue.products.own(variant["product_id"])
    places: list[str] = []
    for field, value in wish.items():
        places += _set(shop, variant, product, field, value)
    now = iso(shop.now())
    if set(wish) - STOCK_FIELDS:
        product["updated_at"] = variant["updated_at"] = now
        shop.index_variant(variant["id"])
    shop.save_catalogue()
    _tell(shop, variant, set(wish), places)
    body = {"shop": shop.domain, "variant_id": variant["id"], **dict(wish)}
    shop.world.ledger.record("shopify", "variant.changed", variant["sku"], body)
    return variant


def _set(shop: Shop, variant: Record, product: Record, field: str, value: Any) -> list[str]:
    """Set one field; answers the locations whose level it changed."""
    match field:
        case "sku" | "policy":
            variant[field] = None if value is None else str(value)
        case "tracked":
            variant[field] = bool(value)
        case "price":
            variant[field] = stock.price(value)
        case "title":
            product[field] = str(value)
        case "status":
            product[field] = stock.status(value)
        case "available":
            place = stock.set_available(shop, variant, int(value))
            return [place] if place is not None else []
        case "levels":
            for place, number in dict(value).items():
                stock.set_available(shop, variant, int(number), str(place))
            return [str(place) for place in value]
        case _:
            raise ValueError(f"not a field that can change: {field}")
    return []


def _tell(shop: Shop, variant: Record, fields: set[str], places: list[str]) -> None:
    for place in places:
        stock.tell_level(shop, variant, place)
    if fields & ITEM_FIELDS:
        webhooks.send(shop, "inventory_items/update", payloads.item(variant))
    # Stock has a topic of its own; what else changed is the product's.
    if fields - STOCK_FIELDS:
        webhooks.send(shop, "products/update", payloads.product(shop, variant["product_id"]))


def delete(shop: Shop, name: str) -> Record:
    """Delete a variant; with its last variant the product goes too. The app is told."""
    variant = find(shop, name)
    product_id = variant["product_id"]
    shop.catalogue.drop(variant)
    shop.variant_index.drop(variant["id"])
    webhooks.send(shop, "inventory_items/delete", payloads.gone(variant["item_id"]))
    if shop.catalogue.of_product(product_id):
        shop.catalogue.products.own(product_id)["updated_at"] = iso(shop.now())
        webhooks.send(shop, "products/update", payloads.product(shop, product_id))
    else:
        shop.catalogue.products.drop(product_id)
        webhooks.send(shop, "products/delete", payloads.gone(product_id))
    shop.save_catalogue()
    body = {"shop": shop.domain, "variant_id": variant["id"], "product_id": product_id}
    shop.world.ledger.record("shopify", "variant.deleted", variant["sku"], body)
    return variant
