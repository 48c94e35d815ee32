"""The stand-in's tokens: what an ID token must be to be exchanged, and how access and refresh tokens live and die."""

import time
from collections.abc import Callable
from urllib.parse import parse_qs

import jwt
import pytest

from tests.sandbox.server import Sandbox
from tests.sandbox.shopify.client import ShopClient
from tests.sandbox.shopify.tokens import EXCHANGE, ID_TOKEN, OFFLINE, mint_id_token, sign_query

HOUR = 3600
DAY = 86400


def test_the_first_exchange_installs_the_app(make_shop):
    shop = make_shop()
    assert shop.look()["installed"] is False
    answer = shop.exchange().json()
    assert set(answer) == {"access_token", "scope", "expires_in", "refresh_token", "refresh_token_expires_in"}
    assert (answer["expires_in"], answer["refresh_token_expires_in"]) == (3600, 7776000)
    assert answer["scope"] == "read_products,write_inventory,read_locations,write_orders"
    assert shop.look()["installed"] is True
    assert shop.look()["tokens_issued"] == 1
    assert [one["key"] for one in shop.ledger("token.exchanged")] == [shop.domain]


def test_an_exchange_without_expiring_gives_a_token_without_refresh(make_shop):
    shop = make_shop()
    kinds = {"subject_token_type": ID_TOKEN, "requested_token_type": OFFLINE}
    answer = shop.ask_token(grant_type=EXCHANGE, subject_token=shop.id_token(), **kinds).json()
    assert set(answer) == {"access_token", "scope"}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60},
        {"nbf": int(time.time()) + 86_400},
        {"aud": "another-app"},
        {"dest": "https://another-shop.myshopify.com"},
        {"dest": "https://evil.test", "iss": "https://evil.test/admin"},
        {"iss": "https://another-shop.myshopify.com/admin"},
        {"exp": None},
        {"sub": None},
    ],
    ids=lambda claims: "-".join(claims),
)
def test_an_id_token_with_a_wrong_claim_is_refused(make_shop, claims):
    shop = make_shop()
    answer = shop.exchange(shop.id_token(claims=claims))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_subject_token")
    assert shop.look()["installed"] is False


def test_an_id_token_of_another_secret_or_without_signature_is_refused(make_shop):
    shop = make_shop()
    forged = shop.id_token(secret="another-secret-that-is-long-enough-too")
    unsigned = jwt.encode(jwt.decode(forged, options={"verify_signature": False}), None, algorithm="none")
    for token in (forged, unsigned, "nonsense", ""):
        assert shop.exchange(token).json()["error"] == "invalid_subject_token"


def test_wrong_credentials_of_the_app_are_an_invalid_client(make_shop):
    shop = make_shop()
    for wish in ({"client_secret": "wrong"}, {"client_id": "wrong"}):
        answer = shop.exchange(**wish)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_unknown_grant_or_token_type_is_refused(make_shop):
    shop = make_shop()
    assert shop.ask_token(grant_type="password").json()["error"] == "unsupported_grant_type"
    answer = shop.ask_token(grant_type=EXCHANGE, subject_token="x")
    assert answer.json()["error"] == "invalid_request"


def test_an_access_token_dies_after_an_hour(timed_shop, later):
    later(HOUR - 5)
    assert timed_shop.run("ThrottleProbe")["data"]
    later(10)
    assert timed_shop.post("{ shop { id } }").status_code == 401


def test_a_refresh_gives_a_new_pair_and_the_old_access_token_lives_on(timed_shop, later):
    first = timed_shop.exchange().json()
    second = timed_shop.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    for pair in (first, second):
        assert timed_shop.post("{ shop { id } }", token=pair["access_token"]).status_code == 200
    later(HOUR + 1)
    assert timed_shop.post("{ shop { id } }", token=second["access_token"]).status_code == 401


def test_a_used_refresh_token_works_again_until_its_successor_is_used(shop):
    first = shop.exchange().json()
    lost = shop.refresh(first["refresh_token"]).json()
    again = shop.refresh(first["refresh_token"])
    assert again.status_code == 200
    assert lost["refresh_token"] != again.json()["refresh_token"]
    shop.post("{ shop { id } }", token=again.json()["access_token"])
    answer = shop.refresh(first["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert [one["body"]["repeated"] for one in shop.ledger("token.refreshed")] == [False, True]


def test_refreshing_with_the_successor_kills_the_token_before_it(shop):
    first = shop.exchange().json()
    second = shop.refresh(first["refresh_token"]).json()
    assert shop.refresh(second["refresh_token"]).status_code == 200
    assert shop.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_grace_of_a_used_refresh_token_ends_after_thirty_days(timed_shop, later):
    first = timed_shop.exchange().json()
    timed_shop.refresh(first["refresh_token"])
    later(29 * DAY)
    assert timed_shop.refresh(first["refresh_token"]).status_code == 200
    later(2 * DAY)
    assert timed_shop.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_refresh_token_that_rested_for_ninety_days_is_dead(timed_shop, later):
    refresh_token = timed_shop.exchange().json()["refresh_token"]
    later(90 * DAY + 1)
    assert timed_shop.refresh(refresh_token).json()["error"] == "invalid_grant"


def test_after_an_uninstall_every_token_is_dead_and_an_old_page_cannot_install_again(shop):
    pair = shop.exchange().json()
    old_page = shop.id_token(claims={"iat": int(time.time()) - 30})
    shop.settings(uninstalled=True)
    assert shop.post("{ shop { id } }", token=pair["access_token"]).status_code == 401
    assert shop.refresh(pair["refresh_token"]).status_code == 401
    assert shop.exchange(old_page).json()["error"] == "invalid_subject_token"
    assert shop.exchange().status_code == 200
    assert shop.look()["installed"] is True


def test_revoked_tokens_are_dead_while_the_app_stays_installed(shop):
    pair = shop.exchange().json()
    shop.settings(tokens_revoked=True)
    assert shop.post("{ shop { id } }", token=pair["access_token"]).status_code == 401
    assert shop.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"
    assert shop.look()["installed"] is True


def test_a_first_load_carries_a_signed_query_with_the_id_token(shop):
    query = shop.control("id_token", {"user": "7", "exp": 30})["query"]
    parameters = {name: values[0] for name, values in parse_qs(query).items()}
    signature = parameters.pop("hmac")
    assert sign_query(parameters, shop.app[1]) == signature
    claims = jwt.decode(parameters["id_token"], shop.app[1], algorithms=["HS256"], audience=shop.app[0])
    assert (claims["sub"], claims["dest"]) == ("7", f"https://{shop.domain}")
    assert claims["exp"] - claims["iat"] == 30
    assert (parameters["shop"], parameters["embedded"], parameters["locale"]) == (shop.domain, "1", "en")


def test_id_tokens_live_in_real_time_whatever_the_sandbox_clock_says(own_sandbox: Sandbox, later: Callable[..., None]):
    later(400 * DAY)
    token = mint_id_token(own_sandbox.world, "any.myshopify.com")
    assert abs(jwt.decode(token, options={"verify_signature": False})["iat"] - time.time()) < 5


@pytest.mark.parametrize(
    ("secret", "parameters", "expected"),
    [
        (
            "hush",
            {"shop": "some-shop.myshopify.com", "code": "a94a110d86d2452eb3e2af4cfb8a3828", "timestamp": "1337178173"},
            "2cb1a277650a659f1b11e92a4a64275b128e037f2c3390e3c8fd2d8721dac9e2",
        ),
    ],
)
def test_the_query_is_signed_as_the_vendor_signs_it(secret, parameters, expected):
    assert sign_query(parameters, secret) == expected


def test_a_token_request_to_an_unknown_shop_is_not_found(shop: ShopClient):
    shop.domain = "nobody-has-this.myshopify.com"
    assert shop.ask_token(grant_type="refresh_token", refresh_token="x").status_code == 404
