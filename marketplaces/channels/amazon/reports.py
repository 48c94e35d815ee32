"""All listings of a marketplace by Amazon's report: asked for, waited for, downloaded, read row by row.

Vendor: "Reports API 2021-06-30", report type GET_MERCHANT_LISTINGS_ALL_DATA: tab-separated, nothing is quoted, mostly
cp1252 (Shift_JIS in Japan), its column names in the seller's language unless a locale is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

from marketplaces.channel import Line
from marketplaces.channels.amazon import calls, documents
from marketplaces.channels.amazon.answers import check
from marketplaces.channels.amazon.regions import MARKETS
from marketplaces.data import RemoteListing
from marketplaces.errors import Rejected, Transient
from marketplaces.files import LONGEST, Saved
from marketplaces.money import Money
from marketplaces.text import clean

PATH = "/reports/2021-06-30"
KIND = "GET_MERCHANT_LISTINGS_ALL_DATA"
COLUMNS = ("seller-sku", "item-name", "price", "quantity", "asin1", "product-id", "fulfillment-channel", "status")
OTHER_NAMES = {"fulfilment-channel": "fulfillment-channel"}  # the same column in reports of British spelling
CAP = 2_000_000_000  # bytes of an unpacked report: two million listings with long descriptions
MERCHANT = "DEFAULT"  # the fulfillment channel of what the seller ships; everything else Amazon ships
UNREADABLE = "a row of the report cannot be read"
_WHOLE = re.compile(r"\d{1,9}")
_COMMA = re.compile(r"\d+,\d{1,2}")


def ask(line: Line, site: str) -> str:
    """Ask for a report; its id."""
    options = {"preferredReportDocumentLocale": "en_US"}
    wish = {"reportType": KIND, "marketplaceIds": [site], "reportOptions": options}
    body = check(
        calls.send(line, calls.CREATE_REPORT, "POST", f"{PATH}/reports", body=wish), secrets=calls.secrets_of(line)
    )
    return _text(body, "reportId", calls.CREATE_REPORT.operation)


def read(line: Line, site: str, report_id: str) -> Iterator[RemoteListing] | None:
    """Its rows, None while Amazon works on it. Rejected when Amazon gave it up ("report_failed").

    A row that cannot be read comes as a listing without a SKU: what is not named may still be there.
    """
    call = calls.GET_REPORT.operation
    report = calls.get(line, calls.GET_REPORT, f"{PATH}/reports/{quote(report_id, safe='')}")
    status = report.get("processingStatus")
    if status in ("IN_QUEUE", "IN_PROGRESS"):
        return None
    if status == "CANCELLED" and _nothing_listed(line, site):
        return iter(())
    if status in ("CANCELLED", "FATAL"):
        raise Rejected(f"Amazon gave the report up ({status})", code=status, reason="report_failed", call=call)
    if status != "DONE":
        raise Transient(f"a report in the unknown state {clean(str(status), 40)!r}", call=call)
    saved = _fetch(line, _text(report, "reportDocumentId", call))
    try:
        lines = saved.lines(CAP)
        charset = saved.charset
        header = _header(next(lines, b""), charset)
    except BaseException:
        saved.close()
        raise
    return rows(saved, lines, header, charset, site)


def _nothing_listed(line: Line, site: str) -> bool:
    """A report without rows is cancelled as well: a seller who lists nothing has none."""
    path = f"/listings/2021-08-01/items/{quote(line.seller_id, safe='')}"
    found = calls.get(line, calls.SEARCH_LISTINGS, path, {"marketplaceIds": site, "pageSize": "1"})
    return found.get("numberOfResults") == 0


def _fetch(line: Line, document_id: str) -> Saved:
    call = calls.GET_REPORT_DOCUMENT.operation
    path = f"{PATH}/documents/{quote(document_id, safe='')}"
    url = _text(calls.get(line, calls.GET_REPORT_DOCUMENT, path), "url", call)
    return line.http.download(call, url, hosts=documents.hosts_of(line, url, call))


def _text(body: Mapping[str, Any], key: str, call: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise Transient(f"an answer without {key}", call=call)
    return value


def _decoded(line: bytes, charset: str) -> str:
    """With the charset that was told; else UTF-8, and what is none of it as the Latin of most reports."""
    if charset:
        return line.decode(charset, "replace")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _header(line: bytes, charset: str) -> list[str]:
    names = [one.strip().casefold() for one in _decoded(line.removeprefix(b"\xef\xbb\xbf"), charset).split("\t")]
    if COLUMNS[0] not in names:
        words = f"the report of the listings has no column {COLUMNS[0]}"
        raise Rejected(words, reason="channel_changed", call=calls.GET_REPORT_DOCUMENT.operation)
    return [OTHER_NAMES.get(name, name) for name in names]


def rows(saved: Saved, lines: Iterator[bytes], header: list[str], charset: str, site: str) -> Iterator[RemoteListing]:
    """The listings of the remaining lines; the file is closed when they end or are given up."""
    places = {name: header.index(name) for name in COLUMNS if name in header}
    currency = MARKETS[site].currency if site in MARKETS else ""
    with closing(saved):
        for line in lines:
            if line.strip():
                yield _listing(
                    _decoded(line, charset).split("\t") if len(line) < LONGEST else [], places, header, site, currency
                )


def _listing(cells: list[str], places: Mapping[str, int], header: list[str], site: str, currency: str) -> RemoteListing:
    # A tab inside a title moves every cell after it: nothing of such a row can be believed.
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        return _unreadable(site)
    told = {name: cells[at].strip() if at < len(cells) else "" for name, at in places.items()}
    sku = clean(told["seller-sku"], keep_spaces=True)
    if not sku or sku != told["seller-sku"] or "\ufffd" in sku:
        return _unreadable(site)
    channel = told.get("fulfillment-channel", "")
    status = told.get("status", "")
    by_channel = bool(channel) and channel.upper() != MERCHANT
    return RemoteListing(
        sku=sku,
        site=site,
        remote_id=clean(told.get("asin1") or told.get("product-id", ""), 64),
        title=clean(told.get("item-name", ""), 500),
        price=_price(told.get("price", ""), currency),
        quantity=None if by_channel else _quantity(told.get("quantity", "")),
        by_channel=by_channel,
        live=status.casefold() != "incomplete",
        problems=(clean(status, 60),) if status and status.casefold() != "active" else (),
    )


def _unreadable(site: str) -> RemoteListing:
    return RemoteListing(sku="", site=site, live=False, problems=(UNREADABLE,))


def _price(text: str, currency: str) -> Money | None:
    if _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        price = Money.parse(text, currency)
    except ValueError:
        return None
    return price if price.minor >= 0 else None


def _quantity(text: str) -> int | None:
    return int(text) if text.isascii() and _WHOLE.fullmatch(text) else None
