"""Pushes many listings as one JSON_LISTINGS_FEED: document, upload, feed, and its report. Single ones are `push`'s.

Vendor: "Feeds API 2021-06-30" and the listings feed schema, version 2. A feed takes minutes, also in idle times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote

from marketplaces.channel import Limit, Line
from marketplaces.channels.amazon import calls, documents
from marketplaces.channels.amazon.answers import check
from marketplaces.channels.amazon.push import ANY_PRODUCT, patches, refusal, said
from marketplaces.data import ListingChange, PushResult
from marketplaces.errors import Rejected, Transient
from marketplaces.exact import exact_json, parse_json
from marketplaces.text import clean

PATH = "/feeds/2021-06-30"
KIND = "JSON_LISTINGS_FEED"
CONTENT = "application/json; charset=UTF-8"
MOST = 25_000  # messages of a feed
LARGEST = 10 * 1024 * 1024  # bytes of its document
HEADER, MESSAGE = 500, 390  # bytes of either at the most, a message without its SKU and product type
ROOM = LARGEST - HEADER - MOST * MESSAGE  # for those of all messages
FEEDS, WITHIN = 5, timedelta(minutes=5)  # of this kind, beside the bucket of createFeed
BATCH = 1_000  # messages written at once
CAP = 200_000_000  # bytes of an unpacked report
VALUES = 100 * MOST  # in it: a message may have many issues, most of them hints


def send(line: Line, site: str, changes: Iterable[ListingChange]) -> str:
    """Submit the changes, whose keys are numbers; the feed's id."""
    data = document(line, site, changes)  # complete before the first call
    made = _post(line, calls.CREATE_FEED_DOCUMENT, "/documents", {"contentType": CONTENT})
    call = calls.CREATE_FEED_DOCUMENT.operation
    document_id, url = _text(made, "feedDocumentId", call), _text(made, "url", call)
    line.http.upload(call, url, data, CONTENT, hosts=documents.hosts_of(line, url, call))
    wish = {"feedType": KIND, "marketplaceIds": [site], "inputFeedDocumentId": document_id}
    return _text(_post(line, calls.CREATE_FEED, "/feeds", wish), "feedId", calls.CREATE_FEED.operation)


def document(line: Line, site: str, changes: Iterable[ListingChange]) -> bytes:
    """The feed's document."""
    header = exact_json({"sellerId": line.seller_id, "version": "2.0", "issueLocale": "en_US"})
    messages = ",".join(
        # The numbers of many are made exact at once: that costs more than all the rest of a message.
        exact_json([_message(site, change) for change in some])[1:-1]
        for some in _some_at_a_time(changes)
    )
    return f'{{"header":{header},"messages":[{messages}]}}'.encode()


def _some_at_a_time(changes: Iterable[ListingChange]) -> Iterator[list[ListingChange]]:
    left = iter(changes)
    while some := list(islice(left, BATCH)):
        yield some


def _message(site: str, change: ListingChange) -> dict[str, Any]:
    return {
        "messageId": int(change.key),
        "sku": change.sku,
        "operationType": "PATCH",
        "productType": change.product_type or ANY_PRODUCT,
        "patches": patches(site, change),
    }


def results(line: Line, site: str, feed_id: str) -> Iterator[PushResult] | None:
    """The messages that were refused, None while Amazon works on the feed. Rejected when it gave the whole feed up."""
    call = calls.GET_FEED.operation
    feed = calls.get(line, calls.GET_FEED, f"{PATH}/feeds/{quote(feed_id, safe='')}")
    status = feed.get("processingStatus")
    if status in ("IN_QUEUE", "IN_PROGRESS"):
        return None
    if status in ("CANCELLED", "FATAL"):
        words = f"Amazon gave the feed up ({status})"
        raise Rejected(words, code=status, reason="refused_by_channel", call=call)
    if status != "DONE":
        raise Transient(f"a feed in the unknown state {clean(str(status), 40)!r}", call=call)
    document_id = feed.get("resultFeedDocumentId")
    if not document_id:
        return iter(())  # nothing to report
    return _refused(_report(line, str(document_id)))


def _report(line: Line, document_id: str) -> Mapping[str, Any]:
    call = calls.GET_FEED_DOCUMENT.operation
    path = f"{PATH}/documents/{quote(document_id, safe='')}"
    url = _text(calls.get(line, calls.GET_FEED_DOCUMENT, path), "url", call)
    with line.http.download(call, url, hosts=documents.hosts_of(line, url, call)) as saved:
        try:
            report = parse_json(b"".join(saved.pieces(CAP)), VALUES)
        except ValueError as error:
            raise Transient("a feed's report that cannot be read", call=call) from error
    if not isinstance(report, dict) or not isinstance(report.get("summary"), dict):
        raise Transient("a feed's report of an unknown shape", call=call)
    _whole(report, call)
    return report


def _whole(report: Mapping[str, Any], call: str) -> None:
    """A document that Amazon could not read at all has an error that belongs to no message."""
    general = [one for one in _issues(report) if not one.get("messageId")]
    failed = [one for one in general if one.get("severity") == "ERROR"]
    if failed and not report["summary"].get("messagesAccepted"):
        words = said(failed[0].get("message"), 400)
        raise Rejected(words, code=said(failed[0].get("code"), 60), reason="refused_by_channel", call=call)


def _refused(report: Mapping[str, Any]) -> Iterator[PushResult]:
    """One result for each message that has an error; known by its SKU alone where the message is not named."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for issue in _issues(report):
        if issue.get("severity") == "ERROR":
            number = issue.get("messageId")
            key = str(number) if isinstance(number, (int, str)) and str(number).isdecimal() else ""
            found.setdefault((key, "" if key else _sku(issue)), []).append(issue)
    for (key, _), issues in found.items():
        sku = _sku(issues[0])
        if key or sku:
            yield refusal(key, sku, issues)


def _sku(issue: Mapping[str, Any]) -> str:
    told = issue.get("sku")
    return clean(told, 255, keep_spaces=True) if isinstance(told, str) else ""


def _issues(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = report.get("issues")
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _post(line: Line, limit: Limit, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = calls.send(line, limit, "POST", PATH + path, body=body)
    return check(answer, secrets=calls.secrets_of(line))


def _text(body: Mapping[str, Any], key: str, call: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise Transient(f"an answer without {key}", maybe_done=True, call=call)
    return value
