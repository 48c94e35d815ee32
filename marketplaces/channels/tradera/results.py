"""Changes one by one or many at once, and what became of the prices that Tradera queued. The calls are `push`'s business.

Vendor: `GET /v4/listings/request-results`. A request that is still being worked on is not named; the code of one that is
named is a bit field. The ticket holds the requests with our keys, and what was refused at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from marketplaces.channel import Line
from marketplaces.channels.tradera import calls
from marketplaces.channels.tradera.answers import SHOP, nonsense
from marketplaces.channels.tradera.push import GONE, send
from marketplaces.data import ListingChange, PushResult, PushVerdict
from marketplaces.errors import Rejected
from marketplaces.text import clean

MOST = 100  # changes in one call
PATIENCE = timedelta(hours=24)  # so long a queued price may take
OK, IMAGE, ERROR, TIMEOUT, AGAIN, FORBIDDEN, FULL, WAITING, OPEN = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REFUSED, LATER = ERROR | FORBIDDEN | FULL, TIMEOUT | AGAIN
# What a bit says where Tradera adds no words of its own.
WORDS = {
    FORBIDDEN: "The item may not be changed now",
    FULL: "The shop has reached its number of active items",
    ERROR: "The price could not be set",
    TIMEOUT: "Tradera ran out of time",
    AGAIN: "Tradera asks to try again",
}
SILENCE = "Tradera has not said within a day what became of the price"


def push_all(line: Line, changes: Iterable[ListingChange]) -> str | tuple[PushResult, ...]:
    """Push up to `MOST` changes: a ticket for the prices that were queued, or all results where none was."""
    queued, refused = send(line, changes)
    if not queued:
        return tuple(refused)
    return _ticket(line, queued, refused)


def push_one(line: Line, change: ListingChange) -> PushResult:
    """One change: the stock, which holds at once, then the price, which is queued: the words are then its ticket."""
    try:
        queued, refused = send(line, [change])
    except Rejected as error:
        code = GONE if error.reason == GONE else error.code
        return PushResult(change.key, change.sku, PushVerdict.REFUSED, error.words, code, error.field)
    if refused:
        return refused[0]
    if queued:
        return PushResult(change.key, change.sku, PushVerdict.ACCEPTED, _ticket(line, queued, []))
    return PushResult(change.key, change.sku, PushVerdict.APPLIED)


def _ticket(line: Line, queued: dict[str, str], refused: list[PushResult]) -> str:
    told = [[one.key, one.sku, one.words, one.code, one.field] for one in refused]
    since = line.now().isoformat(timespec="seconds")
    return json.dumps({"since": since, "queued": queued, "refused": told}, separators=(",", ":"), ensure_ascii=False)


def results(line: Line, ticket: str) -> Iterator[PushResult] | None:
    """What was not applied; None while a request is under way."""
    kept = json.loads(ticket)
    queued: dict[str, str] = kept["queued"]
    asked = urlencode([("requestIds", number) for number in queued])
    rows = calls.get(line, calls.RESULTS, f"/listings/request-results?{asked}", right=SHOP)
    if not isinstance(rows, list):
        raise nonsense(calls.RESULTS, "a list of results")
    told = dict(filter(None, map(_one, rows)))
    over = line.now() - datetime.fromisoformat(kept["since"]) > PATIENCE
    if not over and any(number not in told for number in queued):
        return None
    found = [PushResult(key, sku, PushVerdict.REFUSED, *rest) for key, sku, *rest in kept["refused"]]
    found += [one for number, key in queued.items() if (one := _result(key, told.get(number))) is not None]
    return iter(found)


def _one(raw: Any) -> tuple[str, tuple[int, str]] | None:
    """(request, (code, words)) of a result that says something final; None for one under way or without sense."""
    if not isinstance(raw, dict):
        return None
    number, code = _whole(raw.get("requestId")), _whole(raw.get("resultCode"))
    if not number or not code & (OK | REFUSED | LATER):
        return None
    message = raw.get("message")
    return str(number), (code, clean(message, 400) if isinstance(message, str) else "")


def _whole(raw: Any) -> int:
    """A number as the contract has it, 0 for anything else."""
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw < 10**18 else 0


def _result(key: str, told: tuple[int, str] | None) -> PushResult | None:
    """None for a price that holds. What Tradera could not do for want of time is to be said again."""
    if told is None:
        return PushResult(key, "", PushVerdict.REFUSED, SILENCE, "not_taken", "price")
    code, words = told
    for bits, verdict in ((REFUSED, PushVerdict.REFUSED), (LATER, PushVerdict.AGAIN)):
        if code & bits:
            named = next(text for bit, text in WORDS.items() if code & bits & bit)
            return PushResult(key, "", verdict, words or named, str(code), "price")
    return None
