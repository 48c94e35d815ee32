"""Deliveries on their way into the database: committed in groups, then the bell. Decides nothing about what they mean.

Threads that bring a delivery at the same time share a transaction: who gets the lock commits all that wait, the others
find theirs done. A delivery is known as taken in only after that commit, so its sender hears nothing earlier.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Receipt
from shopapp.shopify_admin.webhooks import Delivery
from shopapp.work import bell

KEY = ("shop_domain", "webhook_id")
AT_ONCE = 64  # deliveries of one transaction at most


class NotKept(Exception):
    """The transaction that was to keep a delivery failed: it must be sent again."""


@dataclass(slots=True)
class _Ticket:
    """One delivery that waits to be committed."""

    row: dict[str, Any]
    done: bool = False
    kept: bool = False


_waiting: list[_Ticket] = []
_listing = threading.Lock()
_committing = threading.Lock()


def take_in(delivery: Delivery) -> None:
    """Return once the delivery is committed, and ring; one that was here before stays as it is. Owns its transaction.

    Raises NotKept, or what the database raised, when nothing of it may be there.
    """
    ticket, led = _Ticket(_row(delivery)), False
    with _listing:
        _waiting.append(ticket)
    with _committing:
        while not ticket.done:
            _commit()
            led = True
    if not ticket.kept:
        raise NotKept
    if led:  # whoever committed rings once for all of its group
        bell.ring("now")


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


def _commit() -> None:
    """Commit what has waited longest, all or nothing."""
    with _listing:
        group = _waiting[:AT_ONCE]
        del _waiting[:AT_ONCE]
    # In one order everywhere: two processes that bring the same deliveries would wait for each other otherwise.
    rows = sorted((ticket.row for ticket in group), key=lambda row: (row["shop_domain"], row["webhook_id"]))
    kept = False
    try:
        with db.writing() as s:
            db.upsert(s, Receipt, rows, key=KEY)
        kept = True
    finally:
        for ticket in group:
            ticket.done, ticket.kept = True, kept
