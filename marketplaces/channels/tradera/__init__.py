"""Tradera, by its REST API v4: declares the channel and hands each question to its module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from marketplaces.channel import AppKeys, Channel, Limit, Line, LoginKind, LoginRequest, Selling, Shipping, Step
from marketplaces.channels.tradera import (
    calls,
    listings,
    login,
    market,
    orders,
    repair,
    results,
    sellers,
    shipments,
)
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
from marketplaces.wire import Http


class Tradera(Channel):
    """Tradera: its calls are counted by the day over all sellers of the application, so that it is asked seldom."""

    key = "tradera"
    name = "Tradera"
    login_kind = LoginKind.OWN
    guessable = True  # the number of a user is public, and the key of a login stands in its address
    renews = False
    account_needed = repair.ACCOUNT_NEEDED
    realms = market.REALMS
    settings = market.NEEDED
    app_keys = market.APP_KEYS
    limits = calls.limits()
    poll_seconds = 900
    overlap = timedelta(minutes=20)
    search_call = calls.SEARCH_ORDERS
    app_id_key = "APP_ID"
    steps = repair.STEPS
    shipping = Shipping(needs_tracking=False, carries_tracking=False, edits=False, parts=False)
    # A call serves a hundred changes as well as one, and a day has few of them.
    selling = Selling(
        document_from=1,
        document_most=results.MOST,
        documents=2,
        documents_within=timedelta(minutes=15),
        results_after=timedelta(minutes=5),
        tickets=True,
        gathers=True,
    )

    def limits_of(self, keys: AppKeys) -> tuple[Limit, ...]:
        """As many calls a day as the operator says that Tradera grants."""
        return calls.limits(calls.daily_calls(keys))

    def hosts(self, keys: AppKeys, realm: str = "") -> tuple[str, ...]:
        """The API, or what the keys put in its place."""
        return market.hosts(keys)

    def step_link(self, step: Step, keys: AppKeys, realm: str) -> str:
        """As the base class says; the sandbox has pages of its own."""
        return repair.step_link(step, keys, realm)

    def login_url(self, request: LoginRequest) -> str:
        """The token login."""
        return login.login_url(request)

    def state_of(self, args: Mapping[str, str]) -> str:
        """What travelled in `ruparams`."""
        return login.state_of(args)

    def finish_login(self, http: Http, request: LoginRequest, answer: Mapping[str, str], now: datetime) -> Credentials:
        """From `userId`; the token is fetched with the key of this login."""
        return login.finish_login(http, request, answer, now)

    def typed(self, values: Mapping[str, str], now: datetime) -> Credentials:
        """Nothing can be typed: the access comes from the login alone."""
        raise NotImplementedError(f"{self.name} has nothing to type")

    def identify(self, line: Line) -> Seller:
        """The user of the token, if he may sell."""
        return sellers.identify(line)

    def search_orders(self, line: Line, query: OrderQuery) -> OrderPage:
        """All orders of a month at the most."""
        return orders.search(line, query)

    def get_order(self, line: Line, order_id: str, site: str) -> Order:
        """One order."""
        return orders.get(line, order_id)

    def carrier(self, words: str) -> Carrier:
        """The merchant's own name; Tradera is not told."""
        return shipments.carrier(words)

    def parcels(self, line: Line, order_id: str, site: str) -> tuple[Parcel, ...]:
        """None: Tradera does not tell whether an order was shipped, and marking it once more does no harm."""
        return ()

    def confirm_shipment(self, line: Line, shipment: Shipment) -> None:
        """The order is marked as shipped."""
        shipments.confirm(line, shipment)

    def ask_for_listings(self, line: Line, site: str) -> str:
        """Nothing needs to be asked for beforehand."""
        return ""

    def read_listings(self, line: Line, site: str, ticket: str) -> ListingPart | None:
        """The shop's items: those that are sold out or hidden, then those on sale."""
        return listings.read(line, ticket)

    def get_listing(self, line: Line, site: str, sku: str) -> RemoteListing:
        """The shop item with this SKU."""
        return listings.get(line, sku)

    def push(self, line: Line, site: str, change: ListingChange) -> PushResult:
        """Stock at once, the price queued."""
        return results.push_one(line, change)

    def push_document(self, line: Line, site: str, changes: Iterable[ListingChange]) -> str | tuple[PushResult, ...]:
        """Many changes in two calls."""
        return results.push_all(line, changes)

    def document_results(self, line: Line, site: str, ticket: str) -> Iterator[PushResult] | None:
        """What became of the queued prices."""
        return results.results(line, ticket)


CHANNEL = Tradera()
