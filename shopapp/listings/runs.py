"""Runs over all listings of an account: show the difference, switch a push on, apply changed rules, undo a run.

A run works in batches, one transaction each, and remembers where it stands. It makes wishes; `push` sends them.
Reading the listings is a run of its own kind and another module's business.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session, joinedload

from shopapp import clock
from shopapp.accounts.rules import own_row
from shopapp.listings import outcome, rules, switch, wish
from shopapp.listings.rules import BY_CHANNEL, OTHER_CURRENCY, Rules
from shopapp.listings.wish import Made
from shopapp.logs import context, event
from shopapp.records import db
from shopapp.records.journal import audit
from shopapp.records.models import Account, Listing, ListingPush, ListingRun, PushState, RunKind, RunState, Shop
from shopapp.work.claim import SECONDS, Claim, held, release

log = logging.getLogger(__name__)
KINDS = (RunKind.SWITCH_ON, RunKind.RENEW, RunKind.UNDO)
BATCH = 500
DONE_THERE = (PushState.SENT, PushState.ACCEPTED, PushState.SUPERSEDED)  # pushes that may have changed something
UNDOABLE = (RunKind.SWITCH_ON, RunKind.RENEW)


def mine() -> Iterable[ColumnElement[bool]]:
    """Which runs are worked on here."""
    return (ListingRun.kind.in_(KINDS),)


# --- asked for --------------------------------------------------------------------------------------------------------


def begin(s: Session, account: Account, kind: RunKind, user: str, **params: Any) -> ListingRun:
    """A run that is due now. An older question of its kind is taken back: the newer one asks for both."""
    now = clock.now()
    older = (ListingRun.account_id == account.id, ListingRun.kind == kind)
    waiting = select(ListingRun).where(*older, ListingRun.state.in_((RunState.QUEUED, RunState.ASKED)))
    for run in s.scalars(waiting):
        stop(s, run)
    run = ListingRun(
        shop_id=account.shop_id,
        account_id=account.id,
        kind=kind,
        params=params,
        asked_by=user,
        asked_at=now,
        due_at=now,
    )
    run.state = RunState.QUEUED if kind == RunKind.SWITCH_ON else RunState.RUNNING
    s.add(run)
    s.flush()
    return run


def confirm(s: Session, run: ListingRun, user: str) -> bool:
    """The difference was looked at and agreed to: switch on, and make the wishes. False when it no longer waits."""
    if run.kind != RunKind.SWITCH_ON or run.state != RunState.ASKED:
        return False
    row = own_row(s, run.shop_id, run.account_id)
    row.push_price = row.push_price or bool(run.params.get("price"))
    row.push_stock = row.push_stock or bool(run.params.get("stock"))
    _forget_plans(s, run)
    run.state, run.progress, run.due_at, run.found, run.done = RunState.RUNNING, "", clock.now(), 0, 0
    what = [name for name in ("price", "stock") if run.params.get(name)]
    audit(s, run.shop_id, user, "push_switched_on", f"account:{run.account_id}", category=", ".join(what))
    return True


def stop(s: Session, run: ListingRun) -> None:
    """The question is taken back; nothing was changed."""
    run.state, run.ended_at = RunState.STOPPED, clock.now()
    run.due_at = None
    _forget_plans(s, run)


def undo(s: Session, run: ListingRun, user: str) -> ListingRun | None:
    """*Undo this run*: what was there before becomes the wish, and what the run switched on is off again.

    None when there is nothing to undo. Else the next change in Shopify would do it all again.
    """
    if run.kind not in UNDOABLE or run.state not in (RunState.RUNNING, RunState.DONE):
        return None
    account = s.get_one(Account, run.account_id)
    if run.state == RunState.RUNNING:
        run.state, run.ended_at, run.due_at = RunState.STOPPED, clock.now(), None
    switch.off(s, account, user)
    audit(s, run.shop_id, user, "run_undone", f"account:{run.account_id}")
    return begin(s, account, RunKind.UNDO, user, of=run.id)


def undone_by(s: Session, run: ListingRun) -> ListingRun | None:
    """The run that undid this one."""
    undos = select(ListingRun).where(ListingRun.account_id == run.account_id, ListingRun.kind == RunKind.UNDO)
    return next((one for one in s.scalars(undos) if one.params.get("of") == run.id), None)


def _forget_plans(s: Session, run: ListingRun) -> None:
    gone = delete(ListingPush).where(ListingPush.run_id == run.id, ListingPush.state == PushState.PREVIEW)
    s.execute(gone.execution_options(synchronize_session=False))


# --- worked on --------------------------------------------------------------------------------------------------------


def due_run(mine: Claim) -> None:
    """Work on one claimed run, batch by batch, for about as long as a drain lasts."""
    ends = clock.monotonic() + SECONDS
    made, more = Made(), True
    with context(run=mine.id):
        while more and clock.monotonic() < ends:
            with db.writing() as s:
                run = held(s, ListingRun, mine)
                if run is None:
                    return
                if run.state not in (RunState.QUEUED, RunState.RUNNING):
                    release(run, None)
                    return
                more = _batch(s, run, made)
                if not more:
                    _end(run)
                elif clock.monotonic() >= ends:
                    release(run, clock.now())
            made.ring()


def _batch(s: Session, run: ListingRun, made: Made) -> bool:
    """One batch; whether there is more."""
    if run.kind == RunKind.UNDO:
        return _undo(s, run, made)
    if run.state == RunState.QUEUED:
        return _compare(s, run)
    some = _next(run).options(joinedload(Listing.variant))
    rows = wish.locked(s, some)
    wish.renew(s, rows, made, run=run, looked_at=run.kind == RunKind.SWITCH_ON)
    run.done += len(rows)
    return _on(run, [row.id for row in rows])


def _end(run: ListingRun) -> None:
    if run.state == RunState.QUEUED:
        run.state = RunState.ASKED
    else:
        run.state, run.ended_at = RunState.DONE, clock.now()
    event(log, "listing_run", run=run.id, kind=run.kind, state=str(run.state), found=run.found, done=run.done)
    release(run, None, attempt=0)


def _next(run: ListingRun) -> Any:
    some = select(Listing).where(*wish.pushable(run.account_id), Listing.id > int(run.progress or 0))
    return some.order_by(Listing.id).limit(BATCH)


def _on(run: ListingRun, ids: list[int]) -> bool:
    if ids:
        run.progress = str(ids[-1])
    return len(ids) == BATCH


def _compare(s: Session, run: ListingRun) -> bool:
    """Work out what would change; every difference is kept to be looked at."""
    found = rules.proposed(rules.of(s, run.account_id), run.params)
    currency = s.get_one(Shop, run.shop_id).currency
    rows = list(s.scalars(_next(run).options(joinedload(Listing.variant))).unique())
    tally = {name: int(run.params.get(name, 0)) for name in ("prices", "stocks", "zeros", "foreign", "by_channel")}
    planned = [one for row in rows if (one := _difference(row, run, found, currency, tally))]
    wish.note_plans(s, planned)
    run.found += len(planned)
    run.done += len(rows)
    run.params = {**run.params, **tally}
    return _on(run, [row.id for row in rows])


def _difference(
    row: Listing, run: ListingRun, found: Rules, currency: str, tally: dict[str, int]
) -> dict[str, Any] | None:
    """What would be pushed to this listing, None when it is so already."""
    wanted = rules.want(row, row.variant, found, currency)
    tally["foreign"] += wanted.no_price == OTHER_CURRENCY
    tally["by_channel"] += wanted.no_quantity == BY_CHANNEL
    price = wanted.price_minor is not None and wanted.price_minor != row.there_price_minor
    stock = wanted.quantity is not None and wanted.quantity != row.there_quantity
    if not price and not stock:
        return None
    tally["prices"] += price
    tally["stocks"] += stock
    tally["zeros"] += stock and wanted.quantity == 0
    values = {"price_minor": wanted.price_minor, "quantity": wanted.quantity}
    return {**wish.plan(row, run, version=row.version + 1), **values}


def _undo(s: Session, run: ListingRun, made: Made) -> bool:
    """Wish what was there before the run that is undone."""
    pushes = select(ListingPush).where(
        ListingPush.run_id == int(run.params.get("of", 0)),
        ListingPush.state.in_(DONE_THERE),
        ListingPush.id > int(run.progress or 0),
    )
    some = list(s.scalars(pushes.order_by(ListingPush.id).limit(BATCH)))
    wanted = select(Listing).where(Listing.id.in_([one.listing_id for one in some]))
    rows = {row.id: row for row in wish.locked(s, wanted)}
    planned = []
    for push in some:
        row = rows[push.listing_id]
        price = push.old_price_minor if push.price_minor is not None else None
        quantity = push.old_quantity if push.quantity is not None else None
        if (price is None and quantity is None) or not wish.put(row, price, quantity, again=True):
            continue
        if row.cause:
            outcome.settle(s, row, "undone")
        outcome.waits(row)
        planned.append(wish.plan(row, run))
        made.wishes, made.due, made.urgent = made.wishes + 1, True, made.urgent or row.urgent
    wish.note_plans(s, planned)
    run.done += len(some)
    return _on(run, [one.id for one in some])


def newest(s: Session, account_id: int, limit: int = 5) -> list[ListingRun]:
    """The account's last runs that a person may want to see or undo, newest first."""
    wanted = (ListingRun.account_id == account_id, ListingRun.kind.in_(KINDS), ListingRun.state != RunState.STOPPED)
    return list(s.scalars(select(ListingRun).where(*wanted).order_by(ListingRun.id.desc()).limit(limit)))
