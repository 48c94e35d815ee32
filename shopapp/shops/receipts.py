"""Deliveries that were acknowledged and wait to be heard: dispatches each to the handler of its topic, once.

Handlers set a state that they read from Shopify or from our tables, so repeats and a wrong order of arrival do no harm.
The body is dropped when a receipt is done.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from marketplaces.errors import RemoteError
from shopapp import clock, verdict
from shopapp.logs import context, event
from shopapp.records import db
from shopapp.records.models import Receipt, Shop
from shopapp.shopify_admin.errors import ShopAuthLost, ShopFrozen
from shopapp.shops import hooks
from shopapp.shops.hooks import Heard
from shopapp.shops.install import find
from shopapp.work.claim import Claim, held, release

log = logging.getLogger(__name__)
_others: dict[str, Callable[[Heard], Any]] = {}


def configure(topics: Mapping[str, Callable[..., Any]]) -> None:
    """Say who hears the topics that are not of this package: `handler(heard)`. Ours may be among them."""
    _others.clear()
    _others.update({topic: handler for topic, handler in topics.items() if topic not in hooks.HANDLERS})


def handle(mine: Claim) -> None:
    """Let the handler of the claimed receipt's topic hear it; the receipt keeps the outcome and loses the body."""
    with db.writing() as s:
        row = held(s, Receipt, mine)
        if row is None:
            return
        shop = find(s, row.shop_domain)
        topic, heard = row.topic, _heard(row, shop)
    with context(shop=heard.shop_domain if heard else "", topic=topic):
        try:
            outcome = _dispatch(topic, heard)
        except RemoteError as error:
            _again(mine, heard, error)
            return
    _done(mine, outcome)


def _heard(row: Receipt, shop: Shop | None) -> Heard | None:
    try:
        payload = json.loads((row.body or b"{}").decode("utf-8"))
    except ValueError:
        return None
    if not isinstance(payload, dict):
        return None
    shop_id, triggered_at = shop.id if shop else None, row.triggered_at or row.received_at
    return Heard(row.id, shop_id, row.shop_domain, row.topic, triggered_at, row.received_at, payload)


def _dispatch(topic: str, heard: Heard | None) -> str:
    if heard is None:
        return "unreadable"
    if heard.shop_id is None:
        return "unknown_shop"
    if topic in hooks.HANDLERS:
        return hooks.HANDLERS[topic](heard)
    if topic in _others:
        _others[topic](heard)
        return "done"
    return "unknown_topic"


def _again(mine: Claim, heard: Heard | None, error: RemoteError) -> None:
    """Shopify did not answer the handler's question: later, unless only the merchant can bring the answer back."""
    with db.writing() as s:
        row = held(s, Receipt, mine)
        if row is None:
            return
        found = verdict.judge(error, "shop", row.attempt)
        shop = s.get(Shop, heard.shop_id) if heard and heard.shop_id else None
        if shop is not None:
            verdict.apply_shop(s, shop, error)
        if isinstance(error, ShopAuthLost | ShopFrozen) and row.topic not in hooks.PATIENT:
            # The next visit, or the probe, reads everything anew.
            row.body, row.handled_at, row.outcome = None, clock.now(), "shop_unreachable"
            release(row, None)
            return
        release(row, clock.now() + found.delay, attempt=row.attempt + int(found.used_attempt))


def _done(mine: Claim, outcome: str) -> None:
    with db.writing() as s:
        row = held(s, Receipt, mine)
        if row is None:
            return
        row.body, row.handled_at, row.outcome = None, clock.now(), outcome[:64]
        release(row, None)
        event(log, "webhook_handled", topic=row.topic, outcome=outcome)
