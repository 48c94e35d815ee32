"""The way of prices and stock over loopback HTTP: switched on after a look, pushed, refused, mended, undone, sold out."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from shopapp import clock, jobs
from shopapp.records import db
from shopapp.records.models import Listing, ListingPush, OrderState
from tests.journeys.life import DE, Life, settled
from tests.sandbox.merchant import Page

pytestmark = pytest.mark.journey


class Stall:
    """A shop with one product more or less, listed with one seller or several."""

    def __init__(self, life: Life, sellers: int = 1, **product: Any) -> None:
        self.life = life
        life.product("MUG", **{"price": "24.90", "available": 7, **product})
        self.sellers = [life.seller() for _ in range(sellers)]
        for seller in self.sellers:
            life.state(seller, delays={"patch": 1, "report_queue": 1, "report_process": 1})
            life.box.post(
                f"/amazon/sellers/{seller}/listings",
                {"sku": "MUG", "price": "19.90", "quantity": 5, "title": "A mug", "lead_days": 3},
            )
        self.accounts = [life.connect(seller) for seller in self.sellers]
        for _ in range(12):
            life.work(seconds=61)
            with db.reading() as s:
                linked = s.scalars(select(Listing.variant_id).where(Listing.shop_id == life.shop_id)).all()
            if len(linked) == sellers and all(linked):
                return
        raise AssertionError("the listings were not read and linked")

    def switch_on(self, account: int, **wish: Any) -> Page:
        """Tick stock and price, look at the difference, say yes; the page of the run."""
        page = self.life.merchant.visit(f"/accounts/{account}")
        page = self.life.merchant.submit(page, "pushing", **{"stock": "1", "price": "1", **wish})
        assert page.status == 200, page.text[:300]
        self.life.work(seconds=1)
        page = self.life.merchant.visit(page.url.split("?")[0])
        assert self.there() == [("19.90", 5)] * len(self.sellers)
        return page

    def yes(self, page: Page) -> None:
        self.life.merchant.submit(page, "yes")
        self.life.work(seconds=1)

    def here(self, **change: Any) -> None:
        """Change the product in Shopify, and let its message arrive."""
        before = self._heard()
        self.life.box.patch(f"/shops/{self.life.domain}/variants/sku:MUG", change)
        ends = time.monotonic() + 10
        while self._heard() == before and time.monotonic() < ends:
            time.sleep(0.05)

    def _heard(self) -> int:
        sent = [row["body"] for row in self.life.box.ledger(system="shopify", effect="webhook.sent")]
        return sum(one["shop"] == self.life.domain and one["status"] == 200 for one in sent)

    def there(self) -> list[tuple[str, int]]:
        found = [self.life.box.get(f"/amazon/sellers/{seller}/listing/MUG") for seller in self.sellers]
        return [(one["prices"][DE], one["quantity"]) for one in found]

    def listing(self, nr: int = 0) -> Listing:
        with db.reading() as s:
            mine = select(Listing).where(Listing.account_id == self.accounts[nr])
            return s.scalars(mine).one()

    def page(self, nr: int = 0) -> Page:
        return self.life.merchant.visit(f"/listings/{self.listing(nr).id}")

    def settle(self) -> None:
        for _ in range(8):
            self.life.work(seconds=65)
            with db.reading() as s:
                rows = s.scalars(select(Listing).where(Listing.shop_id == self.life.shop_id)).all()
            if all(row.version == row.acked_version or row.status == "update_error" for row in rows):
                return


def test_switched_on_after_the_difference_pushed_and_undone(life: Life) -> None:
    stall = Stall(life)
    page = stall.switch_on(stall.accounts[0])
    assert "Here and there: what would change" in settled(page)
    assert "5 → 7" in page.text
    stall.yes(page)
    stall.settle()
    assert stall.there() == [("24.90", 7)]
    assert "Linked" in settled(stall.page())
    assert "Accepted" in stall.page().text
    run = life.merchant.visit(page.url.split("?")[0])
    life.merchant.submit(run, "undo")
    stall.settle()
    assert stall.there() == [("19.90", 5)]
    stall.here(available=3)
    stall.settle()
    assert stall.there() == [("19.90", 5)]


def test_a_new_price_reaches_the_marketplace_and_leaves_the_rest_alone(life: Life) -> None:
    stall = Stall(life)
    stall.yes(stall.switch_on(stall.accounts[0]))
    stall.settle()
    stall.here(price="29.90")
    life.work(seconds=2)
    stall.settle()
    assert stall.there() == [("29.90", 7)]
    kept = life.box.get(f"/amazon/sellers/{stall.sellers[0]}/listing/MUG")["attributes"]["fulfillment_availability"][0]
    assert kept["lead_time_to_ship_max_days"] == 3
    assert "29.90" in settled(stall.page())


def test_update_error_is_mailed_with_the_sku_and_mended_by_update(life: Life) -> None:
    life.tick("listing_update_failed")
    stall = Stall(life)
    words = "The price is below the minimum that you set."
    refusals = f"/amazon/sellers/{stall.sellers[0]}/refusals"
    life.box.post(refusals, {"sku": "MUG", "field": "price", "message": words})
    stall.yes(stall.switch_on(stall.accounts[0]))
    life.work(seconds=90)
    (mail,) = life.mails()
    assert "MUG" in mail["subject"]
    body = mail["text"] if "text" in mail else str(mail)
    assert words in body
    assert "/help/stock" in body or "help" in body
    page = stall.page()
    assert words in settled(page)
    assert "The marketplace refused the price" in page.text
    home = settled(life.merchant.visit("/"))
    assert "The marketplace refused the price" in home
    stall.here(available=2)
    stall.settle()
    assert stall.there() == [("19.90", 5)]  # it waits for Update
    life.box.delete(f"{refusals}?sku=MUG")
    life.merchant.submit(stall.page(), "update")
    stall.settle()
    assert stall.there() == [("24.90", 2)]
    assert stall.listing().status == "linked"
    assert life.incidents("listing_update_failed") == []
    assert len(life.mails()) == 1


def test_the_last_unit_sold_on_two_accounts_stops_all_listings_within_ten_seconds(life: Life) -> None:
    """Both orders are imported, one is flagged as oversold, and nothing is offered anywhere."""
    stall = Stall(life, sellers=3, available=1)
    for account in stall.accounts:
        stall_page = life.merchant.visit(f"/accounts/{account}")
        page = life.merchant.submit(stall_page, "pushing", stock="1")
        life.work(seconds=1)
        stall.yes(life.merchant.visit(page.url.split("?")[0]))
    stall.settle()
    assert [quantity for _, quantity in stall.there()] == [1, 1, 1]
    sold = [life.sell(seller, sku="MUG")[0] for seller in stall.sellers[:2]]
    life.pass_time(minutes=4)
    began = clock.monotonic()
    ends = began + 10
    while clock.monotonic() < ends and [quantity for _, quantity in stall.there()] != [0, 0, 0]:
        jobs.drain_all()
        life.pass_time(seconds=1)
    assert [quantity for _, quantity in stall.there()] == [0, 0, 0]
    assert [life.order(one).state for one in sold] == [OrderState.IMPORTED] * 2
    assert len(life.incidents("order_oversold")) == 1
    with db.reading() as s:
        pushed = s.scalars(select(ListingPush.quantity).where(ListingPush.shop_id == life.shop_id)).all()
    assert all(quantity is None or quantity >= 0 for quantity in pushed)
