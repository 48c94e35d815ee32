"""The top-level pages of a login: out to the marketplace and back. They prove the browser, never a merchant.

Shop and user are confirmed by the embedded page that the way back ends at; here nothing is linked, except for renewals
that the seller began at the marketplace, which can only renew.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from shopapp import i18n
from shopapp.accounts import link, renewals
from shopapp.accounts.link import Departure, LoginProblem
from shopapp.accounts.outcome import Outcome
from shopapp.i18n import N_
from shopapp.runtime import config
from shopapp.verdict.naming import channel_name

blueprint = Blueprint("login", __name__, url_prefix="/login")
COOKIE, PATH, SECONDS = "login", "/login", 600

_AGAIN = N_("Open the app in Shopify, go to Accounts and start the connection there again.")
# reason or kind of outcome -> heading, what happened, what to do; HTTP status
TEXTS: dict[str, tuple[str, str, str, int]] = {
    "unknown": (
        N_("This link is not valid"),
        N_("It was not made by this app, or it was shortened on its way. Nothing was changed."),
        _AGAIN,
        400,
    ),
    "used": (
        N_("This link was used already"),
        N_("Each login works once. If you came here by the Back button, your first login may have worked."),
        N_("Open the app in Shopify and look at the account there. If it is not connected, start again."),
        400,
    ),
    "late": (
        N_("The login took too long"),
        N_("For safety a login must be finished within ten minutes. Nothing was changed."),
        _AGAIN,
        400,
    ),
    "other_browser": (
        N_("The login was begun in another browser"),
        N_("A login must end in the browser in which it began, with cookies allowed. Nothing was changed."),
        _AGAIN,
        400,
    ),
    "unknown_seller": (
        N_("This seller account is not connected yet"),
        N_("A renewal is only possible for a connection that exists. Nothing was changed."),
        N_("Open the app in Shopify and press Create connection."),
        404,
    ),
    "refused": (
        N_("This request cannot be followed"),
        N_("What %(channel)s sent is incomplete or does not come from it. Nothing was changed."),
        _AGAIN,
        400,
    ),
    "linked": (
        N_("The connection is renewed"),
        N_("%(channel)s has granted access again, and everything goes on."),
        N_("You can close this page."),
        200,
    ),
    "declined": (
        N_("Access was not granted"),
        N_("%(channel)s ended the login without granting access. Nothing was changed."),
        N_("Start again at %(channel)s, or open the app in Shopify and press Continue on the account."),
        200,
    ),
    "wrong_seller": (
        N_("This is another seller account"),
        N_("The login was as seller %(actual)s, but the renewal was begun for %(expected)s. Nothing was changed."),
        N_("Log in at %(channel)s as the right seller and start again."),
        409,
    ),
    "failed": (
        N_("The renewal could not be finished"),
        N_("%(channel)s did not confirm the new access. Nothing was changed."),
        N_("Please try again in a few minutes, or open the app in Shopify and press Continue on the account."),
        502,
    ),
}


@blueprint.before_request
def _only_people() -> AnyResponse | None:
    # A link checker's HEAD must not use up a ticket.
    return Response("", 204) if request.method == "HEAD" else None


@blueprint.after_request
def _quiet(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Frame-Options"] = "DENY"
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    response.headers["Content-Security-Policy"] = policy
    return response


@blueprint.errorhandler(LoginProblem)
def _problem(problem: LoginProblem) -> AnyResponse:
    return _page(problem.reason, problem.channel)


@blueprint.get("/start")
def start() -> AnyResponse:
    """Out: uses the ticket, gives this browser its cookie, goes to the marketplace."""
    return _leave(link.start(request.args.get("ticket", "")))


@blueprint.get("/return/<channel>")
def come_back(channel: str) -> AnyResponse:
    """Back: with the state and the cookie of this browser, on to the embedded page that confirms."""
    arrival = link.come_back(channel, request.args, request.cookies.get(COOKIE, ""))
    response = redirect(arrival.url) if arrival.url else _renewed(renewals.renew(arrival), channel)
    response.delete_cookie(COOKIE, path=PATH)
    return response


@blueprint.get("/<channel>")
def from_channel(channel: str) -> AnyResponse:
    """The Login URI: the seller presses Renew at the marketplace."""
    return _leave(link.channel_login_uri(channel, request.args))


def _leave(departure: Departure) -> AnyResponse:
    response = redirect(departure.url)
    secure = config()["APP_URL"].startswith("https:")
    response.set_cookie(COOKIE, departure.cookie, SECONDS, path=PATH, secure=secure, httponly=True, samesite="Lax")
    return response


def _renewed(outcome: Outcome, channel: str) -> AnyResponse:
    return _page(outcome.kind, channel, outcome)


def _page(key: str, channel: str, outcome: Outcome | None = None) -> AnyResponse:
    heading, what, next_step, status = TEXTS.get(key, TEXTS["unknown"])
    language = g.get("language") or i18n.language_of(request.headers.get("Accept-Language", ""))
    params = {"channel": channel_name(channel)[:40] or "–"}
    params |= {"expected": outcome.expected, "actual": outcome.actual} if outcome else {}
    texts = {"heading": heading, "what": what, "next_step": next_step}
    shown = {name: i18n.translate(language, text, **params) for name, text in texts.items()}
    said = (
        i18n.translate(language, N_("%(channel)s said: %(words)s"), words=outcome.words, **params)
        if outcome and outcome.words
        else ""
    )
    html = render_template("login/notice.html", language=language, app=config()["APP_NAME"], said=said, **shown)
    return make_response(html, status)
