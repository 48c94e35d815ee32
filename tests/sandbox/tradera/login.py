"""Owns the token login in the browser, the token that is fetched afterwards, and the two methods about members.

The addresses of return are fixed for the application, as in the vendor's Developer Center; the accepting one gets the
member's number and what the application handed over as `ruparams`. A script posts the login's address with seller=<number>.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Flask, Response, redirect, request

from tests.sandbox.clock import iso
from tests.sandbox.layout import page
from tests.sandbox.tradera.gate import ANYBODY, Gate, answer, body, number, refusal
from tests.sandbox.tradera.members import APP_ID, PUBLIC_KEY, Member, Members
from tests.sandbox.world import World

SITE = "/tradera"
ACCENT = "#8a1c4a"
COOKIE = "tradera_member"
NEVER = "0001-01-01T00:00:00"

LOGIN = """
<div class="card"><h1>Log in</h1><p class="quiet">Choose the member to log in as.</p>
{% for member in members %}<form method="post" action="{{ site }}/log-in" class="seller">
<span><strong>{{ member.alias }}</strong><br><span class="quiet">{{ member.seller_id }}</span></span>
<input type="hidden" name="seller" value="{{ member.seller_id }}"><input type="hidden" name="next" value="{{ next }}">
<button>Log in as {{ member.alias }}</button></form>
{% else %}<p>There is no member yet.</p>{% endfor %}
<form method="post" action="{{ site }}/log-in" style="padding-top:14px"><input type="hidden" name="seller" value="new">
<input type="hidden" name="next" value="{{ next }}"><button>Create an example member and log in</button></form></div>"""

CONSENT = """
<div class="card"><h1>May this application work with your account?</h1>
<p>Logged in as <strong>{{ member.alias }}</strong> ({{ member.seller_id }})</p>
<p>Application <strong>{{ application }}</strong> could read your orders, mark them as shipped, and change the prices and
quantities of your shop's items, for a limited time.</p>
<div class="row"><form method="post"><input type="hidden" name="seller" value="{{ member.seller_id }}">
<button class="primary">Allow</button></form>
<form method="post"><input type="hidden" name="action" value="cancel"><button>Do not allow</button></form>
<form method="post" action="{{ site }}/log-out"><input type="hidden" name="next" value="{{ next }}">
<button>Log in as another member</button></form></div></div>"""

ACCOUNT = """
<div class="card"><h1>My account</h1><p>Logged in as <strong>{{ member.alias }}</strong> ({{ member.seller_id }})</p>
<table><tbody><tr><th scope="row">Application</th><td>{{ application }}</td></tr>
<tr><th scope="row">Access</th><td>{{ status }}</td></tr></tbody></table>
<div class="row" style="padding-top:14px">{% if member.authorisation == "ok" %}
<form method="post" action="{{ site }}/my-account/remove"><input type="hidden" name="seller" value="{{ member.seller_id }}">
<button>Take the access away</button></form>{% endif %}
<form method="post" action="{{ site }}/log-out"><input type="hidden" name="next" value="{{ site }}/my-account">
<button>Log in as another member</button></form></div></div>"""

ERROR = """<div class="card"><h1>We can't show this page</h1><p role="alert">{{ text }}</p></div>"""


class Refused(Exception):
    """What the person reads instead of the page."""


def register(app: Flask, world: World, members: Members, gate: Gate) -> None:
    """Add the pages and the methods."""
    _register_pages(app, world, members)
    _register_login(app, world, members)

    @app.post(f"{SITE}/v4/auth/token")
    def tradera_token() -> Response:
        told: dict[str, Any] = {}

        def work() -> Response:
            told.update(body())
            named = number(told.get("userId"), "userId")
            said, made = members.redeem(str(named), str(told.get("secretKey")))
            if said == "refused":
                return refusal(403, "The secret key does not belong to a login of this user.")
            secret, until = made or (None, None)
            return answer({"authToken": secret, "hardExpirationTime": iso(until) if until else NEVER})

        return gate.call_as_application("fetchToken", "", work)

    @app.get(f"{SITE}/v4/users/me")
    def tradera_me() -> Response:
        return gate.call("getMe", ANYBODY, lambda member: answer(_user(member)))

    @app.get(f"{SITE}/v4/users/<int:user>/seller-info")
    def tradera_seller_info(user: int) -> Response:
        def work(member: Member) -> Response:
            if not member["active"]:
                return refusal(403, "The user is not a seller.")
            return answer(
                {
                    "detailedSellerRating": {},
                    "totalRating": 812,
                    "positiveFeedbackPercent": 99,
                    "personalMessage": None,
                    "isCompany": True,
                    "hasShop": member["has_shop"],
                }
            )

        return gate.call("getSellerInfo", ANYBODY, work)


def _user(member: Member) -> dict[str, Any]:
    return {
        "id": int(member["seller_id"]),
        "alias": member["alias"],
        "firstName": "Exempel",
        "lastName": "Säljare",
        "email": f"seller{member['seller_id']}@example.com",
        "countryName": "Sverige",
        "currencyCode": "SEK",
        "languageCodeIso2": "sv",
    }


def _show(body_html: str, **values: Any) -> str:
    return page(
        body_html,
        title="Tradera",
        bar="Tradera members",
        accent=ACCENT,
        site=SITE,
        application=f"number {APP_ID}",
        **values,
    )


def _away(address: str) -> Response:
    response = redirect(address, 302)
    assert isinstance(response, Response)
    return response


def _local(address: str | None) -> str:
    return address if address and address.startswith(f"{SITE}/") else f"{SITE}/my-account"


def _logged_in(members: Members) -> Member | None:
    named = request.form.get("seller") or request.cookies.get(COOKIE, "")
    found = [member for member in members.listed() if member["seller_id"] == named]
    if request.form.get("seller") and not found:
        raise Refused(f"There is no member {named}.")
    return found[0] if found else None


def _register_pages(app: Flask, world: World, members: Members) -> None:
    @app.errorhandler(Refused)
    def refused(error: Refused) -> tuple[str, int]:
        return _show(ERROR, text=str(error)), 400

    @app.after_request
    def never_framed(response: Response) -> Response:
        if request.path.startswith(f"{SITE}/") and not request.path.startswith(f"{SITE}/v4/"):
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.post(f"{SITE}/log-in")
    def tradera_log_in() -> Response:
        wanted = request.form.get("seller", "")
        if wanted == "new":
            wanted = members.add({})["seller_id"]
        response = _away(_local(request.form.get("next")))
        response.set_cookie(COOKIE, wanted, path=SITE, httponly=True, samesite="Lax")
        return response

    @app.post(f"{SITE}/log-out")
    def tradera_log_out() -> Response:
        response = _away(_local(request.form.get("next")))
        response.delete_cookie(COOKIE, path=SITE)
        return response

    @app.get(f"{SITE}/my-account")
    def tradera_account() -> str:
        member = _logged_in(members)
        if member is None:
            return _show(LOGIN, members=members.listed(), next=f"{SITE}/my-account")
        status = {"none": "not given", "revoked": "taken away"}.get(member["authorisation"], "")
        return _show(ACCOUNT, member=member, status=status or f"until {members.end_of(member['seller_id'])[:10]}")

    @app.post(f"{SITE}/my-account/remove")
    def tradera_take_away() -> Response:
        member = _logged_in(members)
        if member is None:
            raise Refused("Log in first.")
        members.change(member["seller_id"], {"authorisation": "revoked"})
        world.ledger.record("tradera", "tradera.taken_away", member["seller_id"])
        return _away(f"{SITE}/my-account")


def _register_login(app: Flask, world: World, members: Members) -> None:
    @app.route(f"{SITE}/token-login", methods=["GET", "POST"])
    def tradera_token_login() -> Response | str:
        given = request.args
        key = given.get("skey", "")
        if given.get("appId") != APP_ID or given.get("pkey") != PUBLIC_KEY:
            raise Refused("There is no application with this number and public key.")
        if not 32 <= len(key) <= 255:
            raise Refused("The secret key must have 32 to 255 characters.")
        if key in members.table("keys"):
            raise Refused("The secret key was used before.")
        back = f"{world.settings.app_url}/login/return/tradera"
        echoed = parse_qsl(given.get("ruparams", ""), keep_blank_values=True)
        if request.method == "POST" and request.form.get("action") == "cancel":
            return _away(f"{back}?{urlencode(echoed)}")
        member = _logged_in(members)
        if member is None:
            return _show(LOGIN, members=members.listed(), next=request.full_path)
        if request.method == "POST":
            members.allow(member["seller_id"], key)
            world.ledger.record("tradera", "tradera.allowed", member["seller_id"])
            return _away(f"{back}?{urlencode([('userId', member['seller_id']), *echoed])}")
        return _show(CONSENT, member=member, next=request.full_path)
