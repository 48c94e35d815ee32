"""Which of our orders are a customer's: by the order numbers that Shopify lists, by e-mail address and by telephone.

Shopify knows only the orders that are in Shopify; the same person may have bought what is held, failed, or ignored here.
Reads only, in short transactions of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import Order, OrderState
from shopapp.shops import privacy

BATCH = 1_000
DIGITS = 9  # the last digits of a telephone number, so that country codes and zeros before them do not matter
UNDER_WAY = (OrderState.RECEIVED, OrderState.HELD, OrderState.SENDING, OrderState.FAILED)


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of a customer's orders: `settled` ones need the buyer no more, `under_way` ones are still to be created.

    `unsure`: an order was being sent when the message came, and may turn out to be one of those that Shopify lists.
    """

    settled: list[int]
    under_way: list[int]
    unsure: bool = False

    @property
    def all(self) -> list[int]:
        """Both."""
        return [*self.settled, *self.under_way]


def find(shop_id: int, payload: Mapping[str, Any], listed: list[str], received_at: datetime) -> Found:
    """The orders of the customer that a compliance message is about, beside those that are `listed` and bound."""
    customer = payload.get("customer")
    about = customer if isinstance(customer, Mapping) else {}
    email, phone = _text(about.get("email")).casefold(), _digits(_text(about.get("phone")))
    settled: list[int] = []
    under_way: list[int] = []
    if email or phone:
        for order_id, state in _matching(shop_id, email, phone):
            (under_way if state in UNDER_WAY else settled).append(order_id)
    return Found(settled, under_way, _being_sent(shop_id, listed, received_at))


def _matching(shop_id: int, email: str, phone: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    told = (Order.payload["buyer_email"].as_string(), Order.payload[("ship_to", "phone")].as_string())
    last = 0
    while True:
        some = select(Order.id, Order.state, *told).where(
            Order.shop_id == shop_id, Order.id > last, Order.purged_at.is_(None)
        )
        with db.reading() as s:
            rows = s.execute(some.order_by(Order.id).limit(BATCH)).all()
        for order_id, state, its_email, its_phone in rows:
            same_email = bool(email) and _text(its_email).casefold() == email
            if same_email or (phone and _digits(_text(its_phone)) == phone):
                found.append((order_id, state))
        if len(rows) < BATCH:
            return found
        last = rows[-1][0]


def _being_sent(shop_id: int, listed: list[str], received_at: datetime) -> bool:
    """Whether a listed order is unknown while a send of that time has not been answered."""
    if not listed:
        return False
    sending = select(Order.id).where(
        Order.shop_id == shop_id, Order.state == OrderState.SENDING, Order.sent_at <= received_at
    )
    with db.reading() as s:
        if s.scalars(sending.limit(1)).first() is None:
            return False
        return len(privacy.orders_of(s, shop_id, listed)) < len(set(listed))


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _digits(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return digits[-DIGITS:] if len(digits) >= DIGITS else ""
