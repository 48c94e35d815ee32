"""The merchant's session: every page is proven by an ID token, there are no cookies. Headers, bounce, who is asking.

A document in the iframe without a token is sent to the bounce page, one opened at top level to the admin; a fetch gets
a 401 that App Bridge answers with a fresh token. Sets `g.visitor`, `g.shop_id`, `g.timezone` and `g.language`; decides
nothing else.
"""

from __future__ import annotations

import logging
from urllib.parse import quote

from flask import Blueprint, Flask, Response, g, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.errors import RemoteError
from shopapp import i18n
from shopapp.logs import event
from shopapp.plans.entitlements import begin_trial
from shopapp.records import db
from shopapp.records.models import Shop
from shopapp.shopify_admin import auth, embed
from shopapp.shopify_admin.auth import Refusal, Visitor
from shopapp.shopify_admin.errors import IdTokenStale
from shopapp.shops import install

log = logging.getLogger(__name__)
bounce = Blueprint("session", __name__)
# Reached without a merchant's session: each of these proves its caller in its own way, or tells nothing.
PUBLIC = ("/static/", "/webhooks/", "/notices/", "/login/", "/mail-link/", "/healthz", "/readyz", auth.BOUNCE)
SAFE = ("GET", "HEAD")
FORM_BYTES = 1_000_000  # far more than any page of ours sends; short fields take many times their length in memory
_RELOAD_NOTICE = i18n.N_("Open the app from Apps in your Shopify admin.")
_LATER_NOTICE = i18n.N_("Shopify does not answer at the moment. Please open the app again in a minute.")


def init_app(app: Flask) -> None:
    """Guard every route of `app` that is not public, and dress every answer."""
    app.before_request(_enter)
    app.after_request(_dress)
    app.register_blueprint(bounce)


def is_public(path: str) -> bool:
    """Whether `path` needs no merchant."""
    return any(path == prefix.rstrip("/") or (prefix.endswith("/") and path.startswith(prefix)) for prefix in PUBLIC)


def current_shop(s: Session) -> Shop:
    """The visitor's shop, in the caller's transaction."""
    return s.get_one(Shop, g.shop_id)


def _enter() -> AnyResponse | None:
    g.language = i18n.language_of(request.args.get("locale", ""), request.headers.get("Accept-Language", ""))
    if is_public(request.path):
        return None
    request.max_content_length = FORM_BYTES
    found = auth.verify(request)
    if isinstance(found, Refusal):
        if found.had_token:
            event(log, "visit_refused", reason=found.reason)
        return _without_token()
    if request.method not in SAFE and not found.by_header:
        # A token in an address can be replayed by whoever sees the address; only App Bridge's fetch sends the header.
        event(log, "visit_refused", logging.WARNING, reason="write_without_bearer")
        return _unauthorised()
    if request.headers.get("Sec-Fetch-Dest") == "document":
        return redirect(auth.admin_url(found.shop_domain, embed.clean_target(_target())))
    return _admit(found)


def _admit(visitor: Visitor) -> AnyResponse | None:
    g.visitor = visitor
    try:
        shop = install.arrive(visitor)
    except IdTokenStale:
        return _unauthorised() if visitor.by_header else redirect(_bounce_url(visitor.shop_domain))
    except RemoteError as error:
        event(log, "first_visit_failed", logging.ERROR, shop=visitor.shop_domain, error=type(error).__name__)
        return _notice(_LATER_NOTICE, 503)
    if shop.period_anchor is None:
        with db.writing() as s:
            begin_trial(s.get_one(Shop, shop.id))
    g.shop_id = shop.id
    g.timezone = shop.timezone
    g.language = i18n.language_of(shop.language, visitor.locale, shop.locale)
    return None


def _target() -> str:
    query = request.query_string.decode("latin-1")
    return quote(request.path) + (f"?{query}" if query else "")


def _bounce_url(shop_domain: str) -> str:
    host = request.args.get("host", "")
    return embed.bounce_url(_target(), shop_domain, host if auth.sanitise_host(host) else "")


def _without_token() -> AnyResponse:
    purpose = request.headers.get("Sec-Fetch-Dest", "")
    by_script = purpose == "empty" or "Authorization" in request.headers or "X-Requested-With" in request.headers
    if request.method not in SAFE or by_script:
        return _unauthorised()
    shop_domain = auth.sanitise_shop(request.args.get("shop", ""))
    if purpose == "document":
        if not shop_domain:
            return _notice(_RELOAD_NOTICE, 401)
        return redirect(auth.admin_url(shop_domain, embed.clean_target(_target())))
    return redirect(_bounce_url(shop_domain))


def _unauthorised() -> AnyResponse:
    return Response("", 401, {embed.RETRY: "1"}, content_type="text/plain")


def _notice(message: str, status: int) -> AnyResponse:
    text = i18n.translate(g.language, message)
    page = f'<!DOCTYPE html><html lang="{g.language}"><head><meta charset="utf-8"><title>{text}</title></head>'
    return Response(f"{page}<body><p>{text}</p></body></html>", status, content_type="text/html; charset=utf-8")


@bounce.get(auth.BOUNCE)
def session_token_bounce() -> AnyResponse:
    """The page that fetches the wanted one with a fresh ID token; with a good token in the address, straight on."""
    target = embed.clean_target(request.args.get(embed.RELOAD, "/"))
    found = auth.verify(request)
    if isinstance(found, Visitor):
        return redirect(_with_token(target, found))
    return Response(embed.bounce_page(), content_type="text/html; charset=utf-8")


def _with_token(target: str, visitor: Visitor) -> str:
    """The target with the session's parameters, so that it is let in without another bounce."""
    kept = {name: request.args[name] for name in ("embedded", "host", "id_token", "locale") if name in request.args}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in {**kept, "shop": visitor.shop_domain}.items())
    return f"{target}{'&' if '?' in target else '?'}{query}"


def _keep_session(response: AnyResponse) -> None:
    """A document that was let in and is sent on to another page of ours takes its token and language along."""
    target = response.headers.get("Location", "")
    own = target.startswith("/") and not target.startswith("//")
    if own and "shop_id" in g and not g.visitor.by_header:
        response.headers["Location"] = _with_token(target, g.visitor)


def _dress(response: AnyResponse) -> AnyResponse:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    _keep_session(response)
    if request.path.startswith("/static/"):
        return response
    visitor: Visitor | None = g.get("visitor")
    shop_domain = visitor.shop_domain if visitor else auth.sanitise_shop(request.args.get("shop", ""))
    for name, value in embed.headers(shop_domain).items():
        response.headers.setdefault(name, value)
    if visitor is not None and response.mimetype == "text/html" and response.status_code == 200:
        response.headers.setdefault("Link", embed.preload())
    return response
