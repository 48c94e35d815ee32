"""Completeness: do marketplace, app and Shopify agree about each day? Counted at night, account by account.

Read -> ask the marketplace for the days' orders -> ask Shopify for those that should be there -> write, told if they do
not agree twice. Repairs nothing, but for one thing: an order that the marketplace lists and that is not here is taken
in and goes the way of all orders. The marketplace is asked with what the poll leaves of its permits.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplaces.channels import registry
from marketplaces.data import OrderPage, OrderQuery
from marketplaces.errors import Rejected, RemoteError, Transient
from shopapp import clock, i18n, verdict
from shopapp.accounts import line
from shopapp.logs import context, event
from shopapp.orders import counted, days, listing, presence
from shopapp.orders.days import Window
from shopapp.orders.lookup import BATCH
from shopapp.orders.pages import Place
from shopapp.orders.presence import Imported
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, CountRound, Order, OrderState, Shop, ShopStatus
from shopapp.shopify_admin import tokens
from shopapp.work import bell
from shopapp.work.claim import LEASE, Claim, held, release
from shopapp.work.turns import Turn

log = logging.getLogger(__name__)
LISTING, CHECKING = "listing", "checking"
WAITING = timedelta(hours=1)  # while nothing can be counted
SOON = timedelta(minutes=15)  # while the poll is behind
PATIENCE = 48  # so often in a row: then the poll has had twelve hours to bring its orders itself
STALE = timedelta(hours=24)  # a round that took longer begins anew
SPARE, SPARE_WHEN_LATE, LATE = 5, 1, timedelta(hours=6)  # permits left to the poll
IDLE = 30  # pages in a row without a sale that this round has not seen: a list that does not end
SECONDS = 20.0  # of the wall that one claim goes on
ENROLLED = 1000


@dataclass(frozen=True, slots=True)
class Task:
    """A round under way, detached from any transaction."""

    account_id: int
    shop_id: int
    channel: str
    phase: str
    window: Window
    sites: tuple[str, ...]
    without: tuple[str, ...]
    place: Place
    checked_to: int
    spare: int


def enrol() -> int:
    """Give every account that imports its row (a chore), and wake those of shops that came back; how many are new."""
    total = 0
    while True:
        with db.writing() as s:
            known = select(CountRound.account_id)
            lacking = select(Account.shop_id, Account.id).where(
                Account.take_over_at.is_not(None), Account.id.not_in(known)
            )
            found = s.execute(lacking.order_by(Account.id).limit(ENROLLED)).all()
            rows = [{"shop_id": shop_id, "account_id": one, "due_at": clock.now()} for shop_id, one in found]
            db.upsert(s, CountRound, rows, key=["account_id"])
            alive = select(Shop.id).where(Shop.status == ShopStatus.ACTIVE)
            asleep = (CountRound.due_at.is_(None), CountRound.shop_id.in_(alive))
            s.execute(update(CountRound).where(*asleep).values(due_at=clock.now()))
        total += len(rows)
        if len(rows) < ENROLLED:
            return total


def due_count(mine: Claim) -> None:
    """Go on with the claimed account's round, or begin one. Owns its transactions."""
    ends = clock.monotonic() + SECONDS
    task = _begin(mine)
    while task is not None:
        with context(account=task.account_id):
            try:
                task = _list(mine, task) if task.phase == LISTING else _check(mine, task)
            except line.NotLinked:
                _later(mine, None)
                return
            except RemoteError as error:
                _later(mine, error)
                return
        if task is not None and clock.monotonic() >= ends:
            _pause(mine)
            return


# --- begin ------------------------------------------------------------------------------------------------------------


def _begin(mine: Claim) -> Task | None:
    with db.writing() as s:
        row = held(s, CountRound, mine)
        if row is None:
            return None
        account, now = row.account, clock.now()
        if account.shop.status == ShopStatus.UNINSTALLED:
            release(row, None)
            return None
        row.reason = why_not(s, account)
        if not row.reason and verdict.breaker_open_until(s, account.channel, account.realm) is not None:
            row.reason = "outage"  # another's call finds out whether it is over
        if row.reason:
            release(row, now + WAITING, attempt=0)
            return None
        zone = i18n.zone(account.shop.timezone)
        if row.began_at is not None and now - row.began_at > STALE:
            _reset(row)
        if not row.phase and not _choose(s, row, account, zone):
            return None
        return _task(row, account, zone)


def why_not(s: Session, account: Account) -> str:
    """Why the account cannot be counted now; "" when it can. That is no drift. Reads only: pages ask as well."""
    shop = account.shop
    if shop.status != ShopStatus.ACTIVE:
        return "shop"
    if shop.paused_at is not None:
        return "paused"
    if account.status == AccountStatus.DEACTIVATED:
        return "deactivated"
    if account.status != AccountStatus.ACTIVE or not account.credentials:
        return "broken"
    if not account.importing or account.take_over_at is None or not _sites(account):
        return "import_off"
    if account.channel not in registry():
        return "import_off"
    if verdict.closed_from(s, account.channel, account.realm) is not None:
        return "outage"
    return ""


def _sites(account: Account) -> tuple[str, ...]:
    return tuple(site.site for site in account.sites if site.importing and site.active)


def _choose(s: Session, row: CountRound, account: Account, zone: ZoneInfo) -> bool:
    """Begin a round over the days that want one; else the row is given back until there are any."""
    now = clock.now()
    listing.know_sites(row, account, _sites(account), now)
    counted.let_old_ones_be(s, account, now, zone)
    run = days.run(s, account, days.wanted(s, account, now, zone), zone)
    if run is None:
        release(row, days.next_at(s, account, now, zone), attempt=0)
        return False
    behind = account.cursor_at is None or account.cursor_at < run.end
    if behind and row.attempt < PATIENCE:
        row.reason = "behind"
        release(row, now + SOON, attempt=row.attempt + 1)
        return False
    row.attempt = 0
    _reset(row)
    row.phase, row.began_at = LISTING, now
    row.first_day, row.last_day = run.first, run.last
    return True


def _reset(row: CountRound) -> None:
    row.phase, row.page_token, row.checked_to, row.began_at = "", "", 0, None
    row.seen, row.gone = {}, []


def _task(row: CountRound, account: Account, zone: ZoneInfo) -> Task:
    late = row.began_at is not None and clock.now() - row.began_at > LATE
    return Task(
        account_id=account.id,
        shop_id=account.shop_id,
        channel=account.channel,
        phase=row.phase,
        window=listing.window(row, zone),
        sites=_sites(account),
        without=tuple(account.missing or ()),
        place=Place.read(row.page_token),
        checked_to=row.checked_to,
        spare=SPARE_WHEN_LATE if late else SPARE,
    )


# --- the marketplace --------------------------------------------------------------------------------------------------


def _list(mine: Claim, task: Task) -> Task | None:
    """A page of what the marketplace lists for the days."""
    channel = registry()[task.channel]
    query = OrderQuery(
        task.sites,
        created_since=task.window.start,
        created_until=task.window.end,
        page_token=task.place.token,
        without=task.without,
    )
    task.place.check("searchOrders", IDLE)
    page: OrderPage = line.speak(
        task.account_id, lambda to: channel.search_orders(to, query), spare=task.spare, turn=Turn.BULK
    )
    with db.writing() as s:
        row = held(s, CountRound, mine)
        if row is None:
            return None
        before = row.seen
        taken = listing.take_in(s, row, page.orders, task.window)
        onward = task.place.onward(page.next_token, brought=row.seen != before)
        row.page_token, row.lease_until = onward.kept(), clock.now() + LEASE
        row.attempt = 0
        if not page.next_token:
            row.phase = CHECKING
        going_on = replace(task, phase=row.phase, place=onward, without=_without(task, page))
    for queue in taken:
        bell.ring(queue)
    return going_on


def _without(task: Task, page: OrderPage) -> tuple[str, ...]:
    return tuple(sorted({*task.without, *page.missing}))


# --- Shopify ----------------------------------------------------------------------------------------------------------


def _check(mine: Claim, task: Task) -> Task | None:
    """The next 50 orders that should be in Shopify; after the last ones the days are added up."""
    with db.reading() as s:
        rows = _imported(s, task)
    lost = presence.gone(tokens.line(task.shop_id), rows) if rows else []
    with db.writing() as s:
        row = held(s, CountRound, mine)
        if row is None:
            return None
        row.gone = [*row.gone, *(one.remote_order_id for one in lost)]
        row.attempt, row.lease_until = 0, clock.now() + LEASE
        if len(rows) == BATCH:
            row.checked_to = rows[-1].id
            return replace(task, checked_to=row.checked_to)
        _finish(s, row, task)
    return None


def _imported(s: Session, task: Task) -> list[Imported]:
    account = s.get_one(Account, task.account_id)
    found = select(Order).where(
        *listing.of_seller(account),
        Order.state == OrderState.IMPORTED,
        Order.remote_created_at >= task.window.start,
        Order.remote_created_at < task.window.end,
        Order.id > task.checked_to,
    )
    rows = s.scalars(found.order_by(Order.id).limit(BATCH))
    return [Imported(one.id, one.remote_order_id, one.ref, one.shopify_gid, one.bound_how != "prior") for one in rows]


# --- write ------------------------------------------------------------------------------------------------------------


def _finish(s: Session, row: CountRound, task: Task) -> None:
    """Write the days, tell what does not agree, and give the row back until the next round."""
    account, now = row.account, clock.now()
    sums = counted.write(s, row, task.window, task.sites)
    event(
        log,
        "days_counted",
        account=account.id,
        days=len(sums),
        listed=sum(one.listed for one in sums.values()),
        fetched=sum(one.fetched for one in sums.values()),
        uneven=sum(not one.even for one in sums.values()),
    )
    _reset(row)
    more = days.wanted(s, account, now, task.window.zone)
    release(row, now if more else days.next_at(s, account, now, task.window.zone), attempt=0)


def _pause(mine: Claim) -> None:
    with db.writing() as s:
        row = held(s, CountRound, mine)
        if row is not None:
            release(row, clock.now())


def _later(mine: Claim, error: RemoteError | None) -> None:
    """Trouble with an account is told by its poll, trouble with the shop by its orders; the count only waits."""
    with db.writing() as s:
        row = held(s, CountRound, mine)
        if row is None:
            return
        if isinstance(error, Rejected) or (isinstance(error, Transient) and row.attempt >= 3):
            _reset(row)  # the page token is no longer taken, or leads nowhere: from the first page
        found: Any = verdict.judge(error, "account", row.attempt) if error is not None else None
        wait = found.delay if found is not None and not isinstance(error, Rejected) else WAITING
        release(row, clock.now() + wait, attempt=row.attempt + 1)
