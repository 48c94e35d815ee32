"""How often an account is polled, and when next: from the channel's limits, and from who else draws from them.

Where an account has limits of its own it is polled as often as they allow. Where all accounts share the limit of the
search, polls take four fifths of it and divide it: twice as often for an account where something goes on as for a quiet
one. A quiet account never waits more than twice as long as if all were alike.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from marketplaces.channel import Channel, Limit
from shopapp import clock
from shopapp.accounts.line import keys_of
from shopapp.records.memo import Memo
from shopapp.records.models import Account, AccountStatus, HeldReason, Order, OrderState, Shop, ShopStatus
from shopapp.runtime import config
from shopapp.work.turns import RESERVE

RECENT = timedelta(hours=2)  # since the last sale that came in: so long an account counts as busy
KNOWN = timedelta(seconds=30)  # for which the number of accounts is believed
OURS = (HeldReason.PLAN, HeldReason.PAUSED)  # these wait for nothing at the marketplace
Crowd = tuple[int, int]  # accounts that are polled, and how many of them are busy
_crowds: Memo[dict[str, Crowd]] = Memo(KNOWN)  # of all channels together


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the accounts of a channel are polled. `shared`: the limit that they share, None if each has its own.

    `polls` is the part of that limit which these polls take; the rest is left for whatever else draws from it.
    """

    accounts: int
    busy: int
    busy_every: timedelta
    quiet_every: timedelta
    shared: Limit | None = None
    polls: Fraction = Fraction(0)


def interval(s: Session, channel: Channel, account: Account) -> timedelta:
    """Time between two polls of this account."""
    if shared_limit(channel) is None:
        return _span(_least(channel))
    rhythm = cadence(s, channel)
    alike = rhythm.busy_every == rhythm.quiet_every
    return rhythm.quiet_every if alike or not is_busy(s, account, clock.now()) else rhythm.busy_every


def cadence(s: Session, channel: Channel) -> Cadence:
    """The channel's cadence as things stand; cheap, what is counted is kept for half a minute."""
    least, limit = _least(channel), shared_limit(channel)
    accounts, busy = _counted(s).get(channel.key, (0, 0))
    if limit is None:
        return Cadence(accounts, busy, _span(least), _span(least))
    rate = Fraction(limit.rate)
    busy_every, quiet_every = shares(accounts, busy, rate * (100 - RESERVE) / 100, least)
    polls = (busy / busy_every + (accounts - busy) / quiet_every) / rate
    return Cadence(accounts, busy, _span(busy_every), _span(quiet_every), limit, polls)


def shares(accounts: int, busy: int, rate: Fraction, least: Fraction) -> tuple[Fraction, Fraction]:
    """Seconds between two polls of a busy and of a quiet account, that together make `rate` polls a second at most."""
    if accounts <= rate * least:
        return least, least
    quiet = (accounts + busy) / rate
    if quiet / 2 >= least:
        return quiet / 2, quiet
    return least, max(least, (accounts - busy) / (rate - busy / least))


def shared_limit(channel: Channel) -> Limit | None:
    """The limit of `search_orders`, if all accounts draw from it together."""
    limit = search_limit(channel)
    return limit if limit is not None and limit.shared else None


def search_limit(channel: Channel) -> Limit | None:
    """The limit that `search_orders` draws from; None if the channel declares none."""
    limits = channel.limits_of(keys_of(channel))
    return next((one for one in limits if one.operation == channel.search_call), None)


def is_busy(s: Session, account: Account, now: datetime) -> bool:
    """Whether something goes on there: sales came in lately, or an order waits for what the marketplace says next."""
    if account.polled_count or account.sync_asked_at is not None:
        return True
    if account.imported_at is not None and account.imported_at > now - RECENT:
        return True
    mine = (Order.shop_id == account.shop_id, Order.account_id == account.id, *_waiting())
    return s.scalar(select(Order.id).where(*mine).limit(1)) is not None


def next_time(was_due: datetime | None, now: datetime, every: timedelta) -> datetime:
    """An account keeps its place in the interval. After an outage all are due at once: they spread out again."""
    if was_due is not None and now - was_due < every / 10:
        return was_due + every
    return now + every * random.uniform(0.5, 1)  # noqa: S311  # spreads load, guards nothing


def _least(channel: Channel) -> Fraction:
    """Seconds between two polls of an account where nothing else asks for more."""
    wish = config()["POLL_SECONDS"]
    return Fraction(int(wish) if wish else channel.poll_seconds)


def _span(seconds: Fraction) -> timedelta:
    return timedelta(milliseconds=round(seconds * 1000))


def _waiting() -> tuple[ColumnElement[bool], ...]:
    return (Order.state == OrderState.HELD, Order.held_reason.not_in(OURS))


def _counted(s: Session) -> dict[str, Crowd]:
    found = _crowds.get("")
    return found if found is not None else _crowds.keep("", _count(s, clock.now()))


def _count(s: Session, now: datetime) -> dict[str, Crowd]:
    waits = Account.id.in_(select(Order.account_id).where(*_waiting()))
    lively = or_(Account.polled_count > 0, Account.imported_at > now - RECENT, waits)
    found = (
        select(Account.channel, func.count(), func.sum(case((lively, 1), else_=0)))
        .join(Shop, Shop.id == Account.shop_id)
        .where(Account.status == AccountStatus.ACTIVE, Account.importing.is_(True), Account.take_over_at.is_not(None))
        .where(Shop.status == ShopStatus.ACTIVE, Shop.paused_at.is_(None))
        .group_by(Account.channel)
    )
    return {key: (int(accounts), int(busy or 0)) for key, accounts, busy in s.execute(found)}
