"""Only raw bytes signed with one of our secrets are a delivery."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopapp import runtime
from shopapp.config import Config
from shopapp.shopify_admin import webhooks
from shopapp.shopify_admin.tokens import library
from shopapp.shopify_admin.webhooks import Delivery
from tests.unit.shops.ground import asked

BODY = b'{"foo": "bar"}'
KNOWN = "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="  # of BODY with "test_secret_key": Shopify's own vector


@pytest.fixture(autouse=True)
def _settings() -> None:
    _use_settings()


def _use_settings() -> None:
    env = {"SHOPIFY_API_KEY": "key", "SHOPIFY_API_SECRET": "test_secret_key", "SHOPIFY_API_SECRET_OLD": "older_secret"}
    runtime.setup(Config.load(env, serving=False))


def sign(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def heard(body: bytes = BODY, prefix: str = "X-Shopify-", method: str = "POST", **other: str | None) -> Delivery | int:
    headers: dict[str, str | None] = {
        "Hmac-Sha256": KNOWN,
        "Topic": "app/uninstalled",
        "Shop-Domain": "a-b.myshopify.com",
        "Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        "Triggered-At": "2026-11-20T10:00:00.123456789Z",
    }
    headers |= {name.replace("_", "-"): value for name, value in other.items()}
    sent = {prefix + name: value for name, value in headers.items() if value is not None}
    return webhooks.verify(asked("/webhooks/shopify", method, sent, body))


def test_shopifys_own_vector_is_accepted() -> None:
    found = heard()
    assert found == Delivery(
        "a-b.myshopify.com",
        "app/uninstalled",
        "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        datetime(2026, 11, 20, 10, 0, 0, 123456, UTC),
        BODY,
    )


def test_the_new_family_of_headers_is_accepted() -> None:
    assert isinstance(heard(prefix="shopify-"), Delivery)


def test_the_old_secret_signs_until_it_is_revoked() -> None:
    assert isinstance(heard(Hmac_Sha256=sign("older_secret", BODY)), Delivery)


@pytest.mark.parametrize(
    "signature", [None, "", "wrong", sign("another", BODY), "é" * 44, KNOWN[:-1], sign("test_secret_key", BODY + b" ")]
)
def test_anything_else_is_not_shopifys(signature: str | None) -> None:
    assert heard(Hmac_Sha256=signature) == 401


def test_a_body_that_is_not_utf_8_is_refused_and_does_not_crash() -> None:
    body = b"\xff\xfe{}"
    assert heard(body, Hmac_Sha256=sign("test_secret_key", body)) == 401


def test_a_signature_over_other_spacing_is_refused() -> None:
    assert heard(b'{"foo":"bar"}') == 401


@pytest.mark.parametrize("name", ["Topic", "Shop_Domain", "Webhook_Id"])
def test_a_signed_body_without_a_needed_header_is_refused(name: str) -> None:
    assert heard(**{name: None}) == 400


def test_the_unsigned_shop_header_is_not_believed_as_it_stands() -> None:
    assert heard(Shop_Domain="evil.test") == 400


def test_a_missing_time_is_no_reason_to_refuse() -> None:
    found = heard(Triggered_At="yesterday")
    assert isinstance(found, Delivery)
    assert found.triggered_at is None


@given(body=st.binary(max_size=60), secret=st.sampled_from(["test_secret_key", "older_secret", "another"]))
def test_our_verdict_is_that_of_shopifys_own_library(body: bytes, secret: str) -> None:
    _use_settings()
    message = b'{"a": ' + json.dumps(body.decode("latin-1")).encode() + b"}"
    headers = {"X-Shopify-Hmac-Sha256": sign(secret, message)}
    asked_of = {"method": "POST", "headers": headers, "url": "https://app.test", "body": message.decode()}
    theirs = library().verify_webhook_req(asked_of)
    assert isinstance(heard(message, Hmac_Sha256=headers["X-Shopify-Hmac-Sha256"]), Delivery) is theirs.ok
