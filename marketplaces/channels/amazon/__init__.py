"""Amazon, by the Selling Partner API: declares the channel and hands each question to its module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from marketplaces.channel import AppKeys, Channel, Line, LoginKind, LoginRequest, Renewal, Selling, Shipping, Step
from marketplaces.channels.amazon import (
    calls,
    carriers,
    feeds,
    listings,
    login,
    mapping,
    orders,
    push,
    regions,
    repair,
    reports,
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
from marketplaces.transport import allowed_of
from marketplaces.wire import Http


class Amazon(Channel):
    """Amazon: 180 s is the floor of its order search (one permit each 178.6 s), with two minutes of lag of its own."""

    key = "amazon"
    name = "Amazon"
    login_kind = LoginKind.OAUTH2
    account_needed = repair.ACCOUNT_NEEDED
    realms = regions.REALMS
    fields = login.FIELDS
    manual_label = "Reconnect manually with seller ID and refresh token"
    settings = ("CLIENT_ID", "CLIENT_SECRET", "APPLICATION_ID")
    app_keys = login.APP_KEYS
    limits = calls.LIMITS
    poll_seconds = 180
    overlap = timedelta(minutes=10)
    known_lifetime = login.LIFETIME
    app_id_key = "APPLICATION_ID"
    words = mapping.WORDS
    steps = repair.STEPS
    sentences = (login.NO_MWS, login.NO_REFRESH_TOKEN)
    shipping = Shipping()
    ships_itself = True
    selling = Selling(
        document_from=1_500,
        document_most=feeds.MOST,
        document_room=feeds.ROOM,
        documents=feeds.FEEDS,
        documents_within=feeds.WITHIN,
        results_after=timedelta(seconds=60),
    )

    def hosts(self, keys: AppKeys, realm: str = "") -> tuple[str, ...]:
        """The API of the three regions and the token endpoint, or what the keys put in their place."""
        addresses = [regions.api_base(keys, realm.key) for realm in self.realms] + [regions.token_url(keys)]
        return allowed_of(addresses)

    def step_link(self, step: Step, keys: AppKeys, realm: str) -> str:
        """As the base class says; the sandbox has pages of its own."""
        return repair.step_link(step, keys, realm)

    def login_url(self, request: LoginRequest) -> str:
        """The consent page of the region."""
        return login.login_url(request)

    def finish_login(self, http: Http, request: LoginRequest, answer: Mapping[str, str], now: datetime) -> Credentials:
        """From `state`, `selling_partner_id` and `spapi_oauth_code`; good for 365 days."""
        return login.finish_login(http, request, answer, now)

    def renew_redirect(self, keys: AppKeys, params: Mapping[str, str]) -> Renewal:
        """Checks the renewal that a seller began in Manage Your Apps."""
        return login.renew_redirect(keys, params)

    def renewal_url(self, renewal: Renewal, state: str, redirect_uri: str) -> str:
        """Amazon's address to go on to."""
        return login.renewal_url(renewal, state, redirect_uri)

    def typed(self, values: Mapping[str, str], now: datetime) -> Credentials:
        """Seller id and refresh token."""
        return login.typed(values, now)

    def refresh(self, http: Http, keys: AppKeys, realm: str, credentials: Credentials, now: datetime) -> Credentials:
        """Access for an hour; the token endpoint is the same in all regions."""
        return login.refresh(http, keys, credentials, now)

    def identify(self, line: Line) -> Seller:
        """By its marketplace participations."""
        return sellers.identify(line)

    def search_orders(self, line: Line, query: OrderQuery) -> OrderPage:
        """Up to 100 orders with their items."""
        return orders.search(line, query)

    def get_order(self, line: Line, order_id: str, site: str) -> Order:
        """One order with its items."""
        return orders.get(line, order_id, site)

    def shipped_there(self, order: Order) -> bool:
        """Amazon tells price and buyer of its own shipments only once they have left."""
        shipped = (order.ignore_reason, order.remote_state) == ("fulfilled_by_amazon", "SHIPPED")
        return shipped and "no_price_yet" not in order.flags

    def carrier(self, words: str) -> Carrier:
        """Amazon's carrier code; "Other" and the merchant's own name for one that Amazon does not know."""
        return carriers.carrier(words)

    def parcels(self, line: Line, order_id: str, site: str) -> tuple[Parcel, ...]:
        """The packages of an order."""
        return shipments.parcels(line, order_id)

    def confirm_shipment(self, line: Line, shipment: Shipment) -> None:
        """One package; the same reference again edits it."""
        shipments.confirm(line, shipment)

    def ask_for_listings(self, line: Line, site: str) -> str:
        """A report of all listings, however many there are."""
        return reports.ask(line, site)

    def read_listings(self, line: Line, site: str, ticket: str) -> ListingPart | None:
        """The rows of the report, however many: one part."""
        rows = reports.read(line, site, ticket)
        return None if rows is None else ListingPart(rows)

    def get_listing(self, line: Line, site: str, sku: str) -> RemoteListing:
        """With its product type and Amazon's issues."""
        return listings.get(line, site, sku)

    def push(self, line: Line, site: str, change: ListingChange) -> PushResult:
        """A patch of the two attributes that leaves everything beside them as it is."""
        return push.push(line, site, change)

    def push_document(self, line: Line, site: str, changes: Iterable[ListingChange]) -> str:
        """A JSON listings feed."""
        return feeds.send(line, site, changes)

    def document_results(self, line: Line, site: str, ticket: str) -> Iterator[PushResult] | None:
        """The processing report of the feed."""
        return feeds.results(line, site, ticket)


CHANNEL = Amazon()
