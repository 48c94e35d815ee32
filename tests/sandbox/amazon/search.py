"""Owns what searchOrders finds: parameters, filters, the two-minute lag, pages, and which datasets are shown."""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.sandbox.amazon.answers import InvalidInput
from tests.sandbox.amazon.lossy import Lossy
from tests.sandbox.clock import iso, parse_instant

Order = dict[str, Any]
Row = dict[str, Any]
NEWEST = timedelta(seconds=120)
TOKEN_LIFE = timedelta(hours=24)
STATUSES = {
    "PENDING_AVAILABILITY",
    "PENDING",
    "UNSHIPPED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "CANCELLED",
    "UNFULFILLABLE",
}
PARTIES = {"MERCHANT", "AMAZON"}
ORDER_DATA = {
    "BUYER": "buyer",
    "RECIPIENT": "recipient",
    "PROCEEDS": "proceeds",
    "FULFILLMENT": "fulfillment",
    "PACKAGES": "packages",
    "TAX": "tax",
    "PAYMENT": "payment",
    "FULFILLMENT_ORDERS": "fulfillmentOrders",
}
ITEM_DATA = {
    "PROCEEDS": "proceeds",
    "EXPENSE": "expense",
    "PROMOTION": "promotion",
    "CANCELLATION": "cancellation",
    "FULFILLMENT": "fulfillment",
    "TAX": "tax",
}
DATASETS = set(ORDER_DATA) | set(ITEM_DATA)
INSTANTS = ("createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore")


@dataclass(frozen=True)
class Query:
    """The checked parameters of one searchOrders call."""

    field: str
    after: datetime
    before: datetime | None
    statuses: frozenset[str]
    parties: frozenset[str]
    marketplaces: frozenset[str]
    datasets: frozenset[str]
    size: int
    token: str | None
    print: str

    @property
    def before_name(self) -> str:
        """createdBefore or lastUpdatedBefore, as it stands in the answer."""
        return "createdBefore" if self.field == "created" else "lastUpdatedBefore"


def read_query(args: Mapping[str, list[str]], now: datetime) -> Query:
    """Check the parameters against the contract. Raises InvalidInput."""
    instants = {name: _instant(name, args[name][-1]) for name in INSTANTS if args.get(name)}
    created, updated = "createdAfter" in instants, "lastUpdatedAfter" in instants
    if created == updated:
        raise InvalidInput("Exactly one of createdAfter and lastUpdatedAfter must be provided.")
    kind, other = ("created", "lastUpdated") if created else ("lastUpdated", "created")
    if f"{other}Before" in instants:
        raise InvalidInput(f"{other}Before must not be provided together with {kind}After.")
    after, before = instants[f"{kind}After"], instants.get(f"{kind}Before")
    if before is not None and (before < after or before > now - NEWEST):
        raise InvalidInput(f"{kind}Before must be after {kind}After and at least two minutes in the past.")
    marketplaces = values(args, "marketplaceIds")
    if len(marketplaces) > 50:
        raise InvalidInput("marketplaceIds must have at most 50 values.")
    size = (args.get("maxResultsPerPage") or ["100"])[-1]
    if not size.isascii() or not size.isdigit() or not 1 <= int(size) <= 100:
        raise InvalidInput("maxResultsPerPage must be between 1 and 100.")
    same = {
        name: sorted(values(args, name)) for name in (*INSTANTS, "fulfillmentStatuses", "marketplaceIds", "fulfilledBy")
    }
    return Query(
        field="created" if created else "updated",
        after=after,
        before=before,
        statuses=_known(args, "fulfillmentStatuses", STATUSES),
        parties=_known(args, "fulfilledBy", PARTIES),
        marketplaces=frozenset(marketplaces),
        datasets=read_datasets(args),
        size=int(size),
        token=args["paginationToken"][-1] if args.get("paginationToken") else None,
        print=hashlib.sha256(json.dumps(same).encode()).hexdigest()[:24],
    )


def values(args: Mapping[str, list[str]], name: str) -> list[str]:
    """A list parameter, separated by commas or repeated."""
    return [value for given in args.get(name, []) for value in given.split(",") if value]


def read_datasets(args: Mapping[str, list[str]]) -> frozenset[str]:
    """The checked includedData."""
    return _known(args, "includedData", DATASETS)


def _known(args: Mapping[str, list[str]], name: str, allowed: Collection[str]) -> frozenset[str]:
    given = frozenset(values(args, name))
    if not given <= set(allowed):
        raise InvalidInput(f"{name} has a value that is not known.")
    return given


def _instant(name: str, text: str) -> datetime:
    try:
        # A plus sign that was not escaped arrives as a blank.
        return parse_instant(text.replace(" ", "+")) if not text.isdigit() else _not_iso()
    except ValueError:
        raise InvalidInput("Invalid Input") from None


def _not_iso() -> datetime:
    raise ValueError


def find(rows: Collection[Row], query: Query, now: datetime, lag: timedelta, lossy: Lossy) -> dict[str, Any]:
    """The answer's body: a page of what is visible, in the order of the searched time.

    A row is {"order", "created", "updated"}, the times as unix seconds. A search by time of change may be lossy.
    """
    before, last = query.before or now - min(lag, NEWEST), (0.0, "")
    if query.token is not None:
        before, last = _read_token(query, now)
    seen = (now - lag).timestamp()
    fitting = [row for row in rows if row["updated"] <= seen and _fits(row, query, before)]
    if query.field == "updated":
        fitting = [row for row in fitting if lossy.shows(str(row["order"]["orderId"]), row["updated"], now.timestamp())]
    left = sorted((key, row) for row in fitting if (key := (row[query.field], row["order"]["orderId"])) > last)
    page = left[: query.size]
    body: dict[str, Any] = {"orders": [shown(row["order"], query.datasets) for _, row in page]}
    if len(left) > len(page):
        body["pagination"] = {"nextToken": _write_token(query, now, before, page[-1][0])}
    body[query.before_name] = iso(before)
    return body


def _fits(row: Row, query: Query, before: datetime) -> bool:
    order = row["order"]
    fulfilment = order.get("fulfillment") or {}
    site = (order.get("salesChannel") or {}).get("marketplaceId")
    return (
        query.after.timestamp() <= row[query.field] <= before.timestamp()
        and (not query.statuses or fulfilment.get("fulfillmentStatus") in query.statuses)
        and (not query.parties or fulfilment.get("fulfilledBy") in query.parties)
        and (not query.marketplaces or site in query.marketplaces)
    )


def shown(order: Order, datasets: Collection[str]) -> Order:
    """A copy with the asked datasets only; ids, times, channel and products are always there."""
    copy = deepcopy(order)
    for name, field in ORDER_DATA.items():
        if name not in datasets:
            copy.pop(field, None)
    for item in copy.get("orderItems") or []:
        for name, field in ITEM_DATA.items():
            if name not in datasets:
                item.pop(field, None)
    return copy


def _write_token(query: Query, now: datetime, before: datetime, last: tuple[float, str]) -> str:
    value = {"p": query.print, "b": before.isoformat(), "l": last, "t": now.isoformat()}
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _read_token(query: Query, now: datetime) -> tuple[datetime, tuple[float, str]]:
    try:
        value = json.loads(base64.urlsafe_b64decode(query.token or ""))
        given = value["p"], datetime.fromisoformat(value["t"]), datetime.fromisoformat(value["b"]), tuple(value["l"])
    except (ValueError, KeyError, TypeError):
        raise InvalidInput("paginationToken is not valid.") from None
    same, made, before, last = given
    if same != query.print or now > made + TOKEN_LIFE:
        raise InvalidInput("paginationToken is not valid for these filters, or too old.")
    return before, (float(last[0]), str(last[1]))
