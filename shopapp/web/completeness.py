"""Completeness in words: "214 on Amazon = 209 in Shopify + 3 held + 2 left out on purpose". Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shopapp import clock, i18n
from shopapp.alerts.wording import channel_name
from shopapp.i18n import N_
from shopapp.orders import count, days, recount
from shopapp.records.models import Account, CountRound, DayCount, DayState, Shop
from shopapp.web.presentation import _, day, number

SHOWN = 30
NAMED = 10
# Why an account is not counted now.
REASONS: dict[str, str] = {
    "shop": N_("Shopify does not let us work for the shop"),
    "paused": N_("everything is paused"),
    "deactivated": N_("the account is deactivated"),
    "broken": N_("the connection does not work"),
    "import_off": N_("the import of orders is off"),
    "outage": N_("the marketplace does not answer"),
    "behind": N_("the sync has not caught up yet"),
}
BADGES: dict[str, tuple[str, str]] = {
    DayState.EVEN: ("success", N_("Adds up")),
    DayState.LOOKING: ("info", N_("Looked at again")),
    DayState.UNEVEN: ("warning", N_("Does not add up")),
    DayState.TOLD: ("neutral", N_("Told")),
    "": ("neutral", N_("Not counted")),
}
# Where a listed order can be, besides in Shopify. The numbers of a day always come to what the marketplace lists.
_PLACES: tuple[tuple[str, str], ...] = (
    ("waiting", N_("%(count)s waiting")),
    ("held", N_("%(count)s held")),
    ("failed", N_("%(count)s failed")),
    ("ignored", N_("%(count)s left out on purpose")),
    ("cancelled", N_("%(count)s cancelled before the import")),
    ("missing", N_("%(count)s missing")),
    ("gone", N_("%(count)s no longer in Shopify")),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A day of an account in words. `state` is a key of BADGES; `notes` are further sentences; `ids` need a look."""

    day: str
    state: str
    text: str
    notes: tuple[str, ...] = ()
    ids: tuple[str, ...] = field(default=())

    @property
    def badge(self) -> tuple[str, str]:
        """Colour and word of the state."""
        tone, text = BADGES[self.state]
        return tone, _(text)


def equation(account: Account, row: DayCount) -> str:
    """The day's numbers as one line."""
    places = ((getattr(row, name), text) for name, text in _PLACES)
    parts = [_("%(count)s in Shopify", count=number(row.in_shopify))]
    parts += [_(text, count=number(some)) for some, text in places if some]
    listed = _("%(count)s on %(channel)s", count=number(row.listed), channel=channel_name(account.channel))
    return f"{listed} = {' + '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Latest:
    """The last counted day of an account."""

    account: Account
    line: Line


def latest(s: Session, shop: Shop) -> list[Latest]:
    """The last counted day of each account of the shop whose import was ever started."""
    newest = select(DayCount.account_id, func.max(DayCount.day).label("day")).where(DayCount.shop_id == shop.id)
    last = newest.group_by(DayCount.account_id).subquery()
    found = select(DayCount).join(last, (last.c.account_id == DayCount.account_id) & (last.c.day == DayCount.day))
    rows = {row.account_id: row for row in s.scalars(found)}
    started = select(Account).where(Account.shop_id == shop.id, Account.take_over_at.is_not(None))
    accounts = s.scalars(started.order_by(Account.label, Account.id)).unique()
    return [Latest(account, _latest(s, account, rows.get(account.id))) for account in accounts]


def _latest(s: Session, account: Account, row: DayCount | None) -> Line:
    why = reason(s, account)
    now = _("Not counted now: %(reason)s.", reason=why) if why else ""
    if row is None:
        return Line("", "", now or _("The first whole day is counted in the night after it."))
    line = _line(account, row)
    return Line(_spoken(account, row.day), line.state, line.text, (*line.notes, now) if now else line.notes, line.ids)


def _spoken(account: Account, which: date) -> str:
    yesterday = days.day_of(clock.now(), i18n.zone(account.shop.timezone)) - days.ONE
    return _("Yesterday") if which == yesterday else day(which)


def reason(s: Session, account: Account) -> str:
    """Why the account is not counted now, in words; "" when it is."""
    key = count.why_not(s, account) if account.take_over_at else "import_off"
    if not key:
        key = s.scalar(select(CountRound.reason).where(CountRound.account_id == account.id)) or ""
        key = key if key == "behind" else ""
    return _(REASONS[key]) if key else ""


def section(s: Session, account: Account) -> dict[str, Any]:
    """The counted days on the account's page, and how far a count under way is."""
    counting = recount.state(s, account)
    why = reason(s, account) if counting in (recount.QUEUED, recount.OFF) else ""
    return {"days": month(s, account), "counting": counting, "why_not_counted": why}


def month(s: Session, account: Account) -> list[Line]:
    """The last 30 days since the import began, newest first; days that were not counted say why."""
    if account.take_over_at is None:
        return []
    zone = i18n.zone(account.shop.timezone)
    yesterday = days.day_of(clock.now(), zone) - days.ONE
    oldest = yesterday - days.ONE * (SHOWN - 1)
    kept = select(DayCount).where(DayCount.account_id == account.id, DayCount.day >= oldest)
    rows = {row.day: row for row in s.scalars(kept)}
    first = min([days.day_of(account.take_over_at, zone), *rows])
    why = reason(s, account)
    words = _("Not counted now: %(reason)s.", reason=why) if why else _("Not counted yet.")
    dates = (yesterday - days.ONE * offset for offset in range(SHOWN))
    return list(_lines(account, (one for one in dates if one >= first), rows, words))


def _lines(account: Account, dates: Iterable[date], rows: dict[date, DayCount], words: str) -> Iterable[Line]:
    for one in dates:
        yield _line(account, rows[one]) if one in rows else Line(day(one), "", words)


def _line(account: Account, row: DayCount) -> Line:
    channel = channel_name(account.channel)
    notes = []
    if row.fetched:
        notes.append(_("Missed by the sync and fetched by the count: %(count)s", count=number(row.fetched)))
    if row.extra:
        notes.append(
            _("In Shopify, but not listed by %(channel)s: %(count)s", channel=channel, count=number(row.extra))
        )
    if row.earlier:
        notes.append(_("From before the import began, not counted: %(count)s", count=number(row.earlier)))
    if row.gone and row.state == DayState.TOLD:
        notes.append(_("Somebody may have deleted them in Shopify."))
    ids = [one for kind in ("missing", "gone", "extra", "fetched") for one in row.ids.get(kind, ())]
    return Line(day(row.day), row.state, equation(account, row), tuple(notes), tuple(ids[:NAMED]))
