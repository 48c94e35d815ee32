"""Accounts: the three tables, the edit page, saving, deactivating, syncing. One page per question; all by the shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.channel import Channel
from marketplaces.channels import registry
from shopapp import clock
from shopapp.accounts import placeholders, repair, rules
from shopapp.accounts.outcome import Outcome
from shopapp.alerts import incidents, wording
from shopapp.orders import accept, backfill, find, poll
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Backfill, Incident, JournalEntry, OrderState, Restock
from shopapp.web import completeness, pushing
from shopapp.web.events import Line, lines
from shopapp.web.presentation import _, language
from shopapp.work import bell

blueprint = Blueprint("accounts", __name__)
STALE_SYNC = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an account is broken, for its page and the repair dialog."""

    words: wording.Wording
    said: str
    call: str
    since: datetime


def of_shop(s: Session, account_id: int) -> Account:
    """The shop's account, 404 for any other."""
    try:
        return placeholders.owned(s, g.shop_id, account_id)
    except LookupError:
        abort(404)


def channel_of(account: Account) -> Channel:
    """The channel the account belongs to."""
    return registry()[account.channel]


def realm_label(account: Account) -> str:
    """The name of the account's region or instance."""
    try:
        return _(channel_of(account).realm(account.realm).label)
    except KeyError:
        return account.realm


def trouble(s: Session, account: Account) -> Trouble | None:
    """The open incident of the connection in words, None when it works."""
    found = select(Incident).where(
        Incident.shop_id == account.shop_id,
        Incident.kind == "account_expired",
        Incident.subject == f"account:{account.id}",
        Incident.resolved_at.is_(None),
    )
    incident = s.scalars(found).first()
    if incident is None:
        return None
    words = wording.of_incident(language(), incident)
    return Trouble(
        words, account.cause_words or incident.words, account.cause_call, account.cause_at or incident.opened_at
    )


def listed(s: Session) -> dict[str, list[Account]]:
    """All accounts of the shop, each in exactly one of: connected, waiting, deactivated."""
    tables: dict[str, list[Account]] = {"connected": [], "waiting": [], "deactivated": []}
    found = select(Account).where(Account.shop_id == g.shop_id).options(selectinload(Account.sites))
    for account in s.scalars(found.order_by(Account.label, Account.id)):
        match account.status:
            case AccountStatus.ACTIVE:
                tables["connected"].append(account)
            case AccountStatus.DEACTIVATED:
                tables["deactivated"].append(account)
            case _:
                tables["waiting"].append(account)
    return tables


@blueprint.get("/accounts")
def listing() -> str:
    """What is connected, since when, until when."""
    with db.reading() as s:
        tables = listed(s)
        notices = {
            about: wording.of_incident(language(), incident)
            for about, incident in incidents.about_accounts(s, g.shop_id).items()
        }
    return render_template(
        "accounts/list.html", tables=tables, notices=notices, channel_of=channel_of, realm_label=realm_label
    )


@blueprint.get("/accounts/<int:account_id>")
def edit(account_id: int) -> str:
    """The edit page."""
    return edit_page(account_id)


def edit_page(account_id: int, **more: Any) -> str:
    """The edit page, with errors and what was typed when it comes back refused (`error`, `typed`)."""
    with db.reading() as s:
        account = of_shop(s, account_id)
        shown = {
            "account": account,
            "sites": list(account.sites),
            "channel": channel_of(account),
            "realm": realm_label(account),
            "trouble": trouble(s, account),
            "steps": repair.steps(account),
            "stored": repair.entered(account),
            "our_app": repair.our_app(account),
            "needs_login": repair.needs_login(account),
            "sync": sync_state(account),
            "waiting": waiting(s, account),
            "backfills": _backfills(s, account),
            **completeness.section(s, account),
            "journal": journal_of(s, f"account:{account.id}", 30),
            "offers_import": offers_import(account),
            "imports": account.imports,
            "shipping_rules": rules.of(s, account.id),
            "pushing": pushing.section(s, account),
        }
    return render_template("accounts/edit.html", **shown, **more)


def waiting(s: Session, account: Account) -> int:
    """How many orders of the account are known and not in Shopify yet; the failed ones are counted elsewhere."""
    found = find.counts(s, account.shop_id, find.Filters(account_id=account.id)).states
    return sum(found.get(state, 0) for state in (OrderState.RECEIVED, OrderState.HELD, OrderState.SENDING))


def offers_import(account: Account) -> bool:
    """Whether its page asks from when on orders are imported."""
    return account.status == AccountStatus.ACTIVE and account.unstarted


def _backfills(s: Session, account: Account) -> list[tuple[Backfill, Any]]:
    found = select(Backfill).where(Backfill.shop_id == g.shop_id, Backfill.account_id == account.id)
    rows = s.scalars(found.order_by(Backfill.id.desc()).limit(3)).all()
    return [(row, backfill.progress(s, row)) for row in rows]


def journal_of(s: Session, subject: str, limit: int = 100) -> list[Line]:
    """The dated lines about a subject, newest first."""
    found = select(JournalEntry).where(JournalEntry.shop_id == g.shop_id, JournalEntry.subject == subject)
    return lines(s.scalars(found.order_by(JournalEntry.at.desc(), JournalEntry.id.desc()).limit(limit)))


def sync_state(account: Account) -> str:
    """queued, running, done or off: what *Sync now* shows."""
    if account.status != AccountStatus.ACTIVE or not account.imports or account.take_over_at is None:
        return "off"
    now = clock.now()
    if account.lease_until and account.lease_until > now:
        return "running"
    if account.sync_asked_at and account.sync_asked_at > now - STALE_SYNC:
        return "queued"
    return "done"


@blueprint.post("/accounts/<int:account_id>")
def save(account_id: int) -> AnyResponse | tuple[str, int]:
    """*Save account*: saves, and goes on to the marketplace's login when the account needs it."""
    form = request.form
    wanted: dict[str, Any] = {"label": form.get("label", ""), "log_in_again": "log_in_again" in form}
    if "with_sites" in form:
        wanted |= {"sites": form.getlist("sites"), "importing": "importing" in form, "take_over": "take_over" in form}
    with db.reading() as s:
        of_shop(s, account_id)
    return after(account_id, repair.save(g.shop_id, g.visitor.user_id, account_id, wanted), "account")


def after(account_id: int, outcome: Outcome, form: str) -> AnyResponse | tuple[str, int]:
    """Where an outcome of saving or repairing leads: on, to the login, or back to `form` with what is wrong."""
    match outcome.kind:
        case "saved":
            return redirect(f"/accounts/{account_id}?done=saved", 303)
        case "linked":
            target = "import" if outcome.ask_take_over else ""
            return redirect(f"/accounts/{outcome.account_id}/{target}?done=account_repaired".replace("/?", "?"), 303)
        case "needs_login" if outcome.login_url:
            return Response("", 200, {"X-Relay-Top": outcome.login_url})
        case "needs_login":
            return redirect(f"/accounts/{account_id}/manual", 303)
        case _:
            typed = {"label": request.form["label"]} if "label" in request.form else {}
            return edit_page(account_id, error=outcome, error_form=form, typed=typed), 422


@blueprint.post("/accounts/<int:account_id>/shipping")
def shipping(account_id: int) -> AnyResponse:
    """What the merchant decides about shipments and cancellations."""
    form = request.form
    with db.writing() as s:
        account = of_shop(s, account_id)
        if form.get("restock") not in set(Restock):
            abort(422)
        accepts = "accept_orders" in form or not channel_of(account).accepts
        wanted = rules.Rules("send_shipments" in form, Restock(form["restock"]), "by_channel" in form, accepts)
        given = accept.agree_to_all(s, account, g.visitor.user_id) if _begins(s, account, wanted) else 0
        rules.save(s, account, g.visitor.user_id, wanted)
    if given:
        bell.ring("now")
    return redirect(f"/accounts/{account_id}?done=saved", 303)


def _begins(s: Session, account: Account, wanted: rules.Rules) -> bool:
    """Whether orders are accepted by themselves from now on."""
    return wanted.accept_orders and not rules.of(s, account.id).accept_orders


@blueprint.post("/accounts/<int:account_id>/deactivate")
def deactivate(account_id: int) -> AnyResponse:
    """Stop everything for the account; label, orders and credentials stay."""
    with db.writing() as s:
        repair.deactivate(s, of_shop(s, account_id), g.visitor.user_id)
    return redirect(f"{_back(account_id)}?done=account_deactivated", 303)


@blueprint.post("/accounts/<int:account_id>/activate")
def activate(account_id: int) -> AnyResponse | tuple[str, int]:
    """Go to the marketplace's login (typed credentials are tested at once)."""
    with db.reading() as s:
        of_shop(s, account_id)
    return after(account_id, repair.activate(g.shop_id, g.visitor.user_id, account_id), "activate")


@blueprint.post("/accounts/<int:account_id>/renew")
def renew(account_id: int) -> AnyResponse | tuple[str, int]:
    """Log in again before the permission ends."""
    with db.reading() as s:
        of_shop(s, account_id)
    return after(account_id, repair.renew(g.shop_id, g.visitor.user_id, account_id), "renew")


@blueprint.post("/accounts/<int:account_id>/sync")
def sync(account_id: int) -> AnyResponse:
    """*Sync now*."""
    with db.writing() as s:
        of_shop(s, account_id)
        poll.sync_now(s, g.shop_id, account_id)
    bell.ring("now")
    return redirect(f"/accounts/{account_id}?done=sync_queued", 303)


@blueprint.get("/accounts/<int:account_id>/sync")
def sync_fragment(account_id: int) -> str:
    """The state of the sync, asked by the page every few seconds until it is done."""
    with db.reading() as s:
        account = of_shop(s, account_id)
        shown = {"account": account, "sync": sync_state(account), "waiting": waiting(s, account)}
    return render_template("accounts/sync.html", **shown)


def _back(account_id: int) -> str:
    return "/settings" if request.form.get("from") == "settings" else f"/accounts/{account_id}"
