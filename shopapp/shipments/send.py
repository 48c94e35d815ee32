"""Reports one package to its marketplace: never twice, never not at all. The protocol of one claimed row, step by step.

Look what is there (unless it was never sent) -> commit the intent -> report once -> sent, refused or undone. An answer
that tells neither is unknown: the row is due after the settle time and begins with looking.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.data import Parcel, ShippedLine
from marketplaces.data import Shipment as Package
from marketplaces.errors import PermissionMissing, Rejected, RemoteError, Transient
from shopapp import clock, verdict
from shopapp.accounts import line
from shopapp.logs import context, event
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Order, Shipment, ShipmentState, Shop, ShopStatus
from shopapp.shipments import absorb, lines, outcome
from shopapp.shops.install import ASLEEP
from shopapp.work.claim import LEASE, Claim, held, release

log = logging.getLogger(__name__)
CALL = "confirmShipment"
SENDABLE = (ShipmentState.WAITING, ShipmentState.FAILED, ShipmentState.SENDING)
PAUSED, BROKEN, DEACTIVATED = timedelta(minutes=15), timedelta(minutes=5), timedelta(hours=1)
NEXT_TO_IT = timedelta(seconds=2)  # while another package of the same order is under way
ONE_BY_ONE = timedelta(minutes=15)  # so long a sibling that was asked about holds back nobody
ALREADY = "already_shipped"  # the reason of a refusal that may only mean that it is there
_MARKS = re.compile(r"[^0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class Job:
    """What a send needs, detached from any transaction. `ordered` are the order's units by line id."""

    mine: Claim
    account_id: int
    channel: Channel
    package: Package
    ordered: dict[str, int]
    sends: int
    sent_at: datetime | None
    look_first: bool


def due_shipment(mine: Claim) -> None:
    """Work on one claimed package. Owns its transactions."""
    job = _begin(mine)
    if job is None:
        return
    with context(account=job.account_id, shipment=mine.id):
        try:
            if job.look_first and _is_there(job):
                _done(job, "found")
                return
        except (RemoteError, line.NotLinked) as error:
            _put_back(job, error)
            return
        if _commit(job):
            _send(job)


# --- begin ------------------------------------------------------------------------------------------------------------


def _begin(mine: Claim) -> Job | None:
    """The claimed row as a job; None when there is nothing to send (now), the row being given back."""
    with db.writing() as s:
        row = held(s, Shipment, mine)
        if row is None:
            return None
        order, shop = row.order, s.get_one(Shop, row.shop_id)
        account, channel = s.get_one(Account, order.account_id), registry().get(order.channel)
        if row.state not in SENDABLE or channel is None or channel.shipping is None:
            release(row, None)
            return None
        wait = _must_wait(s, row, shop, account)
        if wait is not None:
            release(row, clock.now() + wait)
            return None
        if row.state != ShipmentState.SENDING and _gone_or_lacking(s, row, order, channel):
            release(row, row.due_at)
            return None
        if row.sends and row.sent_at is not None and row.sent_at + absorb.settle_time() > clock.now():
            release(row, row.sent_at + absorb.settle_time())
            return None
        return _read(mine, row, order, channel)


def _must_wait(s: Session, row: Shipment, shop: Shop, account: Account) -> timedelta | None:
    """For how long nothing can be sent; None: go on."""
    if shop.status == ShopStatus.UNINSTALLED:
        return ASLEEP
    if shop.status != ShopStatus.ACTIVE or shop.paused_at is not None:
        return PAUSED
    if account.status == AccountStatus.DEACTIVATED or not account.credentials:
        return DEACTIVATED
    if account.status != AccountStatus.ACTIVE:
        return BROKEN
    open_until = verdict.breaker_open_until(s, account.channel, account.realm)
    if open_until is not None:
        return max(open_until - clock.now(), timedelta(seconds=1))
    # Two packages of one order at once would meet at the marketplace; the one that came first goes first.
    now = clock.now()
    under_way = (Shipment.lease_until > now, Shipment.lease_token != "", Shipment.id != row.id)
    first = (Shipment.due_at <= now, Shipment.id < row.id, Shipment.due_at > now - ONE_BY_ONE)
    for conditions in (under_way, first):
        if s.scalar(select(Shipment.id).where(Shipment.order_id == row.order_id, *conditions).limit(1)) is not None:
            return NEXT_TO_IT
    return None


def _gone_or_lacking(s: Session, row: Shipment, order: Order, channel: Channel) -> bool:
    """Whether it is not to be reported any more, or lacks what the marketplace asks for."""
    assert channel.shipping is not None
    if order.cancelled_at is not None:
        outcome.withdraw(s, row, order, outcome.ORDER_CANCELLED)
        return True
    if channel.shipping.needs_tracking and not row.tracking:
        outcome.fail(s, row, order, "tracking_missing")
        return True
    return False


def _read(mine: Claim, row: Shipment, order: Order, channel: Channel) -> Job:
    package = Package(
        order_id=order.remote_order_id,
        site=order.site,
        reference=row.reference,
        carrier=row.carrier,
        tracking=row.tracking,
        shipped_at=row.shipped_at,
        ordered_at=order.remote_created_at,
        lines=tuple(ShippedLine(str(line_id), int(quantity)) for line_id, quantity in row.lines),
    )
    ordered = dict(lines.ordered(order.lines))
    # What was imported as it stood there may have been shipped before anybody told us; what was found in Shopify
    # may have been reported before a backup was restored.
    look = row.sends > 0 or order.backfill or order.bound_how == "found"
    return Job(mine, order.account_id, channel, package, ordered, row.sends, row.sent_at, look)


# --- look -------------------------------------------------------------------------------------------------------------


def _is_there(job: Job) -> bool:
    """Whether the marketplace knows the package as it was last told. Network."""
    return any(_same(job, parcel) for parcel in _parcels(job))


def _parcels(job: Job) -> Sequence[Parcel]:
    package = job.package
    return line.speak(job.account_id, lambda to: job.channel.parcels(to, package.order_id, package.site))


def _same(job: Job, parcel: Parcel) -> bool:
    known = parcel.reference in ("", str(job.package.reference))
    return known and _plain(parcel.tracking) == _plain(job.package.tracking)


def _plain(tracking: str) -> str:
    return _MARKS.sub("", tracking).upper()


def _covered(job: Job, parcels: Sequence[Parcel]) -> bool:
    """Whether all units of this package's positions have shipped there, whoever reported them."""
    there: Counter[str] = Counter()
    for parcel in parcels:
        for one in parcel.lines:
            there[one.line_id] += one.quantity
    positions = {one.line_id for one in job.package.lines}
    # An uneven price makes two lines of one position there ("...:2"): what counts is the position.
    wanted: Counter[str] = Counter()
    for line_id, quantity in job.ordered.items():
        wanted[line_id.partition(":")[0] if line_id not in there else line_id] += quantity
    names = {line_id.partition(":")[0] if line_id not in there else line_id for line_id in positions}
    return bool(names) and all(there[name] >= wanted[name] for name in names)


# --- send -------------------------------------------------------------------------------------------------------------


def _commit(job: Job) -> bool:
    """Commit that this package is about to be reported; False when it must not be (any more)."""
    with db.writing() as s:
        row = held(s, Shipment, job.mine)
        if row is None:
            return False
        if row.state not in SENDABLE or row.tracking != job.package.tracking or row.carrier != job.package.carrier:
            release(row, row.due_at)
            return False
        now = clock.now()
        row.state, row.sent_at, row.due_at = ShipmentState.SENDING, now, now + absorb.settle_time()
        row.sends, row.lease_until = row.sends + 1, now + LEASE
        outcome.note(s, row.order, "shipment_sending", name=row.fulfillment_name, tries=row.sends)
        return True


def _send(job: Job) -> None:
    """Report once, then say what the answer means. Whatever is not understood leaves the intent for the next look."""
    try:
        line.speak(job.account_id, lambda to: job.channel.confirm_shipment(to, job.package))
    except Transient as error:
        if error.maybe_done:
            _unknown(job, error)
        else:
            _undo(job, error)
    except Rejected as error:
        _refused(job, error)
    except (RemoteError, line.NotLinked) as error:
        _undo(job, error)
    else:
        _done(job, "sent")


def _done(job: Job, how: str) -> None:
    with db.writing() as s:
        row = held(s, Shipment, job.mine)
        if row is None:
            event(log, "sent_without_lease", logging.WARNING)  # somebody else holds the row; he looks and finds it
            return
        outcome.sent(s, row, row.order, how)
        release(row, None)
        verdict.channel_answered(s, row.order.channel, row.order.realm)


def _unknown(job: Job, error: Transient) -> None:
    """No usable answer: it may be there. Due for a look once it has had time to arrive."""
    with db.writing() as s:
        row = held(s, Shipment, job.mine)
        if row is None:
            return
        if row.state == ShipmentState.SUPERSEDED:
            release(row, None)
            return
        outcome.note(s, row.order, "shipment_unanswered", error.words, name=row.fulfillment_name)
        verdict.channel_failed(s, s.get_one(Account, job.account_id), error)
        wait = verdict.delay(row.attempt) if row.attempt else timedelta(0)
        settled = (row.sent_at or clock.now()) + absorb.settle_time()
        release(row, max(settled, clock.now() + wait), attempt=row.attempt + 1)


def _refused(job: Job, error: Rejected) -> None:
    """The marketplace says no. When it says so because the units have shipped already, that is success: look."""
    if error.reason == ALREADY:
        try:
            parcels = _parcels(job)
        except (RemoteError, line.NotLinked):
            _undo(job, Transient("it could not be looked up", call="parcels"))
            return
        if any(_same(job, parcel) for parcel in parcels) or _covered(job, parcels):
            _done(job, "found")
            return
    with db.writing() as s:
        row = held(s, Shipment, job.mine)
        if row is not None and not _overtaken(s, row):
            row.sends, row.sent_at = job.sends, job.sent_at  # it is certain that this one did not arrive
            outcome.fail(s, row, row.order, error.reason or "shipment_refused", error.words, field=error.field)
            release(row, row.due_at)


def _overtaken(s: Session, row: Shipment) -> bool:
    """Replaced or cancelled in Shopify while it was being sent, and not executed: then nothing is left to do."""
    if row.state == ShipmentState.SUPERSEDED:
        release(row, None)
        return True
    if row.cause == outcome.CANCELLED:
        outcome.withdraw(s, row, row.order, outcome.CANCELLED)
        release(row, None)
        return True
    return False


def _undo(job: Job, error: Exception) -> None:
    """Definitely not executed: take the intent back, then judge the error."""
    with db.writing() as s:
        row = held(s, Shipment, job.mine)
        if row is None or _overtaken(s, row):
            return
        row.state = ShipmentState.FAILED if row.cause else ShipmentState.WAITING
        row.sends, row.sent_at = job.sends, job.sent_at
        _judge(s, row, job, error)


def _put_back(job: Job, error: Exception) -> None:
    """Trouble before anything was sent."""
    with db.writing() as s:
        row = held(s, Shipment, job.mine)
        if row is not None:
            _judge(s, row, job, error)


def _judge(s: Session, row: Shipment, job: Job, error: Exception) -> None:
    if isinstance(error, line.NotLinked):
        release(row, clock.now() + DEACTIVATED)
        return
    found = verdict.judge(error, "account", row.attempt)
    account = s.get_one(Account, job.account_id, with_for_update={"key_share": True})
    if isinstance(error, PermissionMissing):
        outcome.fail(s, row, row.order, outcome.NOT_PERMITTED, error.words, what=error.what)
    elif found.item == "fail":
        reason = error.reason if isinstance(error, Rejected) else ""
        outcome.fail(s, row, row.order, reason or "shipment_refused", verdict.words_of(error))
        release(row, row.due_at)
        return
    elif found.incident:  # it is about the account as a whole
        found = verdict.apply_account(s, account, error, CALL)
    elif isinstance(error, Transient):
        verdict.channel_failed(s, account, error)
    release(row, clock.now() + found.delay, attempt=row.attempt + found.used_attempt)
