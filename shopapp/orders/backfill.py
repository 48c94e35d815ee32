"""Older orders, asked for by a person: first the shop's own orders are searched, then the marketplace's are fetched.

Page by page, each saved with where to go on, so that it can be left, stopped and continued. The orders themselves go
the way of all orders (`place`), bound to what another app made or created as they stand with the stock untouched.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session

from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.data import OrderPage, OrderQuery
from marketplaces.errors import Rejected, RemoteError
from shopapp import clock, verdict
from shopapp.accounts import line
from shopapp.logs import context, event
from shopapp.orders import absorb, outcome, prior
from shopapp.orders.absorb import Sweep
from shopapp.orders.cadence import cadence, search_limit
from shopapp.orders.pages import ENDLESS, Place
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountStatus, Backfill, Order, OrderState, Shop, ShopStatus
from shopapp.shopify_admin import budget, tokens
from shopapp.shopify_admin.documents import load
from shopapp.shops.install import ASLEEP
from shopapp.work import bell
from shopapp.work.claim import Claim, held, release
from shopapp.work.turns import Turn

log = logging.getLogger(__name__)
# Without the scope read_all_orders Shopify shows an app no orders that are older.
SEARCHABLE = timedelta(days=60)
WAITING = timedelta(minutes=15)
SPARE = 1  # permits of the marketplace that are left for the polls: a new sale is never behind older orders
KNOWN = timedelta(seconds=5)
SECOND = timedelta(seconds=1)
_running: WeakKeyDictionary[Engine, tuple[datetime, frozenset[int]]] = WeakKeyDictionary()
POLLS_OWN = timedelta(minutes=5)  # the youngest orders are the poll's; marketplaces show them late anyway
RUNNING = ("scanning", "fetching")
PAGE = 250
EMPTY = 300  # pages in a row without any order
LOOK_EVERY = 20  # pages; then what was listed is compared with what is there
LEEWAY = 1000  # orders


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is. `found` orders of the period came; of these so many are where.

    `expected` is how many the period probably holds, `ends_at` when the last is probably in Shopify; None: not known
    (yet).
    """

    state: str
    scanned: int
    found: int
    created: int
    bound: int
    waiting: int
    failed: int
    unsearchable_before: datetime | None
    expected: int | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Task:
    backfill_id: int
    shop_id: int
    account_id: int
    channel: str
    state: str
    since: datetime
    until: datetime
    place: Place
    sites: tuple[str, ...]


def start(s: Session, shop_id: int, account_id: int, since: datetime, user: str) -> Backfill | None:
    """Ask for the orders from `since` until now; None when the account is none of the shop's.

    Besides what was sold before the take-over, this brings what was shipped before a poll could see it, for example
    while the access was refused. A backfill of the account that is still running is given back instead. The caller
    rings "bulk" after its commit.
    """
    account = s.query(Account).filter_by(id=account_id, shop_id=shop_id).one_or_none()
    if account is None:
        return None
    running = s.query(Backfill).filter(Backfill.account_id == account_id, Backfill.state.in_(RUNNING)).first()
    if running is not None:
        return running
    now = clock.now()
    oldest = now - SEARCHABLE
    row = Backfill(
        shop_id=shop_id,
        account_id=account_id,
        since=since,
        until=max(now - POLLS_OWN, since),
        asked_by=user,
        asked_at=now,
        due_at=now,
        unsearchable_before=oldest if since < oldest else None,
    )
    s.add(row)
    s.flush()
    journal.audit(s, shop_id, user, "backfill_started", verdict.subject(account), since=since.isoformat())
    return row


def stop(s: Session, shop_id: int, backfill_id: int, user: str) -> bool:
    """Stop it: nothing more is fetched, and what was not created yet is set aside again. What is done stays."""
    row = s.query(Backfill).filter_by(id=backfill_id, shop_id=shop_id).one_or_none()
    if row is None or row.state not in RUNNING:
        return False
    _end(row, "stopped")
    for order in s.scalars(_orders(row).where(Order.state == OrderState.RECEIVED, Order.sends == 0)):
        outcome.ignore(s, order, absorb.BEFORE)
        order.backfill = False
    journal.audit(s, shop_id, user, "backfill_stopped", f"account:{row.account_id}")
    return True


def progress(s: Session, row: Backfill) -> Progress:
    """Counts for the page, from the orders themselves."""
    counts: dict[tuple[str, str], int] = {}
    grouped = (
        _orders(row)
        .with_only_columns(Order.state, Order.bound_how, func.count())
        .group_by(Order.state, Order.bound_how)
    )
    for state, how, count in s.execute(grouped):
        counts[(state, how)] = count
    imported = {how: n for (state, how), n in counts.items() if state == OrderState.IMPORTED}
    waiting = sum(n for (state, _), n in counts.items() if state in ("received", "held", "sending"))
    failed = sum(n for (state, _), n in counts.items() if state == OrderState.FAILED)
    bound = imported.get("prior", 0) + imported.get("found", 0)
    created = imported.get("created", 0)
    ready = sum(n for (state, _), n in counts.items() if state in (OrderState.RECEIVED, OrderState.SENDING))
    expected, ends_at = _forecast(s, row, ready)
    before = row.unsearchable_before
    return Progress(row.state, row.scanned, row.found, created, bound, waiting, failed, before, expected, ends_at)


def _forecast(s: Session, row: Backfill, ready: int) -> tuple[int | None, datetime | None]:
    """(orders that the period probably holds, when the last is probably created); None where nothing can be said.

    Marketplaces give a period's orders by date, in one direction or the other, but do not tell how many there are: the
    part of the period that was seen tells. How fast it goes is decided by the buckets of the marketplace and of Shopify.
    """
    now = clock.now()
    if row.state != "fetching" or not row.found:
        done = row.state == "done" and ready
        return (row.found, now + ready * _each(s, row)) if done else (None, None)
    first, last = s.execute(
        _orders(row).with_only_columns(func.min(Order.remote_created_at), func.max(Order.remote_created_at))
    ).one()
    if first is None or last <= first or row.until <= row.since:
        return None, None
    seen = min(Fraction((last - first) // SECOND, max(1, (row.until - row.since) // SECOND)), Fraction(1))
    expected = max(row.found, round(row.found / seen)) if seen else row.found
    channel = registry()[row.account.channel]
    fetched = now + _until_fetched(s, row, channel, expected, now)
    last_page = min(expected, channel.orders_per_page)
    created = now + (ready + expected - row.found) * _each(s, row)
    return expected, max(fetched + last_page * _each(s, row), created)


def _until_fetched(s: Session, row: Backfill, channel: Channel, expected: int, now: datetime) -> timedelta:
    """How long until the last page is there: what the bucket of searches still holds, then one page per permit."""
    limit, rhythm = search_limit(channel), cadence(s, channel)
    if limit is None:
        return timedelta(0)
    size = channel.orders_per_page
    pages, done = -(-expected // size), -(-row.found // size)
    if rhythm.shared is not None:
        # What the polls of all accounts leave is divided by all that fetch older orders.
        each = Fraction(limit.rate) * (1 - rhythm.polls) / max(1, _fetching(s, channel))
        return timedelta(seconds=int((pages - done) / each)) if each > 0 else timedelta(0)
    # The polls of the account go on, at half their pace (see `sharing`), out of the same bucket; one permit of it is
    # never used (see accounts.permits).
    rate = Fraction(limit.rate) - Fraction(1, 2 * max(1, rhythm.quiet_every // SECOND))
    if rate <= 0:
        return timedelta(0)
    had = limit.burst - 1 - SPARE + rate * ((now - row.asked_at) // SECOND)
    missing = max(Fraction(0), pages - done - max(Fraction(0), had - done))
    return timedelta(seconds=int(missing / rate))


def _fetching(s: Session, channel: Channel) -> int:
    """How many accounts of the channel fetch older orders."""
    running = select(func.count(Backfill.id)).join(Account, Account.id == Backfill.account_id)
    return s.scalar(running.where(Backfill.state.in_(RUNNING), Account.channel == channel.key)) or 0


def _each(s: Session, row: Backfill) -> timedelta:
    """How long one order takes of the shop's call budget."""
    shop = s.get_one(Shop, row.shop_id)
    _, restore = budget.plan_of(shop.domain)
    points = load("OrderCreate").cost + 1  # and a part of a look-up of many
    return timedelta(seconds=1) * points / restore


def sharing(account_id: int) -> bool:
    """Whether a backfill of the account runs: it uses the same bucket of searches as the polls. Known for seconds."""
    now, kept = clock.now(), _running.get(db.engine())
    if kept is None or not kept[0] <= now < kept[0] + KNOWN:
        with db.reading() as s:
            ids = frozenset(s.scalars(select(Backfill.account_id).where(Backfill.state.in_(RUNNING))))
        kept = _running[db.engine()] = (now, ids)
    return account_id in kept[1]


def _orders(row: Backfill) -> Select[Order]:
    return select(Order).where(
        Order.shop_id == row.shop_id,
        Order.account_id == row.account_id,
        Order.backfill.is_(True),
        Order.remote_created_at >= row.since,
        Order.remote_created_at < row.until,
    )


def due_backfill(mine: Claim) -> None:
    """One page of the claimed backfill; it is due again at once until it is done."""
    task = _begin(mine)
    if task is None:
        return
    with context(account=task.account_id, backfill=task.backfill_id):
        try:
            if task.state == "scanning":
                _scan(mine, task)
            else:
                _fetch(mine, task)
        except line.NotLinked:
            _later(mine, None)
        except RemoteError as error:
            _later(mine, error)


def _begin(mine: Claim) -> _Task | None:
    with db.writing() as s:
        row = held(s, Backfill, mine)
        if row is None:
            return None
        account, shop = row.account, s.get_one(Shop, row.shop_id)
        if row.state not in RUNNING or shop.status == ShopStatus.UNINSTALLED:
            release(row, clock.now() + ASLEEP if row.state in RUNNING else None)
            return None
        if shop.status != ShopStatus.ACTIVE or shop.paused_at or account.status != AccountStatus.ACTIVE:
            release(row, clock.now() + WAITING)
            return None
        sites = tuple(site.site for site in account.sites if site.importing and site.active)
        place = Place(row.scan_after) if row.state == "scanning" else Place.read(row.page_token)
        return _Task(row.id, shop.id, account.id, account.channel, row.state, row.since, row.until, place, sites)


def _scan(mine: Claim, task: _Task) -> None:
    """A page of the shop's own orders. Another app may have made them long after the sale: searched until now."""
    admin = tokens.line(task.shop_id)
    since = max(task.since, clock.now() - SEARCHABLE)
    variables: dict[str, object] = {"q": f"created_at:>='{since.isoformat(timespec='seconds')}'", "first": PAGE}
    if task.place.token:
        variables["after"] = task.place.token
    page = admin.run("OrdersOfPeriod", variables)["orders"]
    with db.writing() as s:
        row = held(s, Backfill, mine)
        if row is None:
            return
        prior.keep(s, task.shop_id, task.backfill_id, page["nodes"])
        row.scanned += len(page["nodes"])
        if page["pageInfo"]["hasNextPage"]:
            row.scan_after = str(page["pageInfo"]["endCursor"])
        else:
            row.state, row.scan_after = "fetching", ""
        release(row, clock.now() if row.state in RUNNING else None, attempt=0)


def _fetch(mine: Claim, task: _Task) -> None:
    channel = registry()[task.channel]
    query = OrderQuery(task.sites, created_since=task.since, created_until=task.until, page_token=task.place.token)
    page: OrderPage = line.speak(
        task.account_id, lambda to: channel.search_orders(to, query), spare=SPARE, turn=Turn.BULK
    )
    with db.writing() as s:
        row = held(s, Backfill, mine)
        if row is None:
            return
        absorb.page(s, s.get_one(Account, task.account_id), page.orders, Sweep(backfill=True))
        row.found += len(page.orders)
        place = task.place.onward(page.next_token, bool(page.orders))
        looped = _endless(s, row, task.place, place)
        if page.next_token and not looped:
            row.page_token = place.kept()
            release(row, clock.now(), attempt=0)
        elif looped:
            row.words = ENDLESS
            _end(row, "failed")
            event(log, "backfill_looped", logging.WARNING, found=row.found)
        else:
            _end(row, "done")
            journal.note(s, row.shop_id, f"account:{row.account_id}", "backfill_done", found=row.found)
            event(log, "backfill_done", found=row.found)
    bell.ring("bulk")


def _endless(s: Session, row: Backfill, here: Place, place: Place) -> bool:
    """Whether the list goes round: the same page next, many empty ones, or far more orders than there are.

    Every order that is listed is kept, also one that is none of ours. So a period cannot list many more than we have of
    it; one that changes meanwhile is listed twice, and a period that was fetched before brings nothing new.
    """
    if not place.token or place.token == here.token or place.idle >= EMPTY:
        return bool(place.token)
    if place.pages % LOOK_EVERY:
        return False
    seller = row.account  # not the account's row: an order may have come while the seller was linked another time
    mine = (
        Order.shop_id == row.shop_id,
        Order.channel == seller.channel,
        Order.realm == seller.realm,
        Order.seller_id == seller.seller_id,
    )
    of_period = (Order.remote_created_at >= row.since, Order.remote_created_at < row.until)
    kept = s.scalar(select(func.count(Order.id)).where(*mine, *of_period)) or 0
    return row.found > 2 * kept + LEEWAY


def _end(row: Backfill, state: str) -> None:
    row.state, row.ended_at, row.page_token = state, clock.now(), ""
    release(row, None)


def _later(mine: Claim, error: RemoteError | None) -> None:
    """Trouble with an account is told by its poll, trouble with the shop by its orders; this only waits."""
    with db.writing() as s:
        row = held(s, Backfill, mine)
        if row is None:
            return
        row.words = error.words if error is not None else ""
        if isinstance(error, Rejected):
            if not row.page_token:
                _end(row, "failed")
                return
            row.page_token, row.found = "", 0  # the page token is no longer taken: from the first page
        found = verdict.judge(error, "account", row.attempt) if error is not None else None
        wait = found.delay if found is not None and not isinstance(error, Rejected) else WAITING
        used = found.used_attempt if found is not None else True
        release(row, clock.now() + wait, attempt=row.attempt + used)
