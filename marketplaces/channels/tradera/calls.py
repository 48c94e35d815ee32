"""One call to Tradera's REST API, with the daily budget of its method. Vendor: "REST API getting started".

The budgets are our application's, so that all its sellers share them. Two levels of keys go with a call: those of the
application, and for a seller's own data his id and token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requests import PreparedRequest
from requests.auth import AuthBase

from marketplaces.channel import AppKeys, Limit, Line
from marketplaces.channels.tradera.answers import check, nonsense
from marketplaces.channels.tradera.market import DAILY_CALLS, api_base
from marketplaces.files import Saved
from marketplaces.wire import Answer, Bucket, Http

FEWEST = 10  # calls a day below which no budget can be kept
SEARCH_ORDERS, GET_ORDERS, SHIP = "searchOrders", "getOrders", "shipOrder"
ME, SELLER_INFO, TOKEN = "getMe", "getSellerInfo", "fetchToken"
SELLER_ITEMS, PRICES, QUANTITIES, RESULTS = "getSellerItems", "setPrices", "setQuantities", "getRequestResults"
METHODS = (SEARCH_ORDERS, GET_ORDERS, SHIP, ME, SELLER_INFO, TOKEN, SELLER_ITEMS, PRICES, QUANTITIES, RESULTS)


def limit(operation: str, daily: int) -> Limit:
    """The daily budget of one method, for all sellers together."""
    return Limit.daily(operation, daily, max(1, daily // 10))


def limits(daily: int = DAILY_CALLS) -> tuple[Limit, ...]:
    """The budgets of all methods."""
    return tuple(limit(operation, daily) for operation in METHODS)


def daily_calls(keys: AppKeys) -> int:
    """What the operator says that Tradera grants; the vendor's default for anything that makes no sense."""
    told = keys.get("DAILY_CALLS")
    return int(told) if told.isascii() and told.isdigit() and int(told[:9]) >= FEWEST else DAILY_CALLS


class _Keys(AuthBase):
    """Tradera's own headers: of the application, and of the seller where it is his call."""

    def __init__(self, keys: AppKeys, user: str = "", token: str = "") -> None:
        self._headers = {"X-App-Id": keys["APP_ID"], "X-App-Key": keys["APP_KEY"], "Accept": "application/json"}
        if user:
            self._headers |= {"X-User-Id": user, "X-User-Token": token}

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers.update(self._headers)
        return request


def get(line: Line, operation: str, path: str, *, right: str = "") -> Any:
    """The JSON at `path`. Raises the error families; `right` names what is missing when Tradera refuses the call."""
    return check(send(line, operation, "GET", path), secrets=secrets_of(line), right=right)


def get_file(line: Line, operation: str, path: str, *, right: str, cap: int) -> Saved:
    """Like `get`, for an answer of up to `cap` bytes, that may be too long for memory."""
    answer = line.http.fetch(
        operation,
        api_base(line.keys) + path,
        auth=_seller(line),
        bucket=_own(line, operation),
        secrets=secrets_of(line),
        cap=cap,
    )
    saved = check(answer, secrets=secrets_of(line), right=right)
    if not isinstance(saved, Saved):
        raise nonsense(operation, "a good answer")
    return saved


def send(line: Line, operation: str, method: str, path: str, *, body: Any = None) -> Answer:
    """The answer to one call for the seller: 2xx, or a 4xx that `answers.check` understands."""
    return line.http.request(
        operation,
        method,
        api_base(line.keys) + path,
        json=body,
        auth=_seller(line),
        bucket=_own(line, operation),
        secrets=secrets_of(line),
    )


def send_as_application(http: Http, keys: AppKeys, operation: str, path: str, body: Mapping[str, Any]) -> Answer:
    """The answer to a POST that needs no seller's token."""
    return http.request(
        operation,
        "POST",
        api_base(keys) + path,
        json=body,
        auth=_Keys(keys),
        bucket=_bucket(keys, operation),
        secrets=(keys["APP_KEY"],),
    )


def secrets_of(line: Line) -> tuple[str, ...]:
    """What must never stand in an error's words."""
    return (*line.credentials.secrets.values(), line.keys.get("APP_KEY"))


def _user(line: Line) -> str:
    return line.credentials.public.get("seller_id", "") or line.seller_id


def _seller(line: Line) -> _Keys:
    return _Keys(line.keys, _user(line), line.credentials.secrets.get("token", ""))


def _own(line: Line, operation: str) -> Bucket:
    return _bucket(line.keys, operation, line.realm, _user(line))


def _bucket(keys: AppKeys, operation: str, realm: str = "", seller_id: str = "") -> Bucket:
    return limit(operation, daily_calls(keys)).bucket("tradera", realm, seller_id)
