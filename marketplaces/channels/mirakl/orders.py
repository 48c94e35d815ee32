"""Asks for orders (OR11) page by page, and accepts them (OR21). What an order means is `mapping`'s business.

Pages are counted, and the list grows at places that were passed already when older orders change meanwhile: nothing
ever leaves it, so no order is missed, and how far a sweep reaches is the time of its first page.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from typing import Any

from marketplaces import strange
from marketplaces.channel import Limit, Line
from marketplaces.channels.mirakl import account, calls, mapping
from marketplaces.channels.mirakl.answers import check
from marketplaces.data import Order, OrderPage, OrderQuery, OrderState, Unmapped
from marketplaces.errors import PermissionMissing, Rejected, Transient
from marketplaces.moments import stamp
from marketplaces.text import clean

PATH = "/api/orders"
PAGE = 100
NAMES = strange.Names("The marketplace's", "order_id", "created_date", "last_updated_date", longest_id=255)
_TOKEN = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z) (\d{1,9})")


def search(line: Line, query: OrderQuery) -> OrderPage:
    """One page. When the instance refuses the list, the account tells whether the shop is suspended."""
    params = _params(query)
    since, offset = _place(query.page_token)
    try:
        body, at = _list(line, calls.LIST_ORDERS, {**params, "max": str(PAGE), "offset": str(offset)})
    except PermissionMissing:
        account.look(line)
        raise
    rows, total = body.get("orders"), body.get("total_count")
    if not isinstance(rows, list) or isinstance(total, bool) or not isinstance(total, int):
        raise Transient("an order page of an unknown shape", call=calls.LIST_ORDERS.operation)
    if not rows and offset < total:
        raise Transient("an order page without its orders", call=calls.LIST_ORDERS.operation)
    began = since or stamp(at)
    more = offset + len(rows) < total
    found = tuple(one_of_page(line, row) for row in rows)
    return OrderPage(found, f"{began} {offset + len(rows)}" if more else "", None if more else _moment(began))


def get(line: Line, order_id: str) -> Order:
    """One order. Rejected "not_found", "channel_changed" or with the reason why its amounts are refused."""
    return mapped(line, raw(line, order_id))


def raw(line: Line, order_id: str) -> dict[str, Any]:
    """One order of the wire. Rejected "not_found" when the shop has none of this id."""
    call = calls.GET_ORDER.operation
    if "," in order_id:
        raise Rejected("no order has a comma in its id", reason="not_found", call=call)
    body, _ = _list(line, calls.GET_ORDER, {"order_ids": order_id})
    rows = body.get("orders")
    if not isinstance(rows, list):
        raise Transient("an order answer of an unknown shape", call=call)
    if not rows:
        raise Rejected("the shop has no order of this id", reason="not_found", call=call)
    (found, *others) = rows
    if others or not isinstance(found, dict) or found.get("order_id") != order_id:
        raise Transient("an answer about another order", call=call)
    return found


def mapped(line: Line, found: dict[str, Any]) -> Order:
    """The order of the wire in our nouns; Rejected when that is not to be."""
    return strange.alone(partial(mapping.order, found, line.keys, line.realm), NAMES, calls.GET_ORDER.operation)


def accept(line: Line, order_id: str) -> None:
    """Accept all positions that wait for it. One that waits no longer is accepted already, or gone: nothing is sent."""
    found = raw(line, order_id)
    order = mapped(line, found)
    if order.state != OrderState.ACCEPTANCE:
        if order.state in (OrderState.CANCELLED, OrderState.UNKNOWN):
            words = f"the order is {order.remote_state} and waits for nothing"
            raise Rejected(words, reason="refused_by_channel", call=calls.ACCEPT_ORDER.operation)
        return
    rows = [
        row for row in found["order_lines"] if row.get("order_line_state") in ("WAITING_ACCEPTANCE", "STAGING", None)
    ]
    lines = [{"accepted": True, "id": clean(row["order_line_id"], 255)} for row in rows or found["order_lines"]]
    calls.put(line, calls.ACCEPT_ORDER, calls.order_path(order_id, "accept"), {"order_lines": lines})


def one_of_page(line: Line, found: Any) -> Order | Unmapped:
    """The order, or why it could not be mapped; it never raises, so that one order cannot spoil a page."""
    read = partial(mapping.order, found, line.keys, line.realm)
    return strange.one_of_page(found, read, NAMES, lambda _known: account.SITE)


def _list(line: Line, limit: Limit, params: dict[str, str]) -> tuple[dict[str, Any], datetime]:
    """(the body, the instance's time)."""
    answer = calls.send(line, limit, "GET", PATH, params)
    return check(answer, secrets=calls.secrets_of(line)), answer.said_at(line.now())


def _params(query: OrderQuery) -> dict[str, str]:
    """Of changes, or of a period by creation. All states: new ones are none that we could name."""
    if query.updated_since is not None:
        return {"start_update_date": stamp(query.updated_since)}
    if query.created_since is None:
        raise ValueError("an order query needs a start")
    params = {"start_date": stamp(query.created_since)}
    return params | ({"end_date": stamp(query.created_until)} if query.created_until else {})


def _place(token: str) -> tuple[str, int]:
    """(when the sweep began, how many orders were passed) of a page token of ours."""
    if not token:
        return "", 0
    found = _TOKEN.fullmatch(token)
    if not found:
        raise Rejected("a page token that is none of ours", reason="bad_page_token", call=calls.LIST_ORDERS.operation)
    return found[1], int(found[2])


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)
