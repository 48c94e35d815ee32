"""Owns products and stock: levels by location, what an order claims of them and gives back. Knows no GraphQL."""

from decimal import Decimal
from typing import Any

from tests.sandbox.clock import iso
from tests.sandbox.shopify import payloads, webhooks
from tests.sandbox.shopify.state import Record, Shop, gid


def add_product(shop: Shop, wish: Record) -> Record:
    """A product with one variant (or a further one of `product_id`), stocked at the first active location.

    Answers the variant's record. Raises ValueError on nonsense.
    """
    now = iso(shop.now())
    cost = price(wish.get("price", "10.00"))
    product_id = wish.get("product_id")
    if product_id is None:
        product_id = gid("Product", shop.world.next_id("product", 8_100_000_001))
        shop.catalogue.products.put(
            {
                "id": product_id,
                "title": str(wish.get("title") or wish.get("sku") or "Product"),
                "status": status(wish.get("status") or "ACTIVE"),
                "updated_at": now,
            }
        )
    elif product_id not in shop.catalogue.products:
        raise ValueError(f"no such product: {product_id}")
    variant: Record = {
        "id": gid("ProductVariant", shop.world.next_id("variant", 44_000_000_001)),
        "product_id": product_id,
        "item_id": gid("InventoryItem", shop.world.next_id("inventory_item", 46_000_000_001)),
        "sku": wish.get("sku"),
        "title": str(wish.get("variant_title") or "Default Title"),
        "price": cost,
        "taxable": bool(wish.get("taxable", True)),
        "policy": str(wish.get("policy") or "DENY"),
        "tracked": bool(wish.get("tracked", True)),
        "requires_shipping": bool(wish.get("requires_shipping", True)),
        "updated_at": now,
        "levels": {},
    }
    shop.catalogue.put(variant)
    set_available(shop, variant, int(wish.get("available", 10)))
    shop.index_variant(variant["id"])
    shop.save_catalogue()
    return variant


def add_range(shop: Shop, wish: Record) -> Record:
    """Very many products at once: SKUs `prefix` and a number of `width` digits from `start` on. No message is sent.

    They cost nothing until they are looked at. Answers the range. Raises ValueError on nonsense.
    """
    count = int(wish["count"])
    if not 1 <= count <= 1_000_000:
        raise ValueError("count must be between 1 and 1,000,000")
    active = [one["id"] for one in shop.locations() if one["active"]]
    one = {
        "count": count,
        "prefix": str(wish.get("prefix") or "BULK-"),
        "start": int(wish.get("start", 1)),
        "width": int(wish.get("width", 6)),
        "title": str(wish.get("title") or "Product"),
        "price": price(wish.get("price", "10.00")),
        "available": int(wish.get("available", 10)),
        "location": active[0] if active else None,
        "at": iso(shop.now()),
        "product": shop.world.next_ids("product", count, 8_100_000_001),
        "variant": shop.world.next_ids("variant", count, 44_000_000_001),
        "item": shop.world.next_ids("inventory_item", count, 46_000_000_001),
    }
    shop.catalogue.ranges.append(one)
    shop.save_catalogue()
    return one


def status(value: Any) -> str:
    """A product's status. Raises ValueError on an unknown one."""
    if str(value).upper() not in ("ACTIVE", "ARCHIVED", "DRAFT", "UNLISTED"):
        raise ValueError(f"not a status of a product: {value!r}")
    return str(value).upper()


def price(value: Any) -> str:
    """A price with two places. Raises ValueError on anything that is no number."""
    try:
        return format(Decimal(str(value)), ".2f")
    except ArithmeticError as error:
        raise ValueError(f"not a price: {value!r}") from error


def _selling_location(shop: Shop, variant: Record) -> str | None:
    active = [one for one in shop.locations() if one["active"]]
    online = [one for one in active if one["fulfills_online_orders"]]
    stocked = [one["id"] for one in [*online, *active] if one["id"] in variant["levels"]]
    return stocked[0] if stocked else None


def set_available(shop: Shop, variant: Record, available: int, place: str | None = None) -> str | None:
    """What can be sold at a location (the selling one); what is committed stays on hand beside it. Answers where."""
    place = place or _selling_location(shop, variant)
    if place is None:
        active = [one["id"] for one in shop.locations() if one["active"]] or [one["id"] for one in shop.locations()]
        if not active:
            return None
        place = active[0]
    if place not in [one["id"] for one in shop.locations()]:
        raise ValueError(f"no such location: {place}")
    level = variant["levels"].setdefault(place, {"available": 0, "on_hand": 0, "committed": 0})
    level["available"] = available
    level["on_hand"] = available + level["committed"]
    level["updated_at"] = iso(shop.now())
    return place


def available(variant: Record) -> int:
    """What can be sold over all locations."""
    return sum(level["available"] for level in variant["levels"].values())


def claims(shop: Shop, lines: list[Record]) -> list[Record]:
    """What the lines would take: variant, location, quantity. Untracked and unstocked variants are not counted."""
    found = []
    for line in lines:
        variant = shop.catalogue.variants.get(line.get("variantId") or "")
        if variant is None or not variant["tracked"]:
            continue
        place = _selling_location(shop, variant)
        if place is not None:
            found.append({"variant_id": variant["id"], "location_id": place, "quantity": line["quantity"]})
    return found


def enough(shop: Shop, wanted: list[Record]) -> bool:
    """Whether the levels cover all claims together; a variant that may be oversold always does."""
    need: dict[tuple[str, str], int] = {}
    for claim in wanted:
        key = (claim["variant_id"], claim["location_id"])
        need[key] = need.get(key, 0) + claim["quantity"]
    variants = shop.catalogue.variants
    return all(
        variants[variant_id]["policy"] == "CONTINUE" or variants[variant_id]["levels"][place]["available"] >= quantity
        for (variant_id, place), quantity in need.items()
    )


def take(shop: Shop, wanted: list[Record], back: bool = False) -> None:
    """Move claims from available to committed, or back; what is on hand does not change. The app is told each level."""
    touched: dict[tuple[str, str], Record] = {}
    for claim in wanted:
        if claim["variant_id"] not in shop.catalogue.variants:
            continue
        variant = shop.catalogue.variants.own(claim["variant_id"])
        level = variant["levels"][claim["location_id"]]
        step = -claim["quantity"] if back else claim["quantity"]
        level["available"] -= step
        level["committed"] += step
        level["updated_at"] = iso(shop.now())
        touched[variant["id"], claim["location_id"]] = variant
    for (_, place), variant in touched.items():
        tell_level(shop, variant, place)
    if wanted:
        shop.save_catalogue()


def tell_level(shop: Shop, variant: Record, place: str) -> None:
    """inventory_levels/update, if the app listens."""
    webhooks.send(shop, "inventory_levels/update", payloads.level(variant, place))
