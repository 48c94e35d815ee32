"""Finding orders for the pages: one search box, filters, keyset pages, counts and a CSV. Reads only, of one shop.

Nothing here looks at more rows than it shows or counts, however many orders there are: pages go on from the last row,
counts come from the counters (`records.tallies`), and what no counter knows is counted up to `COUNTED` rows.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select, tuple_, union_all
from sqlalchemy.orm import Session, defer

from marketplaces.data import Money
from marketplaces.text import clean
from shopapp.alerts.letters import cell as safe_cell
from shopapp.records import db, keyset, tallies
from shopapp.records.models import Account, Order, OrderLine, OrderState, Shipment
from shopapp.records.models.order import search_key

PAGE = 50
EXPORT_CHUNK = 500
COUNTED = 1000  # rows that are looked at where no counter knows; beyond them it is "at least"
FEW = 500  # hits of a search up to which all are known by their ids


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; empty means all. Days are moments (UTC) of the order at the marketplace."""

    account_id: int | None = None
    state: str = ""
    cause: str = ""
    held_reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    shipment: str = ""  # a state of any of its packages


@dataclass(frozen=True, slots=True)
class Page:
    """One page, newest first. `after` is the cursor of the next page, "" on the last."""

    orders: tuple[Order, ...]
    after: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many orders are in each state; of those in `more` there may be more than that."""

    states: dict[str, int]
    more: frozenset[str] = frozenset()


def search(
    s: Session, shop_id: int, text: str = "", filters: Filters | None = None, after: str = "", limit: int = PAGE
) -> Page:
    """Orders of the shop, newest first. Their payloads are not loaded.

    `text` finds the marketplace's id (whole or its beginning), Shopify's name, a SKU (exactly) and the beginning of the
    buyer's name. A cursor that is not ours starts at the first page.
    """
    found = select(Order).options(defer(Order.payload)).where(*_conditions(shop_id, filters or Filters()))
    if text := _typed(text):
        found = found.where(_hits(s, shop_id, text).condition)
    cursor = keyset.read(after)
    if cursor is not None:
        found = found.where(tuple_(Order.remote_created_at, Order.id) < tuple_(*cursor))
    rows = list(s.scalars(found.order_by(Order.remote_created_at.desc(), Order.id.desc()).limit(limit + 1)))
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(tuple(rows), keyset.write(rows[-1].remote_created_at, rows[-1].id) if more else "")


def counts(s: Session, shop_id: int, filters: Filters | None = None, text: str = "") -> Counts:
    """How many orders of the shop are in each state (the search and other filters than the state applied)."""
    wish = filters or Filters()
    text = _typed(text)
    if not text and wish.since is None and wish.until is None and not wish.shipment:
        return Counts(_tallied(s, shop_id, wish))
    where = _conditions(shop_id, replace(wish, state=""))
    seen = select(Order.state).where(*where)
    complete = True
    if text:
        hits = _hits(s, shop_id, text)
        complete = not hits.more
        seen = seen.where(Order.id.in_(hits.ids))
    else:
        seen = seen.order_by(Order.remote_created_at.desc(), Order.id.desc()).limit(COUNTED + 1)
    states = Counter(s.scalars(seen))
    if complete and states.total() <= COUNTED:
        return Counts(dict(states))
    return Counts(dict(states), frozenset({*states, *_tallied(s, shop_id, wish)}))


def _tallied(s: Session, shop_id: int, wish: Filters) -> dict[str, int]:
    """By state, from the counters; of the filters only account, cause and held reason are looked at."""
    states: Counter[str] = Counter()
    for row in tallies.totals(s, shop_id):
        if wish.account_id not in (None, row.account_id):
            continue
        if wish.cause and (row.state, row.reason) != (OrderState.FAILED, wish.cause):
            continue
        if wish.held_reason and (row.state, row.reason) != (OrderState.HELD, wish.held_reason):
            continue
        states[row.state] += row.orders
    return dict(states)


def causes(s: Session, shop_id: int) -> dict[str, int]:
    """How many failed orders of the shop there are by cause, most first."""
    found: Counter[str] = Counter()
    for row in tallies.totals(s, shop_id):
        if row.state == OrderState.FAILED:
            found[row.reason] += row.orders
    return dict(found.most_common())


def export(s: Session, shop_id: int, text: str = "", filters: Filters | None = None) -> Iterator[str]:
    """The same orders as CSV, piece by piece. No cell can be taken for a formula; nothing personal is in it."""
    yield _rows([("order", "account", "site", "created", "total", "currency", "state", "cause", "shopify order")])
    labels = {row[0]: row[1] for row in s.execute(select(Account.id, Account.label).where(Account.shop_id == shop_id))}
    after = ""
    while True:
        page = search(s, shop_id, text, filters, after, EXPORT_CHUNK)
        yield _rows(
            (
                row.remote_order_id,
                labels.get(row.account_id, ""),
                row.site,
                row.remote_created_at.isoformat(timespec="seconds"),
                _amount(row),
                row.currency,
                row.state,
                row.cause or row.held_reason or row.ignore_reason,
                row.shopify_name,
            )
            for row in page.orders
        )
        s.expunge_all()
        after = page.after
        if not after:
            return


@dataclass(frozen=True, slots=True)
class _Hits:
    """What a text finds: the condition, the ids that are known, and whether there are more."""

    condition: ColumnElement[bool]
    ids: list[int]
    more: bool


def _typed(text: str) -> str:
    return clean(text, keep_spaces=True)  # a NUL would be refused by PostgreSQL; the inner blanks of a SKU count


def _hits(s: Session, shop_id: int, text: str) -> _Hits:
    """Where `text` is found, asked of one index at a time: an OR over several columns could use none of them.

    A kind of hit that is not rare (the beginning of many ids, a bestseller) stays a condition: among the newest orders
    the next one is never far.
    """
    mine = Order.shop_id == shop_id
    named = Order.shopify_name.in_((text, "#" + text.removeprefix("#")))
    begins, bought = (
        db.starts_with(s, Order.remote_order_id, text),
        db.starts_with(s, Order.buyer_key, search_key(text)),
    )
    kinds: list[tuple[Any, tuple[ColumnElement[bool], ...], ColumnElement[bool]]] = [
        (Order.id, (mine, begins), begins),
        (Order.id, (mine, literal_column("shopify_name <> ''"), named), named),
        (Order.id, (mine, literal_column("buyer_key <> ''"), bought), bought),
    ]
    sold = (OrderLine.shop_id == shop_id, OrderLine.sku == text)
    lines = select(func.count()).where(OrderLine.order_id == Order.id, OrderLine.sku == text)
    kinds.append((OrderLine.order_id, sold, lines.correlate(Order).scalar_subquery() > 0))
    asked = []
    for number, (column, conditions, _) in enumerate(kinds):
        few = select(column.label("id")).where(*conditions).limit(FEW + 1).subquery()
        asked.append(select(few.c.id, literal_column(str(number)).label("kind")))
    found: dict[int, set[int]] = {}
    for order_id, number in s.execute(union_all(*asked)):
        found.setdefault(number, set()).add(order_id)
    many = [number for number, ids in found.items() if len(ids) > FEW]
    known = sorted({order_id for ids in found.values() for order_id in ids})
    rare = sorted({order_id for number, ids in found.items() if number not in many for order_id in ids})
    return _Hits(or_(Order.id.in_(rare), *(kinds[number][2] for number in many)), known, bool(many))


def _conditions(shop_id: int, filters: Filters) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Order.shop_id == shop_id]
    if filters.account_id is not None:
        where.append(Order.account_id == filters.account_id)
    if filters.state:
        where.append(Order.state == filters.state)
    # Spelt out and not as parameters: only so do the indices of the failed and of the held ones fit.
    if filters.cause:
        where += [Order.state == literal_column("'failed'"), Order.cause == filters.cause]
    if filters.held_reason:
        where += [Order.state == literal_column("'held'"), Order.held_reason == filters.held_reason]
    if filters.shipment:
        packed = (Shipment.shop_id == shop_id, Shipment.state == filters.shipment)
        where.append(Order.id.in_(select(Shipment.order_id).where(*packed)))
    if filters.since is not None:
        where.append(Order.remote_created_at >= filters.since)
    if filters.until is not None:
        where.append(Order.remote_created_at < filters.until)
    return where


def _amount(row: Order) -> str:
    try:
        return str(Money(row.total_minor, row.currency).decimal)
    except ValueError:
        return ""


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    target = io.StringIO()
    csv.writer(target).writerows([[safe_cell(cell) for cell in row] for row in rows])
    return target.getvalue()
