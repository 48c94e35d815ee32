"""Webhook deliveries: proves that the raw body is Shopify's. Shop, topic and ids are unsigned headers: hints only."""

from __future__ import annotations

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
    except (TypeError, UnicodeError):
        # Signatures beyond ASCII and bodies that are not UTF-8 were never made by Shopify.
        return 401
    if not result.ok:
        return 405 if result.response.status == 405 else 401
    shop = sanitise_shop(_header(request, "Shop-Domain"))
    topic, webhook_id = _header(request, "Topic").lower(), _header(request, "Webhook-Id")
    if not shop or not _TOPIC.fullmatch(topic) or not _ID.fullmatch(webhook_id):
        return 400
    return Delivery(shop, topic, webhook_id, _moment(_header(request, "Triggered-At")), body)


def _header(request: Request, name: str) -> str:
    """The header under its old name (X-Shopify-…) or its new one (shopify-…)."""
    return (request.headers.get(f"X-Shopify-{name}") or request.headers.get(f"shopify-{name}") or "").strip()


def _moment(text: str) -> datetime | None:
    try:
        # Shopify sends nanoseconds; six digits are read.
        when = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
