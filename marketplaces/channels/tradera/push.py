"""The calls that push price and stock of shop items, one or many. What becomes of prices is `results`' business.

Quantities are set while Tradera answers; prices are queued, each under the number of a request. Both calls name items by
Tradera's own number, which came with the listing. Vendor: `PUT /v4/listings/shop-items/quantities` and `/prices`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from marketplaces.channel import Line
from marketplaces.channels.tradera import calls
from marketplaces.channels.tradera.answers import SHOP, check, nonsense
from marketplaces.channels.tradera.market import CURRENCY
from marketplaces.data import ListingChange, PushResult, PushVerdict
from marketplaces.errors import Rejected
from marketplaces.money import Money
from marketplaces.text import clean

PATH = "/listings/shop-items"
KRONA = 100  # minor units
GONE = "not_found"
FIELDS = {calls.PRICES: "price", calls.QUANTITIES: "quantity"}


def send(line: Line, changes: Iterable[ListingChange]) -> tuple[dict[str, str], list[PushResult]]:
    """Push all changes: ({request number: key} of the queued prices, what was refused at once)."""
    known: dict[str, ListingChange] = {}
    refused: list[PushResult] = []
    for change in changes:
        wrong = _unsendable(change)
        if wrong is None:
            known[change.product_type] = change
        else:
            refused.append(wrong)
    refused += _quantities(line, [one for one in known.values() if one.quantity is not None])
    left = {one.key for one in refused}
    queued, more = _prices(line, [one for one in known.values() if one.price is not None and one.key not in left])
    return queued, [*refused, *more]


def refusal(change: ListingChange, words: str, field: str, code: str = "") -> PushResult:
    """Why a change was refused, in Tradera's words."""
    return PushResult(change.key, change.sku, PushVerdict.REFUSED, words, code, field)


def _unsendable(change: ListingChange) -> PushResult | None:
    number = change.product_type
    if not (number.isascii() and number.isdigit()):
        return refusal(change, "", "", GONE)
    if change.price is not None and (change.price.currency != CURRENCY or change.price.minor % KRONA):
        return refusal(change, f"Tradera takes whole kronor only, not {change.price}", "price")
    return None


def _quantities(line: Line, changes: list[ListingChange]) -> list[PushResult]:
    if not changes:
        return []
    items = [{"id": int(one.product_type), "quantity": one.quantity} for one in changes]
    told = _put(line, calls.QUANTITIES, "quantities", items)
    refused = _refused(told, changes, calls.QUANTITIES)
    done = told.get("successfulUpdates")
    count = len(done) if isinstance(done, list) else done
    if isinstance(count, bool) or not isinstance(count, int) or count + len(refused) < len(changes):
        raise nonsense(calls.QUANTITIES, "an answer to quantities", maybe_done=True)
    return refused


def _prices(line: Line, changes: list[ListingChange]) -> tuple[dict[str, str], list[PushResult]]:
    if not changes:
        return {}, []
    items = [{"id": int(one.product_type), "price": _kronor(one.price)} for one in changes if one.price is not None]
    told = _put(line, calls.PRICES, "prices", items)
    refused = _refused(told, changes, calls.PRICES)
    keys = {one.product_type: one.key for one in changes}
    queued: dict[str, str] = {}
    for row in _rows(told.get("queuedRequestResponses"), calls.PRICES):
        item, number = _number(row.get("itemId")), _number(row.get("requestId"))
        if item in keys and number:
            queued[number] = keys[item]
    if len(queued) + len(refused) < len(changes):
        raise nonsense(calls.PRICES, "an answer to prices", maybe_done=True)
    return queued, refused


def _put(line: Line, operation: str, what: str, items: list[dict[str, Any]]) -> Mapping[str, Any]:
    answer = calls.send(line, operation, "PUT", f"{PATH}/{what}", body={"shopItems": items})
    try:
        told = check(answer, secrets=calls.secrets_of(line), right=SHOP)
    except Rejected as error:
        error.field = FIELDS[operation]
        raise
    if not isinstance(told, dict):
        raise nonsense(operation, f"an answer to {what}", maybe_done=True)
    return told


def _refused(told: Mapping[str, Any], changes: list[ListingChange], operation: str) -> list[PushResult]:
    """What the answer's validation errors say; an item is named by its number or as it was sent."""
    by_number = {one.product_type: one for one in changes}
    found: dict[str, PushResult] = {}
    for row in _rows(told.get("validationErrors"), operation):
        item = row.get("item")
        change = by_number.get(_number(item.get("id") if isinstance(item, dict) else item))
        if change is None:
            continue
        words = row.get("errorMessage")
        said = clean(words, 400) if isinstance(words, str) else ""
        found[change.key] = refusal(change, said, FIELDS[operation], GONE if "not found" in said.casefold() else "")
    return list(found.values())


def _rows(raw: Any, operation: str) -> list[Mapping[str, Any]]:
    if raw is None:
        return []
    if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
        raise nonsense(operation, "an answer", maybe_done=True)
    return raw


def _number(raw: Any) -> str:
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw < 10**18 else ""


def _kronor(price: Money) -> int:
    return price.minor // KRONA
