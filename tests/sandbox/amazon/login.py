"""Owns the seller's side in the browser: login and consent, and what Amazon checks of a request for consent.

Manage Your Apps is in manage.py. A script may skip the pages: POST the consent address with the form field seller=<id>.
"""

from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, redirect, request

from tests.sandbox.amazon.regions import MARKETPLACES, REGIONS
from tests.sandbox.amazon.sellers import ROLES, Seller, Sellers
from tests.sandbox.layout import page
from tests.sandbox.world import World

SITE = "/amazon/sellercentral/<region>"
ACCENT = "#7a4b00"

LOGIN = """
<div class="card"><h1>Log in</h1>
<p class="quiet">Choose the seller account to log in with ({{ region_name }}).</p>
{% if wrong %}<p role="alert"><strong>{{ wrong }}</strong></p>{% endif %}
{% for seller in sellers %}<form method="post" action="{{ site }}/login" class="seller">
<span><strong>{{ seller.name }}</strong><br><span class="quiet">{{ seller.seller_id }}</span></span>
<input type="hidden" name="seller" value="{{ seller.seller_id }}"><input type="hidden" name="next" value="{{ next }}">
<span class="row">{% if seller.password %}<label>Password <input type="password" name="password"></label>{% endif %}
<button>Log in as {{ seller.name }}</button></span></form>
{% else %}<p>There is no seller in this region yet.</p>{% endfor %}
<form method="post" action="{{ site }}/login" style="padding-top:14px"><input type="hidden" name="seller" value="new">
<input type="hidden" name="next" value="{{ next }}"><button>Create an example seller and log in</button></form></div>"""

CONSENT = """
<div class="card"><h1>Let this app work with your seller account?</h1>
<p>Logged in as <strong>{{ seller.name }}</strong> ({{ seller.seller_id }}), {{ sites|join(", ") }}</p>
<p>The app <strong>{{ application }}</strong> would get these rights for one year:</p>
<ul>{% for role in roles %}<li>{{ role }}</li>{% endfor %}</ul>
{% if cancelled %}<p role="status">Nothing was granted. You can close this page, or confirm after all.</p>{% endif %}
<div class="row"><form method="post"><input type="hidden" name="seller" value="{{ seller.seller_id }}">
<button class="primary">Confirm</button></form>
<form method="post"><input type="hidden" name="action" value="cancel">
<input type="hidden" name="seller" value="{{ seller.seller_id }}"><button>Cancel</button></form>
<form method="post" action="{{ site }}/logout"><input type="hidden" name="next" value="{{ next }}">
<button>Log in as another seller</button></form></div></div>"""

ERROR = """<div class="card"><h1>We can't show this page</h1><p role="alert">{{ text }}</p></div>"""


class Refused(Exception):
    """What the person reads instead of the page."""


def registered_uri(world: World) -> str:
    """The redirect address that the app has registered at Amazon."""
    return f"{world.settings.app_url}/login/return/amazon"


def finish(world: World, sellers: Sellers, seller_id: str, redirect_uri: str, state: str) -> Response:
    """Record the consent and send the browser back to the app with a code."""
    sellers.authorise(seller_id)
    code = sellers.new_code(seller_id, redirect_uri)
    world.ledger.record("amazon", "amazon.consent", seller_id, {"redirect_uri": redirect_uri})
    query = urlencode({"state": state, "selling_partner_id": seller_id, "spapi_oauth_code": code})
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return _away(f"{redirect_uri}{joint}{query}")


def _away(address: str) -> Response:
    response = redirect(address, 302)
    assert isinstance(response, Response)
    return response


class SellerPages:
    """What the pages of all regions share: who is logged in, and the look."""

    def __init__(self, world: World, sellers: Sellers) -> None:
        self.world = world
        self.sellers = sellers

    def site(self, region: str) -> str:
        """The address path of a region's site. Raises Refused for an unknown region."""
        if region not in REGIONS:
            raise Refused(f"There is no region {region}.")
        return SITE.replace("<region>", region)

    def seller(self, region: str, seller_id: str | None = None) -> Seller | None:
        """The named seller (Refused if there is none in this region), or the one logged in, if any."""
        named = seller_id or request.cookies.get(f"seller_{region}", "")
        found = [seller for seller in self.sellers.listed(region) if seller["seller_id"] == named]
        if seller_id and not found:
            raise Refused(f"There is no seller {seller_id} in this region.")
        return found[0] if found else None

    def show(self, region: str, body: str, **values: Any) -> str:
        """A page of this region's site."""
        return page(
            body,
            title="Seller account",
            bar=f"Amazon sellers, {REGIONS.get(region, region)}",
            accent=ACCENT,
            site=self.site(region),
            region_name=REGIONS[region],
            application=self.world.settings.amazon_application_id,
            **values,
        )

    def login(self, region: str, wrong: str = "") -> str:
        """The login page; it returns to the address asked for now."""
        here = request.full_path.rstrip("?")
        return self.show(region, LOGIN, sellers=self.sellers.listed(region), next=here, wrong=wrong)


def register(app: Flask, pages: SellerPages) -> None:
    """Add login, logout and consent. The pages refuse to be framed, as the real ones do."""

    @app.errorhandler(Refused)
    def refused(error: Refused) -> tuple[str, int]:
        return page(ERROR, title="Error", bar="Amazon sellers", accent=ACCENT, text=str(error)), 400

    @app.after_request
    def never_framed(response: Response) -> Response:
        if request.path.startswith("/amazon/sellercentral/"):
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.post(f"{SITE}/login")
    def log_in(region: str) -> Response | tuple[str, int]:
        site, wanted = pages.site(region), request.form.get("seller", "")
        if wanted == "new":
            wanted = pages.sellers.add({"region": region})["seller_id"]
        seller = pages.seller(region, wanted)
        if seller and seller["password"] and request.form.get("password") != seller["password"]:
            return pages.login(region, wrong="The password is not right."), 403
        response = _away(_local(request.form.get("next"), site))
        response.set_cookie(f"seller_{region}", wanted, path=site, httponly=True, samesite="Lax")
        return response

    @app.post(f"{SITE}/logout")
    def log_out(region: str) -> Response:
        site = pages.site(region)
        response = _away(_local(request.form.get("next"), site))
        response.delete_cookie(f"seller_{region}", path=site)
        return response

    @app.route(f"{SITE}/apps/authorize/consent", methods=["GET", "POST"])
    def consent(region: str) -> Response | str:
        state, redirect_uri = _checked(pages.world)
        seller = pages.seller(region, request.form.get("seller"))
        if seller is None:
            return pages.login(region)
        if request.method == "POST" and request.form.get("action") != "cancel":
            return finish(pages.world, pages.sellers, seller["seller_id"], redirect_uri, state)
        return pages.show(
            region,
            CONSENT,
            seller=seller,
            roles=[ROLES[role] for role in seller["roles"]],
            sites=[MARKETPLACES[key].name for key in seller["marketplaces"]],
            cancelled=request.method == "POST",
            next=request.full_path,
        )


def _local(address: str | None, site: str) -> str:
    return address if address and address.startswith(f"{site}/") else f"{site}/manage"


def _checked(world: World) -> tuple[str, str]:
    given = request.values
    if given.get("application_id") != world.settings.amazon_application_id:
        raise Refused("MD1000: there is no application with this id.")
    if not given.get("state"):
        raise Refused("The request has no state.")
    redirect_uri = given.get("redirect_uri") or registered_uri(world)
    if redirect_uri != registered_uri(world):
        raise Refused("The redirect address is not one that the app has registered.")
    if given.get("version", "beta") != "beta":
        raise Refused("The version must be beta or left out.")
    return given["state"], redirect_uri
