"""The acceptance that some marketplaces ask for before they let a sale be paid and shipped. Owns when it is given.

The order's row is the work: read -> talk -> write, then a look now and then until the marketplace has gone on. Whether
the word is given by itself is the account's rule; else the merchant gives it on the order's page. Creates nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.data import Order as Sale
from marketplaces.data import OrderState as SaleState
from marketplaces.errors import PermissionMissing, Rejected, RemoteError, Transient
from shopapp import clock, verdict
from shopapp.accounts import line
from shopapp.logs import context, event
from shopapp.orders import absorb, outcome
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountStatus, HeldReason, Order, OrderState, Shop, ShopStatus
from shopapp.work.claim import Claim, held, release

log = logging.getLogger(__name__)
CALL = "acceptOrder"
REFUSED = "acceptance_refused"  # the cause of an order that the marketplace did not let us accept
PAUSED, BROKEN = timedelta(minutes=15), timedelta(minutes=5)
LOOK_FIRST, LOOK_LONGEST = timedelta(minutes=2), timedelta(minutes=30)  # between two looks at an accepted order
AGAIN = timedelta(hours=2)  # an order that still waits there so long after our word gets it once more


@dataclass(frozen=True, slots=True)
class Job:
    """What a step needs, detached from any transaction. `accepted`: our word was taken, what follows is awaited.

    `look`: the order is read before anything is said, because what was said before may have arrived.
    """

    mine: Claim
    account_id: int
    channel: Channel
    remote_order_id: str
    site: str
    accepted: bool
    look: bool


def awaits(row: Order) -> bool:
    """Whether the newest version of the order that we know waits for the seller's acceptance."""
    waits = row.state in (OrderState.HELD, OrderState.FAILED)
    return waits and (row.payload or {}).get("state") == SaleState.ACCEPTANCE.value


def asks(row: Order) -> bool:
    """Whether the order waits for the merchant's word."""
    return row.state == OrderState.HELD and row.held_reason == HeldReason.ACCEPTANCE and row.accept_asked_at is None


def agree(s: Session, row: Order, user: str) -> bool:
    """The merchant's word; whether it was waited for. The caller rings "now" after its commit."""
    if not asks(row):
        return False
    row.accept_asked_at = row.due_at = clock.now()
    outcome.note(s, row, "acceptance_asked")
    journal.audit(s, row.shop_id, user, "order_accepted", outcome.subject(row), order=row.remote_order_id)
    return True


def agree_to_all(s: Session, account: Account, user: str) -> int:
    """The rule was switched on: what waits for a word gets it. How many. The caller rings "now" after its commit."""
    waits = select(Order).where(
        Order.shop_id == account.shop_id,
        Order.account_id == account.id,
        Order.state == OrderState.HELD,
        Order.held_reason == HeldReason.ACCEPTANCE,
        Order.accept_asked_at.is_(None),
    )
    return sum(agree(s, row, user) for row in s.scalars(waits))


def step(mine: Claim) -> None:
    """Give the word for the claimed order, or look what became of it. Owns its transactions."""
    job = _begin(mine)
    if job is None:
        return
    with context(account=job.account_id, order=mine.id):
        try:
            if job.look:
                there = _read(job)
                if there.state != SaleState.ACCEPTANCE:
                    _gone_on(job, there)
                    return
                if job.accepted:
                    _look_later(job)
                    return
            line.speak(job.account_id, lambda to: job.channel.accept_order(to, job.remote_order_id, job.site))
        except Rejected as error:
            _refused(job, error)
        except (RemoteError, line.NotLinked) as error:
            _put_back(job, error)
        else:
            _accepted(job)


def _begin(mine: Claim) -> Job | None:
    with db.writing() as s:
        row = held(s, Order, mine)
        if row is None:
            return None
        shop, account = s.get_one(Shop, row.shop_id), s.get_one(Account, row.account_id)
        channel = registry().get(row.channel)
        if channel is None or not channel.accepts or row.accept_asked_at is None:
            release(row, None)
            return None
        wait = _must_wait(s, shop, account)
        if wait is not None:
            release(row, clock.now() + wait)
            return None
        if row.accepted_at is not None and row.accepted_at < clock.now() - AGAIN:
            row.accepted_at = None
        accepted = row.accepted_at is not None
        return Job(mine, account.id, channel, row.remote_order_id, row.site, accepted, accepted or row.attempt > 0)


def _must_wait(s: Session, shop: Shop, account: Account) -> timedelta | None:
    """For how long nothing can be said; None: go on."""
    if shop.status != ShopStatus.ACTIVE or shop.paused_at is not None:
        return PAUSED
    if account.status != AccountStatus.ACTIVE or not account.credentials:
        return BROKEN
    open_until = verdict.breaker_open_until(s, account.channel, account.realm)
    return max(open_until - clock.now(), timedelta(seconds=1)) if open_until is not None else None


def _read(job: Job) -> Sale:
    return line.speak(job.account_id, lambda to: job.channel.get_order(to, job.remote_order_id, job.site))


def _accepted(job: Job) -> None:
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is None:
            return  # whoever holds it now reads it first, or says what is known there already
        row.accepted_at = clock.now()
        outcome.settle(s, row, "accepted")
        if row.state == OrderState.FAILED:
            outcome.hold(s, row, HeldReason.ACCEPTANCE)
        outcome.note(s, row, "order_accepted")
        event(log, "order_accepted", order=row.id)
        verdict.channel_answered(s, row.channel, row.realm)
        release(row, clock.now() + LOOK_FIRST, attempt=0)


def _gone_on(job: Job, there: Sale) -> None:
    """The marketplace has gone on, by our word or without it: the order is taken in as it is now."""
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is None:
            return
        account = s.get_one(Account, job.account_id)
        absorb.page(s, account, [there], absorb.Sweep(backfill=row.backfill))
        verdict.channel_answered(s, row.channel, row.realm)
        release(row, row.due_at, attempt=0)


def _look_later(job: Job) -> None:
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is not None:
            wait = min(LOOK_FIRST * 2 ** min(row.attempt, 5), LOOK_LONGEST)
            release(row, clock.now() + wait, attempt=row.attempt + 1)


def _refused(job: Job, error: Rejected) -> None:
    """The marketplace says no. It may have heard our word before, or have cancelled the sale: then it has gone on."""
    try:
        there = _read(job)
    except (RemoteError, line.NotLinked) as unread:
        _put_back(job, unread)
        return
    if there.state != SaleState.ACCEPTANCE:
        _gone_on(job, there)
        return
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is not None:
            outcome.fail(s, row, REFUSED, error.words)
            release(row, row.due_at, attempt=0)


def _put_back(job: Job, error: Exception) -> None:
    """No answer, or trouble before anything was said: read first, then said again."""
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is None:
            return
        if isinstance(error, line.NotLinked):
            release(row, clock.now() + BROKEN)
            return
        found, account = verdict.judge(error, "account", row.attempt), s.get_one(Account, job.account_id)
        if isinstance(error, (PermissionMissing, Rejected)):
            outcome.fail(s, row, REFUSED, verdict.words_of(error))
            release(row, row.due_at, attempt=0)
            return
        verdict.call_failed(s, account, error, CALL)
        unclear = isinstance(error, Transient) and error.maybe_done
        if unclear:
            outcome.note(s, row, "acceptance_unanswered", verdict.words_of(error))
        release(row, clock.now() + found.delay, attempt=row.attempt + max(int(found.used_attempt), int(unclear)))
