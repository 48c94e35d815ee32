"""One signed call to the Selling Partner API, with its rate bucket. Vendor: "Usage plans", "Connect to the SP-API"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requests import PreparedRequest
from requests.auth import AuthBase

from marketplaces.channel import Limit, Line
from marketplaces.channels.amazon.answers import check
from marketplaces.channels.amazon.regions import api_base
from marketplaces.wire import Answer

SEARCH_ORDERS = Limit("searchOrders", "0.0056", 20)
GET_ORDER = Limit("getOrder", "0.5", 30)
PARTICIPATIONS = Limit("getMarketplaceParticipations", "0.016", 15)
SEARCH_LISTINGS = Limit("searchListingsItems", "5", 5)
CONFIRM_SHIPMENT = Limit("confirmShipment", "2", 10)
GET_LISTING = Limit("getListingsItem", "5", 10)
CREATE_REPORT = Limit("createReport", "0.0167", 15)
GET_REPORT = Limit("getReport", "2", 15)
GET_REPORT_DOCUMENT = Limit("getReportDocument", "0.0167", 15)
PATCH_LISTING = Limit("patchListingsItem", "5", 5)
CREATE_FEED_DOCUMENT = Limit("createFeedDocument", "0.5", 15)
CREATE_FEED = Limit("createFeed", "0.0083", 15)
GET_FEED = Limit("getFeed", "2", 15)
GET_FEED_DOCUMENT = Limit("getFeedDocument", "0.0222", 10)
PUSHING = (PATCH_LISTING, CREATE_FEED_DOCUMENT, CREATE_FEED, GET_FEED, GET_FEED_DOCUMENT)
READING = (SEARCH_LISTINGS, GET_LISTING, CREATE_REPORT, GET_REPORT, GET_REPORT_DOCUMENT)
LIMITS = (SEARCH_ORDERS, GET_ORDER, PARTICIPATIONS, *READING, *PUSHING, CONFIRM_SHIPMENT)


class _Access(AuthBase):
    """Amazon's own header for the access token."""

    def __init__(self, line: Line) -> None:
        self._token = line.credentials.access_token
        self._date = line.now().strftime("%Y%m%dT%H%M%SZ")

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["x-amz-access-token"] = self._token
        request.headers["x-amz-date"] = self._date
        return request


def get(line: Line, limit: Limit, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at `path`. Buckets are per seller, region and operation. Raises the error families."""
    return check(send(line, limit, "GET", path, params), secrets=secrets_of(line))


def send(
    line: Line, limit: Limit, method: str, path: str, params: Mapping[str, str] | None = None, *, body: Any = None
) -> Answer:
    """The answer to one call, `body` sent as JSON: 2xx, or a 4xx that `answers.check` understands."""
    return line.http.request(
        limit.operation,
        method,
        api_base(line.keys, line.realm) + path,
        params=params,
        json=body,
        auth=_Access(line),
        bucket=limit.bucket("amazon", line.realm, line.seller_id),
        secrets=secrets_of(line),
    )


def secrets_of(line: Line) -> tuple[str, ...]:
    """What must never stand in an error's words."""
    return (line.credentials.access_token, *line.credentials.secrets.values(), line.keys.get("CLIENT_SECRET"))
