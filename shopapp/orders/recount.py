"""*Count now*: the latest days of one account are counted again at once. Sets rows due; what counts is `count`.

What was asked for stands in the days themselves (they are due again), so that it is asked for once, however often.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from shopapp import clock, i18n
from shopapp.orders import count, days
from shopapp.records import journal
from shopapp.records.models import Account, CountRound, DayCount, DayState

DAYS = 7  # counted days that are counted again, beside all that are not settled
FRESH = timedelta(minutes=5)  # a day that was counted so lately is not counted again
OFF, QUEUED, RUNNING, DONE = "off", "queued", "running", "done"


def state(s: Session, account: Account) -> str:
    """Whether the account's days are being counted: off (not now, see `count.why_not`), queued, running or done."""
    if account.take_over_at is None or count.why_not(s, account):
        return OFF
    row = s.scalars(select(CountRound).where(CountRound.account_id == account.id)).one_or_none()
    if row is None:
        return OFF
    now = clock.now()
    if row.lease_until is not None and row.lease_until > now:
        return RUNNING
    if row.phase:  # a round that had to wait goes on later
        return RUNNING if row.due_at is not None and row.due_at <= now else QUEUED
    due = exists().where(DayCount.account_id == account.id, DayCount.again_at <= now)
    return QUEUED if s.scalar(select(due)) else DONE


def ask(s: Session, account: Account, user: str) -> bool:
    """Count the latest days again; False when that is under way, was done just now, or nothing can be counted.

    The caller holds the account's row, and rings "bulk" after its commit.
    """
    if state(s, account) != DONE:
        return False
    now = clock.now()
    found = select(DayCount).where(*_latest(account), DayCount.counted_at < now - FRESH)
    rows = s.scalars(found).all()
    for row in rows:
        row.again_at = now
    if rows:
        turn = select(CountRound).where(CountRound.account_id == account.id)
        s.scalars(turn.with_for_update(key_share=True, of=CountRound)).one().due_at = now
        journal.audit(s, account.shop_id, user, "count_asked", f"account:{account.id}")
    return bool(rows)


def _latest(account: Account) -> tuple[ColumnElement[bool], ...]:
    """The days to be counted again. One that waits for its second look keeps its time: sooner, it could alarm falsely."""
    newest = days.newest(clock.now(), i18n.zone(account.shop.timezone), account.id)
    lately = DayCount.day > newest - days.ONE * DAYS
    open_ones = DayCount.again_at.is_not(None)
    mine = (DayCount.account_id == account.id, DayCount.state != DayState.LOOKING)
    return *mine, DayCount.day > newest - days.ONE * days.BACK, or_(lately, open_ones)
