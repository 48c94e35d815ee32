"""How long rows live. Every table stands here: with its lifetime, or with the reason why its rows are kept.

A chore ends what has outlived itself: windows of ids are read and small batches written, each in a transaction of its
own, so that no run, however large, holds others up. What decides is the rows' own times: after a restored backup the
next run does it again. Free pages of the database's files are the database's own affair.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, true, update

from shopapp import clock, runtime
from shopapp.logs import event
from shopapp.records import db
from shopapp.records.models import (
    AuditEntry,
    Backfill,
    DayCount,
    FxRate,
    InboxMessage,
    Incident,
    JournalEntry,
    ListingFeed,
    ListingPush,
    LoginAttempt,
    Mail,
    MailState,
    Order,
    OrderState,
    PriorImport,
    PushState,
    Receipt,
)
from shopapp.shops import privacy

log = logging.getLogger(__name__)
WINDOW = 5_000  # ids looked at in one reading transaction
BATCH = 500  # rows in one writing transaction
# The marketplaces' words for an order with which nothing more will be done.
DONE = ("shipped", "fulfilled", "delivered", "closed", "completed", "received", "cancelled", "canceled", "refunded")
GRACE = timedelta(days=2)

LOGINS = timedelta(days=7)  # a login is over after ten minutes; its trace helps support for some days
RECEIPTS = timedelta(days=30)  # Shopify repeats a delivery for hours, and within these days it is known as a repeat
PRIOR = timedelta(days=30)  # what another app had imported, after the import of older orders has ended
ADDRESSES = timedelta(days=90)  # to whom a mail went
AUDIT = timedelta(days=730)  # who changed what

KEPT = {
    "shop": "until shop/redact",
    "account": "until shop/redact: a seller that is connected again is known again",
    "account_rules": "one row for each account",
    "account_site": "with its account",
    "channel_outage": "one row for each realm of a channel",
    "chore": "one row for each duty",
    "count_round": "one row for each account",
    "listing": "with its account: what was pushed to it is known by it",
    "listing_run": "finished reads go after thirty days, in their own chore; what pushed something stays with its pushes",
    "notification_choice": "one row for each checkbox",
    "order": "until shop/redact, without its buyer: what is known is never imported a second time",
    "order_line": "with its order",
    "order_slot": "with the orders that it counts: one row for a quarter of an hour in which any were bought",
    "order_tally": "one row for each account and state",
    "shipment": "with its order, without the tracking number as soon as its buyer is forgotten",
    "shop_sweep": "one row for each shop and kind",
    "sku_mapping": "until it is deleted, or shop/redact",
    "sku_upload": "one row for each shop",
    "usage_entry": "until shop/redact: what was charged must be explainable",
    "variant": "until shop/redact: listings of deleted ones say what they were",
}


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Rows of `model` for which `over(now)` holds are done for; `values` blanks them, None deletes them.

    `born` rises with the id: as soon as a whole window was born after `longest` ago, the rest is not looked at.
    """

    model: Any
    over: Callable[[datetime], ColumnElement[bool]]
    born: Any
    longest: Callable[[], timedelta]
    values: dict[str, Any] | None = None


def history() -> timedelta:
    """How long is remembered what happened."""
    return timedelta(days=runtime.config().number("KEEP_HISTORY_DAYS"))


def _messages_over(now: datetime) -> ColumnElement[bool]:
    still_open = exists().where(Incident.id == InboxMessage.incident_id, Incident.resolved_at.is_(None))
    return and_(InboxMessage.created_at <= now - history(), ~still_open)


def _incidents_over(now: datetime) -> ColumnElement[bool]:
    told = exists().where(InboxMessage.incident_id == Incident.id)
    return and_(Incident.resolved_at <= now - history(), ~told)


def _mails_over(now: datetime) -> ColumnElement[bool]:
    told = exists().where(Incident.mail_id == Mail.id)
    return and_(Mail.created_at <= now - history(), Mail.state.in_(ENDED), ~told)


def _prior_over(now: datetime) -> ColumnElement[bool]:
    """Its backfill ended some time ago, and no order waits that would have to be bound to it."""
    needed = exists().where(
        Order.shop_id == PriorImport.shop_id,
        Order.remote_order_id == PriorImport.token,
        Order.state.in_((OrderState.RECEIVED, OrderState.HELD, OrderState.SENDING, OrderState.FAILED)),
    )
    ended = exists().where(Backfill.id == PriorImport.backfill_id, Backfill.ended_at <= now - PRIOR)
    return and_(ended, ~needed)


def _backfills_over(now: datetime) -> ColumnElement[bool]:
    used = exists().where(PriorImport.backfill_id == Backfill.id)
    return and_(Backfill.ended_at <= now - history(), ~used)


def _feeds_over(now: datetime) -> ColumnElement[bool]:
    used = exists().where(ListingPush.feed_id == ListingFeed.id)
    return and_(ListingFeed.ended_at <= now - history(), ~used)


ENDED = (MailState.SENT, MailState.BOUNCED, MailState.CANCELLED)
# Who refers to others goes before them.
LIFETIMES = (
    Lifetime(JournalEntry, lambda now: JournalEntry.at <= now - history(), JournalEntry.at, history),
    Lifetime(InboxMessage, _messages_over, InboxMessage.created_at, history),
    Lifetime(Incident, _incidents_over, Incident.opened_at, history),
    Lifetime(
        Mail,
        lambda now: and_(Mail.created_at <= now - ADDRESSES, Mail.state.in_(ENDED), Mail.to_address != ""),
        Mail.created_at,
        lambda: ADDRESSES,
        {"to_address": ""},
    ),
    Lifetime(Mail, _mails_over, Mail.created_at, history),
    Lifetime(AuditEntry, lambda now: AuditEntry.at <= now - AUDIT, AuditEntry.at, lambda: AUDIT),
    Lifetime(Receipt, lambda now: Receipt.received_at <= now - RECEIPTS, Receipt.received_at, lambda: RECEIPTS),
    Lifetime(
        LoginAttempt, lambda now: LoginAttempt.expires_at <= now - LOGINS, LoginAttempt.created_at, lambda: LOGINS
    ),
    Lifetime(PriorImport, _prior_over, None, lambda: PRIOR),
    Lifetime(Backfill, _backfills_over, Backfill.asked_at, history),
    Lifetime(
        ListingPush,
        lambda now: and_(ListingPush.at <= now - history(), ListingPush.state != PushState.SENT),
        ListingPush.at,
        history,
    ),
    Lifetime(ListingFeed, _feeds_over, ListingFeed.sent_at, history),
    Lifetime(DayCount, lambda now: DayCount.day <= (now - history()).date(), None, history),
    Lifetime(FxRate, lambda now: FxRate.day <= (now - AUDIT).date(), None, lambda: AUDIT),
)


def run() -> int:
    """End what was kept long enough (a chore); how many rows. Owns its transactions."""
    buyers = purge_buyers()
    if buyers:
        event(log, "buyers_purged", orders=buyers)
    total = 0
    for life in LIFETIMES:
        ended = _end(life)
        total += ended
        if ended:
            event(log, "rows_outlived", table=life.model.__tablename__, rows=ended, blanked=life.values is not None)
    return buyers + total


def purge_buyers() -> int:
    """Blank what is stored of buyers whose orders are done for PURGE_DONE_DAYS, or PURGE_MAX_DAYS old; how many orders."""
    total, now = 0, clock.now()
    for ids in _outlived(Order, _buyer_over(now), among=KNOWN_BUYER):
        with db.writing() as s:
            still = select(Order.id).where(Order.id.in_(ids), KNOWN_BUYER, _buyer_over(now))
            found = list(s.scalars(still))
            privacy.blank_orders(s, found)
        total += len(found)
    return total


# Most orders are old and have lost their buyer long ago: an index holds the others.
KNOWN_BUYER = Order.purged_at.is_(None)


def _buyer_over(now: datetime) -> ColumnElement[bool]:
    config = runtime.config()
    done = now - timedelta(days=config.number("PURGE_DONE_DAYS"))
    oldest = now - timedelta(days=config.number("PURGE_MAX_DAYS"))
    over = and_(func.lower(Order.remote_state).in_(DONE), Order.remote_updated_at <= done)
    cancelled = and_(Order.cancelled_at.is_not(None), Order.cancelled_at <= done)
    # A backfill brings old orders: their buyers are needed until the order is in Shopify, but not for ever.
    ours_done = Order.state.not_in((OrderState.RECEIVED, OrderState.SENDING, OrderState.HELD))
    asked = and_(Order.forget_at.is_not(None), or_(ours_done, Order.forget_at <= now - GRACE))
    too_old = and_(Order.remote_created_at <= oldest, or_(ours_done, Order.found_at <= now - GRACE))
    return or_(too_old, asked, and_(ours_done, or_(over, cancelled)))


def _end(life: Lifetime) -> int:
    total, now = 0, clock.now()
    over = life.over(now)
    for ids in _outlived(life.model, over, life.born, now - life.longest()):
        these: Any = delete(life.model) if life.values is None else update(life.model).values(**life.values)
        with db.writing() as s:
            # Asked again: a row may have come back to life since it was read.
            ended: Any = s.execute(these.where(life.model.id.in_(ids), over).execution_options(**_AS_IT_IS))
            total += int(ended.rowcount)
    return total


_AS_IT_IS = {"synchronize_session": False}


def _outlived(
    model: Any,
    over: ColumnElement[bool],
    born: Any = None,
    young: datetime | None = None,
    among: ColumnElement[bool] | None = None,
) -> Iterator[Any]:
    """Ids of the rows for which `over` holds, in batches, oldest first; with `among` no other rows are looked at."""
    last, these = 0, true() if among is None else among
    while True:
        window = select(model.id).where(model.id > last, these).order_by(model.id).limit(WINDOW).subquery()
        with db.reading() as s:
            top = s.scalar(select(func.max(window.c.id)))
            if top is None:
                return
            inside = and_(model.id > last, model.id <= top, these)
            ids = list(s.scalars(select(model.id).where(inside, over).order_by(model.id)))
            oldest = s.scalar(select(func.min(born)).where(inside)) if born is not None else None
        for start in range(0, len(ids), BATCH):
            yield ids[start : start + BATCH]
        if born is not None and young is not None and oldest is not None and oldest > young:
            return
        last = top
