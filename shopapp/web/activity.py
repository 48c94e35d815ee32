"""What ran lately, for Home: the connections' last 24 hours and last imports, and the orders of 14 days. Reads only.

A cell of the health row is not good when an incident of the account, or of its channel, was open in these two hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from markupsafe import Markup
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from shopapp import clock, i18n
from shopapp.records.models import Account, AccountStatus, Incident, OrderSlot, Shop
from shopapp.web import charts
from shopapp.web.presentation import _, language, ngettext

CELL, CELLS = timedelta(hours=2), 12
DAYS = 14
_BAD = ("account_expired",)
_WARN = ("channel_outage", "our_fault", "channel_changed", "permission_missing", "import_taken_over")


@dataclass(frozen=True, slots=True)
class Pulse:
    """An account's last 24 hours: the picture, the same in words, and the words beside it."""

    account: Account
    picture: Markup
    spoken: str
    state: str


@dataclass(frozen=True, slots=True)
class Day:
    """One day of orders: how many are in Shopify, wait, and failed."""

    label: str
    imported: int
    waiting: int
    failed: int


def pulses(s: Session, shop: Shop) -> list[Pulse]:
    """One row per account that is not deactivated."""
    found = select(Account).where(Account.shop_id == shop.id, Account.status != AccountStatus.DEACTIVATED)
    accounts = list(s.scalars(found.order_by(Account.label, Account.id)).unique())
    since = clock.now() - CELL * CELLS
    mine = select(Incident).where(Incident.shop_id == shop.id, Incident.kind.in_((*_BAD, *_WARN)))
    still, lately = mine.where(Incident.resolved_at.is_(None)), mine.where(Incident.resolved_at > since)
    by_subject: dict[str, list[Incident]] = {}
    for incident in (*s.scalars(still), *s.scalars(lately)):  # asked one by one: each has its index
        by_subject.setdefault(incident.subject, []).append(incident)
    return [_pulse(account, by_subject, since) for account in accounts]


def _pulse(account: Account, troubles: dict[str, list[Incident]], since: datetime) -> Pulse:
    mine = [
        *troubles.get(f"account:{account.id}", ()),
        *troubles.get(f"channel:{account.channel}:{account.realm}", ()),
    ]
    states = [_cell(account, mine, since + CELL * index) for index in range(CELLS)]
    quiet = sum(state == "good" for state in states)
    spoken = _("Last 24 hours: %(quiet)s of %(all)s blocks without trouble", quiet=quiet, all=CELLS)
    return Pulse(account, charts.cells(states), spoken, _state(account, mine, states))


def _cell(account: Account, troubles: Sequence[Incident], begins: datetime) -> str:
    ends = begins + CELL
    open_then = [
        one.kind for one in troubles if one.opened_at < ends and (one.resolved_at is None or one.resolved_at > begins)
    ]
    if any(kind in _BAD for kind in open_then):
        return "bad"
    if account.worked_at is None or account.worked_at >= ends:
        return "none"
    return "warn" if open_then else "good"


def _state(account: Account, troubles: Sequence[Incident], states: Sequence[str]) -> str:
    if account.status != AccountStatus.ACTIVE:
        return _("Never worked yet") if account.worked_at is None else _("Not connected")
    if any(one.resolved_at is None for one in troubles):
        return _("In trouble")
    if account.take_over_at is None or not account.imports:
        return _("Import is off")
    if account.polled_at is None:
        return _("First import is under way")
    return _("Works again") if "bad" in states or "warn" in states else _("No trouble")


def days(s: Session, shop: Shop) -> list[Day]:
    """The orders bought in the last 14 days, by the shop's calendar; those left out on purpose are not counted."""
    zone = i18n.zone(shop.timezone)
    today = clock.now().astimezone(zone).date()
    dates = [today - timedelta(days=DAYS - 1 - index) for index in range(DAYS)]
    starts = [datetime.combine(date, time(), zone) for date in dates]
    # The counters of the quarters of an hour; the number of the day is computed in the database, the zone's clock here.
    number: Any = case(
        *((OrderSlot.starts_at < start, index) for index, start in enumerate(starts[1:])), else_=DAYS - 1
    )
    counted = (
        select(number, OrderSlot.standing, func.sum(OrderSlot.orders))
        .where(OrderSlot.shop_id == shop.id, OrderSlot.starts_at >= starts[0])
        .group_by(number, OrderSlot.standing)
    )
    sums = [{"imported": 0, "waiting": 0, "failed": 0} for _ in dates]
    for index, standing, count in s.execute(counted):
        sums[index][standing] += int(count)
    return [Day(i18n.day(language(), date), **counts) for date, counts in zip(dates, sums, strict=True)]


def bars(shown: Sequence[Day]) -> Markup:
    """The days as a picture; each bar says its numbers."""
    return charts.bars([charts.Bar(one.imported, one.waiting, one.failed, _title(one)) for one in shown])


def _title(one: Day) -> str:
    text = ngettext(
        "%(day)s: %(count)s order", "%(day)s: %(count)s orders", one.imported + one.waiting + one.failed, day=one.label
    )
    failed = _("%(count)s failed", count=one.failed)
    return f"{text}, {failed}" if one.failed else text
