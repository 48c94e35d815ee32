"""A counter where listings are kept: Amazon's listings and feeds on loopback, as far as pushes need them.

It answers as told: takes, refuses, loses the answer, applies late. Whatever it applies is in `applied`, in that order.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

OFFER, STOCK = "/attributes/purchasable_offer", "/attributes/fulfillment_availability"


@dataclass
class Item:
    """What is there: price as told (text), quantity, siblings that no push may touch, issues."""

    price: str | None = None
    quantity: int | None = None
    kept: str = "lead time 3 days"
    issues: list[dict[str, Any]] = field(default_factory=list)


class Counter:
    """`moods` are used up one by one per push: take, refuse, lost, late, down, throttle, swallow; then it takes."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.moods: list[str] = []
        self.applied: list[tuple[str, str | None, int | None]] = []
        self.late: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.documents: dict[str, bytes] = {}
        self.feeds: dict[str, dict[str, Any]] = {}
        self.feed_status = "DONE"
        self.refused_skus: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def arrive(self) -> None:
        """What was sent long ago and is still on its way arrives now."""
        with self._lock:
            late, self.late = self.late, []
            for sku, body in late:
                self._apply(sku, body)

    def _apply(self, sku: str, body: dict[str, Any]) -> None:
        item = self.items.setdefault(sku, Item())
        for patch in body["patches"]:
            [value] = patch["value"]
            if patch["op"] != "merge":
                item.kept = ""
            if patch["path"] == STOCK:
                item.quantity = value["quantity"]
            if patch["path"] == OFFER:
                item.price = str(value["our_price"][0]["schedule"][0]["value_with_tax"])
        self.applied.append((sku, item.price, item.quantity))

    def patch(self, sku: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """The answer to a patch, None to hang up without one."""
        with self._lock:
            mood = self.moods.pop(0) if self.moods else "take"
            if mood == "refuse" or sku in self.refused_skus:
                return 200, {"sku": sku, "status": "INVALID", "submissionId": "s-0", "issues": [_issue()]}
            if mood == "down":
                return 503, {"errors": [{"code": "Unavailable", "message": "try later", "details": ""}]}
            if mood == "throttle":
                return 429, {"errors": [{"code": "QuotaExceeded", "message": "slow down", "details": ""}]}
            if mood == "late":
                self.late.append((sku, body))
                return None
            if mood == "swallow":  # accepted, and then found wrong
                self.items.setdefault(sku, Item()).issues = [_issue()]
            else:
                self.items.setdefault(sku, Item()).issues = []
                self._apply(sku, body)
            if mood == "lost":
                return None
            return 200, {"sku": sku, "status": "ACCEPTED", "submissionId": f"s-{len(self.applied)}", "issues": []}

    def item(self, sku: str) -> tuple[int, dict[str, Any]]:
        """The listing as it stands."""
        item = self.items.get(sku)
        if item is None:
            return 404, {"errors": [{"code": "NOT_FOUND", "message": "SKU not found", "details": ""}]}
        site = "A1PA6795UKMFR9"
        price = [{"marketplaceId": site, "offerType": "B2C", "price": {"currencyCode": "EUR", "amount": item.price}}]
        told = {"sku": sku, "summaries": [{"marketplaceId": site, "productType": "MUG", "itemName": "Mug"}]}
        stock = [{"fulfillmentChannelCode": "DEFAULT", "quantity": item.quantity}]
        return 200, told | {
            "offers": price if item.price else [],
            "fulfillmentAvailability": stock,
            "issues": item.issues,
        }

    def feed(self, method: str, path: str, body: Any, raw: bytes) -> tuple[int, dict[str, Any]]:
        """The calls of a feed and its documents."""
        with self._lock:
            if path == "/upload" or path.startswith("/upload/"):
                self.documents[path.rpartition("/")[2]] = raw
                return 200, {}
            if path.endswith("/documents") and method == "POST":
                name = f"d{len(self.documents) + 1}"
                self.documents[name] = b""
                return 201, {"feedDocumentId": name, "url": f"{self.url}/upload/{name}"}
            if path.endswith("/feeds") and method == "POST":
                name = f"f{len(self.feeds) + 1}"
                self.feeds[name] = body
                return 202, {"feedId": name}
            name = path.rpartition("/")[2]
            if "/documents/" in path:
                return 200, {"feedDocumentId": name, "url": f"{self.url}/report/{name}"}
            if path.startswith("/report/"):
                return 200, self._work(name.removeprefix("r-"))
            told = {"feedId": name, "feedType": "JSON_LISTINGS_FEED", "createdTime": "2026-09-01T12:00:00Z"}
            return 200, told | {"processingStatus": self.feed_status, "resultFeedDocumentId": f"r-{name}"}

    def _work(self, feed_id: str) -> dict[str, Any]:
        feed = json.loads(self.documents[self.feeds[feed_id]["inputFeedDocumentId"]], parse_float=str)
        issues = []
        for message in feed["messages"]:
            if message["sku"] in self.refused_skus:
                issues.append({"messageId": message["messageId"], "sku": message["sku"]} | _issue())
            else:
                self._apply(message["sku"], message)
        accepted = len(feed["messages"]) - len(issues)
        summary = {"errors": len(issues), "warnings": 0, "messagesProcessed": len(feed["messages"])}
        summary |= {"messagesAccepted": accepted, "messagesInvalid": len(issues)}
        header = {"sellerId": "S1", "version": "2.0", "feedId": feed_id}
        return {"header": header, "issues": issues, "summary": summary}


def _issue() -> dict[str, Any]:
    return {
        "code": "90220",
        "message": "'condition_type' is required but not supplied.",
        "severity": "ERROR",
        "attributeNames": ["condition_type"],
        "categories": ["MISSING_ATTRIBUTE"],
        "enforcements": {"actions": [{"action": "LISTING_SUPPRESSED"}], "exemption": {"status": "NOT_EXEMPT"}},
    }


def _handler(counter: Counter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urlsplit(self.path).path
            body = json.loads(raw, parse_float=str) if raw and not path.startswith("/upload") else None
            counter.requests.append((self.command, path, body))
            if "/listings/" in path:
                sku = unquote(path.rpartition("/")[2])
                found = counter.patch(sku, body) if self.command == "PATCH" else counter.item(sku)
            else:
                found = counter.feed(self.command, path, body, raw)
            if found is None:
                self.close_connection = True
                return
            data = json.dumps(found[1]).encode()
            self.send_response(found[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = do_POST = do_PUT = _serve

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
