"""Personal data: export, redaction, erasure and retention, made from the marks of the columns. No table has code here.

A buyer is known by the Shopify orders that we created: rows of `order` and of any table with an `order_id`. What has a
shop's `shop_id` (or its domain) is the shop's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, String, Table, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from shopapp import clock, runtime
from shopapp.logs import event
from shopapp.records import db, journal
from shopapp.records.db import Base
from shopapp.records.models import InboxMessage, Order, OrderState, Receipt, Shop

log = logging.getLogger(__name__)
BATCH = 500  # ids in one statement
DATA_REQUEST = "data_request_ready"  # kind of the inbox message
# The marketplaces' words for an order with which nothing more will be done.
DONE = ("shipped", "fulfilled", "delivered", "closed", "completed", "received", "cancelled", "canceled", "refunded")
GRACE = timedelta(days=2)


def personal_columns(table: Table) -> list[str]:
    """The names of the columns of `table` that may hold personal data."""
    return [column.name for column in table.columns if column.info.get("personal")]


def blank(table: Table) -> dict[str, Any]:
    """Values that empty the personal columns of `table`, by their types."""
    values: dict[str, Any] = {}
    for name in personal_columns(table):
        column = table.columns[name]
        if column.nullable:
            values[name] = None
        elif isinstance(column.type, JSON):
            values[name] = {}
        elif isinstance(column.type, String):
            values[name] = ""
        else:
            raise TypeError(f"{table.name}.{name}: it is not known how to empty such a column")
    return values


def numbers(payload: Mapping[str, Any], name: str) -> list[str]:
    """The order numbers that a compliance message lists under `name`."""
    listed = payload.get(name)
    return [str(entry) for entry in listed if str(entry).isdigit()] if isinstance(listed, list) else []


def _orders_of(s: Session, shop: Shop, shopify_ids: Iterable[str]) -> list[int]:
    gids = [f"gid://shopify/Order/{number}" for number in dict.fromkeys(shopify_ids)]
    found: list[int] = []
    for start in range(0, len(gids), BATCH):
        wanted = select(Order.id).where(Order.shop_id == shop.id, Order.shopify_gid.in_(gids[start : start + BATCH]))
        found += s.scalars(wanted)
    return sorted(found)


def _rows_about_buyers() -> Iterable[tuple[Table, Any]]:
    """Tables with personal columns that belong to an order, and the column that names it."""
    for table in Base.metadata.sorted_tables:
        key = "id" if table is Order.__table__ else "order_id"
        if personal_columns(table) and key in table.columns and (key == "id" or "order_id" in table.columns):
            yield table, table.columns[key]


def export(s: Session, shop: Shop, shopify_ids: Iterable[str]) -> dict[str, Any]:
    """Everything stored about the buyers of these Shopify orders: {table: [rows]}, values as JSON texts and objects."""
    ours = _orders_of(s, shop, shopify_ids)
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, key in _rows_about_buyers():
        wanted = [column for column in table.columns if column.info.get("personal") or column.name in _SHOWN]
        rows = s.execute(select(*wanted).where(key.in_(ours), table.columns["shop_id"] == shop.id)).mappings()
        tables[table.name] = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return {"shop": shop.domain, "exported_at": clock.now().isoformat(), "tables": tables}


# What tells a person which order a row is about; everything else in an export is personal.
_SHOWN = ("id", "order_id", "channel", "remote_order_id", "remote_created_at", "shopify_name", "shopify_gid")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def answer_request(s: Session, shop: Shop, payload: Mapping[str, Any]) -> str:
    """Tell the merchant in the inbox that a customer asks; the data are put together when they are downloaded.

    The message holds order numbers only. The outcome for the receipt: how many of the orders are ours.
    """
    asked = numbers(payload, "orders_requested")
    ours = _orders_of(s, shop, asked)
    request = payload.get("data_request")
    number = str(request.get("id", ""))[:32] if isinstance(request, Mapping) else ""
    params = {"request": number, "orders": asked[:BATCH], "found": len(ours)}
    message = InboxMessage(
        shop_id=shop.id, kind=DATA_REQUEST, subject=f"request:{number}", params=params, created_at=clock.now()
    )
    s.add(message)
    journal.audit(s, shop.id, "", "customer.data_requested", "shop", orders=len(ours))
    return f"found_{len(ours)}"


def download(s: Session, shop: Shop, message_uid: str, user_id: str) -> dict[str, Any] | None:
    """The export that an inbox message of `answer_request` offers, None when it is no such message; audited."""
    wanted = select(InboxMessage).filter_by(shop_id=shop.id, uid=message_uid, kind=DATA_REQUEST)
    message = s.scalars(wanted).one_or_none()
    if message is None:
        return None
    journal.audit(s, shop.id, user_id, "customer.data_exported", "shop", request=message.params.get("request", ""))
    return export(s, shop, message.params.get("orders", []))


def redact(s: Session, shop: Shop, shopify_ids: Iterable[str]) -> int:
    """Blank the personal columns of these Shopify orders; how many orders of ours they are."""
    ours = _orders_of(s, shop, shopify_ids)
    _blank(s, ours)
    return len(ours)


def _blank(s: Session, ours: list[int]) -> None:
    for start in range(0, len(ours), BATCH):
        ids = ours[start : start + BATCH]
        for table, key in _rows_about_buyers():
            s.execute(update(table).where(key.in_(ids)).values(**blank(table)))
        s.execute(update(Order).where(Order.id.in_(ids), Order.purged_at.is_(None)).values(purged_at=clock.now()))
    s.expire_all()


def erase(s: Session, shop: Shop, keep_receipt: int | None = None) -> None:
    """Delete every row of the shop, the shop's own last. `keep_receipt` is being handled: it only loses its body."""
    shop_id, domain = shop.id, shop.domain
    s.expunge_all()
    for table in reversed(Base.metadata.sorted_tables):
        if table is Shop.__table__ or table is Receipt.__table__:
            continue
        if "shop_id" in table.columns:
            s.execute(delete(table).where(table.columns["shop_id"] == shop_id))
    receipts = delete(Receipt).where(Receipt.shop_domain == domain)
    s.execute(receipts if keep_receipt is None else receipts.where(Receipt.id != keep_receipt))
    s.execute(update(Receipt).where(Receipt.shop_domain == domain).values(body=None))
    s.execute(delete(Shop).where(Shop.id == shop_id))


def retention() -> int:
    """Purge what was kept long enough (a chore); how many orders lost their buyer's data. Owns its transactions."""
    total = 0
    while True:
        with db.writing() as s:
            count = purge(s, clock.now())
        total += count
        if count < BATCH:
            break
    if total:
        event(log, "buyers_purged", orders=total)
    return total


def purge(s: Session, now: datetime) -> int:
    """Blank up to `BATCH` orders: done for PURGE_DONE_DAYS, or bought PURGE_MAX_DAYS ago; how many."""
    ids = list(s.scalars(_outlived(now).limit(BATCH)))
    _blank(s, ids)
    return len(ids)


def _outlived(now: datetime) -> Select[Any]:
    config = runtime.config()
    done = now - timedelta(days=config.number("PURGE_DONE_DAYS"))
    oldest = now - timedelta(days=config.number("PURGE_MAX_DAYS"))
    over = and_(func.lower(Order.remote_state).in_(DONE), Order.remote_updated_at <= done)
    cancelled = and_(Order.cancelled_at.is_not(None), Order.cancelled_at <= done)
    # A backfill brings old orders: their buyers are needed until the order is in Shopify, but not for ever.
    ours_done = Order.state.not_in((OrderState.RECEIVED, OrderState.SENDING, OrderState.HELD))
    too_old = and_(Order.remote_created_at <= oldest, or_(ours_done, Order.found_at <= now - GRACE))
    ended: ColumnElement[bool] = or_(too_old, and_(ours_done, or_(over, cancelled)))
    return select(Order.id).where(Order.purged_at.is_(None), ended).order_by(Order.id)
