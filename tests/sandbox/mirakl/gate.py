"""Owns who may call an instance: the key as the header's whole value, the shop's state, the vendor's frequencies.

The contract shows no bodies of errors: the shapes are those that were seen, the sentences are invented.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.mirakl.shops import Shop, Shops, named
from tests.sandbox.world import World

BASE = "/mirakl/<instance>/api"
HTML = "<!doctype html><html><head><title>Not found</title></head><body><h1>Nothing is sold here</h1></body></html>"
# Seconds between two calls of an operation that is limited; the others are as often as something happens.
FREQUENCY = {"STO01": 60, "PRI01": 60, "STO02": 15, "PRI02": 60, "STO03": 60, "PRI03": 60}
TOLERANCE = 0.8
Work = Callable[[Shop], Response]


class Wrong(ValueError):
    """A call that makes no sense; the text is told with the status."""

    def __init__(self, text: str, status: int = 400, code: str = "") -> None:
        self.status = status
        self.code = code
        super().__init__(text)


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; None has no body."""
    if value is None:
        return Response(b"", status, headers)
    return Response(
        json.dumps(value, ensure_ascii=False), status, headers, content_type="application/json;charset=UTF-8"
    )


def refusal(status: int, message: str, code: str = "") -> Response:
    """A refusal in one of the two shapes."""
    if code:
        return answer({"errors": [{"code": code, "message": message}]}, status)
    return answer({"message": message, "status": status}, status)


def too_many() -> Response:
    """Too often."""
    response = refusal(429, "Too many requests")
    response.headers["Retry-After"] = "30"
    return response


class Gate:
    """The gate in front of every operation."""

    def __init__(self, world: World, shops: Shops) -> None:
        self.world = world
        self.shops = shops
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], float] = {}

    def forget(self) -> None:
        """Every operation may be called at once."""
        with self._lock:
            self._last.clear()

    def call(self, instance: str, operation: str, work: Work) -> Response:
        """Run one operation with faults, and record it with its status under the shop."""
        shop = self._holder(instance)
        who = named(shop) if shop else ""

        def execute() -> Response:
            told = self._gated(instance, operation, shop) or _tried(lambda: work(shop or {}))
            facts = {"status": told.status_code, "query": request.query_string.decode(), "path": request.path}
            self.world.ledger.record("mirakl", f"mirakl.{operation}", who, facts)
            return told

        labels = {"seller": str(shop["shop_id"]) if shop else "", "instance": instance}
        return self.world.faults.run("mirakl", operation, labels, execute, too_many)

    def register_unknown(self, app: Flask) -> None:
        """What no operation knows: HTML, as a web server answers."""

        @app.route("/mirakl/<instance>/<path:unknown>", methods=["GET", "POST", "PUT", "DELETE"])
        def mirakl_nowhere(instance: str, unknown: str) -> Response:
            return Response(HTML, 404, content_type="text/html; charset=utf-8")

    def _holder(self, instance: str) -> Shop | None:
        with self.world.lock:
            return self.shops.holder(
                instance, request.headers.get("Authorization", ""), request.args.get("shop_id", "")
            )

    def _gated(self, instance: str, operation: str, shop: Shop | None) -> Response | None:
        if instance not in self.shops.instances():
            return Response(HTML, 404, content_type="text/html; charset=utf-8")
        if shop is None:
            return refusal(401, "Unauthorized")
        closed = shop["denied"] or shop["state"] == "TERMINATED"
        if closed and operation != "A01":
            return refusal(403, "Access Denied: your shop cannot use this API")
        return None if self._often(operation, shop) else too_many()

    def _often(self, operation: str, shop: Shop) -> bool:
        """Whether the operation may be called again."""
        pause, now = FREQUENCY.get(operation), self.world.clock.timestamp()
        factor = max(1.0, self.world.settings.bucket_factor)
        if pause is None or not self.shops.settings["limits"]:
            return True
        key = (operation, named(shop))
        with self._lock:
            last = self._last.get(key)
            if last is not None and 0 <= now - last < pause * TOLERANCE / factor:
                return False
            self._last[key] = now
            return True


def _tried(work: Callable[[], Response]) -> Response:
    try:
        return work()
    except Wrong as wrong:
        return refusal(wrong.status, str(wrong), wrong.code)


def paged(rows: list[Any]) -> list[Any]:
    """The rows that `max` (10, at most 100) and `offset` ask for."""
    most, offset = whole("max", 10), whole("offset", 0)
    if not 0 < most <= 100 or offset < 0:
        raise Wrong("max must be 1 to 100, offset 0 or more")
    return rows[offset : offset + most]


def whole(name: str, default: int) -> int:
    """A number of the query."""
    told = request.args.get(name, str(default))
    if not told.isascii() or not told.isdigit():
        raise Wrong(f"{name} must be a whole number")
    return int(told)


def amount(text: str) -> float | int:
    """A decimal text as the number that the wire shows."""
    value = float(text)
    return int(value) if value == int(value) else value
