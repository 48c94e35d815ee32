"""Repair: the dialog "Reconnect your store" as a page, with *Continue* and *Reconnect manually*."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from shopapp.accounts import repair
from shopapp.accounts.outcome import Outcome
from shopapp.records import db
from shopapp.web.accounts import after, channel_of, of_shop, realm_label, trouble

blueprint = Blueprint("repair", __name__)


@blueprint.get("/accounts/<int:account_id>/repair")
def dialog(account_id: int) -> str:
    """What is wrong, the steps for exactly this cause, and the doors."""
    return _dialog(account_id, None)


def _dialog(account_id: int, error: Outcome | None) -> str:
    with db.reading() as s:
        account = of_shop(s, account_id)
        shown = {
            "account": account,
            "channel": channel_of(account),
            "realm": realm_label(account),
            "trouble": trouble(s, account),
            "steps": repair.steps(account),
            "our_app": repair.our_app(account),
        }
    return render_template("accounts/repair.html", **shown, error=error, error_form="continue")


@blueprint.post("/accounts/<int:account_id>/continue")
def go_on(account_id: int) -> AnyResponse | tuple[str, int]:
    """*Continue*: what is stored is tested first; if it works, all is well, else the login is next."""
    with db.reading() as s:
        of_shop(s, account_id)
    outcome = repair.continue_(g.shop_id, g.visitor.user_id, account_id)
    if outcome.kind in ("linked", "needs_login"):
        return after(account_id, outcome, "continue")
    return _dialog(account_id, outcome), 422


@blueprint.get("/accounts/<int:account_id>/continue")
def reloaded(account_id: int) -> AnyResponse:
    """Somebody loads the address of the form again: the dialog."""
    return redirect(f"/accounts/{account_id}/repair")
