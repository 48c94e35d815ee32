"""Older orders: asked for by the merchant, with progress that can be left and comes back."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from shopapp.orders import backfill
from shopapp.records import db
from shopapp.records.models import AccountStatus, Backfill
from shopapp.web.accounts import channel_of, of_shop
from shopapp.web.accounts_new import day_typed
from shopapp.web.presentation import _
from shopapp.web.session import current_shop
from shopapp.work import bell

blueprint = Blueprint("backfills", __name__)


@blueprint.get("/accounts/<int:account_id>/older")
def ask(account_id: int) -> str:
    """From which day on; what will happen and what cannot be searched."""
    return _ask(account_id, "")


def _ask(account_id: int, error: str) -> str:
    with db.reading() as s:
        account = of_shop(s, account_id)
    return render_template(
        "accounts/older.html", account=account, channel=channel_of(account), error=error, typed=request.form
    )


@blueprint.post("/accounts/<int:account_id>/older")
def start(account_id: int) -> AnyResponse | tuple[str, int]:
    """Start it; one that runs already is kept."""
    with db.reading() as s:
        account, shop = of_shop(s, account_id), current_shop(s)
    since, error = day_typed(request.form.get("since", ""), shop)
    if not error and account.status != AccountStatus.ACTIVE:
        error = _("The account must be connected first.")
    if error or since is None:
        return _ask(account_id, error), 422
    with db.writing() as s:
        backfill.start(s, g.shop_id, account_id, since, g.visitor.user_id)
    bell.ring("bulk")
    return redirect(f"/accounts/{account_id}?done=backfill_started", 303)


def _of_account(s: Session, account_id: int, backfill_id: int) -> Backfill:
    found = s.query(Backfill).filter_by(id=backfill_id, shop_id=g.shop_id, account_id=account_id).one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.get("/accounts/<int:account_id>/older/<int:backfill_id>")
def fragment(account_id: int, backfill_id: int) -> str:
    """The progress, asked by the page every few seconds until it is done."""
    with db.reading() as s:
        account, row = of_shop(s, account_id), _of_account(s, account_id, backfill_id)
        progress = backfill.progress(s, row)
    return render_template("accounts/backfill_row.html", account=account, row=row, progress=progress)


@blueprint.post("/accounts/<int:account_id>/older/<int:backfill_id>/stop")
def stop(account_id: int, backfill_id: int) -> AnyResponse:
    """Stop it; what is done stays."""
    with db.writing() as s:
        row = _of_account(s, account_id, backfill_id)
        backfill.stop(s, g.shop_id, row.id, g.visitor.user_id)
    return redirect(f"/accounts/{account_id}?done=backfill_stopped", 303)
