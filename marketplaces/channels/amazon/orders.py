"""Asks for orders (version 2026-01-01) page by page. What an order means is `mapping`'s business."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from marketplaces import strange
from marketplaces.channel import Line
from marketplaces.channels.amazon import calls, mapping
from marketplaces.data import Order, OrderPage, OrderQuery, Unmapped
from marketplaces.errors import PermissionMissing, Transient
from marketplaces.moments import maybe_moment, stamp

PATH = "/orders/2026-01-01/orders"
PERSONAL = ("BUYER", "RECIPIENT")
DATASETS = (*PERSONAL, "PROCEEDS", "CANCELLATION", "FULFILLMENT", "TAX")
# A *Before in the last two minutes is refused; some seconds more allow for a clock that is a little fast.
LAG = timedelta(minutes=2, seconds=15)
LONGEST_TOKEN = 3900
NAMES = strange.Names("Amazon's", "orderId", "createdTime", "lastUpdatedTime")


def search(line: Line, query: OrderQuery) -> OrderPage:
    """One page. Without the restricted roles Amazon refuses the whole call (403, no details): asked again without."""
    params = _params(line, query)
    if params is None:
        return OrderPage((), "", query.created_since)
    body, missing = _with_or_without_people(line, calls.SEARCH_ORDERS, PATH, params, query.without)
    rows = body.get("orders")
    pagination = body.get("pagination") or {}
    token = pagination.get("nextToken") or "" if isinstance(pagination, dict) else None
    if not isinstance(rows, list) or not isinstance(token, str) or not _storable(token):
        raise Transient("an order page of an unknown shape", call=calls.SEARCH_ORDERS.operation)
    until = None if token else _until(body)
    return OrderPage(
        tuple(one_of_page(line, query.sites, row) for row in rows), _own_token(params, token), until, missing
    )


def get(line: Line, order_id: str, site: str) -> Order:
    """One order. Rejected "not_found", "channel_changed" or with the reason why its amounts are refused."""
    path = f"{PATH}/{quote(order_id, safe='')}"
    body, _ = _with_or_without_people(line, calls.GET_ORDER, path, {}, ())
    raw = body.get("order")
    if not isinstance(raw, dict):
        raise Transient("an order answer of an unknown shape", call=calls.GET_ORDER.operation)
    place = _place(line, (site,))
    order = strange.alone(lambda: mapping.order(raw, place), NAMES, calls.GET_ORDER.operation)
    if order.order_id != order_id:
        raise Transient("an answer about another order", call=calls.GET_ORDER.operation)
    return order


def one_of_page(line: Line, sites: tuple[str, ...], raw: Any) -> Order | Unmapped:
    """The order `raw`, or why it could not be mapped; it never raises, so that one order cannot spoil a page."""
    place = _place(line, sites)
    return strange.one_of_page(raw, lambda: mapping.order(raw, place), NAMES, place.site_of)


def _place(line: Line, sites: tuple[str, ...]) -> mapping.Place:
    return mapping.Place(line.keys, line.realm, sites)


def _params(line: Line, query: OrderQuery) -> dict[str, str] | None:
    """The query, None when its period is still too fresh to be asked for. Filters repeat on every page, as required."""
    params = {"marketplaceIds": ",".join(query.sites), "maxResultsPerPage": "100"}
    if query.updated_since is not None:
        params["lastUpdatedAfter"] = stamp(query.updated_since)
    elif query.created_since is not None:
        params["createdAfter"] = stamp(query.created_since)
        if query.created_until is not None:
            until = min(query.created_until, line.now() - LAG)
            if until < query.created_since:
                return None
            params["createdBefore"] = stamp(until)
    else:
        raise ValueError("an order query needs a start")
    if query.page_token:
        before, _, token = query.page_token.partition(" ") if query.created_until else ("", "", query.page_token)
        params |= {"createdBefore": before, "paginationToken": token} if before else {"paginationToken": token}
    return params


def _storable(token: str) -> bool:
    """Whether a page token can be kept and sent back as it is."""
    return len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable() and token == token.strip()


def _own_token(params: dict[str, str], token: str) -> str:
    """Our page token: Amazon's, with the end of the period before it, which must be the same on every page."""
    before = params.get("createdBefore", "")
    return f"{before} {token}" if before and token else token


def _with_or_without_people(
    line: Line, limit: Any, path: str, params: dict[str, str], without: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(body, what was refused): with buyer and recipient, or once more without them when a role is missing."""
    wanted = [name for name in DATASETS if name not in without]
    try:
        return calls.get(line, limit, path, {**params, "includedData": ",".join(wanted)}), tuple(without)
    except PermissionMissing as error:
        people = tuple(name for name in PERSONAL if name in wanted)
        if error.what != "role" or not people:
            raise
        rest = ",".join(name for name in wanted if name not in people)
        body = calls.get(line, limit, path, {**params, "includedData": rest})
        return body, (*without, *people)


def _until(body: dict[str, Any]) -> datetime | None:
    return maybe_moment(body.get("lastUpdatedBefore") or body.get("createdBefore"))
