"""*Count now* on an account's page, and the section of its counted days, which tells how far that is."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from shopapp.orders import recount
from shopapp.records import db
from shopapp.web import completeness
from shopapp.web.accounts import of_shop
from shopapp.work import bell

blueprint = Blueprint("count_now", __name__)


@blueprint.post("/accounts/<int:account_id>/count")
def ask(account_id: int) -> AnyResponse:
    """*Count now*."""
    with db.writing() as s:
        asked = recount.ask(s, of_shop(s, account_id), g.visitor.user_id)
    if asked:
        bell.ring("bulk")
    return redirect(f"/accounts/{account_id}?done={'count_queued' if asked else 'nothing_changed'}", 303)


@blueprint.get("/accounts/<int:account_id>/days")
def fragment(account_id: int) -> str:
    """The counted days, asked by the page every few seconds while they are counted."""
    with db.reading() as s:
        account = of_shop(s, account_id)
        shown = completeness.section(s, account)
    return render_template("accounts/days.html", account=account, **shown)
