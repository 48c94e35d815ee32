"""Owns the admin's pages: start page, the page that embeds the app, and what its scripts ask for.

It shows and switches; it keeps no state of its own. Signing and tokens come from the Shopify part.
"""

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, Response, abort, jsonify, redirect, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader
from werkzeug.wrappers import Response as Answer

from tests.sandbox.admin.scripts import register_scripts
from tests.sandbox.shopify.state import Shop, shops_of
from tests.sandbox.shopify.tokens import first_load_query, mint_id_token
from tests.sandbox.world import World

LABEL = "Stand-in admin (demo, not Shopify)"
# Two people, so that a page can be tried as somebody else than the one who linked an account.
STAFF = {"1": "Alex (owner)", "2": "Robin (staff)"}
LOCALES = {"en": "English", "de": "Deutsch", "sv": "Svenska"}
TEMPLATES = Path(__file__).parent / "templates"


def frame_url(world: World, shop: Shop, path: str, user: str, locale: str) -> str:
    """The app's URL as Shopify loads it into the iframe: the path's own query is kept and signed with the rest."""
    wanted = urlsplit(path)
    token = mint_id_token(world, shop.domain, user_id=user)
    own = dict(parse_qsl(wanted.query, keep_blank_values=True))
    locale = own.pop("locale", locale)
    query = first_load_query(world, shop, token, locale, **own)
    return f"{world.settings.app_url}/{wanted.path.lstrip('/')}?{query}"


def register(app: Flask, world: World) -> None:
    """Add the admin's pages and scripts to the sandbox."""
    app.jinja_loader = ChoiceLoader([loader for loader in (app.jinja_loader, FileSystemLoader(TEMPLATES)) if loader])
    register_scripts(app)
    _register_start(app, world)
    _register_store(app, world)
    _register_answers(app, world)


def _shop(world: World, name: str) -> Shop:
    shop = shops_of(world).find(name)
    return shop if shop is not None else abort(404, f"There is no shop named {name}.")


def _person() -> tuple[str, str]:
    """Who is looking and in which language, from the query or from the admin's own cookies."""
    user = request.args.get("user") or request.cookies.get("standin_user") or "1"
    return (user if user in STAFF else "1"), request.args.get("locale") or request.cookies.get("standin_locale") or ""


def _register_start(app: Flask, world: World) -> None:
    @app.get("/")
    def start_page() -> str:
        with world.lock:
            shops = list(shops_of(world))
        return render_template("start.html", label=LABEL, shops=shops, key=world.settings.api_key, url=world.url)


def _register_store(app: Flask, world: World) -> None:
    @app.get("/store/<name>")
    def store(name: str) -> Answer:
        return redirect(f"/store/{_shop(world, name).name}/apps/{world.settings.api_key}")

    @app.get("/store/<name>/apps/<key>")
    @app.get("/store/<name>/apps/<key>/")
    @app.get("/store/<name>/apps/<key>/<path:path>")
    def embedded(name: str, key: str, path: str = "") -> Response:
        shop = _shop(world, name)
        user, locale = _person()
        locale = locale or str(shop.data["locale"])
        query = urlencode(list(request.args.items(multi=True)))
        inner = f"/{path}" + (f"?{query}" if query else "")
        data = {"store": shop.name, "key": key, "appUrl": world.settings.app_url, "path": inner, "user": user}
        return _page("store.html", shop, data | {"locale": locale}, src=frame_url(world, shop, inner, user, locale))

    @app.get("/store/<name>/<any(orders, products):kind>")
    @app.get("/store/<name>/<any(orders, products):kind>/<item>")
    def listing(name: str, kind: str, item: str = "") -> Response:
        shop = _shop(world, name)
        user, locale = _person()
        data = {"store": shop.name, "key": world.settings.api_key, "kind": kind, "item": item, "user": user}
        return _page("listing.html", shop, data | {"locale": locale or shop.data["locale"]}, kind=kind)

    def _page(template: str, shop: Shop, data: dict[str, str], **more: str) -> Response:
        html = render_template(
            template,
            label=LABEL,
            shop=shop,
            staff=STAFF,
            locales=LOCALES,
            data=data | {"domain": shop.domain, "label": LABEL},
            **more,
        )
        answer = Response(html, content_type="text/html; charset=utf-8")
        # The frame's address carries an ID token.
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _register_answers(app: Flask, world: World) -> None:
    @app.get("/store/<name>/frame_url")
    def new_frame_url(name: str) -> Response:
        shop = _shop(world, name)
        user, locale = _person()
        path = request.args.get("path", "/")
        return jsonify(url=frame_url(world, shop, path, user, locale or str(shop.data["locale"])))

    @app.get("/store/<name>/id_token")
    def new_id_token(name: str) -> Response:
        return jsonify(id_token=mint_id_token(world, _shop(world, name).domain, user_id=_person()[0]))
