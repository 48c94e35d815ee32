"""The gate: may this shop create orders now, or are they held? Opens and closes the plan's incidents, releases the held.

Over the limit orders are still fetched and held; nothing is created and product sync pauses. A bigger plan or a new period
releases them, oldest first, each once. "Pause everything" uses the same way with another reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import incidents
from shopapp.plans.catalogue import TRIAL_KEY
from shopapp.plans.entitlements import provider
from shopapp.plans.ledger import Level, Usage, coming, level, level_and_in_flight, tell, told_lately, usage, worth
from shopapp.records import db
from shopapp.records.journal import audit, note
from shopapp.records.models import HeldReason, Incident, Order, OrderState, Severity, Shop, ShopStatus
from shopapp.runtime import config
from shopapp.work import bell

NEAR, OVER, SUBJECT = "plan_near", "plan_over", "plan"
FAR = Decimal("0.9")  # of a mark: below it a few seconds of orders do not reach the mark
CLEARLY = Decimal("0.05")  # of the limit: so far use must fall below a mark before its notice goes
# Released orders come due one after another at the pace a standard shop can create them (10 a second), oldest first.
STAGGER = timedelta(milliseconds=100)


def locked(s: Session, shop_id: int) -> Shop:
    """The shop, locked until the transaction ends: only one at a time hears that there is room for an order."""
    return db.fetch(s, Shop, shop_id, lock=True)


def allows(s: Session, shop: Shop, order: Order | None = None) -> bool:
    """Whether one more order may be created now, counting those being sent. `shop` must be `locked`."""
    now, sending = level_and_in_flight(s, shop, order.id if order else None)
    if (now.used + sending).minor >= now.limit.minor:
        now = usage(s, shop)
    if (now.used + sending).minor >= now.limit.minor:
        return False
    if order is not None:
        tell(shop, now.used + sending + worth(s, order))
    return True


def booked(s: Session, shop: Shop) -> None:
    """An order was entered into the ledger: that can only fill the plan, so below the mark nothing has to be done.

    About it the shop is locked: of two orders that fill the plan, the second sees the first.
    """
    lately = told_lately(shop)
    if lately is not None and lately.share * 100 < Decimal(config().number("PLAN_WARN_PERCENT")) * FAR:
        return
    now = level(s, locked(s, shop.id))
    if now.over or now.share * 100 >= Decimal(config().number("PLAN_WARN_PERCENT")):
        refresh(s, shop)


def refresh(s: Session, shop: Shop) -> Usage:
    """Bring the plan's incidents in line with the ledger, and release what is held for the plan if there is room."""
    now = usage(s, shop)
    ended = provider().plan_of(shop) is None
    _tell(s, shop, now, ended)
    if not (ended or now.over or shop.paused_at):
        release(s, shop.id, HeldReason.PLAN)
    return now


def _tell(s: Session, shop: Shop, now: Usage, ended: bool) -> None:
    """One notice for each mark of a plan's period: it stays while use is about the mark and says what is the case."""
    params = {"plan": shop.plan_key, "trial_ended": ended, "reset_at": now.reset_at.isoformat()}
    mark = Decimal(config().number("PLAN_WARN_PERCENT")) / 100
    if ended or now.over:
        incidents.resolve(s, shop.id, NEAR, SUBJECT, "over_the_limit")
        incidents.open_(s, shop.id, OVER, SUBJECT, params).severity = Severity.CRITICAL
    elif _stays(s, shop, OVER, params, lambda: Level(now.used + coming(s, shop), now.limit), Decimal(1)):
        incidents.open_(s, shop.id, OVER, SUBJECT, {**params, "room_again": True}).severity = Severity.WARNING
    else:
        incidents.resolve(s, shop.id, OVER, SUBJECT, "room_again")
        if now.share >= mark or _stays(s, shop, NEAR, params, lambda: now, mark):
            incidents.open_(s, shop.id, NEAR, SUBJECT, params)
        else:
            incidents.resolve(s, shop.id, NEAR, SUBJECT, "below_the_mark")


def _stays(
    s: Session, shop: Shop, kind: str, params: Mapping[str, Any], level_of: Callable[[], Level], mark: Decimal
) -> bool:
    """Whether a notice of this plan's period is open and use has not clearly fallen below its mark."""
    about = [row.params for row in incidents.open_incidents(s, shop.id, kind=kind, subject=SUBJECT)]
    same = any(all(old.get(key) == params[key] for key in ("plan", "reset_at")) for old in about)
    return same and level_of().share >= mark - CLEARLY


def release(s: Session, shop_id: int, reason: HeldReason) -> int:
    """Let the orders held for `reason` go, oldest first; how many."""
    held = select(Order).where(Order.shop_id == shop_id, Order.state == OrderState.HELD, Order.held_reason == reason)
    at, count = clock.now(), 0
    for count, order in enumerate(s.scalars(held.order_by(Order.remote_created_at, Order.id)), start=1):
        order.state, order.held_reason = OrderState.RECEIVED, ""
        order.due_at = at + STAGGER * (count - 1)
        note(s, shop_id, f"order:{order.id}", "released", reason=reason.value)
    return count


def choose_plan(shop_id: int, key: str, user_id: str) -> str:
    """Change the plan; "" when in force, else where to approve it. ValueError for an unknown plan."""
    with db.writing() as s:
        shop = s.get_one(Shop, shop_id)
        address = provider().choose(s, shop, key, user_id)
        if not address:
            refresh(s, shop)
    bell.ring("now")
    return address


def pause(s: Session, shop: Shop, user_id: str) -> None:
    """Stop all work for the shop: nothing is fetched, created or pushed until it is resumed."""
    if shop.paused_at is None:
        shop.paused_at = clock.now()
        audit(s, shop.id, user_id, "paused", "shop")


def resume(s: Session, shop: Shop, user_id: str) -> None:
    """Go on: what was held for the pause is released, and what is held for the plan if there is room."""
    if shop.paused_at is not None:
        shop.paused_at = None
        audit(s, shop.id, user_id, "resumed", "shop")
        release(s, shop.id, HeldReason.PAUSED)
        refresh(s, shop)


def turn(at_once: int = 500) -> int:
    """Chore: look again at shops whose period may have turned or whose trial may have ended; how many were looked at.

    `at_once` are asked for in one go, and it goes on until none is left: those that stay at their end for ever (a trial
    that nobody followed up) must not stand in the way of one whose orders are to go on.
    """
    count, last = 0, 0
    while shops := _to_look_at(last, at_once):
        for shop_id in shops:
            with db.writing() as s:
                shop = s.get(Shop, shop_id)
                if shop is not None:  # else erased meanwhile
                    refresh(s, shop)
        count, last = count + len(shops), shops[-1]
    return count


def _to_look_at(last: int, at_once: int) -> list[int]:
    waiting = select(Order.shop_id).where(Order.state == OrderState.HELD, Order.held_reason == HeldReason.PLAN)
    flagged = select(Incident.shop_id).where(Incident.kind.in_((NEAR, OVER)), Incident.resolved_at.is_(None))
    ended = (Shop.plan_key == TRIAL_KEY) & (Shop.trial_ends_at <= clock.now())
    found = select(Shop.id).where(or_(Shop.id.in_(waiting), Shop.id.in_(flagged), ended))
    here = found.where(Shop.id > last, Shop.status != ShopStatus.UNINSTALLED)
    with db.reading() as s:
        return list(s.scalars(here.order_by(Shop.id).limit(at_once)))
