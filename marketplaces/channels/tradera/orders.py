"""Asks for orders by time of change (or of creation), a month at the most in one call. What one means is `mapping`'s.

Tradera has no pages: a call gives all orders of its window. A longer time is asked for window after window; our page
token is where the next one begins, and where all of them end.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from marketplaces import strange
from marketplaces.channel import Line
from marketplaces.channels.tradera import calls, mapping
from marketplaces.channels.tradera.answers import SELLER, check, nonsense
from marketplaces.channels.tradera.market import SITE
from marketplaces.data import Order, OrderPage, OrderQuery, Unmapped
from marketplaces.errors import Rejected, Transient
from marketplaces.moments import moment, stamp

WINDOW = timedelta(days=30)
CREATED, UPDATED = "0", "1"  # queryDateMode
NAMES = strange.Names("Tradera's", "orderId", "createdDate", "lastUpdatedDate")


def search(line: Line, query: OrderQuery) -> OrderPage:
    """All orders of one window."""
    start, end, mode = _window(query, line.now())
    if end <= start:
        return OrderPage((), "", start)
    until = min(start + WINDOW, end)
    asked = {"fromDate": stamp(start), "toDate": stamp(until), "queryDateMode": mode}
    answer = calls.send(line, calls.SEARCH_ORDERS, "GET", f"/orders?{urlencode(asked)}")
    rows = check(answer, secrets=calls.secrets_of(line), right=SELLER)
    if not isinstance(rows, list):
        raise nonsense(calls.SEARCH_ORDERS, "a list of orders")
    found = tuple(one_of_page(row) for row in rows)
    if until < end:
        return OrderPage(found, f"{stamp(until)} {stamp(end)}", None)
    # A clock of ours that is fast must not hide what changes until then.
    return OrderPage(found, "", min(end, answer.said_at(line.now())))


def get(line: Line, order_id: str) -> Order:
    """One order. Rejected "not_found", "channel_changed" or with the reason why its amounts are refused."""
    if not (order_id.isascii() and order_id.isdigit()):
        raise Rejected("an id of Tradera is a number", reason="not_found", call=calls.GET_ORDERS)
    rows = calls.get(line, calls.GET_ORDERS, f"/orders/{order_id}", right=SELLER)
    if not isinstance(rows, list):
        raise nonsense(calls.GET_ORDERS, "a list of orders")
    if not rows:
        raise Rejected("Tradera does not know this order", reason="not_found", call=calls.GET_ORDERS)
    raw = rows[0]
    order = strange.alone(lambda: mapping.order(raw), NAMES, calls.GET_ORDERS)
    if order.order_id != order_id:
        raise Transient("an answer about another order", call=calls.GET_ORDERS)
    return order


def one_of_page(raw: Any) -> Order | Unmapped:
    """The order `raw`, or why it could not be mapped; it never raises, so that one order cannot spoil a page."""
    return strange.one_of_page(raw, lambda: mapping.order(raw), NAMES, lambda _known: SITE.key)


def _window(query: OrderQuery, now: datetime) -> tuple[datetime, datetime, str]:
    """(from, to, by which date), of a sweep that goes on where it stopped as of one that begins."""
    now = now.replace(microsecond=0)
    if query.updated_since is not None:
        start, end, mode = query.updated_since, now, UPDATED
    elif query.created_since is not None:
        start, end, mode = query.created_since, min(query.created_until or now, now), CREATED
    else:
        raise ValueError("an order query needs a start")
    if query.page_token:
        begins, _, ends = query.page_token.partition(" ")
        start, end = moment(begins), moment(ends)
    return start, end, mode
