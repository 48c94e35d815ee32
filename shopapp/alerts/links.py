"""Addresses that go into mails: pages in Shopify's admin, and our own top-level pages with signed parts."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from shopapp.records.models import Category, Shop
from shopapp.runtime import config

PREFIX = "/mail-link"
CONFIRM_WITHIN = timedelta(hours=24)
GUIDES = {
    "connections": "/help/connections",
    "skus": "/help/skus",
    "orders": "/help/orders",
    "shipments": "/help/shipments",
    "plan": "/help/plan",
    "stock": "/help/stock",
}


def admin_link(shop: Shop, path: str) -> str:
    """The page `path` ("/orders/12") inside Shopify's admin: the only kind of link that survives the login there."""
    return f"{config()['ADMIN_ORIGIN']}/store/{shop.handle}/apps/{config().app_handle}{path}"


def host() -> str:
    """The host part of our message ids."""
    return urlsplit(config()["APP_URL"]).hostname or "localhost"


def _mac(shop_uid: str, category: str) -> str:
    text = f"unsubscribe|{shop_uid}|{category}".encode()
    return hmac.new(config()["SECRET_KEY"].encode(), text, hashlib.sha256).hexdigest()[:32]


def unsubscribe_link(shop: Shop, category: str) -> str:
    """The address that switches `category` off for the shop: a page with a button, and one-click by POST (RFC 8058)."""
    return f"{config()['APP_URL']}{PREFIX}/unsubscribe/{shop.uid}.{category}.{_mac(shop.uid, category)}"


def read_unsubscribe(token: str) -> tuple[str, Category] | None:
    """(shop uid, category) of a token that we made, else None."""
    shop_uid, _, rest = token.partition(".")
    category, _, mac = rest.partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(shop_uid, category).encode()):
        return None
    return (shop_uid, Category(category)) if category in set(Category) else None


def confirm_link(ticket: str) -> str:
    """The address that confirms a typed alert address."""
    return f"{config()['APP_URL']}{PREFIX}/confirm/{ticket}"


def new_ticket(now: datetime) -> str:
    """A secret that says when it ends; only its hash is stored, so the end cannot be changed either."""
    return f"{int((now + CONFIRM_WITHIN).timestamp())}-{secrets.token_urlsafe(32)}"


def ticket_hash(ticket: str) -> str:
    """What is stored of a ticket."""
    return hashlib.sha256(ticket.encode()).hexdigest()


def ticket_over(ticket: str, now: datetime) -> bool:
    """Whether the ticket has ended (or has no readable end)."""
    end = ticket.partition("-")[0]
    return not (end.isascii() and end.isdigit() and len(end) < 12) or int(end) <= now.timestamp()
