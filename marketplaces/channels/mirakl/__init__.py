"""Mirakl, the software that many marketplaces run on: declares the channel and hands each question to its module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from marketplaces.channel import AppKeys, Channel, Line, LoginKind, LoginRequest, Selling, Shipping
from marketplaces.channels.mirakl import account, calls, carriers, imports, listings, login, orders, repair, shipments
from marketplaces.data import (
    Carrier,
    Credentials,
    ListingChange,
    ListingPart,
    Order,
    OrderPage,
    OrderQuery,
    Parcel,
    PushResult,
    RemoteListing,
    Seller,
    Shipment,
)
from marketplaces.errors import LoginDeclined
from marketplaces.wire import Http


class Mirakl(Channel):
    """Mirakl: a key that does not end, an instance for each marketplace, orders that the seller accepts."""

    key = calls.KEY
    name = "Mirakl"
    login_kind = LoginKind.FORM
    account_needed = repair.ACCOUNT_NEEDED
    realms = ()
    instance = True
    fields = login.FIELDS
    settings = ("OFFERED",)
    app_keys = calls.APP_KEYS
    limits = calls.LIMITS
    poll_seconds = 900
    overlap = timedelta(minutes=15)
    search_call = calls.LIST_ORDERS.operation
    renews = False
    sentences = (login.NOT_A_KEY,)
    steps = repair.STEPS
    shipping = Shipping(needs_tracking=False, parts=False)
    accepts = True
    looks_daily = True
    selling = Selling(
        document_from=1,
        document_most=imports.MOST,
        documents=2,
        documents_within=timedelta(minutes=5),
        results_after=timedelta(minutes=2),
        gathers=True,
    )

    def hosts(self, keys: AppKeys, realm: str = "") -> tuple[str, ...]:
        """The instance alone. Without one, the domain under which the vendor runs most; or what the keys put in place."""
        if keys.get("API_BASE"):
            parts = urlsplit(calls.base(keys, realm or "instance"))
            return (f"{parts.scheme}://{parts.netloc}",)
        return (realm or ".mirakl.net",)

    def login_url(self, request: LoginRequest) -> str:
        """There is no page to log in at for others."""
        raise ValueError("Mirakl has no login for applications")

    def finish_login(self, http: Http, request: LoginRequest, answer: Mapping[str, str], now: datetime) -> Credentials:
        """Nobody comes back from a login that there is not."""
        raise LoginDeclined("Mirakl has no login for applications")

    def typed(self, values: Mapping[str, str], now: datetime) -> Credentials:
        """Address, key, and the shop where there are several."""
        return login.typed(values, self.realm_of(values), now)

    def identify(self, line: Line) -> Seller:
        """The shop of the key and its state."""
        return account.identify(line)

    def search_orders(self, line: Line, query: OrderQuery) -> OrderPage:
        """Up to a hundred orders."""
        return orders.search(line, query)

    def get_order(self, line: Line, order_id: str, site: str) -> Order:
        """One order."""
        return orders.get(line, order_id)

    def accept_order(self, line: Line, order_id: str, site: str) -> None:
        """All positions of an order, after a look at it."""
        orders.accept(line, order_id)

    def carrier(self, words: str) -> Carrier:
        """The usual name; what the operator calls it is found when a package is reported."""
        return carriers.carrier(words)

    def parcels(self, line: Line, order_id: str, site: str) -> tuple[Parcel, ...]:
        """The one package of an order that has shipped."""
        return shipments.parcels(line, order_id)

    def confirm_shipment(self, line: Line, shipment: Shipment) -> None:
        """Tracking, then that it has left."""
        shipments.confirm(line, shipment)

    def ask_for_listings(self, line: Line, site: str) -> str:
        """Offers can be read at any time."""
        return ""

    def read_listings(self, line: Line, site: str, ticket: str) -> ListingPart | None:
        """A hundred offers."""
        return listings.read(line, site, ticket)

    def get_listing(self, line: Line, site: str, sku: str) -> RemoteListing:
        """One offer."""
        return listings.get(line, site, sku)

    def push(self, line: Line, site: str, change: ListingChange) -> PushResult:
        """One change, by files of one line."""
        return imports.push(line, change)

    def push_document(self, line: Line, site: str, changes: Iterable[ListingChange]) -> str | tuple[PushResult, ...]:
        """A file of stock and one of prices."""
        return imports.send(line, changes)

    def document_results(self, line: Line, site: str, ticket: str) -> Iterator[PushResult] | None:
        """The lines that were refused."""
        return imports.results(line, ticket)


CHANNEL = Mirakl()
