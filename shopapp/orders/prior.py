"""What another app had imported before us: the shop's own orders of a period, found by marketplace ids in their texts.

Any text that could be a marketplace's order id is kept with the order that holds it; an older order is bound to the
first order that names its id, instead of being created a second time. Joins the caller's transaction; no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplaces.text import clean
from shopapp.records import db
from shopapp.records.models import Order, PriorImport

_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
LEAST_DIGITS = 4
LEAST_LENGTH = 5
MOST = 60  # ids kept of one order


@dataclass(frozen=True, slots=True)
class Hit:
    """An order of the shop that names the marketplace's id."""

    gid: str
    name: str
    found_in: str


def ids_in(text: str) -> Iterator[str]:
    """Everything in `text` that could be a marketplace's order id: words with at least four digits, and their parts."""
    for word in _WORD.findall(text):
        parts = re.split(r"[._]+", word)
        for one in dict.fromkeys([word, *parts]):
            if len(one) >= LEAST_LENGTH and sum(mark.isdigit() for mark in one) >= LEAST_DIGITS:
                yield one[:255]


def tokens(order: Mapping[str, Any]) -> dict[str, str]:
    """Ids named by one order of `OrdersOfPeriod`, each with where it was found."""
    places = [
        ("source", order.get("sourceIdentifier")),
        ("name", order.get("name")),
        ("note", order.get("note")),
        *(("tag", tag) for tag in order.get("tags") or ()),
        *(("attribute", one.get("value")) for one in order.get("customAttributes") or ()),
    ]
    found: dict[str, str] = {}
    for place, text in places:
        for token in ids_in(clean(text, 2000) if isinstance(text, str) else ""):
            if len(found) < MOST:
                found.setdefault(token, place)
    return found


def keep(s: Session, shop_id: int, backfill_id: int, orders: list[dict[str, Any]]) -> None:
    """Remember the ids of a page of the shop's orders. Repeats are harmless."""
    rows = [
        {
            "shop_id": shop_id,
            "backfill_id": backfill_id,
            "token": token,
            "shopify_gid": str(order["id"]),
            "shopify_name": clean(str(order.get("name") or ""), 64),
            "found_in": place,
        }
        for order in orders
        for token, place in tokens(order).items()
    ]
    db.upsert(s, PriorImport, rows, key=["backfill_id", "token", "shopify_gid"])


def find(s: Session, row: Order) -> Hit | None:
    """The oldest order of the shop that names this order's id, unless another of our orders is bound to it."""
    taken = select(Order.shopify_gid).where(Order.shop_id == row.shop_id, Order.shopify_gid != "", Order.id != row.id)
    found = (
        select(PriorImport)
        .where(
            PriorImport.shop_id == row.shop_id,
            PriorImport.token == row.remote_order_id,
            PriorImport.shopify_gid.not_in(taken),
        )
        .order_by(PriorImport.id)
        .limit(1)
    )
    hit = s.scalars(found).first()
    return Hit(hit.shopify_gid, hit.shopify_name, hit.found_in) if hit else None
