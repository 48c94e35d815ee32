"""Pushes price and stock by files (STO01, PRI01), follows them (STO02, PRI02) and reads their errors (STO03, PRI03).

One push may be two imports: its ticket names both. An import takes a minute at least, so nothing is applied at once.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from marketplaces.channel import Limit, Line
from marketplaces.channels.mirakl import calls, prices
from marketplaces.data import ListingChange, PushResult, PushVerdict
from marketplaces.errors import Rejected, Transient
from marketplaces.moments import moment
from marketplaces.text import clean, redact

PATH = "/api/offers/{}/imports"
MOST = 2_000  # changes in one document
STUCK = timedelta(hours=24)  # an import that has not ended by then never will
REPORT_CAP = 50_000_000
REPORT_ROWS = 50 * MOST  # an offer has several rows where it has several prices
_ID = re.compile(r"[\w.-]{1,100}")
_TICKET = re.compile(r"(?:(?:stock|pricing):[\w.-]{1,100} ?){1,2}")
_SKU, _REASON = "offer-sku", 1  # the first column is the number of the line, the second why it is refused


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two kinds of import; `field` names what it changes."""

    name: str
    field: str
    send: Limit
    status: Limit
    errors: Limit


STOCK = _Kind("stock", "quantity", calls.IMPORT_STOCK, calls.STOCK_STATUS, calls.STOCK_ERRORS)
PRICES = _Kind("pricing", "price", calls.IMPORT_PRICES, calls.PRICE_STATUS, calls.PRICE_ERRORS)
_KINDS = {one.name: one for one in (STOCK, PRICES)}


def push(line: Line, change: ListingChange) -> PushResult:
    """One change by files of one line. What holds is to be read some time later."""
    try:
        return PushResult(change.key, change.sku, PushVerdict.ACCEPTED, send(line, (change,)))
    except Rejected as error:
        code = "not_found" if error.reason == "not_found" else error.code
        return PushResult(change.key, change.sku, PushVerdict.REFUSED, error.words, code, error.field)


def send(line: Line, changes: Iterable[ListingChange]) -> str:
    """Import the changes; a ticket that names the imports. Stock goes last: it is what is wrong first."""
    known = list(changes)
    priced = [one for one in known if one.price is not None]
    counted = [[one.sku, str(one.quantity)] for one in known if one.quantity is not None]
    named = []
    if priced:
        named.append(_import(line, PRICES, prices.table(line, priced)))
    if counted:
        named.append(_import(line, STOCK, [[_SKU, "quantity"], *counted]))
    return " ".join(named)


def results(line: Line, ticket: str) -> Iterator[PushResult] | None:
    """The changes that were refused, by their SKU; None while an import is under way. Rejected when one has failed."""
    if not _TICKET.fullmatch(ticket):
        raise Rejected("a ticket that names no import", reason="document_failed", call=STOCK.status.operation)
    imports = [(_KINDS[name], one) for name, _, one in (part.partition(":") for part in ticket.split())]
    told = [_status(line, kind, one) for kind, one in imports]
    if not all(ended for ended, _ in told):
        return None
    refused: dict[str, PushResult] = {}
    for (kind, one), (_, errors) in zip(imports, told, strict=True):
        for sku, words in _errors(line, kind, one) if errors else ():
            before = refused.get(sku)
            words = f"{before.words} {words}"[:400] if before and words not in before.words else words
            refused[sku] = PushResult("", sku, PushVerdict.REFUSED, words, "", "" if before else kind.field)
    return iter(refused.values())


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows of a file. Every field is quoted, so that none can end its field, its line or begin anything else."""
    target = io.StringIO()
    csv.writer(target, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return target.getvalue()


def _import(line: Line, kind: _Kind, rows: Iterable[Sequence[str]]) -> str:
    body = calls.post_file(line, kind.send, PATH.format(kind.name), f"{kind.name}.csv", csv_text(rows))
    told = body.get("import_id")
    text = str(told) if isinstance(told, (str, int)) and not isinstance(told, bool) else ""
    if not _ID.fullmatch(text):
        words = "an answer to an import without its id"
        raise Transient(words, maybe_done=True, call=kind.send.operation)
    return f"{kind.name}:{text}"


def _status(line: Line, kind: _Kind, import_id: str) -> tuple[bool, bool]:
    """(whether it has ended, whether there are errors). What we do not know is under way, for a day at most."""
    call, found = kind.status.operation, _told(line, kind, import_id)
    status = clean(found.get("status"), 40) if isinstance(found.get("status"), str) else ""
    if not status:
        raise Transient("an import without status", call=call)
    if status == "FAILED":
        said = found.get("reason_status")
        words = clean(said, 200) if isinstance(said, str) else ""
        raise Rejected(words or "the import failed", code=status, reason="document_failed", call=call)
    if status != "COMPLETE":
        try:
            old = line.now() - moment(found.get("date_created")) > STUCK
        except (TypeError, ValueError):
            old = False
        if old:
            raise Rejected(f"the import has been {status} for a day", code=status, reason="document_failed", call=call)
        return False, False
    return True, _has_errors(found)


def _has_errors(found: Mapping[str, Any]) -> bool:
    """Whether a report of errors is there; where that is not told, whether lines are said to be in error."""
    told, lines = found.get("has_error_report"), found.get("lines_in_error")
    return told if isinstance(told, bool) else lines not in (None, 0)


def _told(line: Line, kind: _Kind, import_id: str) -> Mapping[str, Any]:
    if kind is STOCK:
        path = f"{PATH.format(kind.name)}/{quote(import_id, safe='')}/status"
        return calls.get(line, kind.status, path)
    body = calls.get(line, kind.status, PATH.format(kind.name), {"import_id": import_id})
    rows = body.get("data")
    if not isinstance(rows, list):
        raise Transient("a list of imports of an unknown shape", call=kind.status.operation)
    found = [row for row in rows if isinstance(row, dict) and str(row.get("import_id")) == import_id]
    return found[0] if found else {"status": "WAITING"}  # not to be seen yet


def _errors(line: Line, kind: _Kind, import_id: str) -> Iterator[tuple[str, str]]:
    """(SKU, why) of each line that was refused. Transient when the report cannot be read."""
    path = f"{PATH.format(kind.name)}/{quote(import_id, safe='')}/error_report"
    with calls.fetch_file(line, kind.errors, path) as saved:
        charset = saved.charset or "utf-8-sig"
        told = (f"{one.decode(charset, 'replace')}\n" for one in saved.lines(REPORT_CAP))
        try:
            for row, place in _rows(csv.reader(told, delimiter=";"), kind):
                sku = clean(row[place], 255, keep_spaces=True)
                yield sku, redact(clean(row[_REASON], 300), calls.secrets_of(line))
        except csv.Error as error:
            raise Transient("a report of errors that is no table", call=kind.errors.operation) from error


def _rows(rows: Iterator[list[str]], kind: _Kind) -> Iterator[tuple[list[str], int]]:
    """Each row that names a SKU, and in which cell. One at a time: a small file may unpack to many."""
    names = [one.strip().strip("\ufeff").casefold() for one in next(rows, [])]
    if _SKU not in names:
        raise Transient("a report of errors without SKUs", call=kind.errors.operation)
    place = names.index(_SKU)
    for number, row in enumerate(rows):
        if number >= REPORT_ROWS:
            raise Transient("a report of errors with more rows than any import has", call=kind.errors.operation)
        if len(row) > max(place, _REASON) and row[place]:
            yield row, place
