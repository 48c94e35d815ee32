"""Are these orders still in Shopify? Asked by the unique reference, 50 at a time; what is not found so, by its own id.

An order that another app had made has no reference of ours, and a reference can be taken off by hand: neither is gone.
Nothing is written here. Network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shopapp.orders import lookup
from shopapp.shopify_admin.client import Admin


@dataclass(frozen=True, slots=True)
class Imported:
    """An order that our table says is in Shopify. `ours`: created by this app, so that it carries the reference."""

    id: int
    remote_order_id: str
    ref: str
    gid: str
    ours: bool


def gone(admin: Admin, rows: Sequence[Imported]) -> list[Imported]:
    """Those of up to 50 orders that Shopify does not have; its errors pass through."""
    known = [row for row in rows if row.ours]
    found = lookup.read(admin, [row.ref for row in known]) if known else {}
    left = [row for row in rows if found.get(row.ref) is None]
    there = _by_id(admin, [row.gid for row in left if row.gid])
    return [row for row in left if row.gid not in there]


def _by_id(admin: Admin, gids: Sequence[str]) -> set[str]:
    if not gids:
        return set()
    names = ", ".join(f"$g{at}: ID!" for at in range(len(gids)))
    parts = [f"a{at}: orderByIdentifier(identifier: {{id: $g{at}}}) {{ id }}" for at in range(len(gids))]
    values = {f"g{at}": gid for at, gid in enumerate(gids)}
    text = f"query OrdersByIds({names}) {{ {' '.join(parts)} }}"
    data = admin.run_text(text, "OrdersByIds", values, len(gids))
    return {gid for at, gid in enumerate(gids) if data.get(f"a{at}")}
