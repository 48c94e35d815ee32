"""Webhook deliveries: proves that the raw body is Shopify's. Shop, topic and ids are unsigned headers: hints only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request

from shopapp.shopify_admin.auth import sanitise_shop
from shopapp.shopify_admin.tokens import library

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
    """The delivery, or the status to refuse it with: 401 unsigned or wrongly signed, 400 without the needed headers."""
    body = request.get_data(cache=True)
    try:
        text = body.decode("utf-8")
        asked: Any = {"method": request.method, "headers": dict(request.headers), "url": request.url, "body": text}
        result = library().verify_webhook_req(asked)
    except (TypeError, ValueError, RecursionError):
        # Signatures beyond ASCII, bodies that are not UTF-8, and such as the library, which reads them before it checks
        # the signature, chokes on (nested without end, numbers without end): none was ever made by Shopify.
        return 401
    if not result.ok:
        return 405 if result.response.status == 405 else 401
    shop = sanitise_shop(_header(request, "Shop-Domain"))
    topic, webhook_id = _header(request, "Topic").lower(), _header(request, "Webhook-Id")
    if not shop or not _TOPIC.fullmatch(topic) or not _ID.fullmatch(webhook_id):
        return 400
    if not _is_message(text, shop):
        return 401
    return Delivery(shop, topic, webhook_id, _moment(_header(request, "Triggered-At")), body)


def _is_message(text: str, shop: str) -> bool:
    """Whether the signed text can be a message to `shop`: a JSON object that names no other shop.

    ID tokens carry the same kind of signature over their own text, and every merchant has some.
    """
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
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
