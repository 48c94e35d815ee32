"""The stand-in's messages to the receiver, and the switches that send them."""

import base64
import hashlib
import hmac
import json

import pytest

from tests.sandbox.shopify.client import until
from tests.sandbox.shopify.webhooks import RETRIES, TOPICS, sign


def arrived(receiver, shop, topic=None, count=1):
    return until(lambda: found if len(found := receiver.of(shop, topic)) >= count else None)


def test_the_signature_is_the_vendors():
    assert sign("test_secret_key", b'{"foo": "bar"}') == "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="


def test_a_message_is_signed_over_its_bytes_and_carries_every_header(shop, receiver):
    shop.settings(email="new@owner.example")
    path, headers, body = arrived(receiver, shop, "shop/update")[0]
    assert path == "/webhooks/shopify"
    expected = base64.b64encode(hmac.new(shop.app[1].encode(), body, hashlib.sha256).digest()).decode()
    assert headers["x-shopify-hmac-sha256"] == expected
    names = ("topic", "shop-domain", "api-version", "webhook-id", "event-id", "triggered-at", "name")
    assert all(headers[f"x-shopify-{name}"] for name in names)
    assert json.loads(body)["email"] == "new@owner.example"


def test_an_uninstall_is_told_although_the_app_is_gone_and_nothing_else_is(shop, receiver):
    shop.settings(uninstalled=True)
    shop.settings(email="new@owner.example")
    arrived(receiver, shop, "app/uninstalled")
    until(lambda: shop.look()["webhooks_waiting"] == 0)
    assert [headers["x-shopify-topic"] for _, headers, _ in receiver.of(shop)] == ["app/uninstalled"]


def test_changed_scopes_are_told_with_what_was_before(shop, receiver):
    shop.settings(scopes_granted=["read_orders"])
    told = json.loads(arrived(receiver, shop, "app/scopes_update")[0][2])
    assert told["current"] == ["read_orders"]
    assert "write_orders" in told["previous"]


def test_products_are_told_and_their_stock_by_a_topic_of_its_own(shop, receiver):
    variant = shop.product(sku="A-1")["variant_id"]
    shop.control(f"variants/{variant}", {"available": 3}, "PATCH")
    shop.control(f"variants/{variant}", {"sku": "B-1"}, "PATCH")
    told = json.loads(arrived(receiver, shop, "products/update")[0][2])
    assert told["variants"][0]["sku"] == "B-1"
    assert len(receiver.of(shop, "products/update")) == 1
    assert len(receiver.of(shop, "products/create")) == 1


def test_an_order_cancelled_in_the_admin_is_told(shop, receiver):
    order = shop.create()["order"]["id"]
    shop.control(f"orders/{order.rsplit('/', 1)[-1]}/cancel", {})
    told = json.loads(arrived(receiver, shop, "orders/cancelled")[0][2])
    assert told["admin_graphql_api_id"] == order
    assert told["cancelled_at"]


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_every_topic_can_be_sent_by_hand_to_a_shop_without_the_app(make_shop, receiver, topic):
    shop = make_shop()
    shop.control("webhooks", {"topic": topic})
    assert isinstance(json.loads(arrived(receiver, shop, topic)[0][2]), dict)


def test_a_message_by_hand_can_be_doubled_late_old_and_forged(shop, receiver):
    wish = {"topic": "shop/update", "payload": {"id": 1}, "copies": 2, "webhook_id": "w-1", "bad_hmac": True}
    wish |= {"triggered_at": "2020-01-01T00:00:00Z", "delay_seconds": 0.2}
    assert shop.control("webhooks", wish) == {"webhook_id": "w-1"}
    assert receiver.of(shop) == []
    first, second = arrived(receiver, shop, count=2)
    assert first == second
    assert first[1]["x-shopify-webhook-id"] == "w-1"
    assert first[1]["x-shopify-triggered-at"] == "2020-01-01T00:00:00Z"
    assert first[1]["x-shopify-hmac-sha256"] != sign(shop.app[1], first[2])


def test_two_messages_can_overtake_each_other(shop, receiver):
    shop.control("webhooks", {"topic": "shop/update", "webhook_id": "first", "delay_seconds": 0.3})
    shop.control("webhooks", {"topic": "shop/update", "webhook_id": "second"})
    assert [one[1]["x-shopify-webhook-id"] for one in arrived(receiver, shop, count=2)] == ["second", "first"]


def test_a_refused_message_is_sent_again_with_the_same_id(timed_shop, receiver, later):
    receiver.answers[timed_shop.domain] = [500, 500]
    timed_shop.control("webhooks", {"topic": "shop/redact"})
    for tries, wait in ((1, 0), (2, RETRIES[0]), (3, RETRIES[1])):
        later(wait)
        assert len(arrived(receiver, timed_shop, count=tries)) == tries
        until(lambda seen=tries: len(timed_shop.ledger("webhook.sent")) == seen)
    sent = [one["body"] for one in timed_shop.ledger("webhook.sent")]
    assert [(one["status"], one["will_retry"]) for one in sent] == [(500, True), (500, True), (200, False)]
    assert len({one["webhook_id"] for one in sent}) == 1


def test_after_eight_retries_within_four_hours_a_message_is_given_up(timed_shop, receiver, later, own_sandbox):
    assert len(RETRIES) == 8
    assert sum(RETRIES) <= 4 * 3600
    own_sandbox.world.settings.app_url = "http://127.0.0.1:9"
    timed_shop.control("webhooks", {"topic": "shop/redact"})
    for number, wait in enumerate((*RETRIES, 0), 1):
        until(lambda seen=number: len(timed_shop.ledger("webhook.sent")) == seen)
        later(wait)
    last = timed_shop.ledger("webhook.sent")[-1]["body"]
    assert (last["status"], last["try"], last["will_retry"]) == (None, 9, False)
    assert timed_shop.look()["webhooks_waiting"] == 0


def test_nonsense_at_the_switches_is_a_bad_request(shop):
    base = f"{shop.url}/_sandbox/shops/{shop.domain}"
    for path, wish in (
        ("/settings", {"colour": "red"}),
        ("/settings", {"frozen": "yes"}),
        ("/webhooks", {}),
        ("/products", {"price": "dear"}),
        ("/orders", {"total": "dear"}),
        ("/orders", {"colour": "red"}),
    ):
        answer = shop.session.post(base + path, json=wish, timeout=10)
        assert (answer.status_code, set(answer.json())) == (400, {"error"}), path
    assert shop.session.get(f"{shop.url}/_sandbox/shops/nobody", timeout=10).status_code == 400
    taken = shop.session.post(f"{shop.url}/_sandbox/shops", json={"name": shop.made["name"]}, timeout=10)
    assert taken.status_code == 400
