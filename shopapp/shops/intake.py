"""Deliveries on their way into the database: committed in groups, then the bell. Decides nothing about what they mean.

Threads that bring a delivery at the same time share a transaction: one of them commits for all that wait and wakes them,
and hands on to the next one who came meanwhile. A delivery is known as taken in only after that commit, so its sender
hears nothing earlier.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Receipt
from shopapp.shopify_admin.webhooks import Delivery
from shopapp.work import bell

KEY = ("shop_domain", "webhook_id")
AT_ONCE = 64  # deliveries of one transaction at most
GATHER = 0.002  # seconds for which a transaction waits for more deliveries: in a burst most of them share it


class NotKept(Exception):
    """The transaction that was to keep a delivery failed: it must be sent again."""


@dataclass(slots=True)
class _Ticket:
    """One delivery that waits to be committed; `woken` is locked until its thread is to go on."""

    row: dict[str, Any]
    done: bool = False
    kept: bool = False
    woken: threading.Lock = field(default_factory=threading.Lock)


_waiting: list[_Ticket] = []
_listing = threading.Lock()
_led = False  # somebody commits just now, and will hand on to the oldest that waits then
_pause = threading.Event()


def take_in(delivery: Delivery) -> None:
    """Return once the delivery is committed, and ring; one that was here before stays as it is. Owns its transaction.

    Raises NotKept, or what the database raised, when nothing of it may be there.
    """
    global _led
    ticket = _Ticket(_row(delivery))
    ticket.woken.acquire()
    with _listing:
        _waiting.append(ticket)
        alone, _led = not _led, True
    if not alone:
        ticket.woken.acquire()
    if ticket.done:
        if not ticket.kept:
            raise NotKept
        return
    _commit(ticket)
    bell.ring("now")  # once for all of the group


def repeat(s: Session, shop_domain: str, name: str, topic: str, payload: Mapping[str, Any]) -> None:
    """Hear once more of what Shopify may have told in vain, as a delivery of our own called `name`; once for each name.

    Joins the caller's transaction.
    """
    body = json.dumps(payload).encode()
    db.insert_new(s, Receipt, _row(Delivery(shop_domain, topic, name, None, body)), key=KEY)


def _row(delivery: Delivery) -> dict[str, Any]:
    now = clock.now()
    return {
        "shop_domain": delivery.shop_domain,
        "webhook_id": delivery.webhook_id,
        "topic": delivery.topic,
        "triggered_at": delivery.triggered_at,
        "received_at": now,
        "body": delivery.body,
        "outcome": "",
        "due_at": now,
        "lease_token": "",
        "attempt": 0,
    }


def _commit(mine: _Ticket) -> None:
    """Commit what has waited longest, all or nothing; `mine` is the oldest. Then wake the others, and who is next."""
    global _led
    _pause.wait(GATHER)
    with _listing:
        group = _waiting[:AT_ONCE]
        del _waiting[:AT_ONCE]
    # In one order everywhere: two processes that bring the same deliveries would wait for each other otherwise.
    rows = sorted((ticket.row for ticket in group), key=lambda row: (row["shop_domain"], row["webhook_id"]))
    kept = False
    try:
        db.keep(Receipt, rows, key=KEY)
        kept = True
    finally:
        with _listing:
            heir = _waiting[:1]
            _led = bool(heir)
        for ticket in group:
            ticket.done, ticket.kept = True, kept
        for ticket in (*group, *heir):
            if ticket is not mine:
                ticket.woken.release()
