"""Tradera's one market, where its calls and its login go, and the keys of our application there. Data only.

Source: the vendor's pages "REST API getting started" and "Token authorization"; the contract is its REST API v4.
"""

from __future__ import annotations

from marketplaces.channel import AppKey, AppKeys, Realm
from marketplaces.data import Site
from marketplaces.transport import allowed_of

HOST = "https://api.tradera.com"
CURRENCY = "SEK"
SITE = Site("se", "Tradera", "SE")
REALMS = (Realm("se", "Sweden", (SITE,)),)
# The vendor's pages speak of 100 calls in 24 hours, others were given 10,000: what counts is what our application has.
DAILY_CALLS = 100

APP_KEYS = (
    AppKey("APP_ID", "application id, a number"),
    AppKey("APP_KEY", "application key (a GUID)", secret=True),
    AppKey("PUBLIC_KEY", "public key of the application, for the login address"),
    AppKey(
        "DAILY_CALLS",
        "calls of each method that Tradera grants the application in 24 hours",
        str(DAILY_CALLS),
        form="[1-9][0-9]{1,8}",
    ),
    AppKey("API_BASE", "API base for the sandbox"),
    AppKey("LOGIN_BASE", "login base for the sandbox"),
)
NEEDED = ("APP_ID", "APP_KEY", "PUBLIC_KEY")


def api_base(keys: AppKeys) -> str:
    """Base address of the API; the key API_BASE overrides it for the sandbox."""
    return (keys.get("API_BASE") or HOST).rstrip("/") + "/v4"


def login_base(keys: AppKeys) -> str:
    """Base address of the login; the key LOGIN_BASE overrides it."""
    return (keys.get("LOGIN_BASE") or HOST).rstrip("/")


def hosts(keys: AppKeys) -> tuple[str, ...]:
    """Where calls go: the API's host, or the origin that the keys put in its place."""
    return allowed_of((api_base(keys),))
