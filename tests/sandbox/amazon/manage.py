"""Owns Manage Your Apps: the yearly renewal that the seller starts at Amazon, and the end of an authorisation."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from flask import Flask, Response, redirect, request

from tests.sandbox.amazon.login import SITE, Refused, SellerPages, finish, registered_uri
from tests.sandbox.amazon.sellers import AUTHORISATION_LIFE

RENEWAL_LIFE = timedelta(minutes=10)

MANAGE = """
<div class="card"><h1>Manage Your Apps</h1>
<p>Logged in as <strong>{{ seller.name }}</strong> ({{ seller.seller_id }})</p>
<table><tbody><tr><th scope="row">App</th><td>{{ application }}</td></tr>
<tr><th scope="row">Authorisation</th><td>{{ status }}</td></tr></tbody></table>
<div class="row" style="padding-top:14px">
<form method="post" action="{{ site }}/manage/reauthorize">
<input type="hidden" name="seller" value="{{ seller.seller_id }}"><button class="primary">Re-Authorize</button></form>
{% if seller.authorisation == "ok" %}<form method="post" action="{{ site }}/manage/disable">
<input type="hidden" name="seller" value="{{ seller.seller_id }}"><button>Disable</button></form>{% endif %}
<form method="post" action="{{ site }}/logout"><input type="hidden" name="next" value="{{ site }}/manage">
<button>Log in as another seller</button></form></div></div>"""


def register(app: Flask, pages: SellerPages) -> None:
    """Add the page, its two buttons, and the callback to which the app sends the browser during a renewal."""
    world = pages.world

    @app.get(f"{SITE}/manage", endpoint="amazon_manage")
    @app.get(f"{SITE}/apps/manage", endpoint="amazon_apps_manage")
    def manage(region: str) -> str:
        seller = pages.seller(region)
        if seller is None:
            return pages.login(region)
        return pages.show(region, MANAGE, seller=seller, status=_status(seller))

    @app.post(f"{SITE}/manage/disable")
    def disable(region: str) -> Response:
        seller = pages.seller(region, request.form.get("seller"))
        if seller is None:
            raise Refused("Log in first.")
        pages.sellers.change(seller["seller_id"], {"authorisation": "revoked"})
        world.ledger.record("amazon", "amazon.disable", seller["seller_id"])
        return redirect(f"{pages.site(region)}/manage")  # type: ignore[return-value]

    @app.post(f"{SITE}/manage/reauthorize")
    def reauthorize(region: str) -> Response:
        seller = pages.seller(region, request.form.get("seller"))
        if seller is None:
            raise Refused("Log in first.")
        amazon_state = world.secret("AS", 24)
        with world.lock:
            renewals = world.part("amazon").setdefault("renewals", {})
            renewals[amazon_state] = {"seller": seller["seller_id"], "born": world.clock.now().isoformat()}
        pages.sellers.touch()
        world.ledger.record("amazon", "amazon.reauthorize", seller["seller_id"])
        query = {
            "amazon_callback_uri": f"{world.url}{pages.site(region)}/apps/authorize/confirm",
            "amazon_state": amazon_state,
            "selling_partner_id": seller["seller_id"],
        }
        return redirect(f"{world.settings.app_url}/login/amazon?{urlencode(query)}")  # type: ignore[return-value]

    @app.get(f"{SITE}/apps/authorize/confirm")
    def confirm(region: str) -> Response:
        given = request.args
        row = world.part("amazon").get("renewals", {}).get(given.get("amazon_state", ""))
        if row is None or world.clock.now() > datetime.fromisoformat(row["born"]) + RENEWAL_LIFE:
            raise Refused("The amazon_state is not known or too old.")
        if not given.get("state"):
            raise Refused("The request has no state.")
        if given.get("redirect_uri") != registered_uri(world):
            raise Refused("The redirect address is not one that the app has registered.")
        with world.lock:
            world.part("amazon")["renewals"].pop(given["amazon_state"], None)
        return finish(world, pages.sellers, row["seller"], given["redirect_uri"], given["state"])


def _status(seller: dict[str, object]) -> str:
    match seller["authorisation"]:
        case "none":
            return "not given yet"
        case "ok":
            end = datetime.fromisoformat(str(seller["authorised_at"])) + AUTHORISATION_LIFE
            return f"valid until {end:%Y-%m-%d}"
        case other:
            return str(other)
