"""Asks a marketplace for orders that changed, page by page. Each page is saved with its page token in one transaction.

Only the last page moves the cursor: to the marketplace's own time minus an overlap, never backwards. A sweep that was
cut off goes on at its page; a page token that is no longer taken starts the sweep again at the cursor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from marketplaces.channel import Channel, Line
from marketplaces.channels import registry
from marketplaces.data import OrderPage, OrderQuery, Unmapped
from marketplaces.errors import Rejected, RemoteError, Transient
from marketplaces.text import clean
from shopapp import clock, verdict
from shopapp.accounts import line, repair
from shopapp.alerts import incidents
from shopapp.logs import context, event
from shopapp.orders import absorb, backfill
from shopapp.orders.absorb import Saved, Sweep
from shopapp.orders.cadence import cadence, interval, next_time, shared_limit
from shopapp.orders.pages import ENDLESS, Place
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountStatus, Shop, ShopStatus
from shopapp.shops.install import ASLEEP
from shopapp.work import bell
from shopapp.work.claim import LEASE, Claim, held, release
from shopapp.work.turns import Turn

log = logging.getLogger(__name__)
CALL, CHANGED = "searchOrders", "channel_changed"
PAGES = 1000  # of one sweep, however many claims it takes
IDLE = 300  # pages in a row without anything new: a sweep that started over may meet so many that are known
SECONDS = 45.0  # of the wall that one claim goes on asking; then the row is given back and goes on at its page
ANOTHER_SELLER = timedelta(days=1)
RESTING = timedelta(hours=1)  # until we look again whether one of the wanted sites is usable
UNBROKEN = timedelta(minutes=15)  # polling without a longer gap proves that a new order was never seen here before


@dataclass(slots=True)
class _Sweep:
    """The sweep of one claim. `began` is None when it goes on where another claim had stopped."""

    account_id: int
    channel: Channel
    query: OrderQuery
    saving: Sweep
    began: datetime | None
    place: Place
    seen: set[str] = field(default_factory=set)
    nameless: bool = False  # a row without an id came
    held: line.Held | None = None
    shares: bool = False  # a backfill uses the same permits: every other poll is left to it
    turn: Turn = Turn.SALES


def due_account(mine: Claim) -> None:
    """Poll the claimed account, or probe it while it is broken. Owns its transactions."""
    begun = _begin(mine)
    if begun is None:
        return
    with context(account=begun.account_id):
        ends = clock.monotonic() + SECONDS
        while True:
            try:
                page = _ask(begun)
            except line.NotLinked:
                _stop(mine)
                return
            except RemoteError as error:
                if _start_over(mine, begun, error):
                    continue
                _trouble(mine, error)
                return
            begun.shares = shared_limit(begun.channel) is None and backfill.sharing(begun.account_id)
            more = _save(mine, begun, page, clock.monotonic() >= ends)
            if not more:
                return


# --- begin ------------------------------------------------------------------------------------------------------------


def _begin(mine: Claim) -> _Sweep | None:
    with db.writing() as s:
        account = held(s, Account, mine)
        if account is None:
            return None
        now, shop = clock.now(), account.shop
        channel = registry().get(account.channel)
        if channel is None or shop.status == ShopStatus.UNINSTALLED:
            release(account, None if channel is None else now + ASLEEP)
            return None
        if shop.status != ShopStatus.ACTIVE or shop.paused_at is not None:
            release(account, now + interval(s, channel, account))
            return None
        if account.status == AccountStatus.DEACTIVATED or not account.credentials:
            release(account, None)
            return None
        open_until = verdict.breaker_open_until(s, account.channel, account.realm)
        if open_until is not None:
            release(account, open_until)
            return None
        if account.status == AccountStatus.ACTIVE and not _rests(account):
            return _sweep(s, account, channel, now)
    _probe(mine)
    return None


def _rests(account: Account) -> bool:
    """Whether the marketplace said last that no site is usable of those that are wanted (a seller on holiday, say)."""
    wanted = [site for site in account.sites if site.importing]
    ready = account.importing and account.take_over_at is not None
    return ready and bool(wanted) and not any(site.active for site in wanted)


def _sweep(s: Session, account: Account, channel: Channel, now: datetime) -> _Sweep | None:
    sites = tuple(site.site for site in account.sites if site.importing and site.active)
    if not account.importing or account.take_over_at is None or not sites:
        account.sync_asked_at = None
        release(account, None)
        return None
    if account.take_over_at > now:
        release(account, account.take_over_at)
        return None
    place = Place.read(account.page_token)
    since = account.sweep_since if place.token else None
    fresh = since is None
    query = OrderQuery(
        sites=sites,
        updated_since=since or account.cursor_at or account.take_over_at - channel.overlap,
        page_token="" if fresh else place.token,
        without=() if _asks_whole(account, now) else tuple(account.missing or ()),
    )
    saving, began = Sweep(trusted=_trusted(account, now)), now if fresh else None
    begun = _Sweep(account.id, channel, query, saving, began, Place() if fresh else place, held=line.glance(account))
    begun.turn = _turn(s, account, channel, now)
    return begun


def _turn(s: Session, account: Account, channel: Channel, now: datetime) -> Turn:
    """Where all accounts draw from one bucket, who asks goes first, but not so often as to take the share of two."""
    if account.sync_asked_at is None or shared_limit(channel) is None:
        return Turn.SALES
    lately = account.polled_at is not None and account.polled_at > now - cadence(s, channel).busy_every / 2
    return Turn.SALES if lately else Turn.ASKED


def _asks_whole(account: Account, now: datetime) -> bool:
    """In the first sweep of an hour the parts that were refused for want of a permission are asked for again."""
    return not account.missing or account.polled_at is None or account.polled_at < now.replace(minute=0, second=0)


def _trusted(account: Account, now: datetime) -> datetime | None:
    """Orders new here and created later than this were provably never sent; None when nothing is proven.

    Proven only while polling runs without a gap: a restored backup leaves one. An operator who restores faster
    than that runs `doctor --restored`, which sets `trusted_from`.
    """
    if account.cursor_at is None or account.polled_at is None or now - account.polled_at > UNBROKEN:
        return None
    starts = (account.take_over_at, account.worked_at, account.shop.installed_at, account.trusted_from)
    return max(moment for moment in (account.cursor_at, *starts) if moment is not None)


# --- ask --------------------------------------------------------------------------------------------------------------


def _ask(begun: _Sweep) -> OrderPage:
    """One page. A page token that came before, or a sweep without end, is the channel's trouble."""
    token = begun.query.page_token
    if token in begun.seen:
        raise Transient(ENDLESS, call=CALL)
    begun.place.check(CALL, IDLE, PAGES)
    begun.seen.add(token)
    ask: Callable[[Line], OrderPage] = lambda to: begun.channel.search_orders(to, begun.query)  # noqa: E731
    held, begun.held = begun.held, None  # as read with the claim, for the first call only
    return line.speak(begun.account_id, ask, held, turn=begun.turn)


def _start_over(mine: Claim, begun: _Sweep, error: RemoteError) -> bool:
    """Drop the page token if that is what the marketplace no longer takes; whether to ask again from the cursor."""
    looped = isinstance(error, Transient) and error.words == ENDLESS
    if not begun.query.page_token or not (looped or isinstance(error, Rejected)):
        return False
    with db.writing() as s:
        account = held(s, Account, mine)
        if account is None:
            return False
        account.page_token, account.sweep_since = "", None
        journal.note(s, account.shop_id, verdict.subject(account), "sweep_started_over", error.words)
        event(log, "sweep_started_over", logging.WARNING, account=account.id, looped=looped)
        if looped:
            _changed(s, account, "pageToken")
            return False
        again = _sweep(s, account, begun.channel, clock.now())
    if again is None:
        return False
    begun.query, begun.began, begun.saving, begun.place = again.query, again.began, again.saving, again.place
    return True


# --- save -------------------------------------------------------------------------------------------------------------


def _save(mine: Claim, begun: _Sweep, page: OrderPage, out_of_time: bool) -> bool:
    """Save a page and where to go on, in one transaction. Whether this claim asks for the next page."""
    with db.writing() as s:
        account = held(s, Account, mine)
        if account is None:
            return False
        saved = absorb.page(s, account, page.orders, begun.saving)
        with s.no_autoflush:  # what is looked up lies in other tables: the account is written once, at the end
            verdict.account_works(s, account, missing=_missing(begun, page))
        _nameless(s, account, begun, page)
        account.polled_count = saved.new + (account.polled_count if begun.query.page_token else 0)
        begun.place = begun.place.onward(page.next_token, bool(saved.changed))
        account.page_token = begun.place.kept()
        more = bool(page.next_token)
        if more:
            account.sweep_since = begun.query.updated_since
            begun.query = _next(begun.query, page)
            account.lease_until = clock.now() + LEASE
            if out_of_time:
                release(account, clock.now())
        else:
            _finish(s, account, begun, page)
            if not begun.nameless:
                incidents.resolve(s, account.shop_id, CHANGED, verdict.subject(account), "list_is_whole")
        _tell(s, account, page, saved)
    if saved.due:
        bell.ring("now")
    return more and not out_of_time


def _nameless(s: Session, account: Account, begun: _Sweep, page: OrderPage) -> None:
    """Rows without an id cannot be kept as orders; they are told about the account, not dropped without a word."""
    rows = [one for one in page.orders if not clean(one.order_id)]
    if rows:
        begun.nameless = True
        words = rows[0].words if isinstance(rows[0], Unmapped) else ""
        _changed(s, account, "orderId", words, count=len(rows))
        event(log, "orders_without_id", logging.WARNING, account=account.id, count=len(rows))


def _changed(s: Session, account: Account, what: str, words: str = "", **more: Any) -> None:
    """The list itself is not what it was. Open until a sweep ends whole: that single pages come says nothing of it."""
    about = {**verdict.naming(account, call=CALL), "what": what, "cause": CHANGED, "whole_list": True, **more}
    incidents.open_(s, account.shop_id, CHANGED, verdict.subject(account), about, words)


def _missing(begun: _Sweep, page: OrderPage) -> tuple[str, ...] | None:
    """Which permissions the page shows to be missing; None when it tells nothing new about those left out by us."""
    if begun.query.without and not page.missing:
        return None
    return (*begun.query.without, *page.missing)


def _next(query: OrderQuery, page: OrderPage) -> OrderQuery:
    without = tuple(sorted({*query.without, *page.missing}))
    return OrderQuery(query.sites, query.updated_since, page_token=page.next_token, without=without)


def _finish(s: Session, account: Account, begun: _Sweep, page: OrderPage) -> None:
    now = clock.now()
    if page.until is not None:
        # A time of the marketplace that is ahead of ours would hide every order until we are there.
        reached = min(page.until, now) - begun.channel.overlap
        account.cursor_at = max(account.cursor_at, reached) if account.cursor_at else reached
    account.page_token, account.sweep_since, account.polled_at = "", None, now
    due = next_time(account.due_at, now, interval(s, begun.channel, account) * (2 if begun.shares else 1))
    if account.sync_asked_at is not None:
        if begun.began is not None and account.sync_asked_at <= begun.began:
            account.sync_asked_at = None
        else:
            due = now  # asked for while this sweep was under way: what it wants to see may be behind us
    release(account, due, attempt=0)


def _tell(s: Session, account: Account, page: OrderPage, saved: Saved) -> None:
    if saved.new or saved.refused:
        journal.note(s, account.shop_id, verdict.subject(account), "orders_found", new=saved.new, refused=saved.refused)
    event(log, "page_saved", account=account.id, orders=len(page.orders), new=saved.new, last=not page.next_token)


def _trouble(mine: Claim, error: RemoteError) -> None:
    with db.writing() as s:
        account = held(s, Account, mine)
        if account is not None:
            verdict.apply_account(s, account, error, CALL)
            release(account, account.due_at)


def _stop(mine: Claim) -> None:
    with db.writing() as s:
        account = held(s, Account, mine)
        if account is not None:
            release(account, None)


def _probe(mine: Claim) -> None:
    """Ask a broken, resting or never proven account who it is; the same seller answering heals it (see accounts.repair)."""
    try:
        repair.probe(mine.id)
    except line.NotLinked:
        _stop(mine)
        return
    with db.writing() as s:
        account = held(s, Account, mine)
        if account is None:  # linked anew meanwhile
            return
        due, now = account.due_at, clock.now()
        if account.status == AccountStatus.ACTIVE and _rests(account):
            account.sync_asked_at, due = None, max(due or now, now + RESTING)
        elif account.status != AccountStatus.ACTIVE and due is not None and due <= now:
            due = now + ANOTHER_SELLER  # nothing was decided: not again at once
        release(account, due)


def sync_now(s: Session, shop_id: int, account_id: int) -> bool:
    """*Sync now*: ask for a sweep at once; False when the account is none of the shop's or cannot be polled."""
    account = s.query(Account).filter_by(id=account_id, shop_id=shop_id).one_or_none()
    shop = s.get(Shop, shop_id)
    if account is None or shop is None or account.status != AccountStatus.ACTIVE or account.take_over_at is None:
        return False
    account.sync_asked_at = account.due_at = clock.now()
    return True
