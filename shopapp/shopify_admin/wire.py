"""The one line to all shops: pooled, bounded in time and size, and the only place that knows `SHOPIFY_LOOPBACK`.

Judges statuses that mean the same for every call (402, 423, 429, 430, 5xx, nonsense); never repeats a request. The
library `shopifyapp` speaks through the same line (`library_client`), so its own retries never see a reason to start.
"""

from __future__ import annotations

import json as jsonlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

import httpx
import requests

from marketplaces.errors import RateLimited, Transient
from marketplaces.exact import parse_json
from marketplaces.text import clean, redact
from marketplaces.transport import Hosts, Transport, WireFailure
from marketplaces.wire import retry_after
from shopapp import clock, runtime
from shopapp.records import db
from shopapp.shopify_admin.errors import ShopFrozen

SECONDS = 30
CAP = 20_000_000
FROZEN = (402, 423)
LIMITED = (429, 430)
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "shopapp",
}

_lock = threading.Lock()
_transports: dict[tuple[int, str], ShopTransport] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: 2xx or a 4xx that the caller must understand. `body` is parsed JSON, None if it was none."""

    status: int
    body: Any
    raw: bytes
    request_id: str


class ShopTransport(Transport):
    """Reaches `*.myshopify.com` only; with a loopback address every shop is there, its own name kept in Host."""

    def __init__(self, loopback: str) -> None:
        self.loopback = loopback
        super().__init__(Hosts([f"http://{loopback}"] if loopback else [".myshopify.com"]), seconds=SECONDS, cap=CAP)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Like the parent's."""
        parts = urlsplit(request.url or "")
        if self.loopback and (parts.hostname or "").endswith(".myshopify.com"):
            request.headers["Host"] = parts.hostname or ""
            request.url = urlunsplit(("http", self.loopback, parts.path, parts.query, ""))
        return super().send(request, *args, **kwargs)


def _transport() -> ShopTransport:
    """The pooled connections of this process; those made before a fork are left to the parent.

    No session of `requests` is around them: we keep no cookies, follow no redirects and take nothing of the environment.
    """
    key = (os.getpid(), runtime.config()["SHOPIFY_LOOPBACK"])
    with _lock:
        if key not in _transports:
            _transports[key] = ShopTransport(key[1])
        return _transports[key]


def close() -> None:
    """Close the pooled connections of this process."""
    with _lock:
        for key in [key for key in _transports if key[0] == os.getpid()]:
            _transports.pop(key).close()


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, call: str, effect: bool, until: datetime | None = None
) -> Answer:
    """Send JSON once. `effect` tells whether the remote may change something, so that a lost answer is `maybe_done`.

    After `until` nothing is sent: whoever slept on the way has been given up by others. Raises Transient, RateLimited,
    ShopFrozen. Must not be called inside a transaction.
    """
    assert db.open_transactions() == 0, "the network may not be used inside a transaction"
    request = requests.Request("POST", url, headers={**HEADERS, **headers}, data=body).prepare()
    if until is not None and clock.now() > until:
        raise Transient("not sent (too late)", call=call)
    try:
        response = _transport().send(request)
    except WireFailure as failure:
        raise Transient(failure.words, maybe_done=failure.sent and effect, call=call) from failure
    except requests.RequestException as error:
        # Its own text may quote the address.
        raise Transient(f"not sent ({type(error).__name__})", call=call) from None
    return _judge(response, call, effect)


def _judge(response: requests.Response, call: str, effect: bool) -> Answer:
    status, raw = response.status_code, response.content
    request_id = clean(response.headers.get("X-Request-Id", ""), 100)
    details: dict[str, Any] = {"status": status, "call": call, "request_id": request_id}
    if status in (*LIMITED, *FROZEN, 408) or status >= 500:
        _refuse(response, redact(clean(raw[:2000].decode("utf-8", "replace"), 300)), effect, details)
    try:
        body = parse_json(raw)
    except ValueError:
        if status < 300:
            _nonsense(call, effect, details)
        body = None
    if body is None and status < 300:
        _nonsense(call, effect, details)
    return Answer(status, body, raw, request_id)


def _refuse(response: requests.Response, words: str, effect: bool, details: dict[str, Any]) -> NoReturn:
    if response.status_code in LIMITED:
        raise RateLimited(retry_after(response.headers.get("Retry-After", ""), clock.now()), words, **details)
    if response.status_code in FROZEN:
        raise ShopFrozen(words, **details)
    raise Transient(words, maybe_done=effect, **details)


def _nonsense(call: str, effect: bool, details: dict[str, Any]) -> NoReturn:
    raise Transient("the answer is no readable JSON", maybe_done=effect, **details)


class _Bridge(httpx.BaseTransport):
    """Carries what `shopifyapp` sends over our line. Our error families pass through the library untouched."""

    def __init__(self, call: str) -> None:
        self.call = call

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name: request.headers[name] for name in ("user-agent",) if name in request.headers}
        answer = post(str(request.url), request.read(), headers, call=self.call, effect=True)
        raw = answer.raw if isinstance(answer.body, dict) else b"{}"
        return httpx.Response(answer.status, content=raw, headers={"content-type": "application/json"}, request=request)


def library_client(call: str) -> httpx.Client:
    """A client for one call of `shopifyapp`; use as a context manager. `call` names the operation in errors."""
    return httpx.Client(transport=_Bridge(call), trust_env=False)


def dumps(value: Any) -> bytes:
    """Compact JSON for a request body."""
    return jsonlib.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
