"""Speaks to one instance: its base address, the key in the header, the limit that each call draws from. Judges nothing.

Vendor: "Marketplace APIs for sellers"; the frequencies are its own, for each shop. A search of orders is for external
partners every fifteen minutes, of as many pages as it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from requests import PreparedRequest
from requests.auth import AuthBase

from marketplaces.channel import AppKey, AppKeys, Limit, Line
from marketplaces.channels.mirakl.answers import check
from marketplaces.errors import Transient
from marketplaces.files import Saved
from marketplaces.wire import Answer, Bucket

KEY = "mirakl"
SHOP_ID, ADDRESS, SECRET = "shop_id", "instance_url", "api_key"
APP_KEYS = (
    AppKey(
        "OFFERED",
        "1 offers Mirakl: sellers type the address of their marketplace and their own key; empty: not",
        form="(?i:(?!(?:0|no|off|false)$).+)",  # whatever is set here offers it
    ),
    AppKey("API_BASE", "base of every instance for the sandbox; may hold {instance}"),
)

LIST_ORDERS = Limit("listOrders", "0.0167", 20)
GET_ORDER = Limit("getOrder", "1", 10)
GET_ACCOUNT = Limit("getAccount", "0.0000116", 8)  # once a day, and when a person connects or repairs
ACCEPT_ORDER = Limit("acceptOrder", "1", 10)
SET_TRACKING = Limit("setTracking", "1", 10)
SHIP_ORDER = Limit("shipOrder", "1", 10)
LIST_CARRIERS = Limit("listCarriers", "0.0000116", 4)
LIST_OFFERS = Limit("listOffers", "2", 20)
IMPORT_STOCK = Limit("importStock", "0.0167", 2)
STOCK_STATUS = Limit("stockStatus", "0.0667", 2)
STOCK_ERRORS = Limit("stockErrors", "0.0167", 2)
IMPORT_PRICES = Limit("importPrices", "0.0167", 2)
PRICE_STATUS = Limit("priceStatus", "0.0167", 2)
PRICE_ERRORS = Limit("priceErrors", "0.0167", 2)
ORDERS = (LIST_ORDERS, GET_ORDER, GET_ACCOUNT, ACCEPT_ORDER, SET_TRACKING, SHIP_ORDER, LIST_CARRIERS)
LIMITS = (*ORDERS, LIST_OFFERS, IMPORT_STOCK, STOCK_STATUS, STOCK_ERRORS, IMPORT_PRICES, PRICE_STATUS, PRICE_ERRORS)
BOUNDARY = "shopapp-3f1c9a7be2d84"


class _Key(AuthBase):
    """The key as it is: the vendor knows no scheme word before it."""

    def __init__(self, line: Line) -> None:
        self._key = line.credentials.secrets[SECRET]

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = self._key
        return request


def base(keys: AppKeys, realm: str) -> str:
    """The base address of the instance at the host `realm`; the key API_BASE stands in for every instance."""
    configured = keys.get("API_BASE")
    return configured.replace("{instance}", realm).rstrip("/") if configured else f"https://{realm}"


def get(line: Line, limit: Limit, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at `path`. Raises the error families."""
    return check(send(line, limit, "GET", path, params), secrets=secrets_of(line))


def put(line: Line, limit: Limit, path: str, body: Any = None) -> None:
    """A PUT that is answered without a word. Raises the error families."""
    answer = send(line, limit, "PUT", path, body=body)
    check(answer, secrets=secrets_of(line))
    if answer.status != 204:
        words = "an answer of an unknown shape"
        raise Transient(words, maybe_done=True, status=answer.status, call=answer.call)


def post_file(line: Line, limit: Limit, path: str, name: str, text: str) -> dict[str, Any]:
    """Send the CSV `text` as the file of a form; the answer's object. Raises the error families."""
    head = (
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv; charset=utf-8\r\n'
    )
    body = f"--{BOUNDARY}\r\n{head}\r\n{text}\r\n--{BOUNDARY}--\r\n".encode()
    answer = send(line, limit, "POST", path, raw=(f"multipart/form-data; boundary={BOUNDARY}", body))
    return check(answer, secrets=secrets_of(line))


def fetch_file(line: Line, limit: Limit, path: str) -> Saved:
    """The file at `path`, complete on this machine. Transient when it is not to be had."""
    bucket = _bucket(line, limit)
    url = _url(line, path)
    return line.http.download(limit.operation, url, auth=_Key(line), bucket=bucket, cap=200_000_000)


def send(
    line: Line,
    limit: Limit,
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    *,
    body: Any = None,
    raw: tuple[str, bytes] | None = None,
) -> Answer:
    """The answer to one call: 2xx, or a 4xx that `answers.check` understands."""
    headers = {"Accept": "application/json"}
    if method != "GET" and body is None and raw is None:
        headers["Content-Length"] = "0"
    return line.http.request(
        limit.operation,
        method,
        _url(line, path),
        params={**(params or {}), **_shop(line)},
        json=body,
        raw=raw,
        headers=headers,
        auth=_Key(line),
        bucket=_bucket(line, limit),
        secrets=secrets_of(line),
    )


def order_path(order_id: str, deed: str) -> str:
    """The address of a deed with an order; ids may hold anything."""
    return f"/api/orders/{quote(order_id, safe='')}/{deed}"


def secrets_of(line: Line) -> tuple[str, ...]:
    """What must never stand in an error's words."""
    return tuple(line.credentials.secrets.values())


def _url(line: Line, path: str) -> str:
    return base(line.keys, line.realm) + path


def _shop(line: Line) -> dict[str, str]:
    """Which of the user's shops is meant, where the seller said so; else the vendor takes the user's default."""
    shop = line.credentials.public.get(SHOP_ID, "")
    return {"shop_id": shop} if shop else {}


def _bucket(line: Line, limit: Limit) -> Bucket:
    # Before the first answer nobody knows the shop. What was typed may be another's, whose permits no stranger may use up.
    key = line.credentials.secrets[SECRET]
    seller = line.seller_id or f"new:{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    return limit.bucket(KEY, line.realm, seller)
