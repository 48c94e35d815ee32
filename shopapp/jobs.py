"""Three tables and nothing else: queue -> what a drain of it works on, webhook topic -> who hears it, chore -> its duty."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement

from shopapp import clock
from shopapp.accounts import forecast, own_secrets, standing
from shopapp.alerts import outbox, remind
from shopapp.listings import catalogue, document, duties, push, read, runs, variants
from shopapp.orders import backfill, count, place, poll, retry
from shopapp.plans import chores as plan_chores
from shopapp.plans import gate
from shopapp.process import die_with_parent
from shopapp.records import db, tallies
from shopapp.records.models import (
    Account,
    Backfill,
    Chore,
    CountRound,
    Listing,
    ListingFeed,
    ListingRun,
    Mail,
    Order,
    Receipt,
    RunKind,
    Shipment,
    Shop,
    ShopSweep,
    SweepKind,
    Variant,
)
from shopapp.shipments import hear, send, sweep
from shopapp.shops import hooks, receipts, retention, upkeep
from shopapp.shops.hooks import Heard
from shopapp.work import bell, chores, claim
from shopapp.work.chores import Duty
from shopapp.work.claim import Work

LINGER = 1.5  # seconds that a drain waits for more: longer than the scheduler's tick
LONG = timedelta(minutes=10)  # the lease of what may talk for minutes
CHORES: Mapping[str, Duty] = {
    "exchange_rates": Duty(plan_chores.fetch_rates, timedelta(hours=12)),
    "periods": Duty(gate.turn, timedelta(minutes=1)),
    "expiry_notices": Duty(forecast.notices, timedelta(hours=1)),
    "standings": Duty(standing.look, timedelta(minutes=30)),
    "counts": Duty(count.enrol, timedelta(hours=1)),
    "own_secrets": Duty(own_secrets.warnings, timedelta(hours=6)),
    "reminders": Duty(remind.due, timedelta(minutes=15)),
    "order_counts": Duty(tallies.recount_all, timedelta(hours=24)),
    "retention": Duty(retention.run, timedelta(hours=6)),
    "listings": Duty(duties.enrol, timedelta(minutes=1)),
    "fulfillment_sweeps": Duty(sweep.enrol, timedelta(minutes=15)),
}


def _asked() -> Iterable[ColumnElement[bool]]:
    return (Account.sync_asked_at.is_not(None),)


def _sales() -> Iterable[ColumnElement[bool]]:
    return (Order.backfill.is_(False),)


def _older() -> Iterable[ColumnElement[bool]]:
    return (Order.backfill.is_(True),)


def _sold_out() -> Iterable[ColumnElement[bool]]:
    return (Listing.urgent.is_(True),)


def _changed() -> Iterable[ColumnElement[bool]]:
    return (Listing.urgent.is_(False),)


def _reads() -> Iterable[ColumnElement[bool]]:
    return (ListingRun.kind == RunKind.READ,)


def _catalogues() -> Iterable[ColumnElement[bool]]:
    return (ShopSweep.kind == SweepKind.CATALOGUE,)


def _duties() -> Iterable[ColumnElement[bool]]:
    return (Chore.name.in_(CHORES),)


QUEUES: Mapping[str, tuple[Work, ...]] = {
    # What somebody waits for: never behind bulk work.
    "now": (
        Work("receipt", Receipt, receipts.handle, share="shop_domain", threads=8),
        Work("mail", Mail, outbox.deliver, threads=4),
        Work("order", Order, place.due_order, only=_sales, share="shop_id"),
        Work("shipment", Shipment, send.due_shipment, share="account_id", threads=8),
        Work("sync", Account, poll.due_account, only=_asked, share="shop_id", threads=8),
        Work("variant", Variant, variants.due_variant, share="shop_id", per_share=1, threads=4),
        Work("stop", Listing, push.due_listing, only=_sold_out, share="account_id", threads=8),
    ),
    "bulk": (
        Work("poll", Account, poll.due_account, share="shop_id", per_share=4),
        Work("backfill", Backfill, backfill.due_backfill, share="shop_id", per_share=1, threads=4),
        Work("older_order", Order, place.due_order, only=_older, share="shop_id"),
        Work("fulfillments", ShopSweep, sweep.due_sweep, only=sweep.only, threads=4),
        Work("push", Listing, push.due_listing, only=_changed, share="account_id"),
        Work("feed", ListingFeed, document.due_feed, share="account_id", per_share=1, threads=2, lease=LONG),
        Work("listing_run", ListingRun, runs.due_run, only=runs.mine, share="account_id", per_share=1, threads=2),
        Work("listings", ListingRun, read.due_read, only=_reads, share="shop_id", per_share=1, threads=2),
        Work("catalogue", ShopSweep, catalogue.due_catalogue, only=_catalogues, threads=2),
        Work("count", CountRound, count.due_count, share="shop_id", per_share=2, threads=4),
        Work("shop", Shop, upkeep.due_shop, threads=4),
        Work("chore", Chore, partial(chores.handle, CHORES), only=_duties, threads=2, lease=timedelta(minutes=10)),
    ),
}


def _product(heard: Heard) -> None:
    """A product was made or changed: orders that wait for a SKU of it are tried again, then its variants are read.

    The orders come first: they ask nobody, while Shopify may have to be asked for the variants once more.
    """
    retry.product_changed(heard.shop)
    variants.product_changed(heard)


TOPICS: Mapping[str, Callable[..., Any]] = {
    **hooks.HANDLERS,
    **dict.fromkeys(hear.TOPICS, hear.heard),
    "products/create": _product,
    "products/update": _product,
    "products/delete": variants.product_gone,
    "inventory_levels/update": variants.stock_changed,
    "inventory_items/update": variants.item_changed,
    "inventory_items/delete": variants.item_changed,
}


def drain(queue: str) -> int:
    """Work off what is due in `queue`; what a worker runs when the bell rings. How many rows were handled."""
    return claim.drain(QUEUES[queue])


def horse(queue: str) -> None:
    """A drain in RQ's forked work-horse: it dies with its worker and leaves the parent's connections alone.

    When its time is up and more is due, it rings for the next one, which begins at once.
    """
    die_with_parent(signal.SIGKILL)
    db.after_fork()
    claim.drain(QUEUES[queue], linger=LINGER)
    if claim.left(QUEUES[queue]):
        bell.ring(queue)


def drain_all(rounds: int = 50) -> int:
    """Drain every queue in this process until nothing is due; how many rows were handled."""
    total = 0
    for _ in range(rounds):
        handled = sum(claim.drain(works) for works in QUEUES.values())
        total += handled
        if not handled:
            break
    return total


def ready() -> None:
    """Make sure every chore has its row."""
    with db.writing() as s:
        for name in CHORES:
            row = {"name": name, "due_at": clock.now(), "lease_token": "", "attempt": 0, "words": ""}
            db.insert_new(s, Chore, row, key=["name"])
