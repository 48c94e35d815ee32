"""The way of shipments over loopback HTTP: shipped in Shopify, told by its messages, reported, refused, mended, cancelled."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import OrderState, Shipment, ShipmentState
from tests.journeys.life import Life, settled

pytestmark = pytest.mark.journey


class Packer:
    """The person who packs and the marketplace that is told, for one shop and seller."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.seller = life.seller()
        self.account_id = life.connect(self.seller)
        life.product("MUG", available=50)

    def sold(self, **wish: Any) -> str:
        (order_id,) = self.life.sell(self.seller, **{"sku": "MUG", **wish})
        self.life.sync(self.account_id)
        self.life.work(seconds=5)
        return order_id

    def ship(self, order_id: str, tracking: str | None, company: str = "UPS", **wish: Any) -> None:
        self._table(order_id, "fulfillments", {"tracking": tracking, "company": company, **wish})

    def change(self, order_id: str, **wish: Any) -> None:
        self._table(order_id, "fulfillments/1", wish)

    def _table(self, order_id: str, what: str, wish: dict[str, Any]) -> None:
        before = self._heard()
        self.life.box.post(f"/shops/{self.life.domain}/orders/{order_id}/{what}", wish)
        ends = time.monotonic() + 10
        while self._heard() == before and time.monotonic() < ends:
            time.sleep(0.05)
        self.life.work(seconds=1)

    def _heard(self) -> int:
        sent = [row["body"] for row in self.life.box.ledger(system="shopify", effect="webhook.sent")]
        return sum(one["shop"] == self.life.domain and one["status"] == 200 for one in sent)

    def there(self, order_id: str) -> dict[str, Any]:
        orders = self.life.box.get(f"/amazon/sellers/{self.seller}/orders")
        (found,) = [one for one in orders if one["orderId"] == order_id]
        return dict(found)

    def confirmations(self, effect: str = "shipment.confirmed") -> list[dict[str, Any]]:
        rows = [row["body"] for row in self.life.box.ledger(system="amazon", effect=effect)]
        return [one for one in rows if one["seller"] == self.seller]

    def page(self, order_id: str) -> str:
        return settled(self.life.merchant.visit(f"/orders/{self.life.order(order_id).id}"))

    def stock(self) -> int:
        products = self.life.box.get(f"/shops/{self.life.domain}")["products"]
        return int(next(one["available"] for one in products if one["sku"] == "MUG"))


def test_what_is_shipped_is_confirmed_in_parts_and_packages_with_the_newest_number(life: Life) -> None:
    packer = Packer(life)
    order_id = packer.sold(quantity=3)
    packer.ship(order_id, "TRACK-1", "royal mail", lines=[{"sku": "MUG", "quantity": 1}])
    assert packer.there(order_id)["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"
    packer.ship(order_id, "TRACK-2", "Foo Cargo")
    assert packer.there(order_id)["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    packer.change(order_id, tracking="TRACK-3")
    packages = {one["trackingNumber"]: one for one in packer.there(order_id)["packages"]}
    told = {number: (one["carrier"], one["packageItems"][0]["quantity"]) for number, one in packages.items()}
    assert told == {"TRACK-3": ("Royal Mail", 1), "TRACK-2": ("Foo Cargo", 2)}
    assert len(packer.confirmations()) == 2
    text = packer.page(order_id)
    assert "Accepted by Amazon" in text
    assert "TRACK-3" in text
    assert "Replaced by a newer number" in text
    assert "Tracking accepted by the marketplace" in text


def test_refused_mailed_with_id_and_deadline_then_mended_and_sent(life: Life) -> None:
    life.tick("fulfillment_failed")
    packer = Packer(life)
    order_id = packer.sold()
    packer.ship(order_id, "??")
    life.work(seconds=90)
    (mail,) = life.mails()
    assert order_id in mail["subject"]
    body = mail["text"] if "text" in mail else str(mail)
    assert order_id in body
    assert "TrackingNumber: is invalid" in body
    assert "Ship by" in body
    assert "correct it at the fulfillment in Shopify" in body
    assert "The tracking number is not accepted" in packer.page(order_id)
    assert "Shipments that the marketplace did not accept" in settled(life.merchant.visit("/"))
    page = life.merchant.visit(f"/orders/{life.order(order_id).id}")
    life.merchant.submit(page, "send-tracking")
    life.work(seconds=1)
    assert "The tracking number is not accepted" in packer.page(order_id)
    packer.change(order_id, tracking="GOOD-1")
    assert packer.there(order_id)["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert life.incidents("fulfillment_failed") == []
    life.work(minutes=30)
    assert len(life.mails()) == 1
    assert "Shipments that the marketplace did not accept" not in settled(life.merchant.visit("/"))


def test_a_lost_answer_and_a_lost_message_end_in_one_confirmation(life: Life) -> None:
    packer = Packer(life)
    first, second = packer.sold(), packer.sold()
    life.box.fault("amazon", "commit_then_reset", "confirmShipment", times=1, match={"seller": packer.seller})
    packer.ship(first, "TRACK-1")
    # No message reaches us about the second one: the regular look finds it.
    life.box.post("/settings", {"app_url": "http://127.0.0.1:9"})
    try:
        wish = {"tracking": "TRACK-2", "company": "UPS"}
        life.box.post(f"/shops/{life.domain}/orders/{second}/fulfillments", wish)
        for _ in range(3):
            life.work(minutes=10)
    finally:
        life.box.post("/settings", {"app_url": life.box.app_url})
    numbers = sorted(one["trackingNumber"] for one in packer.confirmations())
    assert numbers == ["TRACK-1", "TRACK-2"]
    assert packer.confirmations("shipment.edited") == []
    with db.reading() as s:
        rows = s.scalars(select(Shipment).order_by(Shipment.id)).all()
        assert [row.state for row in rows] == [ShipmentState.SENT] * 2


def test_a_missing_number_is_told_before_anything_is_sent(life: Life) -> None:
    life.tick("fulfillment_failed")
    packer = Packer(life)
    order_id = packer.sold()
    packer.ship(order_id, None, "")
    assert "waits a few minutes for its tracking number" in packer.page(order_id)
    for _ in range(3):
        life.work(minutes=6)
    (mail,) = life.mails()
    assert order_id in mail["subject"]
    assert packer.confirmations() == []
    packer.change(order_id, tracking="LATER-1", company="Purolator")
    assert [one["carrier"] for one in packer.confirmations()] == ["Purolator"]
    assert life.incidents("fulfillment_failed") == []


def test_a_cancellation_puts_stock_back_as_the_account_says_and_once(life: Life) -> None:
    packer = Packer(life)
    left = packer.stock()
    for rule, back in (("yes", 2), ("no", 0), ("ask", 2)):
        page = life.merchant.visit(f"/accounts/{packer.account_id}")
        assert life.merchant.submit(page, "shipping", restock=rule).status == 200
        order_id = packer.sold(quantity=2)
        assert packer.stock() == left - 2
        life.box.post(f"/amazon/sellers/{packer.seller}/orders/{order_id}", {"status": "CANCELLED"})
        for _ in range(2):
            life.sync(packer.account_id)
            life.work(minutes=5)
        if rule == "ask":
            assert packer.stock() == left - 2
            assert not next(one for one in life.in_shopify() if one["source_identifier"] == order_id)["cancelled_at"]
            page = life.merchant.visit(f"/orders/{life.order(order_id).id}")
            life.merchant.submit(page, "restock-yes")
            life.work(minutes=5)
            life.work(minutes=5)
        left += back - 2
        assert packer.stock() == left, rule
        assert "Left to do" not in packer.page(order_id), "our own cancellation is no step for the merchant"
    cancels = [one for one in life.box.ledger(effect="order.cancelled") if one["body"]["shop"] == life.domain]
    assert len(cancels) == 3
    assert life.incidents("restock_asked") == []


def test_what_amazon_ships_itself_never_sends_a_shipment_and_never_touches_own_stock(life: Life) -> None:
    packer = Packer(life)
    wish = {"sku": "MUG", "quantity": 2, "fulfilled_by": "AMAZON", "status": "SHIPPED"}
    (left,) = life.sell(packer.seller, **wish)
    life.sync(packer.account_id)
    assert life.order(left).state == OrderState.IGNORED
    page = life.merchant.visit(f"/accounts/{packer.account_id}")
    life.merchant.submit(page, "shipping", by_channel="1")
    (pending,) = life.sell(packer.seller, **{**wish, "status": "UNSHIPPED"})
    (taken,) = life.sell(packer.seller, **wish)
    life.sync(packer.account_id)
    life.work(seconds=5)
    assert [life.order(one).state for one in (left, pending, taken)] == ["ignored", "ignored", "imported"]
    (made,) = life.in_shopify()
    assert (made["source_identifier"], made["fulfillment"], made["inventory_behaviour"]) == (
        taken,
        "FULFILLED",
        "BYPASS",
    )
    assert packer.stock() == 50
    packer.ship(taken, "NOT-OURS")
    life.work(minutes=20)
    assert life.box.ledger(effect="amazon.confirmShipment", key=packer.seller) == [], "not even asked"
    life.box.post(f"/amazon/sellers/{packer.seller}/orders/{pending}", {"status": "SHIPPED"})
    life.sync(packer.account_id)
    life.work(seconds=5)
    assert life.order(pending).state == OrderState.IMPORTED
    assert packer.stock() == 50
