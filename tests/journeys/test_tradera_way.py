"""Tradera's own ways over loopback HTTP: a token login, auctions that wait for payment, shipping without a number, and
access that ends on a day and is not renewed.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from shopapp import clock
from shopapp.records.models import AccountStatus, HeldReason, OrderState
from tests.journeys.life import Life, settled

pytestmark = pytest.mark.journey


class Auctioneer:
    """A member of Tradera whose account is connected, and what happens to him there."""

    def __init__(self, life: Life, **wish: Any) -> None:
        self.life = life
        self.id: str = life.box.post("/tradera/sellers", wish)["seller_id"]
        self.account_id = 0

    def connect(self) -> Auctioneer:
        self.account_id = self.life.connect(self.id, channel="tradera")
        return self

    def state(self, **wish: Any) -> None:
        self.life.box.post(f"/tradera/sellers/{self.id}/state", wish)

    def sell(self, **wish: Any) -> str:
        (order_id,) = self.life.box.post(f"/tradera/sellers/{self.id}/orders", wish)["order_ids"]
        return str(order_id)

    def pay(self, order_id: str) -> None:
        self.life.box.post(f"/tradera/sellers/{self.id}/orders/{order_id}", {"pay": True})

    def shipped(self) -> list[str]:
        orders = self.life.box.get(f"/tradera/sellers/{self.id}/orders")
        return [str(order["orderId"]) for order in orders if order["shipped"]]

    def calls(self, method: str) -> list[dict[str, Any]]:
        return self.life.box.ledger(system="tradera", effect=f"tradera.{method}", key=self.id)

    def status(self) -> str:
        return self.life.account(self.account_id).status


@pytest.fixture
def seller(life: Life) -> Auctioneer:
    life.product("LAMP")
    life.product("VASE")
    return Auctioneer(life, name="Lampboden").connect()


def test_a_login_links_the_member_and_no_secret_is_on_any_page(life: Life, seller: Auctioneer) -> None:
    account = life.account(seller.account_id)
    assert (account.channel, account.seller_id, account.status) == ("tradera", seller.id, AccountStatus.ACTIVE)
    assert account.expires_at is not None
    assert timedelta(days=500) < account.expires_at - clock.now() < timedelta(days=600)
    text = settled(life.merchant.visit(f"/accounts/{seller.account_id}"))
    assert seller.id in text
    assert "Lampboden" in text
    assert "5a8d1c20" not in text


def test_a_login_that_is_declined_links_nothing_and_can_be_taken_up_again(life: Life) -> None:
    seller = Auctioneer(life)
    page = life.merchant.visit("/accounts/new/tradera")
    back = life.merchant.leave(life.merchant.submit(page, "login"), seller.id, cancel=True)
    assert "Tradera" in settled(back)
    assert "tok-" not in back.text
    assert not seller.calls("getMe")
    seller.connect()
    assert seller.status() == AccountStatus.ACTIVE


def test_a_token_that_comes_a_moment_late_is_waited_for_once(life: Life) -> None:
    seller = Auctioneer(life)
    seller.state(token_delay_seconds=1)
    seller.connect()
    assert seller.status() == AccountStatus.ACTIVE
    assert [row["body"]["status"] for row in life.box.ledger(effect="tradera.fetchToken")][-2:] == [200, 200]


def test_an_auction_waits_until_its_buyer_has_paid_and_is_imported_once(life: Life, seller: Auctioneer) -> None:
    bought = seller.sell(sku="LAMP", price=299, quantity=2, shipping=69)
    won = seller.sell(sku="VASE", price=120, type="auction", shipping=49)
    life.sync(seller.account_id)
    life.work(seconds=5)
    assert life.created() == [bought]
    row = life.order(won)
    assert (row.state, row.held_reason, row.total_minor) == (OrderState.HELD, HeldReason.PAYMENT, 16900)
    for _ in range(3):
        life.work(minutes=20)  # it is looked at again and again, and nobody is told of trouble
    assert life.order(won).state == OrderState.HELD
    assert not life.incidents("order_import_failed")
    assert not life.mails()
    assert "has not paid yet" in settled(life.merchant.visit(f"/orders/{row.id}"))
    seller.pay(won)
    life.work(minutes=20)
    life.work(seconds=5)
    assert life.created() == [bought, won]
    assert [life.order(one).total_minor for one in (bought, won)] == [66700, 16900]
    life.work(minutes=20)
    assert life.created() == [bought, won]


def test_a_fulfilment_marks_the_order_as_shipped_and_the_page_says_that_no_number_is_sent(
    life: Life, seller: Auctioneer
) -> None:
    order_id = seller.sell(sku="LAMP", price=100, quantity=2)
    life.sync(seller.account_id)
    life.work(seconds=5)
    assert not seller.shipped()
    _ship(life, order_id, "UA123456789SE")
    assert seller.shipped() == [order_id]
    text = settled(life.merchant.visit(f"/orders/{life.order(order_id).id}"))
    assert "Tradera takes no tracking number" in text
    assert "Accepted" in text
    _ship(life, order_id, "OTHER-NUMBER", change=True)
    life.work(minutes=5)
    assert len(life.box.ledger(system="tradera", effect="shipment.confirmed", key=order_id)) == 1
    assert not life.box.ledger(system="tradera", effect="shipment.repeated", key=order_id)
    assert not life.incidents("fulfillment_failed")


def test_an_order_shipped_in_parts_is_marked_with_its_last_package(life: Life, seller: Auctioneer) -> None:
    order_id = seller.sell(sku="LAMP", price=100, quantity=3)
    life.sync(seller.account_id)
    life.work(seconds=5)
    _ship(life, order_id, "FIRST", lines=[{"sku": "LAMP", "quantity": 1}])
    assert not seller.shipped()
    assert "with its last package" in settled(life.merchant.visit(f"/orders/{life.order(order_id).id}"))
    _ship(life, order_id, "SECOND")
    assert seller.shipped() == [order_id]


def _ship(life: Life, order_id: str, tracking: str, *, change: bool = False, **wish: Any) -> None:
    what = "fulfillments/1" if change else "fulfillments"
    sent = len(_heard(life))
    body = {"tracking": tracking, "company": "PostNord", **wish}
    life.box.post(f"/shops/{life.domain}/orders/{order_id}/{what}", body)
    ends = time.monotonic() + 10
    while len(_heard(life)) == sent and time.monotonic() < ends:
        time.sleep(0.05)
    life.work(seconds=1)


def _heard(life: Life) -> list[dict[str, Any]]:
    sent = [row["body"] for row in life.box.ledger(system="shopify", effect="webhook.sent")]
    return [one for one in sent if one["shop"] == life.domain and one["status"] == 200]


def test_access_that_ends_is_told_before_flagged_when_it_ends_and_repaired_by_a_login(life: Life) -> None:
    life.product("LAMP")
    seller = Auctioneer(life)
    seller.state(token_days=9)
    end = life.account(seller.connect().account_id).expires_at
    assert end is not None
    life.stand_at(end - timedelta(days=7, hours=-1))
    life.work()
    life.work(minutes=2)
    notices = life.incidents("expiry_notice")
    assert [one.params["step"] for one in notices] == [7]
    assert seller.status() == AccountStatus.ACTIVE
    life.stand_at(end + timedelta(minutes=1))
    life.work()
    life.work(minutes=20)
    assert seller.status() == AccountStatus.EXPIRED
    (trouble,) = life.incidents("account_expired")
    assert trouble.params["cause"] == "expired"
    assert not life.incidents("expiry_notice")
    assert "The user token is invalid or has expired." in settled(life.merchant.visit(f"/accounts/{seller.account_id}"))
    missed = seller.sell(sku="LAMP", price=100)
    page = life.merchant.visit(f"/accounts/{seller.account_id}")
    back = life.merchant.leave(life.merchant.submit(page, "account"), seller.id)
    assert back.status == 200
    life.work(seconds=5)
    life.work(seconds=5)
    assert seller.status() == AccountStatus.ACTIVE
    assert not life.incidents("account_expired")
    assert missed in life.created()


def test_access_that_is_taken_away_is_told_apart_from_access_that_ended(life: Life, seller: Auctioneer) -> None:
    seller.state(authorisation="revoked")
    life.work(minutes=20)
    assert seller.status() == AccountStatus.REVOKED
    page = settled(life.merchant.visit(f"/accounts/{seller.account_id}/repair"))
    assert "Continue" in page
    life.work(minutes=2)
    (mail,) = life.mails()
    assert "Tradera" in mail["text"]


def test_a_member_who_may_not_sell_is_inactive_and_heals_by_himself(life: Life, seller: Auctioneer) -> None:
    seller.state(active=False)
    life.work(minutes=20)
    assert seller.status() == AccountStatus.INACTIVE
    seller.state(active=True)
    life.work(hours=1, minutes=5)
    assert seller.status() == AccountStatus.ACTIVE


def test_our_own_key_that_is_refused_breaks_no_account_and_tells_the_operator(life: Life, seller: Auctioneer) -> None:
    life.box.post("/tradera/settings", {"app_refused": True})
    try:
        life.work(minutes=20)
        life.work(minutes=2)
    finally:
        life.box.post("/tradera/settings", {"app_refused": False})
    assert seller.status() == AccountStatus.ACTIVE
    assert len(life.incidents("our_fault")) == 1
    assert [mail for mail in life.box.mails("operator@shopapp.test") if "Tradera" in mail["text"]]
    life.work(minutes=20)
    assert not life.incidents("our_fault")


def test_the_days_calls_of_a_method_stop_the_polls_and_nothing_else(life: Life, seller: Auctioneer) -> None:
    life.box.post("/tradera/settings", {"daily_calls": 1})
    try:
        seller.sell(sku="LAMP", price=100)
        for _ in range(6):
            life.work(minutes=20)
    finally:
        life.box.post("/tradera/settings", {"daily_calls": None})
    refused = [row for row in seller.calls("searchOrders") if row["body"]["status"] == 429]
    assert 1 <= len(refused) <= 4
    assert seller.status() == AccountStatus.ACTIVE
    assert not life.incidents("account_expired")
