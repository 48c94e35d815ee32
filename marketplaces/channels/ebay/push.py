"""Pushes price and stock by bulkUpdatePriceQuantity, alone or 25 at once; the answer comes at once, in parts (207).

Stock is set at the item and at the offer, because the lower of the two is sold. Whole items are never written: that would
wipe what stands beside. The vendor's pages contradict each other whether one call takes several SKUs; where it is refused
as a whole, each goes alone. Vendor: sell/inventory, bulkUpdatePriceQuantity; 250 revisions of a listing a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from marketplaces.channel import Line
from marketplaces.channels.ebay import calls, listings
from marketplaces.channels.ebay.answers import check, family, words_of
from marketplaces.data import ListingChange, PushResult, PushVerdict
from marketplaces.errors import Rejected, Transient
from marketplaces.text import redact
from marketplaces.wire import Answer

MOST = 25  # SKUs of a call
LONGEST = 480
NO_OFFER = "There is no offer of this SKU on this marketplace."
_FIELDS = (("price", "price"), ("quantity", "quantity"), ("availab", "quantity"))


def push(line: Line, site: str, change: ListingChange) -> PushResult:
    """One change: applied or refused."""
    known = _with_offer(line, site, change)
    if known is None:
        return PushResult(change.key, change.sku, PushVerdict.REFUSED, NO_OFFER, "not_found", "sku")
    answer = _send(line, [known])
    if answer.status not in (200, 207):
        return _refused_whole(line, known, answer)
    return _results(line, [known], answer)[0]


def push_all(line: Line, site: str, changes: Iterable[ListingChange]) -> tuple[PushResult, ...]:
    """Many changes: what became of each, by its key."""
    found: list[PushResult] = []
    left = iter(changes)
    while some := list(islice(left, MOST)):
        known = [(change, _with_offer(line, site, change)) for change in some]
        found += [
            PushResult(change.key, change.sku, PushVerdict.REFUSED, NO_OFFER, "not_found", "sku")
            for change, ready in known
            if ready is None
        ]
        ready = [one for _, one in known if one is not None]
        if not ready:
            continue
        answer = _send(line, ready)
        if answer.status in (200, 207):
            found += _results(line, ready, answer)
        elif len(ready) == 1:
            found.append(_refused_whole(line, ready[0], answer))
        else:
            found += [push(line, site, change) for change in ready]
    return tuple(found)


def body(changes: Iterable[ListingChange]) -> dict[str, Any]:
    """BulkPriceQuantity of the contract. Amounts are texts there, with all digits of their currency."""
    return {"requests": [_request(change) for change in changes]}


def _request(change: ListingChange) -> dict[str, Any]:
    made: dict[str, Any] = {"sku": change.sku}
    offer: dict[str, Any] = {"offerId": change.product_type}
    if change.quantity is not None:
        made["shipToLocationAvailability"] = {"quantity": change.quantity}
        offer["availableQuantity"] = change.quantity
    if change.price is not None:
        offer["price"] = {"value": str(change.price.decimal), "currency": change.price.currency}
    return made | {"offers": [offer]}


def _with_offer(line: Line, site: str, change: ListingChange) -> ListingChange | None:
    """The change with the id of its offer, which is looked up when nobody has read it before; None without an offer."""
    if change.product_type:
        return change
    offer = listings.offer_of(line, site, change.sku)
    told = offer.get("offerId") if offer else None
    return replace(change, product_type=told) if isinstance(told, str) and told else None


def _send(line: Line, changes: list[ListingChange]) -> Answer:
    """The answer: 200, 207, or a 400 that refuses the whole call. The error families for everything else."""
    answer = calls.send(line, calls.UPDATE, body=body(changes))
    if answer.status in (200, 207):
        return answer
    try:
        check(answer, secrets=calls.secrets_of(line))
    except Rejected:
        return answer
    raise Transient("an answer of an unknown shape", maybe_done=True, status=answer.status, call=answer.call)


def _refused_whole(line: Line, change: ListingChange, answer: Answer) -> PushResult:
    try:
        check(answer, secrets=calls.secrets_of(line))
    except Rejected as error:
        code = "not_found" if error.reason == "not_found" else error.code
        field = _field(error.field)
        return PushResult(change.key, change.sku, PushVerdict.REFUSED, error.words[:LONGEST], code, field)
    raise AssertionError("unreachable")


def _results(line: Line, changes: list[ListingChange], answer: Answer) -> list[PushResult]:
    """One result for each change: every one of its answers must be good. Transient when one was not answered."""
    rows = answer.object().get("responses")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Transient("an answer of an unknown shape", maybe_done=True, call=answer.call)
    found = []
    for change in changes:
        mine = [row for row in rows if row.get("sku") == change.sku or row.get("offerId") == change.product_type]
        if not mine or not all(isinstance(row.get("statusCode"), int) for row in mine):
            raise Transient("a change was not answered", maybe_done=True, call=answer.call)
        bad = [row for row in mine if not 200 <= row["statusCode"] < 300]
        found.append(
            _refusal(line, change, bad, answer) if bad else PushResult(change.key, change.sku, PushVerdict.APPLIED)
        )
    return found


def _refusal(line: Line, change: ListingChange, rows: list[dict[str, Any]], answer: Answer) -> PushResult:
    """Why a change was refused, in eBay's words. Trouble of its own is raised: it is no refusal of the change."""
    errors = list(_errors(rows))
    for error in errors:
        judged = family(error, answer, calls.secrets_of(line))
        if not isinstance(judged, Rejected):
            raise judged
    if not errors and any(row["statusCode"] >= 500 for row in rows):
        raise Transient("eBay could not apply a change", maybe_done=True, call=answer.call)
    words = " ".join(dict.fromkeys(filter(None, map(words_of, errors))))
    first = family(errors[0], answer) if errors else None
    code = "" if first is None else "not_found" if getattr(first, "reason", "") == "not_found" else first.code
    said = redact(words, calls.secrets_of(line))[:LONGEST]
    field = _field(getattr(first, "field", "") or said)
    return PushResult(change.key, change.sku, PushVerdict.REFUSED, said, code, field)


def _errors(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        told = row.get("errors")
        yield from (one for one in told if isinstance(one, dict)) if isinstance(told, list) else ()


def _field(told: str) -> str:
    """Which of ours a refusal is about, by the name of the value that it tells."""
    return next((ours for sign, ours in _FIELDS if sign in told.casefold()), "")
