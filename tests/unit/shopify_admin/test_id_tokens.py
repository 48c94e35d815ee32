"""Who is let in: every token that one of the libraries lets pass wrongly is refused."""

import base64
import secrets
import time
from typing import Any

import jwt
import pytest

from shopapp import runtime
from shopapp.config import Config
from shopapp.shopify_admin import auth
from shopapp.shopify_admin.auth import Refusal, Visitor
from tests.unit.shops.ground import asked

KEY, SECRET, OLD = secrets.token_hex(16), secrets.token_hex(24), secrets.token_hex(24)
SHOP = "test-shop.myshopify.com"
GONE = object()


@pytest.fixture(autouse=True)
def _settings() -> None:
    env = {"SHOPIFY_API_KEY": KEY, "SHOPIFY_API_SECRET": SECRET, "SHOPIFY_API_SECRET_OLD": OLD}
    runtime.setup(Config.load(env, serving=False))


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    now = int(time.time())
    full: dict[str, Any] = {
        "iss": f"https://{SHOP}/admin",
        "dest": f"https://{SHOP}",
        "aud": KEY,
        "sub": "17",
        "exp": now + 60,
        "nbf": now,
        "iat": now,
        "jti": "6c992878",
        "sid": "aaea182f",
    }
    kept = {name: value for name, value in (full | claims).items() if value is not GONE}
    return _encode(kept, secret, algorithm)


def _encode(claims: dict[str, Any], secret: str, algorithm: str) -> str:
    # The library refuses to make some of the tokens that an attacker would make, so parts are joined by hand.
    import hashlib
    import hmac
    import json

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    head = part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode()) + "." + part(json.dumps(claims).encode())
    if algorithm == "none":
        return head + "."
    return head + "." + part(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())


def visit(text: str) -> Visitor | Refusal:
    by_header = auth.verify(asked("/orders", headers={"Authorization": f"Bearer {text}"}))
    by_query = auth.verify(asked(f"/orders?id_token={text}"))
    assert type(by_header) is type(by_query)
    return by_header


def test_a_good_token_tells_shop_and_person() -> None:
    found = visit(token())
    assert isinstance(found, Visitor)
    assert (found.shop_domain, found.user_id, found.by_header) == (SHOP, "17", True)


def test_the_hand_made_token_is_what_the_library_would_make() -> None:
    assert jwt.decode(token(), SECRET, algorithms=["HS256"], audience=KEY)["sid"] == "aaea182f"


def test_a_token_of_the_previous_secret_is_good_while_it_is_being_rotated() -> None:
    assert isinstance(visit(token(OLD)), Visitor)


def soon(seconds: int) -> int:
    return int(time.time()) + seconds


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: token(exp=soon(-11), iat=soon(-71)), id="expired"),
        pytest.param(lambda: token(nbf=soon(60)), id="not yet valid"),
        pytest.param(lambda: token(algorithm="none"), id="unsigned"),
        pytest.param(lambda: token("another-secret-of-somebody"), id="wrong key"),
        pytest.param(lambda: token(aud="another-app"), id="another app"),
        pytest.param(lambda: token(aud=[KEY]), id="audience as a list"),
        pytest.param(lambda: token(iss="https://other-shop.myshopify.com/admin"), id="issuer of another shop"),
        pytest.param(lambda: token(iss=f"https://{SHOP}"), id="issuer without admin"),
        pytest.param(lambda: token(iss=f"https://{SHOP}/admin/x"), id="issuer with more"),
        pytest.param(lambda: token(iss=f"http://{SHOP}/admin", dest=f"http://{SHOP}"), id="plain http"),
        pytest.param(lambda: token(iss="https://evil.test/admin", dest="https://evil.test"), id="foreign shop"),
        pytest.param(lambda: token(dest="https://evil.test"), id="foreign destination"),
        pytest.param(lambda: token(iss=f"https://{SHOP}:8/admin", dest=f"https://{SHOP}:8"), id="with a port"),
        pytest.param(lambda: token(dest=f"https://{SHOP}/", iss=f"https://{SHOP}//admin"), id="trailing slash"),
        pytest.param(lambda: token(sub=17), id="number as person"),
        pytest.param(lambda: token(sub=""), id="empty person"),
        pytest.param(lambda: token(iss="https://[", dest="https://["), id="no address"),
        pytest.param(lambda: token(sub="1\x007"), id="person that no database holds"),
        pytest.param(lambda: token(sub="\ud800"), id="person that no text holds"),
        pytest.param(lambda: token(sub="7" * 65), id="person too long for our tables"),
        *[
            pytest.param(lambda name=name, value=value: token(**{name: value}), id=f"{name} {value!r:.20}")
            for name in ("iss", "dest", "aud", "sub", "sid", "exp", "nbf", "iat")
            for value in (None, True, [], ["x"], {}, 1.5, float("nan"), float("inf"), "\x00", 10**400)
        ],
        pytest.param(lambda: token(exp=soon(3600)), id="lives too long"),
        pytest.param(lambda: token(exp=str(soon(60))), id="text as time"),
        *[
            pytest.param(lambda name=name: token(**{name: GONE}), id=f"no {name}")
            for name in ("exp", "nbf", "iat", "iss", "dest", "sub", "aud", "jti", "sid")
        ],
        pytest.param(lambda: "no.token.at-all", id="nonsense"),
    ],
)
def test_a_token_with_a_flaw_is_refused(made: Any) -> None:
    found = visit(made())
    assert isinstance(found, Refusal)
    assert found.had_token


@pytest.mark.parametrize("made", [lambda: token(exp=soon(-5), iat=soon(-65)), lambda: token(nbf=soon(8))])
def test_clocks_may_differ_by_some_seconds(made: Any) -> None:
    assert isinstance(visit(made()), Visitor)


def test_no_token_and_a_header_of_another_kind() -> None:
    assert auth.verify(asked("/")) == Refusal("no_token", False)
    assert isinstance(auth.verify(asked("/", headers={"Authorization": "Basic eDp5"})), Refusal)


def test_a_bad_header_is_not_helped_by_a_good_token_in_the_address() -> None:
    assert isinstance(auth.verify(asked(f"/?id_token={token()}", headers={"Authorization": "Bearer x"})), Refusal)


def test_no_token_stands_in_the_text_of_a_visitor() -> None:
    text = token()
    assert text not in repr(visit(text))


@pytest.mark.parametrize(
    "text",
    [
        "my-shop",
        "my-shop.myshopify.com",
        "https://my-shop.myshopify.com",
        "http://my-shop.myshopify.com",
        "  my-shop.myshopify.com ",
        "MY-SHOP.MYSHOPIFY.COM",
    ],
)
def test_a_shop_is_known_in_every_plain_form(text: str) -> None:
    assert auth.sanitise_shop(text) == "my-shop.myshopify.com"


@pytest.mark.parametrize(
    "text",
    [
        "myshop.com",
        "myshopify.com",
        "shopify.com",
        "two words",
        "store.myshopify.com.evil.com",
        "/foo/bar",
        "",
        "foo.myshopify.io.evil.ru",
        "x.myshopify.com@evil.com",
        "a_b.myshopify.com",
        "my-\nshop.myshopify.com",
        "my-shop.myshopify.com\n.evil.com",
        "my-shop.myshopify.com/admin",
        "my-https://shop.myshopify.com",
        "*; script-src *",
        "my-shop.myshopify.com:8080",
    ],
)
def test_nothing_else_is_a_shop(text: str) -> None:
    assert auth.sanitise_shop(text) == ""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_host_is_an_address_of_the_admin() -> None:
    for good in ("admin.shopify.com/store/my-shop", "my-shop.myshopify.com/admin"):
        assert auth.sanitise_host(encoded(good)) == good
        assert auth.sanitise_host(encoded(good).rstrip("=")) == good
    for bad in ("evil.test/store/my-shop", "admin.shopify.com.evil.test/store/x", "admin.shopify.com/store/x\n", "x"):
        assert auth.sanitise_host(encoded(bad)) == ""
    assert auth.sanitise_host("not base64 ä") == ""
    assert auth.sanitise_host("") == ""


def test_a_write_scope_covers_its_read_scope() -> None:
    assert auth.missing_scopes("write_orders,read_products", "read_orders,write_orders,read_products") == []
    assert auth.missing_scopes("read_orders", "read_orders,write_orders") == ["write_orders"]
    assert auth.missing_scopes("", "read_orders") == ["read_orders"]
    assert auth.missing_scopes("odd scope,read_orders", "read_orders,read_products") == ["read_products"]


def test_an_address_in_the_admin() -> None:
    assert auth.admin_url(SHOP, "/orders/1?x=2") == f"https://admin.shopify.com/store/test-shop/apps/{KEY}/orders/1?x=2"
    assert auth.admin_url(SHOP, "/") == f"https://admin.shopify.com/store/test-shop/apps/{KEY}"
