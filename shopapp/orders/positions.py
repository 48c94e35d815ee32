"""What each position of an order means in the shop: chosen for it alone, mapped for its account or for all, or its SKU.

Reads and writes the order's lines in the caller's transaction; asks Shopify nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from marketplaces.data import Order as Sale
from shopapp.records.models import Order, OrderLine
from shopapp.skus import mapping
from shopapp.skus.match import Variant

_COLUMNS = (OrderLine.line_id, OrderLine.chosen_gid, OrderLine.variant_title, mapping.LINE_SKU)
_READ = mapping.with_mappings(select(*_COLUMNS), bindparam("shop"), bindparam("order"))
KEY = 240  # characters of a marketplace's line id; what follows tells repeated ones apart

_lines: Any = OrderLine.__table__
_REMEMBER = (
    update(_lines)
    .where(_lines.c.order_id == bindparam("order"), _lines.c.line_id.in_(bindparam("keys", expanding=True)))
    .values(variant_gid=bindparam("to_gid"), variant_title=bindparam("to_title"))
)


@dataclass(frozen=True, slots=True)
class Position:
    """One position: the key of its line, the SKU of the shop to look for ("" without any), the variant if one was chosen."""

    key: str
    sku: str
    chosen: Variant | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person chose for one line."""

    sku: str
    gid: str
    title: str


def keys(line_ids: Iterable[str]) -> list[str]:
    """The keys of an order's lines, in its order: their marketplace ids, repeated ones numbered."""
    seen: dict[str, int] = {}
    found = []
    for line_id in line_ids:
        key = line_id[:KEY]
        seen[key] = seen.get(key, 0) + 1
        found.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return found


def read(s: Session, row: Order, sale: Sale) -> tuple[Position, ...]:
    """The positions of `sale`, the order's stored version, one for each of its lines."""
    stored = s.execute(_READ, {"shop": row.shop_id, "order": row.id})
    lines = {key: (gid, title, sku) for key, gid, title, sku in stored}
    named = list(zip(keys(line.line_id for line in sale.lines), sale.lines, strict=True))
    # A version that came while the order was being sent has lines that are not in the table.
    rest = [line.sku for key, line in named if key not in lines]
    meant = mapping.meant(s, row.shop_id, row.account_id, rest) if rest else {}
    found = []
    for key, line in named:
        gid, title, sku = lines.get(key) or ("", "", meant.get(line.sku, ""))
        found.append(Position(key, sku, Variant(gid, title) if gid else None))
    return tuple(found)


def remember(s: Session, row: Order, found: Mapping[str, Variant | None]) -> None:
    """Write to the order's lines, by key, which variant each was matched with; None: with none (yet)."""
    by_variant: dict[Variant | None, list[str]] = {}
    for key, variant in found.items():
        by_variant.setdefault(variant, []).append(key)
    for one, of in by_variant.items():
        values = {"to_gid": one.gid if one else "", "to_title": one.title if one else ""}
        s.connection().execute(_REMEMBER, {"order": row.id, "keys": of, **values})


def clear(s: Session, row: Order) -> dict[str, Chosen]:
    """Delete the order's lines; what persons had chosen for them, by key."""
    columns = (OrderLine.line_id, OrderLine.chosen_sku, OrderLine.chosen_gid, OrderLine.variant_title)
    gone = delete(OrderLine).where(OrderLine.order_id == row.id).returning(*columns)
    lines = s.execute(gone.execution_options(synchronize_session=False)).all()
    return {key: Chosen(sku, gid, title) for key, sku, gid, title in lines if sku or gid}
