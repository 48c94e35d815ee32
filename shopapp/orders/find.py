"""Finding orders for the pages: one search box, filters, keyset pages, counts and a CSV. Reads only, of one shop."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from marketplaces.data import Money
from marketplaces.text import clean
from shopapp.alerts.letters import cell as safe_cell
from shopapp.records.models import Account, Order, OrderLine

PAGE = 50
EXPORT_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; empty means all. Days are moments (UTC) of the order at the marketplace."""

    account_id: int | None = None
    state: str = ""
    cause: str = ""
    held_reason: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page, newest first. `after` is the cursor of the next page, "" on the last."""

    orders: tuple[Order, ...]
    after: str


def search(
    s: Session, shop_id: int, text: str = "", filters: Filters | None = None, after: str = "", limit: int = PAGE
) -> Page:
    """Orders of the shop, newest first.

    `text` finds the marketplace's id (whole or its beginning), Shopify's name, a SKU (exactly) and the beginning of the
    buyer's name. A cursor that is not ours starts at the first page.
    """
    found = _narrowed(shop_id, text, filters or Filters())
    cursor = _read(after)
    if cursor is not None:
        at, number = cursor
        found = found.where(Order.remote_created_at <= at, or_(Order.remote_created_at < at, Order.id < number))
    rows = list(s.scalars(found.order_by(Order.remote_created_at.desc(), Order.id.desc()).limit(limit + 1)))
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(tuple(rows), _write(rows[-1]) if more else "")


def counts(s: Session, shop_id: int, filters: Filters | None = None, text: str = "") -> dict[str, int]:
    """How many orders of the shop are in each state (the search and other filters than the state applied)."""
    wish = filters or Filters()
    where = _conditions(shop_id, Filters(wish.account_id, "", wish.cause, wish.held_reason, wish.since, wish.until))
    grouped = select(Order.state, func.count()).where(*where, *_searched(shop_id, text)).group_by(Order.state)
    return {row[0]: row[1] for row in s.execute(grouped)}


def causes(s: Session, shop_id: int) -> dict[str, int]:
    """How many failed orders of the shop there are by cause, most first."""
    failed = (Order.shop_id == shop_id, Order.state == "failed")
    grouped = select(Order.cause, func.count()).where(*failed).group_by(Order.cause).order_by(func.count().desc())
    return {row[0]: row[1] for row in s.execute(grouped)}


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


def _narrowed(shop_id: int, text: str, filters: Filters) -> Select[Order]:
    return select(Order).where(*_conditions(shop_id, filters), *_searched(shop_id, text))


def _searched(shop_id: int, text: str) -> list[ColumnElement[bool]]:
    text = clean(text, keep_spaces=True)  # a NUL would be refused by PostgreSQL; the inner blanks of a SKU count
    if not text:
        return []
    by_sku = select(OrderLine.order_id).where(OrderLine.shop_id == shop_id, OrderLine.sku == text)
    return [
        or_(
            Order.remote_order_id.startswith(text, autoescape=True),
            Order.shopify_name.in_((text, "#" + text.removeprefix("#"))),
            Order.id.in_(by_sku),
            func.lower(Order.buyer_name).startswith(text.lower(), autoescape=True),
            Order.buyer_name.startswith(text, autoescape=True),  # SQLite lowers ASCII only
        )
    ]


def _conditions(shop_id: int, filters: Filters) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Order.shop_id == shop_id]
    if filters.account_id is not None:
        where.append(Order.account_id == filters.account_id)
    if filters.state:
        where.append(Order.state == filters.state)
    if filters.cause:
        where.append(Order.cause == filters.cause)
    if filters.held_reason:
        where.append(Order.held_reason == filters.held_reason)
    if filters.since is not None:
        where.append(Order.remote_created_at >= filters.since)
    if filters.until is not None:
        where.append(Order.remote_created_at < filters.until)
    return where


def _write(row: Order) -> str:
    return f"{row.remote_created_at.isoformat()}~{row.id}"


def _read(cursor: str) -> tuple[datetime, int] | None:
    moment, _, number = cursor.partition("~")
    try:
        at = datetime.fromisoformat(moment)
        return (at.astimezone(UTC), int(number)) if at.tzinfo is not None and len(number) < 18 else None
    except (ValueError, OverflowError):
        return None


def _amount(row: Order) -> str:
    try:
        return str(Money(row.total_minor, row.currency).decimal)
    except ValueError:
        return ""


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    target = io.StringIO()
    csv.writer(target).writerows([[safe_cell(cell) for cell in row] for row in rows])
    return target.getvalue()
