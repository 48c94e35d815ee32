"""Owns what a person sees: the seller pages of an instance, with the address and key to type elsewhere, and switches."""

from flask import Flask, redirect, request
from werkzeug.wrappers import Response as Answer

from tests.sandbox.layout import page
from tests.sandbox.mirakl.shops import STATES, Shops
from tests.sandbox.world import World

SITE = "/mirakl"
BODY = """
<div class="card"><h1>Marketplaces that run on Mirakl</h1>
<p class="quiet">Type the address and the key of a shop under Create connection in the app.</p></div>
{% for instance in instances %}<div class="card"><h2>{{ instance }}</h2>
<p>Address: <code>https://{{ instance }}</code></p>
{% for shop in shops if shop.instance == instance %}<div class="seller"><span><strong>{{ shop.name }}</strong>
<span class="quiet">shop {{ shop.shop_id }}, {{ shop.state }}</span><br>API key: <code>{{ shop.key }}</code></span>
<form method="post" action="{{ site }}/shops" class="row">
<input type="hidden" name="shop" value="{{ instance }}/{{ shop.shop_id }}">
{% for state in states if state != shop.state %}<button name="state" value="{{ state }}">{{ state }}</button>{% endfor %}
<button name="new_key" value="1">Generate a new key</button></form></div>
{% endfor %}<form method="post" action="{{ site }}/shops" style="padding-top:14px">
<input type="hidden" name="instance" value="{{ instance }}"><button>Create an example shop</button></form></div>{% endfor %}"""


def register(app: Flask, world: World, shops: Shops) -> None:
    """Add the pages."""

    @app.get(SITE)
    def mirakl_site() -> str:
        return page(
            BODY, title="Marketplaces on Mirakl", bar="Seller pages", accent="#0b3d5c",
            instances=shops.instances(), shops=shops.listed(), states=STATES, site=SITE,
        )  # fmt: skip

    @app.post(f"{SITE}/shops")
    def mirakl_switch() -> Answer:
        form = request.form
        if "instance" in form:
            shops.add({"instance": form["instance"]})
        elif "new_key" in form:
            shops.change(form["shop"], {"new_key": True})
        else:
            suspended = "MANUAL" if form["state"] == "SUSPENDED" else None
            shops.change(form["shop"], {"state": form["state"], "suspension_type": suspended})
        return redirect(SITE, 303)
