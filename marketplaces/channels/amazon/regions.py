"""Amazon's three regions: their hosts and their marketplaces. Data only.

Source: the vendor's pages "SP-API endpoints", "Marketplace IDs" and "Seller Central URLs".
"""

from __future__ import annotations

from dataclasses import dataclass

from marketplaces.channel import AppKeys, Realm
from marketplaces.data import Site


@dataclass(frozen=True, slots=True)
class Market:
    """One marketplace. `net_prices`: prices are shown without sales tax, which comes on top (USA, Canada)."""

    id: str
    name: str
    country: str
    currency: str
    central: str
    net_prices: bool = False


@dataclass(frozen=True, slots=True)
class Region:
    """One region: an authorisation is good for one of them. `central` is where its sellers log in."""

    key: str
    label: str
    api: str
    central: str
    markets: tuple[Market, ...]
    more_hosts: tuple[str, ...] = ()

    @property
    def hosts(self) -> frozenset[str]:
        """Every Seller Central host of the region."""
        return frozenset({self.central, *self.more_hosts, *(market.central for market in self.markets)})


_EUROPE = "sellercentral-europe.amazon.com"
TOKEN_URL = "https://api.amazon.com/auth/o2/token"  # noqa: S105  # an address, not a secret

REGIONS = (
    Region(
        "eu",
        "Europe, Middle East, Africa and India",
        "sellingpartnerapi-eu.amazon.com",
        _EUROPE,
        (
            Market("A1PA6795UKMFR9", "Amazon.de", "DE", "EUR", "sellercentral.amazon.de"),
            Market("A1F83G8C2ARO7P", "Amazon.co.uk", "GB", "GBP", "sellercentral.amazon.co.uk"),
            Market("A13V1IB3VIYZZH", "Amazon.fr", "FR", "EUR", "sellercentral.amazon.fr"),
            Market("APJ6JRA9NG5V4", "Amazon.it", "IT", "EUR", "sellercentral.amazon.it"),
            Market("A1RKKUPIHCS9HS", "Amazon.es", "ES", "EUR", "sellercentral.amazon.es"),
            Market("A1805IZSGTT6HS", "Amazon.nl", "NL", "EUR", "sellercentral.amazon.nl"),
            Market("A2NODRKZP88ZB9", "Amazon.se", "SE", "SEK", "sellercentral.amazon.se"),
            Market("A1C3SOZRARQ6R3", "Amazon.pl", "PL", "PLN", "sellercentral.amazon.pl"),
            Market("AMEN7PMS3EDWL", "Amazon.com.be", "BE", "EUR", "sellercentral.amazon.com.be"),
            Market("A28R8C7NBKEWEA", "Amazon.ie", "IE", "EUR", "sellercentral.amazon.ie"),
            Market("A33AVAJ2PDY3EV", "Amazon.com.tr", "TR", "TRY", "sellercentral.amazon.com.tr"),
            Market("A2VIGQ35RCS4UG", "Amazon.ae", "AE", "AED", "sellercentral.amazon.ae"),
            Market("A17E79C6D8DWNP", "Amazon.sa", "SA", "SAR", "sellercentral.amazon.sa"),
            Market("ARBP9OOSHTCHU", "Amazon.eg", "EG", "EGP", "sellercentral.amazon.eg"),
            Market("AE08WJ6YKNBMC", "Amazon.co.za", "ZA", "ZAR", "sellercentral.amazon.co.za"),
            Market("A21TJRUUN4KGV", "Amazon.in", "IN", "INR", "sellercentral.amazon.in"),
        ),
    ),
    Region(
        "na",
        "North America and Brazil",
        "sellingpartnerapi-na.amazon.com",
        "sellercentral.amazon.com",
        (
            Market("ATVPDKIKX0DER", "Amazon.com", "US", "USD", "sellercentral.amazon.com", net_prices=True),
            Market("A2EUQ1WTGCTBG2", "Amazon.ca", "CA", "CAD", "sellercentral.amazon.ca", net_prices=True),
            Market("A1AM78C64UM0Y8", "Amazon.com.mx", "MX", "MXN", "sellercentral.amazon.com.mx"),
            Market("A2Q3Y263D00KWC", "Amazon.com.br", "BR", "BRL", "sellercentral.amazon.com.br"),
        ),
    ),
    Region(
        "fe",
        "Japan, Australia and Singapore",
        "sellingpartnerapi-fe.amazon.com",
        "sellercentral.amazon.co.jp",
        (
            Market("A1VC38T7YXB528", "Amazon.co.jp", "JP", "JPY", "sellercentral.amazon.co.jp"),
            Market("A39IBJ37TRP1C6", "Amazon.com.au", "AU", "AUD", "sellercentral.amazon.com.au"),
            Market("A19VAU5U5O7RUS", "Amazon.sg", "SG", "SGD", "sellercentral.amazon.sg"),
        ),
        ("sellercentral-japan.amazon.com",),
    ),
)
_BY_KEY = {region.key: region for region in REGIONS}
MARKETS = {market.id: market for region in REGIONS for market in region.markets}
REALMS = tuple(
    Realm(region.key, region.label, tuple(Site(one.id, one.name, one.country) for one in region.markets))
    for region in REGIONS
)


def region(key: str) -> Region:
    """The region `key` (eu, na, fe); KeyError otherwise."""
    return _BY_KEY[key]


def api_base(keys: AppKeys, realm: str) -> str:
    """Base address of the API of a region; the key API_BASE (may hold {region}) overrides it for the sandbox."""
    configured = keys.get("API_BASE")
    base = configured.replace("{region}", realm) if configured else f"https://{region(realm).api}"
    return base.rstrip("/")


def central_base(keys: AppKeys, realm: str, site: str = "") -> str:
    """Base address of Seller Central, that of the marketplace `site` if it is known; LOGIN_BASE overrides it."""
    configured = keys.get("LOGIN_BASE")
    if configured:
        return configured.replace("{region}", realm).rstrip("/")
    return f"https://{MARKETS[site].central if site in MARKETS else region(realm).central}"


def token_url(keys: AppKeys) -> str:
    """Where tokens are made, in every region; the key TOKEN_URL overrides it."""
    return keys.get("TOKEN_URL") or TOKEN_URL
