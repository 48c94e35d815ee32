"""Owns what the schema's roots answer about products, variants and stock. Runs under the world's lock."""

import re
from collections.abc import Iterator
from typing import Any

from tests.sandbox.shopify import views
from tests.sandbox.shopify.connections import connection
from tests.sandbox.shopify.schema import Info, Resolver
from tests.sandbox.shopify.state import Record, Shop

_SKUS = re.compile(r"""sku:(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s()'"]+))""")
_ONLY_SKUS = re.compile(r"\s*(?:(?:OR|\(|\))\s*)*")


def _shop(info: Info) -> Shop:
    shop: Shop = info.context.shop
    return shop


def product_variants(_: Any, info: Info, **arguments: Any) -> Record:
    """QueryRoot.productVariants, by the search index; ranges are searched by SKU alone."""
    one, query = _shop(info), arguments.get("query")
    variants = one.catalogue.variants
    found = [variants[key] for key in one.variant_index.find(query, one.now_seconds()) if key in variants]
    if one.catalogue.ranges:
        seen = {record["id"] for record in found}
        found += [record for record in _from_ranges(one, query) if record["id"] not in seen]
    if arguments.get("reverse"):
        found.reverse()
    return connection(found, arguments, lambda record: views.variant(one, record))


def _from_ranges(one: Shop, query: str | None) -> Iterator[Record]:
    wanted = [next(part for part in parts if part) for parts in _SKUS.findall(query or "") if any(parts)]
    if wanted and _ONLY_SKUS.fullmatch(_SKUS.sub("", query or "")):
        for sku in wanted:
            yield from one.catalogue.in_ranges(re.sub(r"\\(.)", r"\1", sku))
    elif not (query or "").strip():
        yield from one.catalogue.variants.values()


def find(one: Shop, global_id: str) -> Record | None:
    """What carries that id in the catalogue, shown, or None."""
    if global_id in one.catalogue.variants:
        return views.variant(one, one.catalogue.variants[global_id])
    if global_id in one.catalogue.products:
        return views.product(one, one.catalogue.products[global_id])
    variant = one.catalogue.of_item(global_id) if "/InventoryItem/" in global_id else None
    if variant is not None:
        return views.item(one, variant)
    return next((views.location(place) for place in one.locations() if place["id"] == global_id), None)


RESOLVERS: dict[tuple[str, str], Resolver] = {
    ("QueryRoot", "productVariants"): product_variants,
}
