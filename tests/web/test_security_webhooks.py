"""Deliveries of an attacker who can read or replay, but holds no secret of ours: nothing is kept, nobody is harmed."""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from shopapp import runtime
from shopapp.records import db
from shopapp.records.models import Receipt
from tests.web.desk import Desk

OTHER = "other-shop.myshopify.com"


def mac(body: bytes) -> str:
    digest = hmac.new(runtime.config()["SHOPIFY_API_SECRET"].encode(), body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def post(desk: Desk, body: bytes, *, signature: str = "", **headers: str) -> TestResponse:
    sent = {
        "X-Shopify-Hmac-Sha256": signature or mac(body),
        "X-Shopify-Topic": "app/uninstalled",
        "X-Shopify-Shop-Domain": desk.domain,
        "X-Shopify-Webhook-Id": secrets.token_hex(8),
    } | {f"X-Shopify-{name.replace('_', '-')}": value for name, value in headers.items()}
    return desk.client.post("/webhooks/shopify", data=body, headers={k: v for k, v in sent.items() if v})


def kept() -> int:
    with db.reading() as s:
        return s.query(Receipt).count()


def test_an_id_token_is_no_delivery_although_it_carries_the_same_kind_of_signature(desk: Desk) -> None:
    token = desk.token()
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    body, _, signature = token.rpartition(".")
    as_mac = base64.b64encode(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))).decode()
    assert as_mac == mac(body.encode())
    assert post(desk, body.encode(), signature=as_mac).status_code == 401
    assert kept() == 0


@pytest.mark.parametrize("name", ["myshopify_domain", "shop_domain"])
@pytest.mark.parametrize("topic", ["app/uninstalled", "shop/redact", "customers/redact", "shop/update"])
def test_a_signed_message_of_one_shop_is_refused_under_the_name_of_another(desk: Desk, name: str, topic: str) -> None:
    body = json.dumps({"id": 1, name: OTHER}).encode()
    assert post(desk, body, Topic=topic).status_code == 401
    assert kept() == 0
    assert post(desk, body, Topic=topic, Shop_Domain=OTHER).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"a":', id="cut off"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param(b'{"a":' * 100_000, id="deep and cut off"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="a number without end"),
    ],
)
def test_a_signed_body_that_is_no_message_is_refused_and_not_kept(desk: Desk, body: bytes) -> None:
    assert post(desk, body).status_code == 401
    assert kept() == 0


@pytest.mark.parametrize("body", [b'{"a":' * 100_000, b'{"a":' + b"9" * 5000 + b"}", b"[1]", b'"x"', b"1", b"\xff"])
def test_an_unsigned_body_that_chokes_a_parser_is_a_refusal_and_no_crash(desk: Desk, body: bytes) -> None:
    assert post(desk, body, signature="bm9ib2R5").status_code == 401
    assert kept() == 0


def test_a_body_beyond_all_bounds_is_refused_before_it_is_read(desk: Desk) -> None:
    body = b'{"a":"' + b"x" * 20_000_000 + b'"}'
    assert post(desk, body, signature="x").status_code == 413
    assert kept() == 0


@pytest.mark.parametrize("signature", ["é" * 10, "\u20ac", "=" * 44, "A" * 100_000, " ", "null"])
def test_a_strange_signature_is_a_refusal_and_no_crash(desk: Desk, signature: str) -> None:
    latin = signature.encode().decode("latin-1")
    assert post(desk, b"{}", signature=latin).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Triggered_At": "0001-01-01T00:00:00+14:00"},
        {"Triggered_At": "9999-12-31T23:59:59-14:00"},
        {"Triggered_At": "yesterday"},
    ],
)
def test_an_unsigned_time_beyond_the_calendar_does_no_harm(desk: Desk, headers: dict[str, Any]) -> None:
    assert post(desk, b"{}", Topic="shop/update", **headers).status_code == 200
    assert kept() == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Shop_Domain": ""},
        {"Shop_Domain": "evil.test"},
        {"Shop_Domain": "*.myshopify.com"},
        {"Topic": ""},
        {"Topic": "../../etc"},
        {"Topic": f"orders/{'x' * 114}"},
        {"Webhook_Id": ""},
        {"Webhook_Id": "x" * 121},
        {"Webhook_Id": "a b"},
    ],
)
def test_a_delivery_that_does_not_say_what_it_is_is_not_kept(desk: Desk, headers: dict[str, str]) -> None:
    assert post(desk, b"{}", **headers).status_code == 400
    assert kept() == 0


@pytest.mark.parametrize("topic", ["made/up", "orders/create", "app/uninstalled/now"])
def test_a_topic_nobody_listens_to_is_no_error(desk: Desk, topic: str) -> None:
    assert post(desk, b"{}", Topic=topic).status_code == 200
