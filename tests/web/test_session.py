"""Who gets a page: by token only, whatever the browser does; and where everybody else is sent."""

import html
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, g, redirect
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from shopapp.records import db
from shopapp.shopify_admin import embed
from shopapp.web import session
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.shops.ground import Ground, ready_ground, shop_of

IFRAME = {"Sec-Fetch-Dest": "iframe"}
TOP = {"Sec-Fetch-Dest": "document"}
FETCH = {"Sec-Fetch-Dest": "empty", "X-Requested-With": "XMLHttpRequest"}


@pytest.fixture
def ground(request: pytest.FixtureRequest, box: Box, queue: Queue, tmp_path: Path) -> Iterator[Ground]:
    yield from ready_ground(request, box, queue, tmp_path)


@pytest.fixture
def client(ground: Ground) -> FlaskClient:
    """An app with one page and nothing but the session's guard."""
    app = Flask(__name__)
    session.init_app(app)

    @app.route("/orders", methods=["GET", "POST"])
    def orders() -> str:
        with db.reading() as s:
            shop = session.current_shop(s)
        return f"<p>{html.escape(shop.domain)} {g.visitor.user_id} {g.language}</p>"

    @app.get("/old")
    def moved() -> Response:
        return redirect("/orders?page=2")

    @app.get("/away")
    def away() -> Response:
        return redirect("https://seller.test/")

    @app.get("/login/start")
    def public() -> str:
        return "public"

    return app.test_client()


@pytest.fixture
def domain(ground: Ground) -> str:
    return ground.new_shop()


def bearer(ground: Ground, domain: str, **wish: object) -> dict[str, str]:
    return {**FETCH, "Authorization": f"Bearer {ground.id_token(domain, **wish)['id_token']}"}


def policy(response: TestResponse) -> str:
    return response.headers["Content-Security-Policy"]


def target_of(response: TestResponse) -> str:
    assert response.status_code == 302
    parts = urlsplit(response.location)
    assert parts.path == "/session-token-bounce"
    return parse_qs(parts.query)[embed.RELOAD][0]


def test_the_first_load_in_the_iframe_installs_the_shop_and_shows_the_page(
    ground: Ground, client: FlaskClient, domain: str
) -> None:
    answer = client.get(f"/orders?{ground.id_token(domain, user='7')['query']}", headers=IFRAME)
    assert answer.status_code == 200
    assert answer.text == f"<p>{domain} 7 en</p>"
    assert policy(answer).startswith(f"frame-ancestors https://{domain} {ground.config['ADMIN_ORIGIN']};")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert ground.config["APP_BRIDGE_URL"] in answer.headers["Link"]
    assert "Set-Cookie" not in answer.headers


def test_a_fetch_with_a_bearer_may_read_and_write(ground: Ground, client: FlaskClient, domain: str) -> None:
    assert client.get("/orders", headers=bearer(ground, domain)).status_code == 200
    assert client.post("/orders", headers=bearer(ground, domain)).status_code == 200


def test_the_plan_of_a_new_shop_begins_with_its_trial(ground: Ground, client: FlaskClient, domain: str) -> None:
    client.get("/orders", headers=bearer(ground, domain))
    shop = shop_of(1)
    assert shop.period_anchor is not None
    assert shop.trial_ends_at is not None
    client.get("/orders", headers=bearer(ground, domain))
    assert shop_of(1).trial_ends_at == shop.trial_ends_at


def test_the_language_follows_the_merchants_choice_then_the_admin(
    ground: Ground, client: FlaskClient, domain: str
) -> None:
    headers = bearer(ground, domain) | {"Accept-Language": "de-DE"}
    assert client.get("/orders", headers=headers).text.endswith(" de</p>")
    with db.writing() as s:
        shop_row = s.get_one(type(shop_of(1)), 1)
        shop_row.language = "en"
    assert client.get("/orders", headers=headers).text.endswith(" en</p>")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_token_in_the_address_never_writes(ground: Ground, client: FlaskClient, domain: str, method: str) -> None:
    answer = client.open(f"/orders?{ground.id_token(domain)['query']}", method=method, headers=IFRAME)
    assert answer.status_code == 401
    assert client.post("/orders", headers=IFRAME).status_code == 401


def test_a_link_in_the_iframe_goes_round_by_the_bounce_page(ground: Ground, client: FlaskClient, domain: str) -> None:
    made = ground.id_token(domain)
    answer = client.get(f"/orders?page=2&q=a%26b&host={made['host']}&shop={domain}&hmac=x&session=y", headers=IFRAME)
    assert target_of(answer) == "/orders?page=2&q=a%26b"
    assert f"shop={domain}" in answer.location
    assert "hmac" not in answer.location


def test_a_reload_with_an_old_token_bounces_and_does_not_leak_it(
    ground: Ground, client: FlaskClient, domain: str
) -> None:
    old = ground.id_token(domain, claims={"exp": 1700000060, "iat": 1700000000, "nbf": 1700000000})
    answer = client.get(f"/orders?page=2&{old['query']}", headers=IFRAME)
    assert target_of(answer) == "/orders?page=2"
    assert old["id_token"] not in answer.location


def test_the_bounce_page_holds_app_bridge_only(ground: Ground, client: FlaskClient, domain: str) -> None:
    answer = client.get(f"/session-token-bounce?shopify-reload=%2Forders&shop={domain}", headers=IFRAME)
    assert answer.status_code == 200
    assert ground.config["APP_BRIDGE_URL"] in answer.text
    assert f"frame-ancestors https://{domain} " in policy(answer)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_bounce_page_opened_with_a_good_token_goes_straight_on(
    ground: Ground, client: FlaskClient, domain: str
) -> None:
    query = ground.id_token(domain)["query"]
    answer = client.get(f"/session-token-bounce?{query}&shopify-reload=%2Forders%3Fpage%3D2", headers=IFRAME)
    assert answer.status_code == 302
    assert answer.location.startswith("/orders?page=2&")
    assert client.get(answer.location, headers=IFRAME).status_code == 200


def test_a_document_sent_on_keeps_its_token_and_language(ground: Ground, client: FlaskClient, domain: str) -> None:
    german = ground.id_token(domain, user="7", locale="de")["query"]
    answer = client.get(f"/old?{german}", headers=IFRAME)
    assert answer.location.startswith("/orders?page=2&")
    assert client.get(answer.location, headers=IFRAME).text == f"<p>{domain} 7 de</p>"
    assert client.get("/old", headers=bearer(ground, domain)).location == "/orders?page=2"
    assert client.get(f"/away?{german}", headers=IFRAME).location == "https://seller.test/"


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)"])
def test_the_bounce_leads_nowhere_else(ground: Ground, client: FlaskClient, domain: str, target: str) -> None:
    query = ground.id_token(domain)["query"]
    answer = client.get(f"/session-token-bounce?{query}&shopify-reload={target}")
    assert answer.location.startswith("/?")


def test_a_page_opened_at_top_level_goes_into_the_admin(ground: Ground, client: FlaskClient, domain: str) -> None:
    name = domain.removesuffix(".myshopify.com")
    wanted = f"{ground.config['ADMIN_ORIGIN']}/store/{name}/apps/{ground.config.app_handle}/orders?page=2"
    assert client.get(f"/orders?page=2&shop={domain}", headers=TOP).location == wanted
    query = ground.id_token(domain)["query"]
    assert client.get(f"/orders?page=2&{query}", headers=TOP).location == wanted


def test_a_page_opened_at_top_level_by_a_stranger_says_what_to_do(ground: Ground, client: FlaskClient) -> None:
    answer = client.get("/orders", headers=TOP | {"Accept-Language": "en"})
    assert answer.status_code == 401
    assert "Apps in your Shopify admin" in answer.text
    assert client.get("/orders?shop=evil.test", headers=TOP).status_code == 401


def test_a_fetch_without_a_good_token_is_asked_to_come_again(ground: Ground, client: FlaskClient) -> None:
    for headers in (FETCH, {"Authorization": "Bearer nonsense"}, {"X-Requested-With": "XMLHttpRequest"}):
        answer = client.get("/orders", headers=headers)
        assert answer.status_code == 401
        assert answer.headers[embed.RETRY] == "1"


def test_a_token_that_the_exchange_refuses_is_replaced_by_a_fresh_one(
    ground: Ground, client: FlaskClient, domain: str
) -> None:
    body = '{"error":"invalid_subject_token"}'
    params = {"status": 400, "body": body}
    ground.box.fault("shopify", "status", "token", match={"shop": domain}, times=2, params=params)
    answer = client.get("/orders", headers=bearer(ground, domain))
    assert (answer.status_code, answer.headers[embed.RETRY]) == (401, "1")
    answer = client.get(f"/orders?{ground.id_token(domain)['query']}", headers=IFRAME)
    assert target_of(answer) == "/orders"
    assert client.get("/orders", headers=bearer(ground, domain)).status_code == 200


def test_a_first_load_while_shopify_is_down_is_a_page_and_not_a_crash(
    ground: Ground, client: FlaskClient, domain: str
) -> None:
    ground.box.fault("shopify", "status", "token", match={"shop": domain}, params={"status": 503})
    answer = client.get(f"/orders?{ground.id_token(domain)['query']}", headers=IFRAME)
    assert answer.status_code == 503
    assert "again in a minute" in answer.text


def test_a_wild_shop_parameter_never_reaches_a_header(ground: Ground, client: FlaskClient) -> None:
    answer = client.get("/session-token-bounce?shop=*;%20script-src%20*&shopify-reload=/", headers=IFRAME)
    assert "frame-ancestors https://*.myshopify.com " in policy(answer)
    assert "script-src *" not in policy(answer)
    answer = client.get("/orders?shop=x%0d%0aSet-Cookie:%20a=b", headers=IFRAME)
    assert target_of(answer) == "/orders"


def test_public_paths_are_reached_without_a_token_and_their_neighbours_are_not(client: FlaskClient) -> None:
    assert client.get("/login/start").text == "public"
    for path in ("/", "/loginx", "/login", "/healthzz", "/statics/x", "/webhook", "/mail-linkx/1"):
        assert session.is_public(path) is (path == "/login"), path
    for path in ("/static/app.css", "/healthz", "/readyz", "/webhooks/shopify", "/mail-link/u/1"):
        assert session.is_public(path), path


def test_a_shop_never_sees_anothers_page(ground: Ground, client: FlaskClient) -> None:
    one, two = ground.new_shop(), ground.new_shop()
    assert one in client.get(f"/orders?shop={two}", headers=bearer(ground, one)).text
    assert two in client.get(f"/orders?shop={one}", headers=bearer(ground, two)).text
