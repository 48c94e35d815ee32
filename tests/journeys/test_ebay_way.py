"""eBay's way over loopback HTTP: linked by login, orders in, packages and stock out, access revoked, told, given again."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import AccountStatus, Listing, Order, OrderState
from tests.journeys.life import Life, settled

pytestmark = pytest.mark.journey


class Trader:
    """A user of eBay whose account is connected, and what happens to him there."""

    def __init__(self, life: Life, **wish: Any) -> None:
        self.life = life
        self.id: str = life.box.post("/ebay/sellers", {"business": "Blue Lamp eBay", **wish})["user_id"]
        self.account_id = 0

    def connect(self) -> Trader:
        self.account_id = self.life.connect(self.id, channel="ebay")
        return self

    def state(self, **wish: Any) -> Any:
        return self.life.box.post(f"/ebay/sellers/{self.id}/state", wish)

    def sell(self, **wish: Any) -> str:
        (order_id,) = self.life.box.post(f"/ebay/sellers/{self.id}/orders", {"sku": "MUG", **wish})["order_ids"]
        return str(order_id)

    def change(self, order_id: str, **wish: Any) -> None:
        self.life.box.post(f"/ebay/sellers/{self.id}/orders/{order_id}", wish)

    def there(self, order_id: str) -> dict[str, Any]:
        orders = self.life.box.get(f"/ebay/sellers/{self.id}/orders")
        return next(dict(one) for one in orders if one["orderId"] == order_id)

    def listed(self) -> dict[str, tuple[str, int]]:
        """Price and quantity by SKU, as eBay sells them."""
        rows = self.life.box.get(f"/ebay/sellers/{self.id}/listings")
        return {
            row["sku"]: (row["offer"]["pricingSummary"]["price"]["value"], row["offer"]["availableQuantity"])
            for row in rows
        }

    def calls(self, operation: str) -> int:
        return len(self.life.box.ledger(system="ebay", effect=f"ebay.{operation}", key=self.id))

    def status(self) -> str:
        return self.life.account(self.account_id).status


@pytest.fixture
def trader(life: Life) -> Trader:
    life.product("MUG", available=50)
    return Trader(life).connect()


def _heard(life: Life) -> int:
    sent = [row["body"] for row in life.box.ledger(system="shopify", effect="webhook.sent")]
    return sum(one["shop"] == life.domain and one["status"] == 200 for one in sent)


def _until_heard(life: Life, before: int) -> None:
    ends = time.monotonic() + 10
    while _heard(life) == before and time.monotonic() < ends:
        time.sleep(0.05)
    life.work(seconds=1)


def _imported(life: Life, trader: Trader, **wish: Any) -> str:
    order_id = trader.sell(**wish)
    life.sync(trader.account_id)
    life.work(seconds=5)
    assert life.order(order_id).state == OrderState.IMPORTED
    return order_id


def test_linked_by_login_with_its_known_end_and_every_site(life: Life, trader: Trader) -> None:
    account = life.account(trader.account_id)
    assert (account.channel, account.realm, account.seller_id) == ("ebay", "ebay", trader.id)
    assert account.expires_at is not None
    assert account.authorised_at is not None
    assert 547 <= (account.expires_at - account.authorised_at).days <= 548
    text = settled(life.merchant.visit(f"/accounts/{trader.account_id}"))
    assert "Blue Lamp eBay" in text
    assert "eBay.de" in text
    assert "eBay.co.uk" in text


def test_orders_of_every_site_are_imported_once_to_the_cent(life: Life, trader: Trader) -> None:
    ids = [
        trader.sell(price="19.90", quantity=2, shipping="4.99"),
        trader.sell(site="EBAY_US", price="100.00", tax="8.25"),
        trader.sell(price="10.00", quantity=3, hub=True),
    ]
    for _ in range(3):
        life.work(minutes=2)
    assert sorted(life.created()) == sorted(ids)
    assert [life.order(one).total_minor for one in ids] == [4479, 10825, 3000]
    assert life.order(ids[2]).payload["ship_to"]["line2"] == "UPAAA0000001"
    assert "Ship to the marketplace's hub" in settled(life.merchant.visit(f"/orders/{life.order(ids[2]).id}"))


def test_a_cancellation_there_is_one_in_the_shop_and_a_request_is_only_flagged(life: Life, trader: Trader) -> None:
    gone, asked = _imported(life, trader), trader.sell()
    trader.change(gone, cancel="done")
    trader.change(asked, cancel="asked")
    for _ in range(3):
        life.work(minutes=5)
    assert life.order(gone).cancel_mirrored_at is not None
    assert life.order(asked).state == OrderState.IMPORTED
    assert "The buyer asks to cancel" in settled(life.merchant.visit(f"/orders/{life.order(asked).id}"))


def test_a_package_is_told_once_even_if_the_answer_was_lost(life: Life, trader: Trader) -> None:
    order_id = _imported(life, trader)
    life.box.fault("ebay", "commit_then_reset", "createShippingFulfillment", times=1, match={"seller": trader.id})
    before = _heard(life)
    wish = {"tracking": "JJD 0001-42", "company": "DHL Paket"}
    life.box.post(f"/shops/{life.domain}/orders/{order_id}/fulfillments", wish)
    _until_heard(life, before)
    for _ in range(3):
        life.work(minutes=6)
    (package,) = trader.there(order_id)["shipments"]
    assert (package["shipmentTrackingNumber"], package["shippingCarrierCode"]) == ("JJD000142", "DHL")
    assert trader.there(order_id)["orderFulfillmentStatus"] == "FULFILLED"
    assert trader.calls("createShippingFulfillment") == 1
    assert not life.incidents("fulfillment_failed")


def _selling(life: Life, trader: Trader, *skus: str) -> None:
    """List the SKUs there, let them be read and linked, and switch pushing on."""
    for sku in skus:
        wish = {"sku": sku, "price": "19.90", "quantity": 5}
        life.box.post(f"/ebay/sellers/{trader.id}/listings", wish)
    for _ in range(12):
        life.work(seconds=61)
        with db.reading() as s:
            linked = s.scalars(select(Listing.variant_id).where(Listing.shop_id == life.shop_id)).all()
        if len(linked) == len(skus) and all(linked):
            break
    page = life.merchant.visit(f"/accounts/{trader.account_id}")
    page = life.merchant.submit(page, "pushing", stock="1", price="1")
    life.work(seconds=1)
    page = life.merchant.visit(page.url.split("?")[0])
    assert "Here and there: what would change" in settled(page)
    life.merchant.submit(page, "yes")
    for _ in range(4):
        life.work(seconds=65)


def test_prices_and_stock_are_pushed_together_and_one_that_is_refused_says_why(life: Life) -> None:
    for sku in ("MUG", "CUP", "CAN"):
        life.product(sku, price="24.90", available=7)
    trader = Trader(life).connect()
    life.box.post(f"/ebay/sellers/{trader.id}/refusals", {"sku": "CAN", "message": "Too many revisions today."})
    _selling(life, trader, "MUG", "CUP", "CAN")
    assert trader.listed() == {"MUG": ("24.90", 7), "CUP": ("24.90", 7), "CAN": ("19.90", 5)}
    with db.reading() as s:
        (refused,) = s.scalars(select(Listing).where(Listing.status == "update_error")).all()
    assert refused.sku == "CAN"
    assert "Too many revisions today." in settled(life.merchant.visit(f"/listings/{refused.id}"))
    before = _heard(life)
    life.box.patch(f"/shops/{life.domain}/variants/sku:MUG", {"available": 0})
    _until_heard(life, before)
    for _ in range(3):
        life.work(seconds=65)
    assert trader.listed()["MUG"] == ("24.90", 0)


def test_a_revocation_is_told_by_ebay_flagged_at_once_and_healed_by_a_login(life: Life, trader: Trader) -> None:
    life.tick("account_expired")
    _imported(life, trader)
    assert trader.state(authorisation="revoked", tell=True, reason="PASSWORD_CHANGE")["notice"] == 204
    assert trader.status() == AccountStatus.REVOKED, "before any poll has met it"
    searches, missed = trader.calls("getOrders"), trader.sell()
    life.work(minutes=2)
    (incident,) = life.incidents("account_expired")
    assert incident.params["channel"] == "eBay"
    (mail,) = life.mails()
    assert "eBay" in mail["text"]
    assert trader.calls("getOrders") == searches, "polling has stopped"
    page = life.merchant.visit(life.merchant.visit("/accounts").link("Reconnect store"))
    assert "Access ends at once when the password" in settled(page)
    left = life.merchant.submit(page, "continue")
    life.merchant.leave(left, trader.id)
    assert "prompt=login" in _consent(life, trader), "whoever is logged in must not be taken for the seller"
    life.work(minutes=2)
    assert trader.status() == AccountStatus.ACTIVE
    assert not life.incidents("account_expired")
    assert not life.banners()
    assert missed in life.created()
    assert len(life.mails()) == 1


def _consent(life: Life, trader: Trader) -> str:
    """Where another repair would send the browser."""
    page = life.merchant.visit(f"/accounts/{trader.account_id}")
    answer = life.merchant.submit(page, "account", log_in_again="1")
    left = life.merchant.top.get(answer.headers["X-Relay-Top"], timeout=30, allow_redirects=False)
    return str(left.headers["Location"])


def test_the_wrong_user_changes_nothing(life: Life, trader: Trader) -> None:
    trader.state(authorisation="revoked", tell=True)
    other = Trader(life)
    page = life.merchant.visit(life.merchant.visit("/accounts").link("Reconnect store"))
    told = life.merchant.leave(life.merchant.submit(page, "continue"), other.id)
    assert trader.id in settled(told)
    assert other.id in told.text
    assert trader.status() == AccountStatus.REVOKED


def test_the_address_for_notices_is_proved_and_forged_messages_are_not_believed(life: Life, trader: Trader) -> None:
    assert life.box.post("/ebay/challenge")["ours"] is True
    data = {"userId": trader.id, "username": "x", "revokeReason": "REVOKED_BY_USER"}
    told = {"topic": "AUTHORIZATION_REVOCATION", "data": data}
    assert life.box.post("/ebay/notices", {**told, "forged": True})["status"] == 412
    assert life.box.post("/ebay/notices", told)["status"] == 204
    assert trader.status() == AccountStatus.ACTIVE, "it was looked at, and the access works"
    assert len(life.box.ledger(effect="ebay.getPublicKey")) <= 1, "the key is remembered"


def test_a_buyer_who_closes_his_account_is_forgotten(life: Life, trader: Trader) -> None:
    gone = _imported(life, trader, username="buyer_who_goes", buyer="Mia Muster")
    kept = _imported(life, trader, username="buyer_who_stays", buyer="Jonas Muster")
    notice = {"topic": "MARKETPLACE_ACCOUNT_DELETION", "data": {"userId": "uGone1", "username": "buyer_who_goes"}}
    for _ in range(2):
        assert life.box.post("/ebay/notices", notice)["status"] == 204
    with db.reading() as s:
        rows = {row.remote_order_id: row.buyer_name for row in s.scalars(select(Order))}
    assert rows == {gone: "", kept: "Jonas Muster"}
    assert life.order(gone).purged_at is not None
    assert life.order(gone).purged_at <= clock.now()  # type: ignore[operator]


def test_a_suspended_seller_is_inactive_and_comes_back_by_itself(life: Life, trader: Trader) -> None:
    trader.state(status="ACCOUNTONHOLD")
    order_id = _imported(life, trader)
    trader.state(suspended=True)
    before = _heard(life)
    life.box.post(f"/shops/{life.domain}/orders/{order_id}/fulfillments", {"tracking": "A1", "company": "DHL"})
    _until_heard(life, before)
    assert trader.status() == AccountStatus.INACTIVE
    assert "messages about the state of your account" in settled(
        life.merchant.visit(f"/accounts/{trader.account_id}/repair")
    )
    trader.state(status="CONFIRMED", suspended=False)
    for _ in range(4):
        life.work(minutes=40)
    assert trader.status() == AccountStatus.ACTIVE
    assert len(trader.there(order_id)["shipments"]) == 1
