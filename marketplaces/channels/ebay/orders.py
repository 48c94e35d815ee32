"""Asks for orders page by page, over a list that moves. What an order means is `mapping`'s business.

eBay counts its pages by an offset into a list that changes while it is read. The first page is open at its end; those
after it end when the first was asked for, so that orders may leave the list meanwhile but hardly join it. As many as have
left are gone back; when some have joined it is begun again. Vendor: sell/fulfillment getOrders, getOrder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from marketplaces import strange
from marketplaces.channel import Line
from marketplaces.channels.ebay import calls, mapping
from marketplaces.channels.ebay.answers import check
from marketplaces.channels.ebay.sites import MARKETS
from marketplaces.data import Order, OrderPage, OrderQuery, Unmapped
from marketplaces.errors import RateLimited, Rejected, Transient
from marketplaces.moments import moment

MOST = 200  # orders of a page; more is an error, not a page of 200
HISTORY = timedelta(days=729)  # eBay tells two years at most, and refuses a longer period as a whole
ASKED = 20  # orders of a page whose cancellation is looked up
AGAIN = 3  # times that a sweep is begun anew for orders that joined
NAMES = strange.Names("eBay's", "orderId", "creationDate", "lastModifiedDate")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a sweep is: `end` of its period, `total` as told last, `begun` how often it was begun anew."""

    offset: int = 0
    end: str = ""
    total: int = -1
    begun: int = 0

    @classmethod
    def read(cls, token: str) -> _Place:
        if not token:
            return cls()
        try:
            offset, end, total, begun = token.split(" ")
            moment(end)
            return cls(int(offset), end, int(total), int(begun))
        except ValueError as error:
            raise Rejected("a page token of an unknown shape", call=calls.GET_ORDERS.call) from error

    def __str__(self) -> str:
        return f"{self.offset} {self.end} {self.total} {self.begun}"


def search(line: Line, query: OrderQuery) -> OrderPage:
    """One page with taxes told. Orders of sites that were not asked for are left out."""
    place, now = _Place.read(query.page_token), line.now()
    if query.created_since is not None and query.created_since >= now:
        return OrderPage((), "", query.created_since)
    params, end = _params(query, place, now)
    answer = calls.send(line, calls.GET_ORDERS, params)
    body = check(answer, secrets=calls.secrets_of(line))
    end = end or _stamp(answer.said_at(now))
    rows, total = calls.rows_of(body, "orders"), body.get("total")
    if rows is None or isinstance(total, bool) or not isinstance(total, int) or not 0 <= total < 10**9:
        raise Transient("an order page of an unknown shape", call=calls.GET_ORDERS.call)
    if not rows and place.offset < total and place.total in (-1, total):
        raise Transient("an order page without its orders", call=calls.GET_ORDERS.call)
    following = _following(place, len(rows), total)
    found = [one_of_page(line, query.sites, row) for row in _with_cancellations(line, rows)]
    return OrderPage(
        tuple(one for one in found if _wanted(one, query.sites)),
        "" if following is None else str(_Place(following, end, total, place.begun + (following == 0))),
        moment(end) if following is None else None,
    )


def get(line: Line, order_id: str, site: str) -> Order:
    """One order. Rejected "not_found", "channel_changed" or with the reason why its amounts are refused."""
    raw = _raw(line, order_id)
    if raw.get("orderId") != order_id:
        raise Transient("an answer about another order", call=calls.GET_ORDER.call)
    place = mapping.Place(line.keys, (site,))
    return strange.alone(lambda: mapping.order(raw, place), NAMES, calls.GET_ORDER.call)


def one_of_page(line: Line, sites: tuple[str, ...], raw: Any) -> Order | Unmapped:
    """The order `raw`, or why it could not be mapped; it never raises, so that one order cannot spoil a page."""
    place = mapping.Place(line.keys, sites)
    return strange.one_of_page(raw, lambda: mapping.order(raw, place), NAMES, place.site_of)


def _following(place: _Place, count: int, total: int) -> int | None:
    """The offset to go on at; None when all was seen."""
    if place.total >= 0 and total < place.total:
        following = max(0, place.offset - (place.total - total))
    elif 0 <= place.total < total and place.begun < AGAIN:
        following = 0
    else:
        following = place.offset + count
    return following if following < total else None


def _with_cancellations(line: Line, rows: list[Any]) -> list[Any]:
    """The page tells that a cancellation was asked for, but never what became of it: only a look at the order does.

    Asked are those that are still to be shipped. Without an answer about it the order counts as asked to be cancelled.
    """
    left, found = ASKED, []
    for row in rows:
        if left and mapping.may_be_cancelled(row):
            left -= 1
            try:
                told = _raw(line, str(row["orderId"]))
                row = told if told.get("orderId") == row["orderId"] else row
            except (RateLimited, Transient, Rejected):
                left = 0
        found.append(row)
    return found


def _raw(line: Line, order_id: str) -> dict[str, Any]:
    return calls.get(line, calls.GET_ORDER, {"fieldGroups": "TAX_BREAKDOWN"}, order_id=order_id)


def _wanted(one: Order | Unmapped, sites: tuple[str, ...]) -> bool:
    """Not those of a marketplace that another shop imports; one that we do not know belongs to whoever asks."""
    return one.site in sites or one.site not in MARKETS


def _params(query: OrderQuery, place: _Place, now: datetime) -> tuple[dict[str, str], str]:
    """(the query, the end of its period, "" while it is open). With both dates eBay heeds only the creation; it refuses
    an end in its future."""
    if query.updated_since is not None:
        name, since, end = "lastmodifieddate", query.updated_since, place.end
    elif query.created_since is not None:
        name, since = "creationdate", query.created_since
        end = place.end or _stamp(min(query.created_until or now, now))
    else:
        raise ValueError("an order query needs a start")
    params = {"fieldGroups": "TAX_BREAKDOWN", "filter": f"{name}:[{_stamp(max(since, now - HISTORY))}..{end}]"}
    return {**params, "limit": str(MOST), "offset": str(place.offset)}, end


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
