"""Which days of an account are to be counted, and when: calendar days of the shop, over and settled. Reads only.

A day is counted some hours after its end, so that what marketplaces show late is there; it is counted again when it
was uneven, when something was still open, and when older orders of it were imported since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shopapp.records.models import Account, Backfill, DayCount, Order

SETTLED = timedelta(hours=3)  # after the end of the day
SPREAD = 60  # minutes over which the accounts of the same time zone begin
BACK = 30  # days that are looked at at most
MOST = 5000  # orders that one round counts, by our own number of them; at least one day
ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Days in a row, in a zone."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """Start of the first day."""
        return bounds(self.first, self.zone)[0]

    @property
    def end(self) -> datetime:
        """End of the last day."""
        return bounds(self.last, self.zone)[1]

    def dates(self) -> list[date]:
        """The days, oldest first."""
        return [self.first + ONE * offset for offset in range((self.last - self.first).days + 1)]

    def day_of(self, moment: datetime) -> date | None:
        """The day of a moment, None when it is none of these."""
        day = day_of(moment, self.zone)
        return day if self.first <= day <= self.last else None


@dataclass(frozen=True, slots=True)
class Period:
    """When an account's orders are expected here: from the take-over on, and where older ones were imported."""

    starts: datetime
    backfills: tuple[tuple[datetime, datetime, datetime], ...] = ()  # since, until, ended

    def older(self, created: datetime) -> bool:
        """Whether an import of older orders has covered this time."""
        return any(since <= created < until for since, until, _ in self.backfills)


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Start and end of the shop's day, as UTC; 23 or 25 hours where the clocks change.

    Within one zone Python calculates by the clock on the wall, which is wrong on these days.
    """
    start, end = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + ONE))
    return start, end


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """The shop's day of a moment."""
    return moment.astimezone(zone).date()


def settled_at(day: date, zone: ZoneInfo, account_id: int) -> datetime:
    """When `day` may be counted for the first time."""
    return bounds(day, zone)[1] + SETTLED + timedelta(minutes=account_id % SPREAD)


def newest(now: datetime, zone: ZoneInfo, account_id: int) -> date:
    """The last day that is over and settled."""
    day = day_of(now, zone) - ONE
    return day if settled_at(day, zone, account_id) <= now else day - ONE


def period(s: Session, account: Account) -> Period:
    """From when on orders are expected."""
    assert account.take_over_at is not None
    done = select(Backfill).where(Backfill.account_id == account.id, Backfill.state == "done")
    found = tuple((row.since, row.until, row.ended_at) for row in s.scalars(done).unique() if row.ended_at)
    return Period(account.take_over_at, found)


def wanted(s: Session, account: Account, now: datetime, zone: ZoneInfo) -> list[date]:
    """The days to count now, oldest first."""
    about, last = period(s, account), newest(now, zone, account.id)
    first = last - ONE * (BACK - 1)
    counted = {
        row.day: row
        for row in s.scalars(select(DayCount).where(DayCount.account_id == account.id, DayCount.day >= first))
    }
    days = (first + ONE * offset for offset in range(BACK))
    return [day for day in days if _wanted(day, counted.get(day), about, now, zone)]


def _wanted(day: date, row: DayCount | None, about: Period, now: datetime, zone: ZoneInfo) -> bool:
    start, end = bounds(day, zone)
    over = [ended for since, until, ended in about.backfills if since < end and until > start]
    if row is None:
        return end > about.starts or bool(over)
    return (row.again_at is not None and row.again_at <= now) or any(ended > row.counted_at for ended in over)


def run(s: Session, account: Account, days: Iterable[date], zone: ZoneInfo) -> Window | None:
    """The days that one round counts: in a row, and not too many orders. None without days."""
    chosen: list[date] = []
    expected = 0
    for day in days:
        if chosen and day != chosen[-1] + ONE:
            break
        expected += _ours(s, account, *bounds(day, zone))
        if chosen and expected > MOST:
            break
        chosen.append(day)
    return Window(chosen[0], chosen[-1], zone) if chosen else None


def _ours(s: Session, account: Account, start: datetime, end: datetime) -> int:
    found = select(func.count(Order.id)).where(
        Order.shop_id == account.shop_id,
        Order.remote_created_at >= start,
        Order.remote_created_at < end,
        Order.account_id == account.id,
    )
    return s.scalar(found) or 0


def night(now: datetime, zone: ZoneInfo, account_id: int) -> datetime:
    """When the next day will be over and settled."""
    return settled_at(newest(now, zone, account_id) + ONE, zone, account_id)


def next_at(s: Session, account: Account, now: datetime, zone: ZoneInfo) -> datetime:
    """When the account is to be looked at next, nothing being wanted now."""
    after = night(now, zone, account.id)
    again = s.scalar(select(func.min(DayCount.again_at)).where(DayCount.account_id == account.id))
    return min(after, max(again, now + timedelta(minutes=1))) if again is not None else after
