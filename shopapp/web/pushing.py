"""Prices and stock of an account: switches and rules, the difference that is looked at before a yes, undo, the brake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.money import Money
from shopapp.alerts import wording
from shopapp.i18n import N_
from shopapp.listings import brake, rules, runs, switch
from shopapp.records import db
from shopapp.records.models import Account, Listing, ListingPush, ListingRun, PushState, RunKind, RunState
from shopapp.web import accounts
from shopapp.web.listing import PUSHES
from shopapp.web.narrow import whole
from shopapp.web.presentation import _
from shopapp.web.session import current_shop
from shopapp.work import bell

blueprint = Blueprint("pushing", __name__)
PER_PAGE = 50
WRONG = {
    switch.WRONG_BUFFER: N_("Give a whole number of pieces from 0 on."),
    switch.WRONG_MAXIMUM: N_("Give a whole number of pieces, or leave it empty for no limit."),
    switch.WRONG_PERCENT: N_("Give a whole number from 0 to 100."),
}
TITLES: dict[str, str] = {
    RunKind.SWITCH_ON: N_("Switching the push on"),
    RunKind.RENEW: N_("Applying changed rules"),
    RunKind.UNDO: N_("Undoing a run"),
    RunKind.BRAKE: N_("So many would be set to 0"),
}
STATES: dict[str, tuple[str, str]] = {
    RunState.QUEUED: ("info", N_("Being worked out")),
    RunState.RUNNING: ("info", N_("Running")),
    RunState.ASKED: ("warning", N_("Waits for your answer")),
    RunState.DONE: ("success", N_("Done")),
    RunState.FAILED: ("critical", N_("Failed")),
    RunState.STOPPED: ("neutral", N_("Taken back")),
}
UNDER_WAY = ("info", N_("Being pushed"))  # all of a run is wished, and the marketplace has not answered everything
CLOSED = ("neutral", N_("Closed"))  # a question of the brake that was answered, or that nobody has to answer any more
PLANNED = ("info", N_("Waiting to be sent"))


@dataclass(frozen=True, slots=True)
class Change:
    """One listing of a run: what is there, what is here."""

    listing: Listing
    price: tuple[Money | None, Money | None]
    stock: tuple[int | None, int | None]
    tone: str = ""
    badge: str = ""


def section(s: Session, account: Account) -> dict[str, Any]:
    """What the section of the account's page shows."""
    return {
        "rules": rules.of(s, account.id),
        "locations": dict(current_shop(s).locations or {}),
        "runs": [(run, _(TITLES[run.kind]), *_state(run)) for run in _told(s, account.id)],
    }


def _told(s: Session, account_id: int) -> list[ListingRun]:
    asked = [run for run in switch.runs_of(s, account_id) if run.kind == RunKind.BRAKE]
    return [*asked, *runs.newest(s, account_id)]


def _state(run: ListingRun) -> tuple[str, str]:
    ended = run.kind == RunKind.BRAKE and run.state in (RunState.DONE, RunState.STOPPED)
    tone, text = CLOSED if ended else STATES[run.state]
    return tone, _(text)


@blueprint.post("/accounts/<int:account_id>/pushing")
def save(account_id: int) -> AnyResponse | tuple[str, int]:
    """Save the rules; a push that is to be switched on leads to the difference first."""
    form, ask = request.form, None
    wanted: dict[str, Any] = {name: name in form for name in ("price", "stock", "dry_run")}
    wanted |= {name: form.get(name, "") for name in ("buffer", "maximum", "brake_percent")}
    with db.writing() as s:
        account = accounts.of_shop(s, account_id)
        known = current_shop(s).locations or {}
        chosen = [one for one in form.getlist("locations") if one in known]
        wanted["locations"] = [] if len(chosen) == len(known) else chosen
        saved = switch.save(s, account, wanted, g.visitor.user_id)
        if not saved.wrong:
            if saved.ask:
                ask = runs.begin(s, account, RunKind.SWITCH_ON, g.visitor.user_id, **dict.fromkeys(saved.ask, True)).uid
            if saved.changed:
                runs.begin(s, account, RunKind.RENEW, g.visitor.user_id)
    if saved.wrong:
        typed = {name: form.get(name, "") for name in ("buffer", "maximum", "brake_percent")}
        wrong = {"field": saved.wrong, "text": _(WRONG[saved.wrong]), "typed": typed}
        return accounts.edit_page(account_id, pushing_wrong=wrong), 422
    bell.ring("bulk")
    return redirect(f"/listings/runs/{ask}" if ask else f"/accounts/{account_id}?done=saved", 303)


def of_shop(s: Session, uid: str) -> ListingRun:
    """The shop's run, 404 for any other."""
    if not uid.isalnum():  # a NUL would be refused by PostgreSQL, a line break by the header that leads back here
        abort(404)
    found = select(ListingRun).where(ListingRun.shop_id == g.shop_id, ListingRun.uid == uid)
    run = s.scalars(found.where(ListingRun.kind.in_(TITLES))).one_or_none()
    if run is None:
        abort(404)
    return run


def gather(s: Session, uid: str, after: int) -> dict[str, Any]:
    """All that a run's page shows."""
    run = of_shop(s, uid)
    account = s.get_one(Account, run.account_id)
    asks = run.kind == RunKind.BRAKE
    changes = _held(s, run, after) if asks else _changes(s, run, after)
    progress = _progress(s, run)
    tone, state = _state(run)
    if run.state == RunState.DONE and progress["open"]:
        tone, state = UNDER_WAY[0], _(UNDER_WAY[1])
    return {
        "run": run,
        "account": account,
        "channel": wording.channel_name(account.channel),
        "title": _(TITLES[run.kind]),
        "tone": tone,
        "state": state,
        "changes": changes[0][:PER_PAGE],
        "next": changes[1],
        "progress": progress,
        "undone": runs.undone_by(s, run),
        "undoable": run.kind in runs.UNDOABLE
        and (run.state == RunState.RUNNING or (run.state == RunState.DONE and progress["all"] > progress["unsent"])),
        "busy": run.state in (RunState.QUEUED, RunState.RUNNING) or (run.state == RunState.DONE and progress["open"]),
        "brake": asks,
        "held": _count_held(s, run) if asks else 0,
        "dry_run": rules.of(s, account.id).dry_run,
        "question": asks and run.state == RunState.ASKED,
        "difference": run.kind == RunKind.SWITCH_ON and run.state in (RunState.QUEUED, RunState.ASKED),
    }


def _progress(s: Session, run: ListingRun) -> dict[str, int]:
    """The run's pushes: all, accepted, refused, still open, unsent, and left without an answer that could come yet."""
    counted = select(ListingPush.state, _waits(), func.count()).join(Listing, Listing.id == ListingPush.listing_id)
    mine = counted.where(ListingPush.run_id == run.id).group_by(ListingPush.state, _waits())
    found = {(str(row[0]), bool(row[1])): int(row[2]) for row in s.execute(mine)}
    by_state = {state: sum(found.get((state, waits), 0) for waits in (True, False)) for state in PushState}
    waiting = found.get((PushState.PREVIEW, True), 0)
    unsent = by_state[PushState.PREVIEW] - waiting
    return {
        "all": sum(found.values()),
        "done": by_state[PushState.ACCEPTED],
        "refused": by_state[PushState.REFUSED],
        "open": by_state[PushState.SENT] + waiting,
        "unsent": unsent,
        "left": unsent + by_state[PushState.SUPERSEDED],
    }


def _waits() -> ColumnElement[bool]:
    """Whether a planned push is still to be sent: it is the listing's newest wish, and no dry run has settled it."""
    return and_(Listing.version == ListingPush.version, Listing.acked_version < Listing.version)


def _changes(s: Session, run: ListingRun, after: int) -> tuple[list[Change], int]:
    found = select(ListingPush, Listing).join(Listing, Listing.id == ListingPush.listing_id)
    mine = found.where(ListingPush.run_id == run.id, ListingPush.id > after).order_by(ListingPush.id)
    rows = s.execute(mine.limit(PER_PAGE + 1)).all()
    changes = [_change(push, row) for push, row in rows]
    return changes, rows[PER_PAGE - 1][0].id if len(rows) > PER_PAGE else 0


def _change(push: ListingPush, row: Listing) -> Change:
    price = (_money(push.old_price_minor, row), _money(push.price_minor, row))
    planned = push.state == PushState.PREVIEW and push.version == row.version > row.acked_version
    tone, badge = PLANNED if planned else PUSHES[push.state]
    return Change(row, price, (push.old_quantity, push.quantity), tone, _(badge))


def _money(minor: int | None, row: Listing) -> Money | None:
    return Money(minor, row.currency) if minor is not None and row.currency else None


def _held(s: Session, run: ListingRun, after: int) -> tuple[list[Change], int]:
    """What the brake holds, as long as its question is open."""
    if run.state != RunState.ASKED:
        return [], 0
    rows = s.scalars(
        select(Listing).where(*_holding(run), Listing.id > after).order_by(Listing.id).limit(PER_PAGE + 1)
    ).all()
    changes = [Change(row, (None, None), (row.there_quantity, row.quantity)) for row in rows]
    return changes, rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else 0


def _count_held(s: Session, run: ListingRun) -> int:
    return s.scalar(select(func.count(Listing.id)).where(*_holding(run))) or 0


def _holding(run: ListingRun) -> list[ColumnElement[bool]]:
    return [Listing.account_id == run.account_id, Listing.urgent.is_(True), Listing.due_at.is_(None)]


@blueprint.get("/listings/runs/<uid>")
def page(uid: str) -> str:
    """A run: the difference before the yes, its progress after it."""
    with db.reading() as s:
        shown = gather(s, uid, whole(request.args.get("after", "")) or 0)
    return render_template("listings/run.html", **shown)


@blueprint.get("/listings/runs/<uid>/live")
def live(uid: str) -> str:
    """The page's content, asked by the page every few seconds while the run is under way."""
    with db.reading() as s:
        shown = gather(s, uid, 0)
    return render_template("listings/run_content.html", **shown)


@blueprint.post("/listings/runs/<uid>/yes")
def yes(uid: str) -> AnyResponse:
    """Switch on what was looked at, or let go what the brake holds."""
    with db.writing() as s:
        run = of_shop(s, uid)
        if run.kind == RunKind.BRAKE and run.state == RunState.ASKED:
            brake.answer(s, run, g.visitor.user_id, yes=True)
        elif not runs.confirm(s, run, g.visitor.user_id):
            abort(409)
    bell.ring("now")
    bell.ring("bulk")
    return redirect(f"/listings/runs/{uid}?done=push_begun", 303)


@blueprint.post("/listings/runs/<uid>/no")
def no(uid: str) -> AnyResponse:
    """Leave everything as it is."""
    with db.writing() as s:
        run = of_shop(s, uid)
        if run.state != RunState.ASKED and not (run.kind == RunKind.SWITCH_ON and run.state == RunState.QUEUED):
            abort(409)
        if run.kind == RunKind.BRAKE:
            brake.answer(s, run, g.visitor.user_id, yes=False)
        else:
            runs.stop(s, run)
        account_id = run.account_id
    return redirect(f"/accounts/{account_id}?done=nothing_changed", 303)


@blueprint.post("/listings/runs/<uid>/undo")
def undo(uid: str) -> AnyResponse:
    """*Undo this run*."""
    with db.writing() as s:
        undone = runs.undo(s, of_shop(s, uid), g.visitor.user_id)
        if undone is None:
            abort(409)
        target = undone.uid
    bell.ring("bulk")
    return redirect(f"/listings/runs/{target}?done=undo_begun", 303)
