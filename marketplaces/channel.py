"""What a channel declares and does. Forms, help texts, repair steps, icons and limits on the pages come from here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

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
    Site,
)
from marketplaces.instance import SENTENCES, host_of, plain_host
from marketplaces.login import MISSING
from marketplaces.wire import Bucket, Http

ROLLING = "rolling"  # a quota for any 24 hours, whenever they begin


class LoginKind(StrEnum):
    """How a seller links: by logging in at the marketplace, or by typing credentials."""

    OAUTH2 = "oauth2"
    FORM = "form"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Field:
    """One typed credential. `help` says where the seller finds it; `secret` fields are masked once stored."""

    key: str
    label: str
    help: str
    secret: bool = False
    required: bool = True
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Realm:
    """A region or instance with its own hosts, in which seller ids are unique."""

    key: str
    label: str
    sites: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """A token bucket of the remote: `rate` permits a second (text: no floats), `burst` at most at once.

    `shared`: counted over all accounts of our application together, not for each by itself. `day` is for quotas that a
    day has: the time zone whose midnight begins a new one, or `ROLLING`. A quota that is used up shuts the bucket.
    """

    operation: str
    rate: str
    burst: int
    shared: bool = False
    day: str = ""

    @classmethod
    def daily(cls, operation: str, quota: int, burst: int, *, shared: bool = True, day: str = ROLLING) -> Limit:
        """`quota` calls a day, `burst` of them at once: whichever 24 hours are looked at, there are never more."""
        if not 0 < burst < quota:
            raise ValueError(f"{operation}: {burst} at once out of {quota} a day")
        rate = (Decimal(quota - burst) / 86_400).quantize(Decimal("1e-9"), ROUND_DOWN)
        return cls(operation, format(rate, "f"), burst, shared, day)

    def bucket(self, channel: str, realm: str = "", seller_id: str = "") -> Bucket:
        """What a call of this seller draws from: the seller's own bucket, or its share of the one for all."""
        whose = f"{realm}:{seller_id}"
        if self.shared:
            return Bucket(f"{channel}:{self.operation}", self.rate, self.burst, whose, self.day)
        return Bucket(f"{channel}:{whose}:{self.operation}", self.rate, self.burst, "", self.day)


@dataclass(frozen=True, slots=True)
class AppKeys:
    """Our registered application at this channel, from the settings: ids, secrets, bases for the sandbox."""

    values: Mapping[str, str]

    def __getitem__(self, key: str) -> str:
        return self.values[key]

    def get(self, key: str, default: str = "") -> str:
        """The value of `key`, or `default` when it is not set."""
        return self.values.get(key) or default

    def __repr__(self) -> str:
        return f"AppKeys({', '.join(sorted(self.values))})"


@dataclass(frozen=True, slots=True)
class AppKey:
    """One of our application's keys, which the operator sets as <CHANNEL>_<name>: `help` says in a phrase what it is,
    `form` is a pattern that a whole value must match."""

    name: str
    help: str
    default: str = ""
    secret: bool = False
    form: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A claimed, refreshed line to one account: everything a channel needs to speak for a seller, nothing else."""

    http: Http
    keys: AppKeys
    realm: str
    seller_id: str
    sites: tuple[str, ...]
    credentials: Credentials
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What a login needs on its way out and back: `state` single use, `verifier` for PKCE (kept by us between)."""

    keys: AppKeys
    realm: str
    state: str
    redirect_uri: str
    verifier: str = ""
    force_login: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One repair step: a text (translated on the page) and, where there is one, the link per realm."""

    text: str
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Renewal:
    """A renewal that the seller began at the marketplace: checked, and not yet bound to anybody here.

    `callback` is the marketplace's own address to go on to; `realm` is known from it. Only existing accounts of the
    same seller and realm may be renewed this way.
    """

    realm: str
    seller_id: str
    callback: str
    remote_state: str
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Shipping:
    """What the channel asks of a shipment. `needs_tracking`: without a number it is refused; `carries_tracking`: it takes
    one at all; `edits`: a reported package can be changed; `parts`: an order may leave in several packages, else the
    marketplace knows it only as shipped or not, and is told with the last one.
    """

    needs_tracking: bool = True
    carries_tracking: bool = True
    edits: bool = True
    parts: bool = True


@dataclass(frozen=True, slots=True)
class Selling:
    """What can be pushed to a listing, and how. A document is worth it from `document_from` changes on, 0: never.

    It holds `document_most` changes at most, whose SKUs and product types have `document_room` bytes together (0: as
    many as they like), and an account may send `documents` of them (0: any number) within `documents_within`.
    `results_after` is how long the answer to a single push may take before it is asked for. `gathers`: a single push is as
    slow and as rare as a document, so that a change waits for the next one unless it is urgent.
    """

    price: bool = True
    stock: bool = True
    document_from: int = 0
    document_most: int = 0
    document_room: int = 0
    documents: int = 0
    documents_within: timedelta = timedelta(0)
    results_after: timedelta = timedelta(0)
    tickets: bool = False  # the words of an accepted push are a ticket for `document_results`; else a look tells
    gathers: bool = False


class Channel(ABC):
    """Base of all channels. Stateless: everything comes in by arguments, results and error families go out."""

    key: str
    name: str
    login_kind: LoginKind
    account_needed: str  # one sentence: what kind of seller account is needed, shown before anything is typed
    realms: tuple[Realm, ...]
    instance: bool = False  # run by many operators: the first of `fields` is an address, its host is the realm
    fields: tuple[Field, ...] = ()  # of the typed way; for OAuth channels: of *Reconnect manually*
    manual_label: str = ""  # label of the typed way beside a login ("Reconnect manually with ..."), "" if there is none
    settings: tuple[str, ...] = ()  # names of app keys, without the CHANNEL_ prefix; all needed before it is offered
    app_keys: tuple[AppKey, ...] = ()  # every app key there is, needed or not: the application's settings
    limits: tuple[Limit, ...] = ()
    poll_seconds: int = 300  # the shortest sustainable poll interval of one account
    overlap: timedelta = timedelta(minutes=10)
    orders_per_page: int = 100
    search_call: str = "searchOrders"  # the limit among `limits` that `search_orders` uses
    known_lifetime: timedelta | None = None  # of an authorisation; None when the channel does not tell
    # True: what a login brings back can be known to others, so that one whose way back is taken by another browser ends.
    guessable: bool = False
    renews: bool = True  # False: what a login gave is the access itself until `expires_at`; only a login gives new
    app_id_key: str = ""  # which app key identifies our application to the seller (shown in the repair dialog)
    sentences: tuple[str, ...] = ()  # what `typed` may say beside the sentences of marketplaces.login
    shipping: Shipping | None = None  # None: it takes no shipments
    selling: Selling | None = None  # None: it takes neither prices nor stock
    hears: bool = False  # it sends notices to our address /notices/<key>: see `hear`
    accepts: bool = False  # the seller has to accept each order: see `accept_order`
    looks_daily: bool = False  # polls go well while the seller account is suspended: `identify` is asked once a day
    ships_itself: bool = False  # some orders are shipped by the marketplace: see `shipped_there`
    words: Mapping[str, str] = {}  # of flags and ignore reasons that only it knows: key -> text
    steps: Mapping[str, tuple[Step, ...]] = {}  # cause (expired, revoked, inactive, credentials, unknown) -> what to do

    def shipped_there(self, order: Order) -> bool:
        """Whether the marketplace itself has shipped this order and tells all of it, so that it can be imported as such."""
        return False

    def texts(self) -> tuple[str, ...]:
        """Every English sentence that the pages may show for this channel: the message ids to translate."""
        found = [self.account_needed, self.manual_label, *self.sentences, *(realm.label for realm in self.realms)]
        found += [text for one in self.fields for text in (one.label, one.help)]
        found += SENTENCES if self.instance else ()
        found += [*self.words.values(), *(step.text for steps in self.steps.values() for step in steps)]
        return tuple(dict.fromkeys(text for text in found if text))

    def available(self, keys: AppKeys) -> bool:
        """Whether the operator has set every app key that this channel needs."""
        return all(keys.get(name) for name in self.settings)

    def limits_of(self, keys: AppKeys) -> tuple[Limit, ...]:
        """The limits as our application has them: the declared ones, unless the operator was granted others."""
        return self.limits

    def realm(self, key: str) -> Realm:
        """The declared realm `key`, of a channel of instances any plain host name; KeyError for anything else."""
        if self.instance and plain_host(key):
            return Realm(key, key)
        for realm in self.realms:
            if realm.key == key:
                return realm
        raise KeyError(key)

    def realm_of(self, values: Mapping[str, str]) -> str:
        """The realm that typed `values` belong to, of a channel of instances. ValueError(field, sentence)."""
        field = self.fields[0].key
        if not values.get(field, "").strip():
            raise ValueError(field, MISSING)
        try:
            return host_of(values[field])
        except ValueError as error:
            raise ValueError(field, str(error)) from None

    def hosts(self, keys: AppKeys, realm: str = "") -> tuple[str, ...]:
        """Where calls to `realm` go (see transport.Hosts), or all static ones; configured loopback bases among them.

        Of a channel of instances, names are taken for typed ones and vetted whenever they are called.
        """
        return ()

    def step_link(self, step: Step, keys: AppKeys, realm: str) -> str:
        """The address that goes with `step` for an account of `realm`, "" if there is none."""
        return step.links.get(realm, "")

    def renew_redirect(self, keys: AppKeys, params: Mapping[str, str]) -> Renewal:
        """Check what the marketplace sent to our Login URI. ValueError when it is not to be followed or not offered."""
        raise ValueError(f"{self.name} starts no renewals")

    def renewal_url(self, renewal: Renewal, state: str, redirect_uri: str) -> str:
        """Where to send the browser next: back to the marketplace, with its state, our `state` and `redirect_uri`."""
        raise ValueError(f"{self.name} starts no renewals")

    @abstractmethod
    def login_url(self, request: LoginRequest) -> str:
        """Where the seller's browser goes to log in and grant access."""

    def state_of(self, args: Mapping[str, str]) -> str:
        """Our `state` among the parameters that the browser brings back from the login, "" if there is none."""
        return args.get("state", "")

    @abstractmethod
    def finish_login(self, http: Http, request: LoginRequest, answer: Mapping[str, str], now: datetime) -> Credentials:
        """Credentials for the callback's parameters. LoginDeclined, AuthRevoked (dead code), OurFault, Transient.

        A Transient that says that nothing was done (no `maybe_done`) is asked once more a little later: some
        marketplaces make the access only while the browser is on its way back.
        """

    @abstractmethod
    def typed(self, values: Mapping[str, str], now: datetime) -> Credentials:
        """Credentials from the typed way, trimmed. ValueError(field, sentence) when one is plainly wrong."""

    def refresh(self, http: Http, keys: AppKeys, realm: str, credentials: Credentials, now: datetime) -> Credentials:
        """New access from the long-lived secret. AuthExpired/AuthRevoked only when the channel itself refuses.

        Asked only of channels that renew (`renews`) and have a login.
        """
        raise NotImplementedError(f"{self.name} renews nothing")

    @abstractmethod
    def identify(self, line: Line) -> Seller:
        """A live call that proves who we are: the seller id and its sites. Raises the error families."""

    @abstractmethod
    def search_orders(self, line: Line, query: OrderQuery) -> OrderPage:
        """One page of orders. A broken order becomes `Unmapped`; it never spoils the page."""

    @abstractmethod
    def get_order(self, line: Line, order_id: str, site: str) -> Order:
        """One order by its id, mapped totally, else `Rejected`."""

    def hear(self, http: Http, keys: AppKeys, notice: Notice) -> Heard:
        """What a notice says and how to answer it, once it is proved to be the channel's own.

        It never trusts what is not proved: an answer with a 4xx status and no events says so. RemoteErrors, while the
        proof cannot be had, let it be sent again.
        """
        raise NotImplementedError(f"{self.name} sends no notices")

    def accept_order(self, line: Line, order_id: str, site: str) -> None:
        """Accept all positions of an order, of a channel that `accepts`. Rejected when it is not, or no longer, asked for.

        Said again to an order that is accepted already it does no harm.
        """
        raise NotImplementedError(f"{self.name} asks for no acceptance")

    # What follows is asked only of a channel that declares `shipping`.

    def carrier(self, words: str) -> Carrier:
        """What this channel calls the carrier that the merchant calls `words`, whatever its case and spelling."""
        raise NotImplementedError(f"{self.name} takes no shipments")

    def parcels(self, line: Line, order_id: str, site: str) -> tuple[Parcel, ...]:
        """The packages that the marketplace knows of an order. Raises the error families."""
        raise NotImplementedError(f"{self.name} takes no shipments")

    def confirm_shipment(self, line: Line, shipment: Shipment) -> None:
        """Report one package, once. Rejected says why it is refused; Transient(maybe_done) when it may have arrived."""
        raise NotImplementedError(f"{self.name} takes no shipments")

    # And what follows of one that declares `selling`.

    def ask_for_listings(self, line: Line, site: str) -> str:
        """Begin to read all listings of a site; a ticket for `read_listings`, "" where none is needed."""
        raise NotImplementedError(f"{self.name} lists nothing")

    def read_listings(self, line: Line, site: str, ticket: str) -> ListingPart | None:
        """All listings of a site, or the part of them that `ticket` names; None while the marketplace is not ready.

        The ticket is the one of `ask_for_listings`, then the `next` of the part before, at most 255 characters. A part
        may be asked for again, and one SKU may come in two of them.
        """
        raise NotImplementedError(f"{self.name} lists nothing")

    def get_listing(self, line: Line, site: str, sku: str) -> RemoteListing:
        """One listing as it stands there now. Rejected "not_found" when there is none."""
        raise NotImplementedError(f"{self.name} lists nothing")

    def push(self, line: Line, site: str, change: ListingChange) -> PushResult:
        """Push one change. A refusal is a result, not an exception; the error families are raised."""
        raise NotImplementedError(f"{self.name} lists nothing")

    def push_document(self, line: Line, site: str, changes: Iterable[ListingChange]) -> str | tuple[PushResult, ...]:
        """Push many changes at once; a ticket for `document_results`, or all results where they come with the answer.

        Of results that are told at once, too, a change that is not named was applied.
        """
        raise NotImplementedError(f"{self.name} lists nothing")

    def document_results(self, line: Line, site: str, ticket: str) -> Iterator[PushResult] | None:
        """What became of each change of a document that was not applied, None while it is under way.

        Changes that are not named were applied. Rejected when the marketplace gave the whole document up.
        """
        raise NotImplementedError(f"{self.name} lists nothing")
