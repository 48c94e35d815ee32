"""Owns products and stock: levels by location, what an order claims of them and gives back. Knows no GraphQL."""

from decimal import Decimal
from typing import Any

from tests.sandbox.clock import iso
from tests.sandbox.shopify.state import Record, Shop, gid


def add_product(shop: Shop, wish: Record) -> Record:
    """A product with one variant, stocked at the first active location; answers the variant's record."""
    product_id = gid("Product", shop.world.next_id("product", 8_100_000_001))
    variant_id = gid("ProductVariant", shop.world.next_id("variant", 44_000_000_001))
    shop.catalogue["products"][product_id] = {
        "id": product_id,
        "title": str(wish.get("title") or wish.get("sku") or "Product"),
        "status": str(wish.get("status") or "ACTIVE"),
        "updated_at": iso(shop.now()),
    }
    variant: Record = {
        "id": variant_id,
        "product_id": product_id,
        "item_id": gid("InventoryItem", shop.world.next_id("inventory_item", 46_000_000_001)),
        "sku": wish.get("sku"),
        "title": str(wish.get("variant_title") or "Default Title"),
        "price": price(wish.get("price", "10.00")),
        "taxable": bool(wish.get("taxable", True)),
        "policy": str(wish.get("policy") or "DENY"),
        "tracked": bool(wish.get("tracked", True)),
        "requires_shipping": bool(wish.get("requires_shipping", True)),
        "levels": {},
    }
    shop.catalogue["variants"][variant_id] = variant
    set_available(shop, variant, int(wish.get("available", 10)))
    shop.index_variant(variant_id)
    shop.save_catalogue()
    return variant


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


def set_available(shop: Shop, variant: Record, available: int) -> None:
    """What can be sold at the selling location; what is committed stays on hand beside it."""
    place = _selling_location(shop, variant)
    if place is None:
        active = [one["id"] for one in shop.locations() if one["active"]] or [one["id"] for one in shop.locations()]
        if not active:
            return
        place = active[0]
    level = variant["levels"].setdefault(place, {"available": 0, "on_hand": 0, "committed": 0})
    level["available"] = available
    level["on_hand"] = available + level["committed"]


def available(variant: Record) -> int:
    """What can be sold over all locations."""
    return sum(level["available"] for level in variant["levels"].values())


def claims(shop: Shop, lines: list[Record]) -> list[Record]:
    """What the lines would take: variant, location, quantity. Untracked and unstocked variants are not counted."""
    found = []
    for line in lines:
        variant = shop.catalogue["variants"].get(line.get("variantId"))
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
    variants = shop.catalogue["variants"]
    return all(
        variants[variant_id]["policy"] == "CONTINUE" or variants[variant_id]["levels"][place]["available"] >= quantity
        for (variant_id, place), quantity in need.items()
    )


def take(shop: Shop, wanted: list[Record], back: bool = False) -> None:
    """Move claims from available to committed, or back; what is on hand does not change."""
    for claim in wanted:
        level = shop.catalogue["variants"][claim["variant_id"]]["levels"][claim["location_id"]]
        step = -claim["quantity"] if back else claim["quantity"]
        level["available"] -= step
        level["committed"] += step
    if wanted:
        shop.save_catalogue()


def variant_view(shop: Shop, variant: Record) -> Record:
    """A ProductVariant of the schema."""
    product = shop.catalogue["products"][variant["product_id"]]
    title = product["title"]
    return {
        "__typename": "ProductVariant",
        "id": variant["id"],
        "sku": variant["sku"],
        "title": variant["title"],
        "displayName": title if variant["title"] == "Default Title" else f"{title} - {variant['title']}",
        "price": variant["price"],
        "taxable": variant["taxable"],
        "inventoryPolicy": variant["policy"],
        "inventoryQuantity": available(variant),
        "product": {"__typename": "Product", "id": product["id"], "title": title, "status": product["status"]},
        "inventoryItem": {
            "__typename": "InventoryItem",
            "id": variant["item_id"],
            "tracked": variant["tracked"],
            "requiresShipping": variant["requires_shipping"],
        },
    }
