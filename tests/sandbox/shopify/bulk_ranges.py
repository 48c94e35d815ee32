"""Owns the short way from thousands of untouched, equal variants to their lines: one is worked out, the others filled in.

Decides nothing: what a line holds comes out of the same plan as for any other variant.
"""

import json
import re
from types import SimpleNamespace
from typing import Any

from tests.sandbox.shopify import catalogue, views
from tests.sandbox.shopify.bulk_plan import Plan
from tests.sandbox.shopify.state import Record, Shop, gid

# Numbers that stand nowhere else, for variant, product, item, SKU and title.
MARKS = tuple(f"90000000000000000{number:02d}" for number in range(1, 6))
_MARK = re.compile("(" + "|".join(MARKS) + ")")


class Pattern:
    """The lines of one range."""

    def __init__(self, shop: Shop, plan: Plan, one: Record) -> None:
        self._one = one
        variant_no, product_no, item_no, sku_no, title_no = MARKS
        ids = {"id": gid("ProductVariant", variant_no), "product_id": gid("Product", product_no)}
        ids |= {"item_id": gid("InventoryItem", item_no), "sku": f"{one['prefix']}{sku_no}"}
        variant = catalogue.variant_of(one, 0) | ids
        product = catalogue.product_of(one, 0) | {"id": ids["product_id"], "title": f"{one['title']} {title_no}"}
        held: Any = SimpleNamespace(products={product["id"]: product}, of_product=lambda _: [variant])
        stand: Any = SimpleNamespace(catalogue=held, locations=shop.locations)
        below: list[str] = []

        def emit(record: Record, parent: str | None) -> None:
            below.append(json.dumps(record | {"__parentId": parent}, ensure_ascii=False) + "\n")

        line = json.dumps(plan.project(views.variant(stand, variant), variant["id"], emit), ensure_ascii=False) + "\n"
        self._line = _MARK.split(line)
        self._below = [_MARK.split(text) for text in below]

    def lines(self, index: int) -> tuple[str, list[str]]:
        """The variant's line and those below it."""
        one = self._one
        number = one["start"] + index
        values = dict(
            zip(
                MARKS,
                (
                    str(one["variant"] + index),
                    str(one["product"] + index),
                    str(one["item"] + index),
                    f"{number:0{one['width']}d}",
                    str(number),
                ),
                strict=True,
            )
        )
        fill = values.get
        return (
            "".join([fill(piece, piece) for piece in self._line]),
            ["".join([fill(piece, piece) for piece in pieces]) for pieces in self._below],
        )
