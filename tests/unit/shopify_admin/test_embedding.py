"""Headers of our documents, and where a bounce may lead."""

import pytest

from shopapp import runtime
from shopapp.config import Config
from shopapp.shopify_admin import embed


@pytest.fixture(autouse=True)
def _settings() -> None:
    env = {
        "SHOPIFY_API_KEY": 'key"><script>',
        "SHOPIFY_API_SECRET": "x" * 20,
        "APP_BRIDGE_URL": "https://scripts.test/a/app-bridge.js",
        "ADMIN_ORIGIN": "https://admin.test",
    }
    runtime.setup(Config.load(env, serving=False))


def test_only_the_shop_and_the_admin_may_frame_us() -> None:
    headers = embed.headers("a-b.myshopify.com")
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["frame-ancestors"] == "https://a-b.myshopify.com https://admin.test"
    assert policy["script-src"] == "'self' https://scripts.test https://cdn.shopify.com"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "X-Frame-Options" not in headers


@pytest.mark.parametrize(("address", "told"), [("https://app.test", True), ("http://localhost:8000", False)])
def test_a_browser_that_came_by_tls_is_told_to_keep_to_it(address: str, told: bool) -> None:
    runtime.setup(Config.load({"SHOPIFY_API_KEY": "key", "APP_URL": address}, serving=False))
    for domain in ("a-b.myshopify.com", ""):
        assert ("Strict-Transport-Security" in embed.headers(domain)) is told


def test_the_bounce_page_holds_app_bridge_and_nothing_that_breaks_out() -> None:
    page = embed.bounce_page()
    assert 'src="https://scripts.test/a/app-bridge.js"' in page
    assert "key&quot;&gt;&lt;script&gt;" in page
    assert page.count("<script") == 1


def test_what_the_admin_added_is_not_kept() -> None:
    target = "/orders?id_token=a.b.c&hmac=1&q=a%20b&session=2&timestamp=3&locale=de&host=h&shop=s&embedded=1&page=2"
    assert embed.clean_target(target) == "/orders?q=a+b&page=2"
    assert embed.clean_target("/?id_token=a") == "/"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/",
        "//evil.test/x",
        "////evil.test/x",
        "/\\evil.test",
        "javascript:alert(1)",
        "",
        "evil",
        "/ok\r\nX: y",
        "/session-token-bounce?shopify-reload=/",
        "\\/evil.test",
        "/\tevil",
    ],
)
def test_a_bounce_never_leads_elsewhere(target: str) -> None:
    assert embed.clean_target(target) == "/"


def test_the_bounce_address_carries_what_a_cold_app_bridge_needs() -> None:
    assert embed.bounce_url("/orders?page=2&id_token=x", "a.myshopify.com", "aG9zdA") == (
        "/session-token-bounce?shop=a.myshopify.com&host=aG9zdA&embedded=1&shopify-reload=%2Forders%3Fpage%3D2"
    )
    assert embed.bounce_url("/") == "/session-token-bounce?shopify-reload=%2F"
