"""The usage ledger: one entry per imported order. What a period used is the sum of its entries, never a bare counter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplaces.money import Money
from shopapp import clock
from shopapp.plans import rates
from shopapp.plans.catalogue import CURRENCY, PERIOD
from shopapp.plans.entitlements import provider
from shopapp.records import db
from shopapp.records.models import Order, OrderState, Shop, UsageEntry


@dataclass(frozen=True, slots=True)
class Usage:
    """A period's counter. `forecast_at` is when the limit is reached at the pace so far, None when not before the reset."""

    used: Money
    limit: Money
    since: datetime
    reset_at: datetime
    orders: int
    waiting_for_rate: int
    forecast_at: datetime | None

    @property
    def share(self) -> Decimal:
        """Used part of the limit: 0.82; 1 when the limit is nothing."""
        if self.limit.minor <= 0:
            return Decimal(1)
        return (Decimal(self.used.minor) / Decimal(self.limit.minor)).quantize(Decimal("0.0001"))

    @property
    def over(self) -> bool:
        """The limit is reached."""
        return self.used.minor >= self.limit.minor


def period(shop: Shop, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of the 30-day period that holds `now`. Counted in UTC, so clock changes move nothing."""
    anchor = shop.period_anchor or shop.installed_at
    turns = max(0, (now - anchor) // PERIOD)
    start = anchor + turns * PERIOD
    return start, start + PERIOD


def book(s: Session, order: Order) -> bool:
    """Enter an imported order once; whether it is new. Without a known rate the entry waits, the order does not."""
    now = clock.now()
    row = {
        "shop_id": order.shop_id,
        "order_id": order.id,
        "at": order.imported_at or now,
        "amount_minor": order.total_minor,
        "currency": order.currency,
        **_valued(s, order.total_minor, order.currency, now)._asdict(),
    }
    return db.insert_new(s, UsageEntry, row, key=["order_id"])


def credit(s: Session, order: Order) -> bool:
    """The order was cancelled: its entry no longer counts. Whether there was one to credit."""
    entry = s.scalars(select(UsageEntry).where(UsageEntry.order_id == order.id)).first()
    if entry is None or entry.credited_at is not None:
        return False
    entry.credited_at = clock.now()
    return True


def value_waiting(s: Session) -> set[int]:
    """Give entries without a rate theirs, now that one may be known; the ids of the shops that changed."""
    changed = set()
    for entry in s.scalars(select(UsageEntry).where(UsageEntry.gmv_minor.is_(None)).limit(1000)):
        valued = _valued(s, entry.amount_minor, entry.currency, entry.at)
        if valued.gmv_minor is not None:
            entry.rate, entry.rate_day, entry.gmv_minor = valued
            changed.add(entry.shop_id)
    return changed


class _Value(NamedTuple):
    rate: Decimal | None
    rate_day: date | None
    gmv_minor: int | None


def _valued(s: Session, minor: int, currency: str, at: datetime) -> _Value:
    found = rates.rate(s, currency, CURRENCY, at.date())
    if found is None:
        return _Value(None, None, None)
    return _Value(*found, Money(minor, currency).converted(found[0], CURRENCY).minor)


def usage(s: Session, shop: Shop, now: datetime | None = None) -> Usage:
    """The counter of the period that holds `now`."""
    now = now or clock.now()
    since, reset_at = period(shop, now)
    mine = (UsageEntry.shop_id == shop.id, UsageEntry.at >= since, UsageEntry.at < reset_at)
    counted = (*mine, UsageEntry.credited_at.is_(None))
    total, orders, waiting = s.execute(
        select(
            func.coalesce(func.sum(UsageEntry.gmv_minor), 0),
            func.count(UsageEntry.id),
            func.count(UsageEntry.id) - func.count(UsageEntry.gmv_minor),
        ).where(*counted)
    ).one()
    plan = provider().plan_of(shop)
    limit = plan.limit_money if plan else Money.zero(CURRENCY)
    used = Money(int(total or 0), CURRENCY)
    return Usage(used, limit, since, reset_at, orders, waiting, _forecast(used, limit, since, reset_at, now))


def _forecast(used: Money, limit: Money, since: datetime, reset_at: datetime, now: datetime) -> datetime | None:
    elapsed = now - since
    if used.minor <= 0 or used.minor >= limit.minor or elapsed < timedelta(hours=6):
        return None
    second = timedelta(seconds=1)
    if used.minor * ((reset_at - since) // second) <= limit.minor * (elapsed // second):
        return None  # not before the reset; of a little used plan it would be a year that no calendar has
    return since + elapsed * (limit.minor / used.minor)


def in_flight(s: Session, shop: Shop, besides: int | None = None) -> Money:
    """Value of orders being sent right now: they will count in a moment, so the gate counts them already."""
    sending = select(Order.total_minor, Order.currency).where(
        Order.shop_id == shop.id, Order.state == OrderState.SENDING, Order.id != (besides or 0)
    )
    total = Money.zero(CURRENCY)
    for minor, currency in s.execute(sending):
        found = rates.rate(s, currency, CURRENCY, clock.now().date())
        if found:
            total += Money(minor, currency).converted(found[0], CURRENCY)
    return total
