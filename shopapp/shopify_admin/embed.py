"""How the app sits in the admin's iframe: security headers, the bounce page, and addresses made safe to come back to.

Ours and not `shopifyapp`'s, because that copies an unchecked `shop` into its headers and knows one CDN only.
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from shopapp import runtime
from shopapp.shopify_admin.auth import BOUNCE

RELOAD = "shopify-reload"
RETRY = "X-Shopify-Retry-Invalid-Session-Request"
# What the admin adds to the first document's address: worth nothing later, and partly secret.
DROPPED = frozenset({"id_token", "hmac", "session", "timestamp", "locale", "host", "shop", "embedded", RELOAD})
# For a year, and for our host alone: what else lies under its domain is not ours to decide.
_TLS = {"Strict-Transport-Security": "max-age=31536000"}


def headers(shop_domain: str) -> dict[str, str]:
    """Headers of every document of ours. `shop_domain` is a verified or cleaned domain, "" when none is known."""
    config = runtime.config()
    scripts = " ".join(dict.fromkeys(_origin(config[name]) for name in ("APP_BRIDGE_URL", "POLARIS_URL")))
    ancestors = f"https://{shop_domain or '*.myshopify.com'} {config['ADMIN_ORIGIN']}"
    return {
        "Content-Security-Policy": (
            f"frame-ancestors {ancestors}; script-src 'self' {scripts}; "
            "object-src 'none'; base-uri 'none'; form-action 'self'"
        ),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    } | (_TLS if config["APP_URL"].startswith("https:") else {})


def preload() -> str:
    """The Link header that lets the browser fetch App Bridge and Polaris early."""
    config = runtime.config()
    return ", ".join(f'<{config[name]}>; rel="preload"; as="script"' for name in ("APP_BRIDGE_URL", "POLARIS_URL"))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def bounce_page() -> str:
    """The page that holds nothing but App Bridge, which fetches the wanted address again with a fresh ID token."""
    config = runtime.config()
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><title></title>'
        f'<meta name="shopify-api-key" content="{escape(config["SHOPIFY_API_KEY"])}">'
        f'<script src="{escape(config["APP_BRIDGE_URL"])}"></script></head><body></body></html>'
    )


def clean_target(target: str) -> str:
    """`target` as a path with query of our own origin, without what the admin added; "/" when it leads elsewhere."""
    if not target.startswith("/") or target.startswith("//") or any(ord(mark) < 33 or mark == "\\" for mark in target):
        return "/"
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or parts.path == BOUNCE:
        return "/"
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in DROPPED]
    return parts.path + (f"?{urlencode(kept)}" if kept else "")


def bounce_url(target: str, shop_domain: str = "", host: str = "") -> str:
    """The bounce page's address for coming back to `target`; shop and host (both cleaned) help a cold App Bridge."""
    query = {"shop": shop_domain, "host": host, "embedded": "1" if host else "", RELOAD: clean_target(target)}
    return f"{BOUNCE}?{urlencode({name: value for name, value in query.items() if value})}"
