"""The brake: never more than N percent of an account's listings are set to 0 within 15 minutes without a yes.

It holds the wishes and opens one question per account; it computes no stock. What a person agreed to passes. So do the
first few, whatever the percentage: a shop of three articles may sell out. Joins the caller's transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import String, cast, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import incidents
from shopapp.listings import rules
from shopapp.logs import event
from shopapp.records import db
from shopapp.records.journal import audit
from shopapp.records.models import (
    Account,
    AccountStatus,
    Incident,
    Listing,
    ListingPush,
    ListingRun,
    ListingStatus,
    RunKind,
    RunState,
)

log = logging.getLogger(__name__)
INCIDENT = "stock_brake"
WINDOW = timedelta(minutes=15)
ALWAYS = 5  # so many are never held


def allowed(live: int, percent: int) -> int:
    """How many of `live` listings may be set to 0 without a question."""
    return max(ALWAYS, live * percent // 100)


def open_question(s: Session, account_id: int) -> ListingRun | None:
    """The account's open question, if there is one."""
    asked = (ListingRun.account_id == account_id, ListingRun.kind == RunKind.BRAKE, ListingRun.state == RunState.ASKED)
    return s.scalars(select(ListingRun).where(*asked)).first()


def watch(s: Session, account_id: int, stops: Collection[Listing], percent: int) -> bool:
    """These wishes set listings to 0: hold them if they are too many; whether they are held."""
    if not stops:
        return False
    account = db.fetch(s, Account, account_id, lock=True)  # of two that set listings to 0, the second sees the first
    s.flush()
    asked = open_question(s, account_id)
    count, live = _recent(s, account_id), _live(s, account_id)
    if asked is None and count <= allowed(live, percent):
        return False
    if asked is None:
        asked = _ask(s, account)
    asked.found = max(asked.found, count)
    hold = update(Listing).where(*_held(account_id), Listing.sent_version < Listing.version)
    s.execute(hold.values(due_at=None).execution_options(synchronize_session=False))
    for row in stops:
        row.due_at = None
    _tell(s, account, asked, live, percent)
    return True


def _tell(s: Session, account: Account, asked: ListingRun, live: int, percent: int) -> None:
    params = {
        "account_id": account.id,
        "label": account.label,
        "channel": account.channel,
        "count": asked.found,
        "live": live,
        "percent": percent,
        "run": asked.uid,
    }
    incidents.open_(s, account.shop_id, INCIDENT, f"account:{account.id}", params)


def ask_again(s: Session) -> int:
    """Tell open questions that nobody is told of: their account was deactivated, and works again. How many."""
    told = exists().where(
        Incident.shop_id == ListingRun.shop_id,
        Incident.kind == INCIDENT,
        Incident.subject == literal("account:") + cast(ListingRun.account_id, String),
        Incident.resolved_at.is_(None),
    )
    open_ = (ListingRun.kind == RunKind.BRAKE, ListingRun.state == RunState.ASKED)
    mute = select(ListingRun, Account).join(Account, Account.id == ListingRun.account_id).where(*open_, ~told)
    rows = s.execute(mute.where(Account.status == AccountStatus.ACTIVE).order_by(ListingRun.id)).unique().all()
    for asked, account in rows:
        _tell(s, account, asked, _live(s, account.id), rules.of(s, account.id).brake_percent)
    return len(rows)


def answer(s: Session, run: ListingRun, user: str, *, yes: bool) -> int:
    """The merchant's answer; how many listings are pushed now. With a no they wait for their next change or Update."""
    now = clock.now()
    run.state, run.ended_at = (RunState.DONE if yes else RunState.STOPPED), now
    incidents.resolve(s, run.shop_id, INCIDENT, f"account:{run.account_id}", "answered")
    audit(s, run.shop_id, user, "brake_released" if yes else "brake_kept", f"account:{run.account_id}", count=run.found)
    if not yes:
        return 0
    waiting = (Listing.due_at.is_(None), Listing.version > Listing.acked_version)
    free = update(Listing).where(*_held(run.account_id), *waiting, Listing.status != ListingStatus.UPDATE_ERROR)
    done: Any = s.execute(free.values(due_at=now, attempt=0).execution_options(synchronize_session=False))
    run.done = int(done.rowcount)
    return run.done


def _held(account_id: int) -> tuple[Any, ...]:
    return (Listing.account_id == account_id, Listing.urgent.is_(True))


def _live(s: Session, account_id: int) -> int:
    live = (Listing.account_id == account_id, Listing.live.is_(True), Listing.variant_id.is_not(None))
    return s.scalar(select(func.count(Listing.id)).where(*live, Listing.by_channel.is_(False))) or 0


def _recent(s: Session, account_id: int) -> int:
    """How many listings were wished to 0 lately, since the last answer, that had been offered before."""
    since = clock.now() - WINDOW
    mine = (ListingRun.account_id == account_id, ListingRun.kind == RunKind.BRAKE)
    answered = s.scalar(select(func.max(ListingRun.ended_at)).where(*mine))
    since = max(since, answered) if answered else since
    sold_out = (
        select(ListingPush.id)
        .outerjoin(ListingRun, ListingRun.id == ListingPush.run_id)
        .where(ListingPush.listing_id == Listing.id, ListingPush.at >= since)
        .where(or_(ListingRun.id.is_(None), ListingRun.kind == RunKind.RENEW))
        .where(ListingPush.quantity == 0, or_(ListingPush.old_quantity > 0, ListingPush.old_quantity.is_(None)))
    )
    wished = (Listing.account_id == account_id, Listing.wished_at > since, Listing.quantity == 0)
    found = select(func.count(Listing.id)).where(*wished, or_(Listing.urgent.is_(True), sold_out.exists()))
    return s.scalar(found) or 0


def _ask(s: Session, account: Account) -> ListingRun:
    now = clock.now()
    run = ListingRun(
        shop_id=account.shop_id, account_id=account.id, kind=RunKind.BRAKE, state=RunState.ASKED, asked_at=now
    )
    s.add(run)
    s.flush()
    event(log, "stock_brake", logging.WARNING, account=account.id, run=run.id)
    return run
