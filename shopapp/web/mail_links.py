"""Top-level pages that links in mails lead to: confirm an address, stop a kind of mail. No login, no cookie.

Opening a link only shows a button, because mail scanners open links; pressing it (or a one-click POST, RFC 8058) acts.
"""

from __future__ import annotations

import secrets
from functools import partial

from flask import Blueprint, Response, g, make_response, render_template
from sqlalchemy.orm import Session

from shopapp import i18n
from shopapp.alerts import choices, letters, links
from shopapp.alerts.catalogue import CATEGORIES
from shopapp.i18n import N_
from shopapp.records import db
from shopapp.records.journal import audit
from shopapp.records.models import Category, Shop
from shopapp.runtime import config

blueprint = Blueprint("mail_links", __name__, url_prefix=links.PREFIX)
Found = tuple[Shop, Category]


@blueprint.after_request
def _guard(answer: Response) -> Response:
    """Nothing may frame, store or index these pages, and their addresses hold a secret."""
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{g.get('style_nonce', '')}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _page(shop: Shop | None, title: str, text: str, *, button: str = "", status: int = 200, **params: str) -> Response:
    language = letters.language_of(shop) if shop else i18n.SOURCE
    g.style_nonce = secrets.token_urlsafe(16)
    say = partial(i18n.translate, language)
    html = render_template(
        "mail_links/page.html",
        language=language,
        nonce=g.style_nonce,
        app_name=config()["APP_NAME"],
        title=say(title, **params),
        text=say(text, **params),
        button=say(button),
        back=links.admin_link(shop, "/settings") if shop else "",
        back_label=say(N_("Open the settings")),
    )
    return make_response(html, status)


def _useless(shop: Shop | None = None) -> Response:
    return _page(
        shop,
        N_("This link no longer works"),
        N_(
            "It was used already, is too old, or was not copied whole. You can ask for a new one in the app's settings."
        ),
        status=404,
    )


def _unsubscribing(s: Session, token: str) -> Found | None:
    read = links.read_unsubscribe(token)
    shop = s.query(Shop).filter_by(uid=read[0]).one_or_none() if read else None
    return (shop, read[1]) if read and shop else None


@blueprint.get("/unsubscribe/<token>")
def ask_unsubscribe(token: str) -> Response:
    """Shows what would be switched off, and a button."""
    with db.reading() as s:
        found = _unsubscribing(s, token)
    if found is None:
        return _useless()
    shop, category = found
    return _page(
        shop,
        N_("Stop the mails “%(category)s”?"),
        N_("The shop %(domain)s will get no more mails of this kind. What goes wrong is still shown in the app."),
        button=N_("Stop these mails"),
        category=i18n.translate(letters.language_of(shop), CATEGORIES[category][0]),
        domain=shop.domain,
    )


@blueprint.post("/unsubscribe/<token>")
def unsubscribe(token: str) -> Response:
    """Unticks the category; a second time changes nothing."""
    with db.writing() as s:
        found = _unsubscribing(s, token)
        if found and choices.set_category(s, found[0], found[1], False):
            audit(s, found[0].id, "", "unsubscribed", "shop", category=found[1].value)
    if found is None:
        return _useless()
    return _page(
        found[0],
        N_("These mails are stopped"),
        N_("You can tick “%(category)s” again in the app's settings at any time."),
        category=i18n.translate(letters.language_of(found[0]), CATEGORIES[found[1]][0]),
    )


@blueprint.get("/confirm/<ticket>")
def ask_confirm(ticket: str) -> Response:
    """Shows which address would get the alerts, and a button."""
    with db.reading() as s:
        shop = choices.asked(s, ticket)
    if shop is None:
        return _useless()
    return _page(
        shop,
        N_("Send alerts to %(address)s?"),
        N_("Alerts of the shop %(domain)s will go to this address."),
        button=N_("Confirm the address"),
        address=shop.alert_address,
        domain=shop.domain,
    )


@blueprint.post("/confirm/<ticket>")
def confirm(ticket: str) -> Response:
    """Confirms the address, once."""
    with db.writing() as s:
        shop = choices.confirm(s, ticket)
    if shop is None:
        return _useless()
    return _page(
        shop,
        N_("The address is confirmed"),
        N_("Alerts of the shop %(domain)s now go to %(address)s."),
        address=shop.alert_address,
        domain=shop.domain,
    )
