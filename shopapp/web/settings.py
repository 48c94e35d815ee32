"""Settings: notifications on the landing page, connections, pause, audit log, data. Everything by the shop."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.channels import registry
from shopapp import i18n
from shopapp.alerts import choices, outbox
from shopapp.alerts.catalogue import CATEGORIES
from shopapp.plans import gate
from shopapp.records import db, journal
from shopapp.records.models import Account, Category, NotificationChoice, Shop
from shopapp.web import deeds, export
from shopapp.web.presentation import _
from shopapp.web.session import current_shop
from shopapp.work import bell

blueprint = Blueprint("settings", __name__)


class _Refused(Exception):
    """Something typed cannot be taken; the transaction is rolled back. {field: msgid}"""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__()


def _shown(s: Session) -> dict[str, Any]:
    """Everything the page shows, in one reading transaction."""
    shop = current_shop(s)
    accounts = select(Account).where(Account.shop_id == shop.id).order_by(Account.label, Account.id)
    return {
        "shop": shop,
        "address": choices.address_of(shop),
        "refused": choices.refused(shop),
        "categories": CATEGORIES,
        "ticked": [category for category, on in choices.categories(s, shop.id).items() if on],
        "languages": i18n.LANGUAGES,
        "accounts": [(one, registry()[one.channel].name) for one in s.scalars(accounts).unique()],
        "deeds": deeds.newest(s, shop.id),
    }


def _page(**more: Any) -> str:
    with db.reading() as s:
        shown = _shown(s)
    return render_template("settings.html", **{"errors": {}, "typed": None, "test_error": "", **shown, **more})


@blueprint.get("/settings")
def page() -> str:
    """The landing page; the checkboxes are on top."""
    return _page()


@blueprint.post("/settings")
def save() -> AnyResponse | tuple[str, int]:
    """Save notifications and language; 422 keeps what was typed."""
    form = request.form
    try:
        with db.writing() as s:
            _save(s, current_shop(s))
    except _Refused as refused:
        typed = {"use_shop_email": "use_shop_email" in form, "address": form.get("address", "")}
        errors = {field: _(words) for field, words in refused.errors.items()}
        chosen = form.get("language", "")
        return _page(errors=errors, typed=typed, ticked=form.getlist("notify"), chosen_language=chosen), 422
    bell.ring("now")  # a confirmation link may be waiting to be mailed
    return redirect("/settings?done=saved", 303)


def _save(s: Session, shop: Shop) -> None:
    form, user = request.form, g.visitor.user_id
    wanted, chosen = form.getlist("notify"), form.get("language", "")
    if chosen not in ("", *i18n.LANGUAGES):
        raise _Refused({"language": i18n.N_("This language is not offered.")})
    errors = choices.save(s, shop, wanted, "use_shop_email" in form, form.get("address", ""), user)
    if errors:
        raise _Refused(errors)
    for category in Category:
        # Saved unchanged, the defaults are a choice as well: the set-up guide ticks itself by these rows.
        row = {"shop_id": shop.id, "category": category.value, "enabled": category.value in wanted}
        db.insert_new(s, NotificationChoice, row, key=["shop_id", "category"])
    if chosen != shop.language:
        journal.audit(s, shop.id, user, "language_chosen", "shop", before=shop.language, after=chosen)
        shop.language = chosen


@blueprint.post("/settings/confirm")
def confirm_again() -> AnyResponse | tuple[str, int]:
    """Mail the link once more that confirms the typed address."""
    with db.writing() as s:
        shop = current_shop(s)
        waits = bool(shop.alert_address) and shop.alert_address_confirmed_at is None
        problem = choices.ask_again(s, shop, shop.alert_address) if waits else ""
    if problem:
        return _page(confirm_error=_(problem)), 422
    bell.ring("now")
    return redirect("/settings?done=confirmation_sent", 303)


@blueprint.post("/settings/test-mail")
def test_mail() -> AnyResponse | tuple[str, int]:
    """Queue a test e-mail to the address that alerts go to."""
    with db.writing() as s:
        address = outbox.test_mail(s, current_shop(s), g.visitor.user_id)
    if not address:
        return _page(
            test_error=_("No e-mail was sent: there is no address, or ten tests were sent today already.")
        ), 422
    bell.ring("now")
    return redirect("/settings?done=test_mail_queued", 303)


@blueprint.post("/settings/pause")
def pause() -> AnyResponse:
    """*Pause everything*."""
    with db.writing() as s:
        gate.pause(s, current_shop(s), g.visitor.user_id)
    return redirect("/settings?done=paused", 303)


@blueprint.post("/settings/resume")
def resume() -> AnyResponse:
    """*Resume everything*: what waited goes on, oldest first."""
    with db.writing() as s:
        gate.resume(s, current_shop(s), g.visitor.user_id)
    bell.ring("now")
    return redirect("/settings?done=resumed", 303)


@blueprint.post("/settings/export")
def export_data() -> Response:
    """The shop's data as a JSON file. A POST, because it is noted who asked for it."""
    with db.writing() as s:
        shop = current_shop(s)
        journal.audit(s, shop.id, g.visitor.user_id, "data_exported", "shop")
        name = f"{shop.handle}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(export.stream(g.shop_id), 200, headers, content_type="application/json; charset=utf-8")
