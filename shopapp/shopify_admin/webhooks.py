"""Webhook deliveries: proves that the raw body is Shopify's. Shop, topic and ids are unsigned headers: hints only."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest, digest

from werkzeug.wrappers import Request

from shopapp import runtime
from shopapp.shopify_admin.auth import sanitise_shop

LONGEST = 120  # characters of a topic, as our table holds it
_ID = re.compile(r"[\w.:-]{1,120}")
_TOPIC = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+){1,3}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signed body with what the headers claim. `webhook_id` is unique per delivery."""

    shop_domain: str
    topic: str
    webhook_id: str
    triggered_at: datetime | None
    body: bytes


def verify(request: Request) -> Delivery | int:
    """The delivery, or the status to refuse it with: 401 unsigned or wrongly signed, 400 without the needed headers.

    The signature is checked here and not by Shopify's library, which reads and writes the whole body anew for its log
    before it looks at the signature; a test holds both to the same verdict.
    """
    body = request.get_data()
    if not _signed(body, _header(request, "Hmac-Sha256")):
        return 401
    shop = sanitise_shop(_header(request, "Shop-Domain"))
    topic, webhook_id = _header(request, "Topic").lower(), _header(request, "Webhook-Id")
    if not shop or not _TOPIC.fullmatch(topic) or len(topic) > LONGEST or not _ID.fullmatch(webhook_id):
        return 400
    if not _is_message(body, shop):
        return 401
    return Delivery(shop, topic, webhook_id, _moment(_header(request, "Triggered-At")), body)


def _signed(body: bytes, signature: str) -> bool:
    """Whether `signature` is that of the raw bytes with our secret, or with the one before it."""
    config, told = runtime.config(), signature.encode()
    return any(
        compare_digest(told, b64encode(digest(secret.encode(), body, "sha256")))
        for name in ("SHOPIFY_API_SECRET", "SHOPIFY_API_SECRET_OLD")
        if (secret := config[name])
    )


def _is_message(body: bytes, shop: str) -> bool:
    """Whether the signed bytes can be a message to `shop`: a JSON object that names no other shop.

    ID tokens carry the same kind of signature over their own text, and every merchant has some.
    """
    try:
        payload = json.loads(body.decode())
    except (ValueError, RecursionError):  # not UTF-8, no JSON, numbers or nesting without end: never Shopify's
        return False
    if not isinstance(payload, dict):
        return False
    named = payload.get("myshopify_domain") or payload.get("shop_domain")
    return not named or sanitise_shop(str(named)) == shop


def _header(request: Request, name: str) -> str:
    """The header under its old name (X-Shopify-…) or its new one (shopify-…)."""
    return (request.headers.get(f"X-Shopify-{name}") or request.headers.get(f"shopify-{name}") or "").strip()


def _moment(text: str) -> datetime | None:
    try:
        # Shopify sends nanoseconds; six digits are read.
        when = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00"))
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
