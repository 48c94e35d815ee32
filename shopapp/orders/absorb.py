"""Takes orders of a marketplace's page into the table: new ones, newer versions, and those that cannot be mapped.

Joins the caller's transaction. One savepoint around the page; when it fails, one around each order, so that a single
hostile order rolls back nothing but itself. Never touches the network.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplaces.channels import registry
from marketplaces.data import Order as Sale
from marketplaces.data import OrderState as SaleState
from marketplaces.data import Unmapped
from marketplaces.text import clean
from shopapp import clock
from shopapp.accounts import rules
from shopapp.logs import event
from shopapp.orders import outcome, positions, stored
from shopapp.records import db
from shopapp.records.models import Account, HeldReason, Order, OrderLine, OrderState
from shopapp.records.vault import new_uid

log = logging.getLogger(__name__)
BEFORE, SHIPPED, GONE = "before_take_over", "already_shipped", "cancelled"
UNDECIDED = (HeldReason.PAYMENT, HeldReason.ACCEPTANCE, HeldReason.UNKNOWN)  # the marketplace has not let it go yet
LATER = frozenset((BEFORE, SHIPPED))  # ignored by polling only: a backfill imports them
# What a driver says to a text, number or date that it cannot hold.
UNHOLDABLE = (SQLAlchemyError, ValueError, OverflowError, TypeError, KeyError)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What the page belongs to.

    `backfill`: older orders, asked for by a person. `trusted`: orders that are new here and were created later than
    this cannot have been sent before (None: any may have been, after a restored backup or a re-installation).
    """

    backfill: bool = False
    trusted: datetime | None = None


@dataclass(slots=True)
class Saved:
    """What a page brought: rows that are new, whether any is due now, and how many came new or in a newer version."""

    new: int = 0
    due: bool = False
    refused: int = 0
    changed: int = 0

    def add(self, other: Saved) -> None:
        """Count `other` in."""
        self.new, self.due, self.refused = self.new + other.new, self.due or other.due, self.refused + other.refused
        self.changed += other.changed


def page(s: Session, account: Account, orders: Sequence[Sale | Unmapped], sweep: Sweep) -> Saved:
    """Save the orders of one page. Nothing is lost: what the table cannot hold is kept as a failed order."""
    saved = Saved()
    if not orders:
        return saved
    try:
        with s.begin_nested():
            saved.add(_save(s, account, orders, sweep))
        return saved
    except UNHOLDABLE as error:
        _not_the_orders_fault(error)
        event(log, "page_fell_apart", logging.WARNING, account=account.id, error=type(error).__name__)
    for order in orders:
        saved.add(_alone(s, account, order, sweep))
    return saved


def _alone(s: Session, account: Account, order: Sale | Unmapped, sweep: Sweep) -> Saved:
    try:
        with s.begin_nested():
            return _save(s, account, [order], sweep)
    except UNHOLDABLE as error:
        _not_the_orders_fault(error)
        event(log, "order_unholdable", logging.WARNING, account=account.id, error=type(error).__name__)
    try:
        with s.begin_nested():
            return _save(s, account, [_broken(order)], sweep)
    except UNHOLDABLE as error:
        _not_the_orders_fault(error)
        # Not even its id can be kept. It is in the log, and the nightly count misses it.
        log.exception("order_lost_in_page")
        return Saved(refused=1)


def _not_the_orders_fault(error: BaseException) -> None:
    """Raise what a hostile order cannot have caused: the page is asked for again, and no order of it is given up."""
    if db.collided(error) or db.unreachable(error):
        raise error


def _broken(order: Sale | Unmapped) -> Unmapped:
    words = "The order holds text or numbers that cannot be stored."
    created, updated = order.created_at, order.updated_at
    return Unmapped(clean(order.order_id), clean(order.site, 64), created, updated, "channel_changed", words)


def _save(s: Session, account: Account, orders: Sequence[Sale | Unmapped], sweep: Sweep) -> Saved:
    newest: dict[str, Sale | Unmapped] = {}
    for order in orders:
        key = clean(order.order_id)
        before = newest.get(key)
        if key and (before is None or _version(order) >= _version(before)):
            newest[key] = order
    rows = _rows(s, account, list(newest))
    theirs = frozenset[str]() if sweep.backfill else _elsewhere(s, account, list(newest))
    saved = Saved()
    fresh: list[tuple[Order, Sale | Unmapped]] = []
    for key, order in newest.items():
        row = rows.get(key)
        if row is None:
            fresh.append((_blank(account, key, order), order))
            continue
        version = row.remote_updated_at
        if isinstance(order, Unmapped):
            _unmapped_again(s, row, order)
        else:
            _renew(s, row, order, account, sweep, key in theirs)
            saved.due = saved.due or row.due_at is not None
        saved.changed += row.remote_updated_at != version
    saved.changed += len(fresh)
    s.add_all(row for row, _ in fresh)
    s.flush()
    for row, order in fresh:
        live = _live(account, order.created_at) and row.remote_order_id not in theirs
        if isinstance(order, Unmapped):
            _new_unmapped(s, row, order, sweep, live)
        else:
            _new(s, row, order, account, sweep, live)
        saved.new += row.state != OrderState.IGNORED
        saved.due = saved.due or row.due_at is not None
    s.flush()
    return saved


def _version(order: Sale | Unmapped) -> datetime:
    return order.updated_at or order.created_at or clock.now()


def _rows(s: Session, account: Account, ids: Sequence[str]) -> dict[str, Order]:
    found = (
        select(Order)
        .where(
            Order.shop_id == account.shop_id,
            Order.channel == account.channel,
            Order.realm == account.realm,
            Order.seller_id == account.seller_id,
            Order.remote_order_id.in_(ids),
        )
        .order_by(Order.id)
    )
    if db.locks_rows(s):
        # Whoever is placing one of these finishes its step first; our decision is about what it leaves behind.
        found = found.with_for_update(key_share=True, of=Order)
    return {row.remote_order_id: row for row in s.scalars(found.execution_options(populate_existing=True))}


def _elsewhere(s: Session, account: Account, ids: Sequence[str]) -> frozenset[str]:
    """Of these sales those that another shop has, which imported the seller before or does so for another site.

    One that it only holds because it was not paid (or of no known state) it would never hear of again: it is ours.
    """
    same = {"channel": account.channel, "realm": account.realm, "seller_id": account.seller_id}
    shops = set(s.scalars(select(Account.shop_id).filter_by(**same))) - {account.shop_id}
    if not shops:
        return frozenset()
    waits = and_(Order.state == OrderState.HELD, Order.held_reason.in_(UNDECIDED))
    found = select(Order.remote_order_id).where(
        Order.shop_id.in_(shops),
        Order.remote_order_id.in_(ids),
        Order.state.not_in((OrderState.IGNORED, OrderState.CANCELLED)),
        ~waits,
    )
    return frozenset(s.scalars(found.filter_by(**same)))


def _blank(account: Account, key: str, order: Sale | Unmapped) -> Order:
    now = clock.now()
    return Order(
        uid=new_uid(),
        shop_id=account.shop_id,
        account_id=account.id,
        channel=account.channel,
        realm=account.realm,
        seller_id=account.seller_id or "",
        remote_order_id=key,
        site=clean(order.site, 64),
        state=OrderState.RECEIVED,
        remote_created_at=order.created_at or order.updated_at or now,
        remote_updated_at=_version(order),
        found_at=now,
    )


def fill(s: Session, row: Order, order: Sale) -> None:
    """Copy a version into a row that is not in Shopify yet; its lines are replaced, what was chosen for them stays."""
    kept = stored.pack(order)
    row.site = clean(order.site, 64)
    row.remote_state = clean(order.remote_state, 64)
    row.remote_created_at, row.remote_updated_at, row.ship_by = order.created_at, order.updated_at, order.ship_by
    row.currency, row.total_minor = clean(order.currency, 3), order.total.minor
    row.buyer_name, row.buyer_ref, row.payload = clean(order.buyer_name), clean(order.buyer_id), kept
    row.purged_at = None  # forgotten before, needed again: it will be forgotten anew in its time
    s.flush()
    chosen = positions.clear(s, row)
    for key, line in zip(positions.keys(line["line_id"] for line in kept["lines"]), kept["lines"], strict=True):
        made = OrderLine(
            shop_id=row.shop_id,
            order_id=row.id,
            line_id=key,
            sku=line["sku"],
            title=line["title"][:500],
            quantity=line["quantity"],
            total_minor=line["total"][0],
        )
        if key in chosen:
            made.chosen_sku, made.chosen_gid, made.variant_title = chosen[key].sku, chosen[key].gid, chosen[key].title
        s.add(made)


def _new(s: Session, row: Order, order: Sale, account: Account, sweep: Sweep, live: bool) -> None:
    fill(s, row, order)
    # A backfill that meets a sale before the poll does leaves it a sale: it lowers the stock.
    row.backfill = sweep.backfill and (not live or order.state == SaleState.SHIPPED)
    outcome.note(s, row, "order_found", remote_state=row.remote_state, backfill=row.backfill)
    match order.state:
        case SaleState.IGNORED if (live or sweep.backfill) and _shipped_there(s, order, account):
            _take_shipped(s, row)
        case SaleState.IGNORED:
            outcome.ignore(s, row, clean(order.ignore_reason, 64))
        case SaleState.CANCELLED:
            row.cancelled_at = clock.now()
            outcome.ignore(s, row, GONE)
        case _ if not live and not sweep.backfill:
            outcome.ignore(s, row, BEFORE)
        case SaleState.PAYMENT:
            outcome.hold(s, row, HeldReason.PAYMENT)
        case SaleState.ACCEPTANCE:
            outcome.await_word(s, row, account)
        case SaleState.UNKNOWN:
            outcome.hold(s, row, HeldReason.UNKNOWN)
        case SaleState.SHIPPED if not sweep.backfill:
            outcome.ignore(s, row, SHIPPED)
        case SaleState.READY | SaleState.SHIPPED:
            row.due_at = clock.now()
            row.first_send = sweep.trusted is not None and order.created_at > sweep.trusted


def _shipped_there(s: Session, order: Sale, account: Account) -> bool:
    """Whether the marketplace has shipped it itself, and the merchant wants such orders."""
    channel = registry().get(account.channel)
    return channel is not None and channel.shipped_there(order) and rules.of(s, account.id).by_channel


def _take_shipped(s: Session, row: Order) -> None:
    """It goes in as shipped, and the stock stays as it is."""
    if row.by_channel:  # known already, and on its way
        _go_on(s, row)
        return
    outcome.settle(s, row, "shipped_there")
    row.by_channel = row.backfill = True
    row.state, row.ignore_reason, row.held_reason = OrderState.RECEIVED, "", ""
    row.first_send, row.due_at = False, clock.now()
    outcome.note(s, row, "order_shipped_there")


def _live(account: Account, created: datetime | None) -> bool:
    """Whether a sale of that time was made after the take-over: ours to import as it comes."""
    return account.take_over_at is not None and created is not None and created >= account.take_over_at


def _new_unmapped(s: Session, row: Order, order: Unmapped, sweep: Sweep, live: bool) -> None:
    if not sweep.backfill and order.created_at is not None and not live:
        outcome.ignore(s, row, BEFORE)
        return
    row.backfill = sweep.backfill and not live
    outcome.note(s, row, "order_found", backfill=row.backfill)
    outcome.fail(s, row, order.reason or "channel_changed", clean(order.words, 500), field=clean(order.field, 64))


def _unmapped_again(s: Session, row: Order, order: Unmapped) -> None:
    """A version that cannot be mapped. What is stored stays; an order that is not in Shopify says why it is stuck."""
    waits = row.state in (OrderState.RECEIVED, OrderState.HELD)
    if _version(order) < row.remote_updated_at or (_version(order) == row.remote_updated_at and not waits):
        return
    row.remote_updated_at = _version(order)
    if row.state in (OrderState.IMPORTED, OrderState.SENDING, OrderState.CANCELLED, OrderState.IGNORED):
        outcome.note(s, row, "version_not_understood", clean(order.words, 500), cause=order.reason)
        return
    row.payload = {}
    outcome.fail(s, row, order.reason or "channel_changed", clean(order.words, 500), field=clean(order.field, 64))


def _renew(s: Session, row: Order, order: Sale, account: Account, sweep: Sweep, theirs: bool) -> None:
    picked = sweep.backfill and row.state == OrderState.IGNORED and row.ignore_reason in LATER
    mended = row.state == OrderState.FAILED and not row.payload
    if not (picked or mended or _newer(row, order)):
        return
    row.account_id = account.id
    before, row.remote_state = row.remote_state, clean(order.remote_state, 64)
    row.remote_updated_at, row.ship_by = order.updated_at, order.ship_by
    if row.state in (OrderState.IMPORTED, OrderState.SENDING):
        _already_sent(s, row, order, before)
        return
    if row.state == OrderState.CANCELLED:
        return
    if theirs and row.state == OrderState.HELD and row.held_reason in UNDECIDED:
        outcome.ignore(s, row, BEFORE)  # the shop that took over imported it meanwhile
        return
    wanted = row.state == OrderState.IGNORED and not theirs and _wanted(row, order, account, sweep)
    if row.state == OrderState.IGNORED and row.purged_at is not None and not wanted:
        return  # its buyer was forgotten, and the order is still none of ours
    wanted_at = _live(account, order.created_at) and not theirs
    fill(s, row, order)
    match order.state:
        case SaleState.CANCELLED:
            outcome.cancelled(s, row, clock.now())
        case SaleState.IGNORED if (wanted_at or sweep.backfill) and _shipped_there(s, order, account):
            _take_shipped(s, row)
        case SaleState.IGNORED:
            outcome.ignore(s, row, clean(order.ignore_reason, 64))
        case _ if row.state == OrderState.IGNORED:
            if wanted:
                _pick_up(s, row, sweep)
        case SaleState.PAYMENT:
            outcome.settle(s, row, "waits_for_payment")
            outcome.hold(s, row, HeldReason.PAYMENT)
        case SaleState.ACCEPTANCE:
            outcome.settle(s, row, "waits_for_acceptance")
            outcome.await_word(s, row, account)
        case SaleState.UNKNOWN:
            outcome.settle(s, row, "unknown_state")
            outcome.hold(s, row, HeldReason.UNKNOWN)
        case SaleState.READY | SaleState.SHIPPED:
            # Known and waiting: also one that was shipped meanwhile is imported, it was sold after the take-over.
            _go_on(s, row)


def _newer(row: Order, order: Sale) -> bool:
    """Marketplaces tell whole seconds: of two versions of one second, one that differs is the newer."""
    if order.updated_at != row.remote_updated_at:
        return order.updated_at > row.remote_updated_at
    if clean(order.remote_state, 64) != row.remote_state:
        return True
    return row.state not in (OrderState.IMPORTED, OrderState.SENDING) and stored.pack(order) != row.payload


def _already_sent(s: Session, row: Order, order: Sale, before: str) -> None:
    if order.state == SaleState.CANCELLED:
        if row.cancelled_at is None:
            outcome.cancelled(s, row, clock.now())
        return
    if row.state == OrderState.SENDING:
        # Should it turn out not to be there, the newest version is sent.
        row.payload, row.purged_at = stored.pack(order), None
    if before != row.remote_state:
        outcome.note(s, row, "remote_state_changed", before=before, now=row.remote_state)


def _wanted(row: Order, order: Sale, account: Account, sweep: Sweep) -> bool:
    """Whether an order that was set aside is to be imported after all."""
    ready = order.state == SaleState.READY or (sweep.backfill and order.state == SaleState.SHIPPED)
    return ready and (sweep.backfill or (_live(account, order.created_at) and row.ignore_reason not in LATER))


def _pick_up(s: Session, row: Order, sweep: Sweep) -> None:
    row.state, row.ignore_reason, row.first_send = OrderState.RECEIVED, "", False
    row.backfill = sweep.backfill
    row.due_at = clock.now()
    outcome.note(s, row, "order_picked_up", backfill=sweep.backfill)


def _go_on(s: Session, row: Order) -> None:
    now = clock.now()
    if row.state == OrderState.HELD and row.held_reason in UNDECIDED:
        outcome.settle(s, row, "ready")
        row.state, row.held_reason, row.due_at = OrderState.RECEIVED, "", now
        outcome.note(s, row, "order_ready")
    elif row.state in (OrderState.FAILED, OrderState.RECEIVED):
        row.due_at = now
