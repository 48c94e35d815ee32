"""Takes a page of what the marketplace lists into the round that counts, and what polling had missed into the table.

Joins the caller's transaction; no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from marketplaces.data import Order as Sale
from marketplaces.data import Unmapped
from marketplaces.text import clean
from shopapp import verdict
from shopapp.orders import absorb, days
from shopapp.orders.days import Window
from shopapp.records import journal
from shopapp.records.models import Account, CountRound, Order, OrderState

IDS, EARLIER, FETCHED = "ids", "earlier", "fetched"
CHUNK = 500  # ids in one statement


def of_seller(account: Account) -> tuple[ColumnElement[bool], ...]:
    """Our rows of the account's seller, whichever account row brought them."""
    return (
        Order.shop_id == account.shop_id,
        Order.channel == account.channel,
        Order.realm == account.realm,
        Order.seller_id == (account.seller_id or ""),
    )


def rows_of(s: Session, account: Account, ids: Sequence[str]) -> dict[str, Order]:
    """Our rows by marketplace id."""
    found: dict[str, Order] = {}
    for at in range(0, len(ids), CHUNK):
        some = select(Order).where(*of_seller(account), Order.remote_order_id.in_(ids[at : at + CHUNK]))
        found |= {row.remote_order_id: row for row in s.scalars(some)}
    return found


def know_sites(row: CountRound, account: Account, sites: Sequence[str], now: datetime) -> None:
    """Remember since when each site is imported, as far as a count has seen: one added later starts then."""
    assert account.take_over_at is not None
    known: dict[str, str] = dict(row.sites or {})
    fresh = (now if known else account.take_over_at).isoformat()
    row.sites = {site: known.get(site, fresh) for site in sites}


def window(row: CountRound, zone: ZoneInfo) -> Window:
    """The days of the round under way."""
    if row.first_day is None or row.last_day is None:
        raise ValueError(f"no round of account {row.account_id} is under way")
    return Window(row.first_day, row.last_day, zone)


def take_in(s: Session, row: CountRound, orders: Sequence[Sale | Unmapped], window: Window) -> list[str]:
    """Note the page's orders under their days; those not here are absorbed. The queues to ring afterwards."""
    account = row.account
    about = days.period(s, account)
    known = rows_of(s, account, [clean(order.order_id) for order in orders])
    seen: dict[str, dict[str, list[str]]] = {day: {**of} for day, of in (row.seen or {}).items()}
    missed: dict[bool, list[Sale | Unmapped]] = {False: [], True: []}
    for order in orders:
        key = clean(order.order_id)
        ours = known.get(key)
        created = order.created_at or (ours.remote_created_at if ours else None) or order.updated_at
        if not key or created is None:
            continue
        day = window.day_of(created)
        if day is None:
            continue
        place = _place(row, ours, order.site, created, about)
        _note(seen, day.isoformat(), EARLIER if place == EARLIER else IDS, key)
        if place == FETCHED:
            _note(seen, day.isoformat(), FETCHED, key)
            missed[created < about.starts].append(order)
    row.seen = seen
    return _absorb(s, account, missed)


def _place(row: CountRound, ours: Order | None, site: str, created: datetime, about: days.Period) -> str:
    if ours is not None:
        before = ours.state == OrderState.IGNORED and ours.ignore_reason == absorb.BEFORE
        return EARLIER if before else IDS
    told = (row.sites or {}).get(clean(site, 64))
    starts = max(about.starts, datetime.fromisoformat(told)) if told else about.starts
    return EARLIER if created < starts and not about.older(created) else FETCHED


def _note(seen: dict[str, dict[str, list[str]]], day: str, kind: str, key: str) -> None:
    seen.setdefault(day, {})
    ids = seen[day].get(kind, [])
    if key not in ids:
        seen[day][kind] = [*ids, key]


def _absorb(s: Session, account: Account, missed: dict[bool, list[Any]]) -> list[str]:
    """Save what polling missed as the poll would have; nothing is known about it, so each is looked up before it is sent."""
    queues = []
    for older, orders in missed.items():
        if orders:
            absorb.page(s, account, orders, absorb.Sweep(backfill=older))
            queues.append("bulk" if older else "now")
    found = sum(len(orders) for orders in missed.values())
    if found:
        journal.note(s, account.shop_id, verdict.subject(account), "count_fetched", found=found)
    return queues
