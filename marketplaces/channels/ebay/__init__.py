"""eBay, by its Sell APIs: declares the channel and hands each question to its module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from marketplaces.channel import AppKeys, Channel, Limit, Line, LoginKind, LoginRequest, Selling, Shipping, Step
from marketplaces.channels.ebay import (
    calls,
    carriers,
    listings,
    login,
    notices,
    orders,
    push,
    repair,
    sellers,
    shipments,
    sites,
)
from marketplaces.data import (
    Carrier,
    Credentials,
    Heard,
    ListingChange,
    ListingPart,
    Notice,
    Order,
    OrderPage,
    OrderQuery,
    Parcel,
    PushResult,
    RemoteListing,
    Seller,
    Shipment,
)
from marketplaces.transport import allowed_of
from marketplaces.wire import Http


class Ebay(Channel):
    """eBay: no limit of a single seller, but quotas a day that all sellers of our application share."""

    key = "ebay"
    name = "eBay"
    login_kind = LoginKind.OAUTH2
    account_needed = repair.ACCOUNT_NEEDED
    realms = sites.REALMS
    settings = ("CLIENT_ID", "CLIENT_SECRET", "RUNAME")
    app_keys = login.APP_KEYS
    limits = calls.LIMITS
    search_call = calls.FULFILLMENT.operation
    poll_seconds = 60
    overlap = timedelta(minutes=10)
    orders_per_page = orders.MOST
    known_lifetime = login.LIFETIME
    app_id_key = "CLIENT_ID"
    steps = repair.STEPS
    shipping = Shipping(needs_tracking=False, edits=False)
    selling = Selling(document_from=2, document_most=push.MOST)
    hears = True

    def hosts(self, keys: AppKeys, realm: str = "") -> tuple[str, ...]:
        """The API and its identity part, or what the keys put in their place."""
        return allowed_of((sites.api_base(keys), sites.identity_base(keys)))

    def limits_of(self, keys: AppKeys) -> tuple[Limit, ...]:
        """The quotas that eBay granted our application."""
        return calls.limits_of(keys)

    def step_link(self, step: Step, keys: AppKeys, realm: str) -> str:
        """As the base class says; the sandbox has pages of its own."""
        return repair.step_link(step, keys, realm)

    def login_url(self, request: LoginRequest) -> str:
        """eBay's consent page."""
        return login.login_url(request)

    def finish_login(self, http: Http, request: LoginRequest, answer: Mapping[str, str], now: datetime) -> Credentials:
        """From `state` and `code`; good for eighteen months."""
        return login.finish_login(http, request, answer, now)

    def typed(self, values: Mapping[str, str], now: datetime) -> Credentials:
        """There is no typed way: ValueError."""
        raise ValueError("", "eBay is connected by logging in.")

    def refresh(self, http: Http, keys: AppKeys, realm: str, credentials: Credentials, now: datetime) -> Credentials:
        """Access for two hours."""
        return login.refresh(http, keys, credentials, now)

    def identify(self, line: Line) -> Seller:
        """By the immutable id of the user."""
        return sellers.identify(line)

    def hear(self, http: Http, keys: AppKeys, notice: Notice) -> Heard:
        """Revocations, closed accounts, and the question whether the address is ours."""
        return notices.hear(http, keys, notice)

    def search_orders(self, line: Line, query: OrderQuery) -> OrderPage:
        """Up to 200 orders with their taxes."""
        return orders.search(line, query)

    def get_order(self, line: Line, order_id: str, site: str) -> Order:
        """One order, with what became of requests to cancel it."""
        return orders.get(line, order_id, site)

    def carrier(self, words: str) -> Carrier:
        """eBay's carrier code; the merchant's own name for one that eBay does not know."""
        return carriers.carrier(words)

    def parcels(self, line: Line, order_id: str, site: str) -> tuple[Parcel, ...]:
        """The packages of an order."""
        return shipments.parcels(line, order_id)

    def confirm_shipment(self, line: Line, shipment: Shipment) -> None:
        """One package, unless it is there already."""
        shipments.confirm(line, shipment)

    def ask_for_listings(self, line: Line, site: str) -> str:
        """Nothing has to be asked for."""
        return ""

    def read_listings(self, line: Line, site: str, ticket: str) -> ListingPart | None:
        """A page of the items that were made by the Inventory API."""
        return listings.read(line, site, ticket)

    def get_listing(self, line: Line, site: str, sku: str) -> RemoteListing:
        """With the id of its offer."""
        return listings.get(line, site, sku)

    def push(self, line: Line, site: str, change: ListingChange) -> PushResult:
        """Price and stock of one SKU; applied at once."""
        return push.push(line, site, change)

    def push_document(self, line: Line, site: str, changes: Iterable[ListingChange]) -> tuple[PushResult, ...]:
        """Those of up to 25 SKUs in one call."""
        return push.push_all(line, site, changes)


CHANNEL = Ebay()
