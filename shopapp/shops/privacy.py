"""Personal data: export, redaction and erasure, made from the marks of the columns. When they end is `retention`'s.

A buyer is known by orders: rows of `order`, of any table with an `order_id`, and words kept about an order as subject.
What has a shop's `shop_id` (or its domain) is the shop's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, String, Table, delete, select, update
from sqlalchemy.orm import Session

from marketplaces.text import clean
from shopapp import clock
from shopapp.records import journal
from shopapp.records.db import Base
from shopapp.records.models import InboxMessage, Order, OrderState, PriorImport, Receipt, Shop

BATCH = 500  # ids in one statement
LISTED = 5_000  # orders that one data request may name
DATA_REQUEST = "data_request_ready"  # kind of the inbox message


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


def orders_of(s: Session, shop_id: int, shopify_ids: Iterable[str]) -> list[int]:
    """Ids of the shop's orders that are these in Shopify."""
    found: list[int] = []
    for gids in _batches(_gids(shopify_ids)):
        found += s.scalars(select(Order.id).where(Order.shop_id == shop_id, Order.shopify_gid.in_(gids)))
    return sorted(found)


def _gids(shopify_ids: Iterable[str]) -> list[str]:
    return [f"gid://shopify/Order/{number}" for number in dict.fromkeys(shopify_ids)]


def _batches(values: list[Any]) -> Iterable[list[Any]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def _rows_about_buyers() -> Iterable[tuple[Table, ColumnElement[Any], Callable[[int], Any]]]:
    """Tables with personal columns that belong to an order, the column that names it, and how an order's id reads there."""
    for table in Base.metadata.sorted_tables:
        marked = personal_columns(table)
        if table is Order.__table__:
            yield table, table.columns["id"], int
        elif marked and "order_id" in table.columns:
            yield table, table.columns["order_id"], int
        elif "words" in marked and "subject" in table.columns:
            yield table, table.columns["subject"], "order:{}".format


def export(s: Session, shop: Shop, shopify_ids: Iterable[str], own: Iterable[int] = ()) -> dict[str, Any]:
    """Everything stored about the buyers of these Shopify orders (and of `own`, ids of ours): {table: [rows]}.

    Values are JSON texts and objects.
    """
    ours = sorted({*orders_of(s, shop.id, shopify_ids), *own})
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, key, read_as in _rows_about_buyers():
        wanted = [column for column in table.columns if column.info.get("personal") or column.name in _SHOWN]
        told: list[dict[str, Any]] = []
        for ids in _batches(ours):
            of_these = select(*wanted).where(key.in_(list(map(read_as, ids))), table.columns["shop_id"] == shop.id)
            told += [{name: _plain(value) for name, value in row.items()} for row in s.execute(of_these).mappings()]
        tables[table.name] = told
    return {"shop": shop.domain, "exported_at": clock.now().isoformat(), "tables": tables}


# What tells a person which order a row is about; everything else in an export is personal.
_SHOWN = (
    "id",
    "order_id",
    "subject",
    "at",
    "channel",
    "remote_order_id",
    "remote_created_at",
    "shopify_name",
    "shopify_gid",
)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def answer_request(s: Session, shop: Shop, payload: Mapping[str, Any], own: Iterable[int] = ()) -> str:
    """Tell the merchant in the inbox that a customer asks; the data are put together when they are downloaded.

    `own` are ids of ours that are the customer's as well. The message holds order numbers only. The outcome for the
    receipt: how many of the orders are ours.
    """
    asked = numbers(payload, "orders_requested")
    own = sorted(own)
    ours = {*orders_of(s, shop.id, asked), *own}
    request = payload.get("data_request")
    number = clean(str(request.get("id", "")), 32) if isinstance(request, Mapping) else ""
    params = {"request": number, "orders": asked[:LISTED], "own": own[:LISTED], "found": len(ours)}
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
    return export(s, shop, message.params.get("orders", []), message.params.get("own", []))


def redact(s: Session, shop: Shop, shopify_ids: Iterable[str], own: Iterable[int] = ()) -> int:
    """Blank the personal columns of these Shopify orders (and of `own`, ids of ours); how many orders of ours they are."""
    listed = list(shopify_ids)
    ours = sorted({*orders_of(s, shop.id, listed), *own})
    blank_orders(s, ours)
    # Texts of the shop's other orders, kept to find marketplace ids in them: what is no such id may be a person's.
    is_an_id = select(Order.id).where(Order.shop_id == shop.id, Order.remote_order_id == PriorImport.token).exists()
    for gids in _batches(_gids(listed)):
        of_these = delete(PriorImport).where(PriorImport.shop_id == shop.id, PriorImport.shopify_gid.in_(gids))
        s.execute(of_these.where(~is_an_id).execution_options(synchronize_session=False))
    return len(ours)


def blank_orders(s: Session, ours: list[int]) -> None:
    """Blank the personal columns of these orders and of all that is kept about them.

    A failed one is no longer tried by itself, because that would fetch its buyer again: from now on a person, or a
    changed product, asks for it.
    """
    still = {"synchronize_session": False}
    for ids in _batches(sorted(ours)):
        # Several messages may be about the same orders at once: they meet here, always in this order.
        mine = select(Order.id).where(Order.id.in_(ids)).order_by(Order.id)
        s.execute(mine.with_for_update(key_share=True))
        for table, key, read_as in _rows_about_buyers():
            s.execute(update(table).where(key.in_(list(map(read_as, ids)))).values(**blank(table)))
        these = update(Order).where(Order.id.in_(ids)).execution_options(**still)
        s.execute(these.where(Order.purged_at.is_(None)).values(purged_at=clock.now()))
        s.execute(these.where(Order.state == OrderState.FAILED).values(due_at=None))
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
