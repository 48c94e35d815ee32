"""Orders: one search box, filters, pages, bulk retry and a CSV. Shows and queues; sends nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request
from sqlalchemy import String, and_, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from shopapp import clock, i18n
from shopapp.orders import find, retry
from shopapp.orders.find import Filters
from shopapp.records import db
from shopapp.records.models import Account, HeldReason, JournalEntry, Order, OrderState, ShipmentState
from shopapp.web.narrow import Narrowed, Trail, chosen
from shopapp.web.presentation import ORDER_BADGES, _
from shopapp.web.session import current_shop
from shopapp.work import bell

blueprint = Blueprint("orders", __name__)
TABS = (
    OrderState.FAILED,
    OrderState.HELD,
    OrderState.RECEIVED,
    OrderState.SENDING,
    OrderState.IMPORTED,
    OrderState.IGNORED,
    OrderState.CANCELLED,
)


@dataclass(frozen=True, slots=True)
class Wish(Narrowed):
    """What the list is narrowed to; states that do not exist narrow to nothing less."""

    q: str = ""
    account: str = ""
    state: str = ""
    cause: str = ""
    held: str = ""
    shipment: str = ""
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        for name, known in (("state", OrderState), ("held", HeldReason), ("shipment", ShipmentState)):
            if getattr(self, name) not in set(known):
                object.__setattr__(self, name, "")

    def address(self, path: str = "/orders", **more: str) -> str:
        """`path` with this wish; `more` changes single parts ("" leaves one out)."""
        return self.at(path, **more)

    def errors(self) -> dict[str, str]:
        """What cannot be read, by field."""
        return {
            name: _("Give the day as year, month and day.") for name in ("since", "until") if not self._readable(name)
        }

    def filters(self, timezone: str) -> Filters:
        """For the search. Days are those of the shop's zone, both included; unreadable ones are left out."""
        account = chosen(self.account)
        since, until = (_day(day, timezone) for day in (self.since, self.until))
        end = _day_after(self.until, timezone) if until else None
        return Filters(account, self.state, self.cause, self.held, since, end, self.shipment)

    def _readable(self, name: str) -> bool:
        text = getattr(self, name)
        return not text or _day(text, "UTC") is not None


def _day(text: str, timezone: str) -> datetime | None:
    try:
        start = datetime.fromisoformat(text[:10]).replace(tzinfo=i18n.zone(timezone))
        return start.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day_after(text: str, timezone: str) -> datetime | None:
    try:
        day = datetime.fromisoformat(text[:10]) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return day.replace(tzinfo=i18n.zone(timezone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Tries:
    """What became of the orders of a bulk retry."""

    asked: int
    imported: int
    waiting: int
    since: int

    @property
    def failed(self) -> int:
        """Those that came to nothing again."""
        return self.asked - self.imported - self.waiting


def tries(s: Session, shop_id: int, since: int) -> Tries:
    """The orders for which another try was asked at or after `since` (milliseconds of the UNIX clock)."""
    moment = datetime.fromtimestamp(min(max(since, 0), 4_000_000_000_000) / 1000, UTC)
    asked = select(JournalEntry.subject).where(
        JournalEntry.shop_id == shop_id, JournalEntry.event == "retry_asked", JournalEntry.at >= moment
    )
    queued = and_(Order.state == OrderState.FAILED, Order.due_at <= clock.now())
    waits = or_(Order.state.in_((OrderState.RECEIVED, OrderState.SENDING)), queued)
    subject = literal("order:") + cast(Order.id, String)
    counted = select(
        func.count(Order.id),
        func.coalesce(func.sum(case((Order.state == OrderState.IMPORTED, 1), else_=0)), 0),
        func.coalesce(func.sum(case((waits, 1), else_=0)), 0),
    ).where(Order.shop_id == shop_id, subject.in_(asked))
    count, imported, waiting = s.execute(counted).one()
    return Tries(count, int(imported), int(waiting), since)


def gather(s: Session, wish: Wish, after: str) -> dict[str, Any]:
    """All that the list shows."""
    filters = wish.filters(current_shop(s).timezone)
    counts = find.counts(s, g.shop_id, filters, wish.q)
    labels = s.execute(select(Account.id, Account.label).where(Account.shop_id == g.shop_id).order_by(Account.label))
    since = request.args.get("retried", 0, type=int)
    return {
        "wish": wish,
        "errors": wish.errors(),
        "page": find.search(s, g.shop_id, wish.q, filters, after),
        "counts": counts.states,
        "more": counts.more,
        "all": sum(counts.states.values()),
        "labels": {row[0]: row[1] for row in labels},
        "causes": find.causes(s, g.shop_id),
        "tries": tries(s, g.shop_id, since) if since else None,
        "state_names": [(state.value, _(ORDER_BADGES[state][1])) for state in TABS],
    }


@blueprint.get("/orders")
def listing() -> str:
    """Where is order 304-8812345-2217755?"""
    wish, trail = Wish.asked(), Trail.asked()
    with db.reading() as s:
        shown = gather(s, wish, trail.after)
    older = trail.older(wish.address, shown["page"].after)
    return render_template("orders/list.html", **shown, newer=trail.newer(wish.address), older=older)


@blueprint.get("/orders/retried")
def retried() -> str:
    """What became of a bulk retry, asked by the page every few seconds while orders wait."""
    with db.reading() as s:
        told = tries(s, g.shop_id, request.args.get("since", 0, type=int))
    return render_template("orders/tries.html", tries=told)


@blueprint.post("/orders/retry")
def retry_many() -> AnyResponse:
    """Try all failed orders of the shop again that the filters of the page leave."""
    wish, begun = replace(Wish.asked(), state=OrderState.FAILED.value), clock.now()
    with db.writing() as s:
        count = _retry(s, wish)
    if not count:
        return redirect(wish.address(), 303)
    bell.ring("now")
    return redirect(wish.address(done="retry_queued", retried=str(int(begun.timestamp() * 1000))), 303)


def _retry(s: Session, wish: Wish) -> int:
    if set(wish.fields) <= {"state", "cause"}:
        return retry.retry_all(s, g.shop_id, g.visitor.user_id, wish.cause)
    filters, after, count = wish.filters(current_shop(s).timezone), "", 0
    while True:
        page = find.search(s, g.shop_id, wish.q, filters, after, find.EXPORT_CHUNK)
        count += retry.retry(s, g.shop_id, [row.id for row in page.orders], g.visitor.user_id)
        after = page.after
        if not after:
            return count


@blueprint.get("/orders/export.csv")
def export() -> Response:
    """What the list shows, all pages of it, as CSV."""
    with db.reading() as s:
        wish = Wish.asked()
        rows = _stream(g.shop_id, wish.q, wish.filters(current_shop(s).timezone))
    headers = {"Content-Disposition": 'attachment; filename="orders.csv"'}
    return Response(rows, 200, headers, content_type="text/csv; charset=utf-8")


def _stream(shop_id: int, text: str, filters: Filters) -> Iterator[str]:
    with db.reading() as s:
        yield from find.export(s, shop_id, text, filters)
