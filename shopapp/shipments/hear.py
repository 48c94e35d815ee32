"""Hears of fulfillments, cancellations and refunds in the shop. A message is a hint: what counts is read from Shopify."""

from __future__ import annotations

import logging

from sqlalchemy import select

from marketplaces.errors import Transient
from shopapp.logs import event
from shopapp.records import db
from shopapp.records.models import Order
from shopapp.shipments import absorb, told
from shopapp.shopify_admin import tokens
from shopapp.shopify_admin.client import Admin
from shopapp.shops.hooks import Heard
from shopapp.work import bell

log = logging.getLogger(__name__)
TOPICS = ("fulfillments/create", "fulfillments/update", "orders/cancelled", "refunds/create")


def heard(message: Heard) -> str:
    """Read the order that the message is about, and take in what Shopify tells of it. Owns its transactions; network."""
    gid = message.gid("Order", "id" if message.topic == "orders/cancelled" else "order_id")
    with db.reading() as s:
        ours = select(Order.id).where(Order.shop_id == message.shop, Order.shopify_gid == gid).limit(1)
        if not gid or s.scalar(ours) is None:
            return "not_ours"
    read(tokens.line(message.shop), message.shop, gid)
    return "done"


def read(admin: Admin, shop_id: int, gid: str) -> None:
    """Ask Shopify for the order and take it in. Shopify's errors pass through. Network."""
    answer = admin.run("OrderFulfillments", {"id": gid}).get("order")
    if not isinstance(answer, dict):  # deleted there
        return
    try:
        found = told.read(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Transient(f"an order of an unknown shape ({type(error).__name__})", call="OrderFulfillments") from error
    with db.writing() as s:
        row = absorb.find(s, shop_id, gid)
        due = row is not None and absorb.order(s, row, found)
    event(log, "fulfillments_read", shop=shop_id, fulfillments=len(found.fulfillments), due=due)
    if due:
        bell.ring("now")
