"""Writes what a round has counted: a row for each day, and the one incident of an account whose days do not agree.

Joins the caller's transaction; no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from shopapp import clock, verdict
from shopapp.alerts import incidents
from shopapp.orders import days, listing, tally
from shopapp.orders.days import Window
from shopapp.orders.tally import Seen, Sums
from shopapp.records import journal
from shopapp.records.models import Account, CountRound, DayCount, DayState, Order, OrderState

KIND = "orders_missing"
KEPT = 90  # days of counts kept
NAMED = 20  # ids in the alert


def write(s: Session, row: CountRound, window: Window, sites: Sequence[str]) -> dict[date, Sums]:
    """Add up the days of the round, keep them, and open or resolve the incident."""
    account, now = row.account, clock.now()
    seen = {day: _seen((row.seen or {}).get(day.isoformat(), {})) for day in window.dates()}
    listed = [one for day in seen.values() for one in day.ids]
    states = {key: ours.state for key, ours in listing.rows_of(s, account, listed).items()}
    extra = _extra(s, account, window, sites, set(listed) | {one for day in seen.values() for one in day.earlier})
    gone = set(row.gone or ())
    sums = {day: tally.add_up(of, states, gone, extra.get(day, ())) for day, of in seen.items()}
    kept = {one.day: one for one in s.scalars(_of(account).where(DayCount.day.in_(list(sums))))}
    night = days.night(now, window.zone, account.id)
    for day, one in sums.items():
        before = kept.get(day)
        state, again = tally.judge(one, before, now, night)
        _keep(s, account, day, before, {**asdict(one), "state": state, "again_at": again, "counted_at": now})
    s.flush()
    tell(s, account)
    return sums


def _keep(s: Session, account: Account, day: date, before: DayCount | None, values: dict[str, Any]) -> None:
    """A counted day. What an earlier look had fetched stays known."""
    if before is None:
        s.add(DayCount(shop_id=account.shop_id, account_id=account.id, day=day, **values))
        return
    if before.fetched > values["fetched"]:
        values["fetched"] = before.fetched
        values["ids"] = {**values["ids"], "fetched": before.ids.get("fetched", [])}
    for name, value in values.items():
        setattr(before, name, value)


def _of(account: Account) -> Any:
    return select(DayCount).where(DayCount.account_id == account.id)


def _seen(of: Mapping[str, Sequence[str]]) -> Seen:
    return Seen(tuple(of.get(listing.IDS, ())), tuple(of.get(listing.EARLIER, ())), tuple(of.get(listing.FETCHED, ())))


def _extra(
    s: Session, account: Account, window: Window, sites: Sequence[str], listed: set[str]
) -> dict[date, list[str]]:
    """Imported orders of the days that the marketplace did not list, though it was asked for their site."""
    found = select(Order.remote_order_id, Order.remote_created_at).where(
        *listing.of_seller(account),
        Order.state == OrderState.IMPORTED,
        Order.site.in_(list(sites)),
        Order.remote_created_at >= window.start,
        Order.remote_created_at < window.end,
    )
    extra: dict[date, list[str]] = {}
    for key, created in s.execute(found):
        if key not in listed:
            extra.setdefault(days.day_of(created, window.zone), []).append(key)
    return extra


def tell(s: Session, account: Account) -> None:
    """One incident for an account while any of its days does not agree; resolved by the count that finds none."""
    subject = verdict.subject(account)
    uneven = list(s.scalars(_of(account).where(DayCount.state == DayState.UNEVEN).order_by(DayCount.day)))
    if not uneven:
        if incidents.resolve(s, account.shop_id, KIND, subject, "counted_even"):
            journal.note(s, account.shop_id, subject, "count_even")
        return
    opened = not incidents.open_incidents(s, account.shop_id, kind=KIND, subject=subject)
    params = {**verdict.naming(account), **_facts(uneven)}
    incidents.open_(s, account.shop_id, KIND, subject, params)
    if opened:
        journal.note(s, account.shop_id, subject, "count_uneven", day=params["day"])


def _facts(uneven: Sequence[DayCount]) -> dict[str, Any]:
    ids = [one for row in uneven for kind in ("missing", "gone", "extra") for one in row.ids.get(kind, ())]
    return {
        "day": uneven[-1].day.isoformat(),
        "days": len(uneven),
        "listed": sum(row.listed for row in uneven),
        "in_shopify": sum(row.in_shopify for row in uneven),
        "missing": sum(row.missing for row in uneven),
        "gone": sum(row.gone for row in uneven),
        "extra": sum(row.extra for row in uneven),
        "fetched": sum(row.fetched for row in uneven),
        "ids": ", ".join(ids[:NAMED]),
    }


def let_old_ones_be(s: Session, account: Account, now: datetime, zone: ZoneInfo) -> None:
    """Days too long ago to be looked at are no longer told; rows much older are dropped."""
    today = days.day_of(now, zone)
    oldest = days.newest(now, zone, account.id) - days.ONE * (days.BACK - 1)
    late = (DayCount.account_id == account.id, DayCount.day < oldest)
    unsettled = DayCount.state.in_((DayState.LOOKING, DayState.UNEVEN))
    changed: Any = s.execute(update(DayCount).where(*late, unsettled).values(state=DayState.TOLD, again_at=None))
    s.execute(update(DayCount).where(*late, DayCount.again_at.is_not(None)).values(again_at=None))
    s.execute(delete(DayCount).where(DayCount.account_id == account.id, DayCount.day < today - timedelta(days=KEPT)))
    if changed.rowcount:
        tell(s, account)
