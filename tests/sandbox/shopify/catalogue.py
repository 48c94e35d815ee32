"""Owns what a shop sells: products and variants that were made one by one, and ranges of thousands made at once.

A range is one line of numbers; its products come into being when somebody looks, and are kept only once they were
changed. Runs under the world's lock. Knows no GraphQL and no stock rules.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Record = dict[str, Any]
Make = Callable[[Record, int], Record]


def gid(kind: str, number: int | str) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{number}"


def number_of(global_id: str) -> int:
    """The number inside a global id, 0 when there is none."""
    tail = global_id.rsplit("/", 1)[-1].split("?", maxsplit=1)[0]
    return int(tail) if tail.isdigit() else 0


class Kept(Mapping[str, Record]):
    """Records by global id: the stored ones, and behind them what the ranges would give.

    What is looked up in a range is a copy; `own` keeps it, so that a change of it lasts. A stored None is a record that
    was deleted out of a range.
    """

    def __init__(self, kind: str, stored: dict[str, Any], ranges: list[Record], first: str, make: Make) -> None:
        self._kind, self._stored, self._ranges, self._first, self._make = kind, stored, ranges, first, make

    def _in_range(self, key: str) -> tuple[Record, int] | None:
        if not self._ranges:
            return None
        number = number_of(key)
        for one in self._ranges:
            index = number - one[self._first]
            if 0 <= index < one["count"] and key == gid(self._kind, number):
                return one, index
        return None

    def __getitem__(self, key: str) -> Record:
        if key in self._stored:
            found: Record | None = self._stored[key]
            if found is None:
                raise KeyError(key)
            return found
        place = self._in_range(key)
        if place is None:
            raise KeyError(key)
        return self._make(*place)

    def __contains__(self, key: object) -> bool:
        if key in self._stored:
            return self._stored[key] is not None
        return isinstance(key, str) and self._in_range(key) is not None

    def __iter__(self) -> Iterator[str]:
        yield from [key for key, record in self._stored.items() if record is not None]
        for one in self._ranges:
            for index in range(one["count"]):
                key = gid(self._kind, one[self._first] + index)
                if key not in self._stored:
                    yield key

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def made(self) -> list[Record]:
        """What was made or changed one by one."""
        return [record for record in self._stored.values() if record is not None]

    def touched(self, key: str) -> bool:
        """Whether it is more than what its range would give."""
        return key in self._stored

    def own(self, key: str) -> Record:
        """The record to change."""
        record = self[key]
        self._stored[key] = record
        return record

    def put(self, record: Record) -> None:
        """Keep a new record."""
        self._stored[record["id"]] = record

    def drop(self, key: str) -> None:
        """Delete a record."""
        if self._in_range(key) is not None:
            self._stored[key] = None
        else:
            self._stored.pop(key, None)


class Catalogue:
    """The products and variants of a shop; `part` is what is saved."""

    def __init__(self, part: Record) -> None:
        self.ranges: list[Record] = part.setdefault("ranges", [])
        self.products = Kept("Product", part.setdefault("products", {}), self.ranges, "product", product_of)
        self.variants = Kept("ProductVariant", part.setdefault("variants", {}), self.ranges, "variant", variant_of)
        self._of_product: dict[str, list[str]] = {}
        self._of_item: dict[str, str] = {}
        for variant in self.variants.made():
            self._link(variant)

    def _link(self, variant: Record) -> None:
        siblings = self._of_product.setdefault(variant["product_id"], [])
        if variant["id"] not in siblings:
            siblings.append(variant["id"])
        self._of_item[variant["item_id"]] = variant["id"]

    def put(self, variant: Record) -> None:
        """Keep a new variant."""
        self.variants.put(variant)
        self._link(variant)

    def drop(self, variant: Record) -> None:
        """Delete a variant."""
        self.variants.drop(variant["id"])
        self._of_item.pop(variant["item_id"], None)
        siblings = self._of_product.get(variant["product_id"], [])
        if variant["id"] in siblings:
            siblings.remove(variant["id"])

    def of_product(self, product_id: str) -> list[Record]:
        """The variants of a product."""
        ids = list(self._of_product.get(product_id, ()))
        for one in self.ranges:
            index = number_of(product_id) - one["product"]
            if 0 <= index < one["count"]:
                ids.append(gid("ProductVariant", one["variant"] + index))
        return [self.variants[key] for key in dict.fromkeys(ids) if key in self.variants]

    def of_item(self, item_id: str) -> Record | None:
        """The variant of an inventory item."""
        key = self._of_item.get(item_id)
        for one in self.ranges:
            index = number_of(item_id) - one["item"]
            if 0 <= index < one["count"]:
                key = gid("ProductVariant", one["variant"] + index)
        return self.variants[key] if key is not None and key in self.variants else None

    def in_ranges(self, sku: str) -> list[Record]:
        """The untouched variants of ranges with exactly this SKU (in any case)."""
        found = []
        for one in self.ranges:
            head, tail = sku[: len(one["prefix"])], sku[len(one["prefix"]) :]
            if head.lower() != one["prefix"].lower() or not (tail.isascii() and tail.isdigit()):
                continue
            index = int(tail) - one["start"]
            if len(tail) == one["width"] and 0 <= index < one["count"]:
                key = gid("ProductVariant", one["variant"] + index)
                if key in self.variants and (self.variants[key]["sku"] or "").lower() == sku.lower():
                    found.append(self.variants[key])
        return found


def product_of(one: Record, index: int) -> Record:
    """A product out of a range."""
    number = one["start"] + index
    return {
        "id": gid("Product", one["product"] + index),
        "title": f"{one['title']} {number}",
        "status": "ACTIVE",
        "updated_at": one["at"],
    }


def variant_of(one: Record, index: int) -> Record:
    """A variant out of a range."""
    level = {"available": one["available"], "on_hand": one["available"], "committed": 0, "updated_at": one["at"]}
    return {
        "id": gid("ProductVariant", one["variant"] + index),
        "product_id": gid("Product", one["product"] + index),
        "item_id": gid("InventoryItem", one["item"] + index),
        "sku": f"{one['prefix']}{one['start'] + index:0{one['width']}d}",
        "title": "Default Title",
        "price": one["price"],
        "taxable": True,
        "policy": "DENY",
        "tracked": True,
        "requires_shipping": True,
        "updated_at": one["at"],
        "levels": {one["location"]: level} if one["location"] else {},
    }
