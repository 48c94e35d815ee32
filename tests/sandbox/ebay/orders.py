"""Owns getOrders and getOrder: filters, pages over a list that moves, and what only one of the two calls tells."""

import copy
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.ebay.answers import FULFILLMENT, answer, refusal
from tests.sandbox.ebay.gate import API, Gate, moment
from tests.sandbox.ebay.users import User

PATH = f"{API}/sell/fulfillment/v1/order"
MOST, USUAL = 200, 50
HISTORY = timedelta(days=731)
_FILTER = re.compile(r"(\w+):\[([^\]]*)\.\.([^\]]*)\]")
DATES = {"creationdate": "creationDate", "lastmodifieddate": "lastModifiedDate"}


class Wrong(Exception):
    """A parameter that is refused: (error number, message)."""


def register(app: Flask, gate: Gate) -> None:
    """Add both calls (system "ebay", operations getOrders and getOrder, label seller)."""

    @app.get(PATH)
    def ebay_orders() -> Response:
        return gate.enter("fulfillment", "getOrders", lambda user: _search(gate, user))

    @app.get(f"{PATH}/<order_id>")
    def ebay_order(order_id: str) -> Response:
        return gate.enter("fulfillment", "getOrder", lambda user: _one(gate, user, order_id))


def _search(gate: Gate, user: User) -> Response:
    try:
        limit, offset = _page()
        found = _matching(gate, user)
    except Wrong as wrong:
        return refusal(400, wrong.args[0], wrong.args[1], FULFILLMENT)
    page = [_told(order, alone=False) for order in found[offset : offset + limit]]
    here = f"{gate.world.url}{PATH}"
    body: dict[str, Any] = {"href": here, "total": len(found), "limit": limit, "offset": offset, "orders": page}
    if offset + limit < len(found):
        body["next"] = f"{here}?limit={limit}&offset={offset + limit}"
    return answer(200, body)


def _one(gate: Gate, user: User, order_id: str) -> Response:
    order = gate.users.part["orders"][user["user_id"]].get(order_id)
    if order is None:
        return refusal(404, 32100, f"Invalid order ID: {order_id}", FULFILLMENT)
    return answer(200, _told(order, alone=True))


def _page() -> tuple[int, int]:
    try:
        limit, offset = int(request.args.get("limit", USUAL)), int(request.args.get("offset", 0))
    except ValueError:
        raise Wrong(31100, "Invalid limit") from None
    if not 1 <= limit <= MOST:
        raise Wrong(31100, f"Invalid limit: {limit}")
    if offset < 0:
        raise Wrong(31000, f"Invalid offset: {offset}")
    return limit, offset


def _matching(gate: Gate, user: User) -> list[dict[str, Any]]:
    """The orders that the filter means, the latest sale first. Brackets must be percent-encoded."""
    now, raw = gate.world.clock.now(), request.query_string.decode("latin-1")
    if "[" in raw or "{" in raw:
        raise Wrong(30800, "Invalid filter value")
    told = {name: (since, until) for name, since, until in _FILTER.findall(request.args.get("filter", ""))}
    if set(told) - set(DATES) or (request.args.get("filter") and not told):
        raise Wrong(30700, "Invalid filter name")
    # Of both dates only the creation counts.
    name = "creationdate" if "creationdate" in told else next(iter(told), "creationdate")
    since, until = _period(told.get(name, ("", "")), now)
    seen = now - timedelta(seconds=float(user["lag_seconds"]))
    rows = [
        row
        for row in gate.users.part["orders"][user["user_id"]].values()
        if since <= moment(row[DATES[name]]) <= until and moment(row["lastModifiedDate"]) <= seen
    ]
    return sorted(rows, key=lambda row: (row["creationDate"], row["orderId"]), reverse=True)


def _period(told: tuple[str, str], now: datetime) -> tuple[datetime, datetime]:
    try:
        since = moment(told[0]) if told[0] else now - timedelta(days=90)
        until = moment(told[1]) if told[1] else now
    except ValueError:
        raise Wrong(30810, "Invalid date format") from None
    # A second of grace: two clocks never agree.
    if max(since, until) > now + timedelta(seconds=1):
        raise Wrong(30850, "Start and end dates can't be in the future")
    if since > until:
        raise Wrong(30840, "Start date should be before end date")
    if now - since > HISTORY:
        raise Wrong(30830, "Time range between start date and end date must be within '2' years.")
    return since, until


def _told(order: dict[str, Any], *, alone: bool) -> dict[str, Any]:
    """As this call tells an order: requests to cancel only alone, taxes only when asked for."""
    told = copy.deepcopy(order)
    if not alone:
        told["cancelStatus"]["cancelRequests"] = []
    if request.args.get("fieldGroups") != "TAX_BREAKDOWN":
        _without_taxes(told)
    return told


def _without_taxes(told: dict[str, Any]) -> None:
    """Tax that eBay keeps is then no part of the total."""
    kept = Decimal(0)
    for item in told["lineItems"]:
        for tax in item.get("ebayCollectAndRemitTaxes") or ():
            kept += Decimal(tax["amount"]["value"])
        item["taxes"] = []
    total = told["pricingSummary"]["total"]
    total["value"] = str(Decimal(total["value"]) - kept)
