"""eBay's marketplaces on which a seller can list, and where its addresses lie. Data only.

Source: the vendor's `MarketplaceIdEnum` of the Fulfillment and Inventory APIs, and their `servers`.
"""

from __future__ import annotations

from dataclasses import dataclass

from marketplaces.channel import AppKeys, Realm
from marketplaces.data import Site

API, IDENTITY, LOGIN = "https://api.ebay.com", "https://apiz.ebay.com", "https://auth.ebay.com"
REALM = "ebay"


@dataclass(frozen=True, slots=True)
class Market:
    """One marketplace. `host` is where its sellers and buyers are, `name` what people call it."""

    id: str
    name: str
    country: str
    currency: str
    host: str


_ROWS = (
    ("EBAY_AT", "eBay.at", "AT", "EUR", "www.ebay.at"),
    ("EBAY_AU", "eBay.com.au", "AU", "AUD", "www.ebay.com.au"),
    ("EBAY_BE", "eBay.be", "BE", "EUR", "www.ebay.be"),
    ("EBAY_CA", "eBay.ca", "CA", "CAD", "www.ebay.ca"),
    ("EBAY_CH", "eBay.ch", "CH", "CHF", "www.ebay.ch"),
    ("EBAY_DE", "eBay.de", "DE", "EUR", "www.ebay.de"),
    ("EBAY_ES", "eBay.es", "ES", "EUR", "www.ebay.es"),
    ("EBAY_FR", "eBay.fr", "FR", "EUR", "www.ebay.fr"),
    ("EBAY_GB", "eBay.co.uk", "GB", "GBP", "www.ebay.co.uk"),
    ("EBAY_HK", "eBay.com.hk", "HK", "HKD", "www.ebay.com.hk"),
    ("EBAY_IE", "eBay.ie", "IE", "EUR", "www.ebay.ie"),
    ("EBAY_IT", "eBay.it", "IT", "EUR", "www.ebay.it"),
    ("EBAY_MY", "eBay.com.my", "MY", "MYR", "www.ebay.com.my"),
    ("EBAY_NL", "eBay.nl", "NL", "EUR", "www.ebay.nl"),
    ("EBAY_PH", "eBay.ph", "PH", "PHP", "www.ebay.ph"),
    ("EBAY_PL", "eBay.pl", "PL", "PLN", "www.ebay.pl"),
    ("EBAY_SG", "eBay.com.sg", "SG", "SGD", "www.ebay.com.sg"),
    ("EBAY_US", "eBay.com", "US", "USD", "www.ebay.com"),
)
MARKETS = {row[0]: Market(*row) for row in _ROWS}
# Parts of the American site that have ids of their own.
_PARTS = {"EBAY_MOTORS_US": "EBAY_US", "EBAY_MOTORS": "EBAY_US", "EBAY_HALF_US": "EBAY_US"}
REALMS = (Realm(REALM, "all countries", tuple(Site(one.id, one.name, one.country) for one in MARKETS.values())),)


def site_of(marketplace_id: str) -> str:
    """The site that a marketplace id belongs to."""
    return _PARTS.get(marketplace_id, marketplace_id)


def api_base(keys: AppKeys) -> str:
    """Base address of the API; the key API_BASE overrides it."""
    return (keys.get("API_BASE") or API).rstrip("/")


def identity_base(keys: AppKeys) -> str:
    """Base address of the API that tells who is logged in, which has a host of its own."""
    return (keys.get("IDENTITY_BASE") or keys.get("API_BASE") or IDENTITY).rstrip("/")


def login_base(keys: AppKeys) -> str:
    """Base address of the consent pages; the key LOGIN_BASE overrides it."""
    return (keys.get("LOGIN_BASE") or LOGIN).rstrip("/")


def token_url(keys: AppKeys) -> str:
    """Where tokens are made."""
    return f"{api_base(keys)}/identity/v1/oauth2/token"


def site_base(keys: AppKeys, site: str = "") -> str:
    """Base address of a marketplace's own pages; in the sandbox they are where its consent pages are."""
    if keys.get("LOGIN_BASE"):
        return login_base(keys)
    return f"https://{MARKETS[site].host if site in MARKETS else 'www.ebay.com'}"
