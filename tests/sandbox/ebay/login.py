"""Owns the user's side in the browser: login, consent, and the page on which apps are removed.

A script may skip the pages: POST the consent address with the form field seller=<user id>.
"""

from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, redirect, request

from tests.sandbox.ebay.users import SCOPES, User, Users
from tests.sandbox.layout import page
from tests.sandbox.world import World

SITE = "/ebay/login"
ACCENT = "#2b3f8c"
COOKIE = "ebay_user"

LOGIN = """
<div class="card"><h1>Log in</h1><p class="quiet">Choose the user to log in as.</p>
{% if wrong %}<p role="alert"><strong>{{ wrong }}</strong></p>{% endif %}
{% for user in users %}<form method="post" action="{{ here }}" class="seller">
<span><strong>{{ user.username }}</strong><br><span class="quiet">{{ user.user_id }}</span></span>
<input type="hidden" name="as" value="{{ user.user_id }}">
<span class="row">{% if user.password %}<label>Password <input type="password" name="password"></label>{% endif %}
<button>Log in as {{ user.username }}</button></span></form>
{% else %}<p>There is no user yet.</p>{% endfor %}
<form method="post" action="{{ here }}" style="padding-top:14px"><input type="hidden" name="as" value="new">
<button>Create an example user and log in</button></form></div>"""

CONSENT = """
<div class="card"><h1>Let this app work with your account?</h1>
<p>Logged in as <strong>{{ user.username }}</strong> ({{ user.user_id }})</p>
<p>The app <strong>{{ application }}</strong> would get these rights for eighteen months:</p>
<ul>{% for scope in scopes %}<li>{{ scope }}</li>{% endfor %}</ul>
<div class="row"><form method="post" action="{{ here }}"><input type="hidden" name="seller" value="{{ user.user_id }}">
<button class="primary">Agree</button></form>
<form method="post" action="{{ here }}"><input type="hidden" name="action" value="cancel">
<input type="hidden" name="seller" value="{{ user.user_id }}"><button>Not now</button></form></div></div>"""

APPS = """
<div class="card"><h1>Permissions for apps</h1>
{% for user in users %}<div class="seller"><span><strong>{{ user.username }}</strong> ({{ user.user_id }})<br>
<span class="quiet">{{ application }}: {{ user.authorisation }}</span></span>
<form method="post" action="{{ site }}/revoke"><input type="hidden" name="seller" value="{{ user.user_id }}">
<button>Remove access</button></form></div>{% else %}<p>There is no user yet.</p>{% endfor %}</div>"""

ERROR = """<div class="card"><h1>We can't show this page</h1><p role="alert">{{ text }}</p></div>"""


class Denied(Exception):
    """What the person reads instead of the page."""


def register(app: Flask, world: World, users: Users) -> None:
    """Add login, consent and the permissions. The pages refuse to be framed."""

    @app.errorhandler(Denied)
    def ebay_denied(denied: Denied) -> tuple[str, int]:
        return _show(ERROR, users, text=str(denied)), 400

    @app.after_request
    def ebay_never_framed(response: Response) -> Response:
        if request.path.startswith(f"{SITE}/"):
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.route(f"{SITE}/oauth2/authorize", methods=["GET", "POST"])
    def ebay_authorize() -> Response | str | tuple[str, int]:
        state = _checked(users)
        here = f"{SITE}/oauth2/authorize?{request.query_string.decode('latin-1')}"
        if request.form.get("seller"):
            user = _user(users, request.form["seller"])
            if request.form.get("action") == "cancel":
                told = {"error": "access_denied", "error_description": "The resource owner denied the request"}
                return _away(world, state, told)
            users.authorise(user["user_id"])
            world.ledger.record("ebay", "ebay.consent", user["user_id"])
            return _away(world, state, {"code": users.new_code(user["user_id"], users.app.runame), "expires_in": "299"})
        if request.form.get("as"):
            wanted = request.form["as"]
            user = users.add({}) if wanted == "new" else _user(users, wanted)
            if user["password"] and request.form.get("password") != user["password"]:
                return _show(LOGIN, users, users=users.listed(), here=here, wrong="The password is not right."), 403
            response = Response(_consent(users, user, here))
            response.set_cookie(COOKIE, user["user_id"], path=SITE, httponly=True, samesite="Lax")
            return response
        # Whoever is logged in is taken, unless a login is asked for.
        logged_in = request.cookies.get(COOKIE, "")
        if request.args.get("prompt") != "login" and logged_in in users.part["users"]:
            return _consent(users, users.get(logged_in), here)
        return _show(LOGIN, users, users=users.listed(), here=here, wrong="")

    @app.get(f"{SITE}/acctsec/authorization-management")
    @app.get(f"{SITE}/acctsec/account")
    @app.get(f"{SITE}/mesg/ViewMyMessages")
    @app.get(f"{SITE}/sh/ovw")
    def ebay_permissions() -> str:
        return _show(APPS, users, users=users.listed(), site=SITE)

    @app.post(f"{SITE}/revoke")
    def ebay_revoke() -> Response:
        user = _user(users, request.form.get("seller", ""))
        users.end(user["user_id"], "revoked")
        world.ledger.record("ebay", "ebay.revoke", user["user_id"])
        return redirect(f"{SITE}/acctsec/authorization-management")  # type: ignore[return-value]


def _consent(users: Users, user: User, here: str) -> str:
    return _show(CONSENT, users, user=user, scopes=user["scopes"], here=here)


def _show(body: str, stand_in: Users, **values: Any) -> str:
    application = stand_in.app.client_id
    return page(body, title="eBay user", bar="eBay", accent=ACCENT, application=application, **values)


def _user(users: Users, user_id: str) -> User:
    if user_id not in users.part["users"]:
        raise Denied(f"There is no user {user_id}.")
    return users.get(user_id)


def _checked(users: Users) -> str:
    given = request.args
    if given.get("client_id") != users.app.client_id:
        raise Denied("unauthorized_client: there is no application with this id.")
    if given.get("redirect_uri") != users.app.runame:
        raise Denied("invalid_request: the redirect_uri must be the RuName of the application.")
    if given.get("response_type") != "code":
        raise Denied("unsupported_response_type")
    if not set(given.get("scope", "").split()) <= set(SCOPES):
        raise Denied("invalid_scope")
    return given.get("state", "")


def _away(world: World, state: str, told: dict[str, str]) -> Response:
    """To the address that stands behind the RuName; both for a consent and for a refusal."""
    address = f"{world.settings.app_url}/login/return/ebay"
    return redirect(f"{address}?{urlencode({'state': state, **told})}")  # type: ignore[return-value]
