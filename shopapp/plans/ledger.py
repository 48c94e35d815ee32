"""The usage ledger: one entry per imported order. What a period used is the sum of its entries, never a bare counter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Row, String, bindparam, cast, func, null, or_, select, union_all
from sqlalchemy.orm import Session

from marketplaces.money import Money
from shopapp import clock
from shopapp.plans import rates
from shopapp.plans.catalogue import CURRENCY, PERIOD
from shopapp.plans.entitlements import provider
from shopapp.records import db
from shopapp.records.memo import Memo
from shopapp.records.models import FxRate, HeldReason, Order, OrderState, Shop, UsageEntry

REMEMBERED = timedelta(minutes=1)  # how long the older part of a sum is believed, and how old that part is
HINT = timedelta(seconds=5)
VALUED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Level:
    """How much of the limit is used."""

    used: Money
    limit: Money

    @property
    def share(self) -> Decimal:
        """Used part of the limit: 0.82, not rounded, so that a cent below a mark is below it; 1 when the limit is nothing."""
        if self.limit.minor <= 0:
            return Decimal(1)
        return Decimal(self.used.minor) / Decimal(self.limit.minor)

    @property
    def over(self) -> bool:
        """The limit is reached."""
        return self.used.minor >= self.limit.minor


@dataclass(frozen=True, slots=True)
class Usage(Level):
    """A period's counter. `forecast_at` is when the limit is reached at the pace so far, None when not before the reset."""

    since: datetime
    reset_at: datetime
    orders: int
    waiting_for_rate: int
    forecast_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Older:
    """The sum of a period's entries before `until`."""

    until: datetime
    minor: int


# Of a shop's period: key (shop id, start of the period).
_SUMS: Memo[_Older] = Memo(REMEMBERED)
_TOLD: Memo[Money] = Memo(HINT)


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
    """Give entries without a rate theirs, now that one may be known; the ids of the shops that changed.

    A currency that nobody quotes keeps its entries waiting, and holds up no others.
    """
    known = select(FxRate.currency)
    found = select(UsageEntry).where(UsageEntry.gmv_minor.is_(None), UsageEntry.currency.in_(known))
    changed, last = set(), 0
    while some := s.scalars(found.where(UsageEntry.id > last).order_by(UsageEntry.id).limit(VALUED_AT_ONCE)).all():
        for entry in some:
            valued = _valued(s, entry.amount_minor, entry.currency, entry.at)
            if valued.gmv_minor is not None:
                entry.rate, entry.rate_day, entry.gmv_minor = valued
                changed.add(entry.shop_id)
        last = some[-1].id
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
    limit, used = limit_of(shop), Money(int(total or 0), CURRENCY)
    return Usage(used, limit, since, reset_at, orders, waiting, _forecast(used, limit, since, reset_at, now))


def level(s: Session, shop: Shop) -> Level:
    """Like `usage` at the price of the last two minutes: the older part of the sum is remembered for a minute.

    What was credited or given its rate in that minute is not seen. Good for saying that there is room; whoever would
    refuse asks `usage`.
    """
    return level_and_in_flight(s, shop)[0]


def level_and_in_flight(s: Session, shop: Shop, besides: int | None = None) -> tuple[Level, Money]:
    """`level`, and the value of the orders being sent in the same moment, which will count soon (but not `besides`)."""
    now = clock.now()
    since, reset_at = period(shop, now)
    older = _SUMS.get((shop.id, since))
    if older is None:
        until = max(since, now - REMEMBERED)
        older = _SUMS.keep((shop.id, since), _Older(until, _sum(s, shop.id, since, until)))
    asked = {"mine": shop.id, "since": older.until, "until": reset_at, "besides": besides or 0}
    rows = s.execute(_BOOKED_AND_SENDING, asked).all()
    booked = sum(int(minor) for minor, currency in rows if currency is None)
    sending = [(minor, currency) for minor, currency in rows if currency is not None]
    return Level(Money(older.minor + booked, CURRENCY), limit_of(shop)), _worth(s, sending)


def has_room(s: Session, shop: Shop) -> bool:
    """Whether the plan has room, as far as is known without looking hard: a hint that spares work, no decision."""
    lately = told_lately(shop)
    if lately is not None and not lately.over:
        return True
    return not level(s, shop).over or not usage(s, shop).over


def tell(shop: Shop, used: Money) -> None:
    """Remember for some seconds how much is used at most, what is being sent included."""
    _TOLD.keep((shop.id, period(shop, clock.now())[0]), used)


def told_lately(shop: Shop) -> Level | None:
    """What `tell` was told some seconds ago, against the limit of now; None when it was told nothing."""
    used = _TOLD.get((shop.id, period(shop, clock.now())[0]))
    return None if used is None else Level(used, limit_of(shop))


def limit_of(shop: Shop) -> Money:
    """The limit of the plan in force; nothing when none is."""
    plan = provider().plan_of(shop)
    return plan.limit_money if plan else Money.zero(CURRENCY)


def _sum(s: Session, shop_id: int, since: datetime, until: datetime) -> int:
    return int(s.scalar(_SUM, {"mine": shop_id, "since": since, "until": until}) or 0)


_SUM = select(func.coalesce(func.sum(UsageEntry.gmv_minor), 0)).where(
    UsageEntry.shop_id == bindparam("mine"),
    UsageEntry.at >= bindparam("since", type_=UsageEntry.at.type),
    UsageEntry.at < bindparam("until", type_=UsageEntry.at.type),
    UsageEntry.credited_at.is_(None),
)
_SENDING = select(Order.total_minor, Order.currency).where(
    Order.shop_id == bindparam("mine"), Order.state == OrderState.SENDING, Order.id != bindparam("besides")
)
# The sum is the row without a currency. One statement, so that an order is never missing on its way from one to the other.
_BOOKED_AND_SENDING = union_all(_SUM.add_columns(cast(null(), String(3))), _SENDING)


def _forecast(used: Money, limit: Money, since: datetime, reset_at: datetime, now: datetime) -> datetime | None:
    elapsed = now - since
    if used.minor <= 0 or used.minor >= limit.minor or elapsed < timedelta(hours=6):
        return None
    second = timedelta(seconds=1)
    if used.minor * ((reset_at - since) // second) <= limit.minor * (elapsed // second):
        return None  # not before the reset; of a little used plan it would be a year that no calendar has
    return since + elapsed * (limit.minor / used.minor)


def worth(s: Session, order: Order) -> Money:
    """What the order will count; nothing as long as its rate is not known."""
    return _worth(s, [(order.total_minor, order.currency)])


def coming(s: Session, shop: Shop) -> Money:
    """Value of what is to be created as soon as there is room: orders received, being sent and held for the plan."""
    sums = select(func.sum(Order.total_minor), Order.currency).where(
        Order.shop_id == shop.id,
        Order.state.in_((OrderState.RECEIVED, OrderState.SENDING, OrderState.HELD)),
        or_(Order.state != OrderState.HELD, Order.held_reason == HeldReason.PLAN),
    )
    return _worth(s, s.execute(sums.group_by(Order.currency)))


def _worth(s: Session, amounts: Iterable[Row[int, str] | tuple[int, str]]) -> Money:
    total = Money.zero(CURRENCY)
    for minor, currency in amounts:
        found = rates.rate(s, currency, CURRENCY, clock.now().date())
        if found:
            total += Money(int(minor), currency).converted(found[0], CURRENCY)
    return total
