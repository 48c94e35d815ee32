"""The nouns that cross the border between us and a marketplace: frozen, typed, money in minor units, ids as strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from marketplaces.money import Money

__all__ = [
    "Address",
    "Carrier",
    "Credentials",
    "Heard",
    "ListingChange",
    "ListingPart",
    "Money",
    "Notice",
    "Order",
    "OrderLine",
    "OrderPage",
    "OrderQuery",
    "OrderState",
    "Parcel",
    "PushResult",
    "PushVerdict",
    "RemoteListing",
    "Seller",
    "Shipment",
    "ShippedLine",
    "ShippingLine",
    "Site",
    "TaxLine",
    "Told",
    "Unmapped",
]


class OrderState(StrEnum):
    """What an order on the marketplace is to us."""

    READY = "ready"  # paid, to be shipped by the merchant: import now
    PAYMENT = "payment"  # not paid yet or not complete: hold, look again
    ACCEPTANCE = "acceptance"  # the seller has to accept it before it is paid and can be shipped
    SHIPPED = "shipped"  # already shipped by the merchant: only a backfill imports it
    CANCELLED = "cancelled"
    IGNORED = "ignored"  # not for this app, `ignore_reason` says why (for example fulfilled by Amazon)
    UNKNOWN = "unknown"  # a state we do not know: hold and tell


@dataclass(frozen=True, slots=True)
class Site:
    """One country or market of a seller account; `key` is the channel's id, `name` what people call it (Amazon.de)."""

    key: str
    name: str
    country: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Seller:
    """Who is logged in. `realm` is the region or instance in which `seller_id` is unique.

    `about` is what the channel wants to find again among the public credentials; no secret and nobody's data.
    """

    realm: str
    seller_id: str
    name: str = ""
    sites: tuple[Site, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login gave. `expires_at` is the known end of the authorisation, None when the channel does not tell it.

    `secrets` holds the long-lived secrets (refresh token, typed password, ...), `public` what may be shown in full
    (seller id, user name). `access_token` lives until `access_expires_at` and is "" for channels without one.
    """

    secrets: dict[str, str]
    public: dict[str, str] = field(default_factory=dict)
    access_token: str = ""
    access_expires_at: datetime | None = None
    authorised_at: datetime | None = None
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Credentials(<{', '.join(sorted(self.secrets))}>, expires_at={self.expires_at})"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to ship. Empty strings for what the channel does not tell; `country` is ISO 3166 alpha-2."""

    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class TaxLine:
    """Tax inside or on top of a line. `rate` is a fraction (0.19); `derived` when we computed it from the amounts.

    `channel_liable`: the marketplace collects and remits this tax, not the merchant.
    """

    title: str
    amount: Money
    rate: Decimal
    derived: bool = False
    channel_liable: bool = False


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One position. `total` is what the buyer pays for it (quantity x price - discount, plus tax if prices are net)."""

    line_id: str
    sku: str
    title: str
    quantity: int
    unit_price: Money
    total: Money
    discount: Money
    taxes: tuple[TaxLine, ...] = ()
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class ShippingLine:
    """Shipping, gift wrap, cash-on-delivery fee or tip: a charge that is no product. `total` as the buyer pays it."""

    title: str
    price: Money
    total: Money
    discount: Money
    code: str = ""
    taxes: tuple[TaxLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One sale, mapped totally: lines + charges + rounding = total to the minor unit, else `Rejected` was raised.

    `taxes_included` tells whether unit prices and charges hold the tax. `rounding` (at most one minor unit a line) is
    the rest that makes the sum right. `flags` are catalogue keys of what the merchant should know (prime, no_tax_told).
    `buyer_id` is what the channel calls the buyer when it tells us to forget one.
    """

    order_id: str
    site: str
    state: OrderState
    created_at: datetime
    updated_at: datetime
    currency: str
    total: Money
    lines: tuple[OrderLine, ...]
    charges: tuple[ShippingLine, ...] = ()
    rounding: Money | None = None
    taxes_included: bool = True
    ship_to: Address | None = None
    buyer_name: str = ""
    buyer_email: str = ""
    buyer_id: str = ""
    ship_by: datetime | None = None
    ignore_reason: str = ""
    remote_state: str = ""
    url: str = ""
    flags: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unmapped:
    """An order of a page that could not be mapped: kept and shown, never dropped, never imported in part."""

    order_id: str
    site: str
    created_at: datetime | None
    updated_at: datetime | None
    reason: str
    words: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders: changed since (`updated_since`) for polling, or created between for a backfill. Never both."""

    sites: tuple[str, ...]
    updated_since: datetime | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None
    page_token: str = ""
    without: tuple[str, ...] = ()  # what an earlier page called `missing`: not asked for again until the hourly probe


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page. `next_token` is "" on the last page; `until` is the server's time up to which this sweep is complete.

    `until` is None on all pages but the last. `missing` names parts (in the channel's own terms) that the remote
    refused for want of a permission: the page is good without them, and the merchant is told as for PermissionMissing.
    """

    orders: tuple[Order | Unmapped, ...]
    next_token: str
    until: datetime | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShippedLine:
    """So many units of one position of an order."""

    line_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """One package to report. `carrier` is in the merchant's words; `reference` is the package's number in its order.

    Reporting the same `reference` again replaces what was reported before (a changed tracking number).
    """

    order_id: str
    site: str
    reference: int
    carrier: str
    tracking: str
    shipped_at: datetime
    ordered_at: datetime
    lines: tuple[ShippedLine, ...]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A package as the marketplace knows it. `reference` is "" where it keeps none."""

    reference: str
    tracking: str
    carrier: str
    lines: tuple[ShippedLine, ...]


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the channel calls a carrier. `known` is False when only the merchant's own name can be passed on."""

    code: str
    name: str
    known: bool


@dataclass(frozen=True, slots=True)
class RemoteListing:
    """One SKU on one site as the marketplace has it. None for a price or a quantity that it does not tell.

    `by_channel`: stored and shipped by the marketplace, so its quantity is not ours to set. `problems` are the remote's
    words about what keeps it from being sold. `product_type` is what the channel must be told again when the listing is
    pushed, in its own terms.
    """

    sku: str
    site: str
    remote_id: str = ""
    title: str = ""
    product_type: str = ""
    price: Money | None = None
    quantity: int | None = None
    by_channel: bool = False
    live: bool = True
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListingPart:
    """Some of a site's listings. `next` is the ticket of the part that follows, "" when this is the last one.

    `rows` may be read once; whatever had to be downloaded for them is on this machine: going through them calls nobody.
    """

    rows: Iterable[RemoteListing]
    next: str = ""


@dataclass(frozen=True, slots=True)
class ListingChange:
    """What a listing shall become; None leaves it as it is. `key` names the change in the answer to a whole document."""

    key: str
    sku: str
    product_type: str
    price: Money | None
    quantity: int | None


class PushVerdict(StrEnum):
    """What a marketplace said of a push."""

    APPLIED = "applied"  # it is so there now
    ACCEPTED = "accepted"  # taken; whether it holds is told later
    REFUSED = "refused"
    AGAIN = "again"  # of a document: not done, for no fault of the change; it is pushed once more


@dataclass(frozen=True, slots=True)
class PushResult:
    """The answer to the change `key`. `words`, `code` and `field` are the remote's when it refused.

    Of a document, `key` may be "" where the marketplace names only the SKU.
    """

    key: str
    sku: str
    verdict: PushVerdict
    words: str = ""
    code: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody sent to our address for notices of a channel; whether it is the channel's own is to be found out.

    `url` is that address as the channel knows it, `args` its query, `headers` by name in small letters, `body` as sent.
    """

    method: str
    url: str
    args: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What a notice says. revoked: the seller's authorisation ended at `at`. closed: a person closed an account there.

    A closed account may be a seller's (`seller_id`), a buyer's (`buyer`, as in Order.buyer_id), or nobody's we know.
    """

    kind: Literal["revoked", "closed"]
    realm: str
    seller_id: str = ""
    buyer: str = ""
    words: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """How a notice is answered (status, JSON body) once `events` are written down."""

    status: int
    body: dict[str, Any] | None = None
    events: tuple[Told, ...] = ()
