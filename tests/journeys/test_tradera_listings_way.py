"""The way of a Tradera shop's items over loopback HTTP: read in parts, stock that holds at once, prices that are queued."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import Listing, ListingStatus
from tests.journeys.life import Life, settled

pytestmark = pytest.mark.journey


class Counter:
    """A shop in kronor whose products are items of a Tradera shop, read and linked."""

    def __init__(self, life: Life) -> None:
        self.shop = life.another(currency="SEK")
        self.box = life.box
        self.id: str = self.box.post("/tradera/sellers", {"name": "Lampboden"})["seller_id"]
        for sku, price, available in (("LAMP", "279.00", 7), ("VASE", "120.00", 3), ("GONE", "50.00", 4)):
            self.shop.product(sku, price=price, available=available)
        self._item(sku="LAMP", price=299, quantity=5)
        self._item(sku="GONE", price=50, quantity=0)
        self._item(sku="VASE", price=10, type="auction")
        self.account_id = self.shop.connect(self.id, channel="tradera")
        for _ in range(12):
            self.shop.work(seconds=61)
            if all(row.variant_id for row in self.rows()) and len(self.rows()) == 2:
                return
        raise AssertionError(f"the items were not read and linked: {[row.sku for row in self.rows()]}")

    def _item(self, **wish: Any) -> None:
        self.box.post(f"/tradera/sellers/{self.id}/listings", wish)

    def rows(self) -> list[Listing]:
        with db.reading() as s:
            mine = select(Listing).where(Listing.shop_id == self.shop.shop_id).order_by(Listing.sku)
            return list(s.scalars(mine))

    def row(self, sku: str) -> Listing:
        return next(row for row in self.rows() if row.sku == sku)

    def there(self, sku: str) -> tuple[int, int]:
        item = self.box.get(f"/tradera/sellers/{self.id}/listing/{sku}")
        return item["buyItNowPrice"], item["remainingQuantity"]

    def switch_on(self) -> None:
        merchant = self.shop.merchant
        page = merchant.submit(merchant.visit(f"/accounts/{self.account_id}"), "pushing", stock="1", price="1")
        self.shop.work(seconds=1)
        merchant.submit(merchant.visit(page.url.split("?")[0]), "yes")
        self.settle()

    def settle(self) -> None:
        for _ in range(20):
            self.shop.work(seconds=70)
            rows = self.rows()
            if all(row.version == row.acked_version or row.status == ListingStatus.UPDATE_ERROR for row in rows):
                return

    def here(self, sku: str, **change: Any) -> None:
        """Change the product in Shopify, and let its message arrive."""
        before = self._heard()
        self.box.patch(f"/shops/{self.shop.domain}/variants/sku:{sku}", change)
        ends = time.monotonic() + 10
        while self._heard() == before and time.monotonic() < ends:
            time.sleep(0.05)

    def _heard(self) -> int:
        sent = [row["body"] for row in self.box.ledger(system="shopify", effect="webhook.sent")]
        return sum(one["shop"] == self.shop.domain and one["status"] == 200 for one in sent)

    def calls(self, method: str) -> int:
        return len(self.box.ledger(system="tradera", effect=f"tradera.{method}", key=self.id))


@pytest.fixture
def counter(life: Life) -> Counter:
    return Counter(life)


def test_a_shops_items_are_linked_sold_out_ones_too_and_auctions_are_left_alone(counter: Counter) -> None:
    assert {row.sku: (row.there_price_minor, row.there_quantity, row.live) for row in counter.rows()} == {
        "LAMP": (29900, 5, True),
        "GONE": (5000, 0, True),
    }
    assert counter.calls("getSellerItems") == 2


def test_stock_holds_at_once_and_a_queued_price_when_its_result_says_so(counter: Counter) -> None:
    counter.box.post(f"/tradera/sellers/{counter.id}/state", {"price_seconds": 200})
    counter.switch_on()
    assert counter.there("LAMP") == (279, 7)
    assert counter.there("GONE") == (50, 4)
    assert [row.status for row in counter.rows()] == [ListingStatus.LINKED] * 2
    assert counter.row("LAMP").there_price_minor == 27900
    assert counter.calls("getRequestResults") >= 1
    assert "VASE" not in [row.sku for row in counter.rows()]


def test_a_price_that_tradera_refuses_is_an_update_error_until_somebody_presses_update(counter: Counter) -> None:
    refusal = {"sku": "LAMP", "code": 4, "message": "The price is too low for this category."}
    counter.box.post(f"/tradera/sellers/{counter.id}/refusals", refusal)
    counter.switch_on()
    row = counter.row("LAMP")
    assert (row.status, counter.there("LAMP")) == (ListingStatus.UPDATE_ERROR, (299, 7))
    page = counter.shop.merchant.visit(f"/listings/{row.id}")
    assert "The price is too low for this category." in settled(page)
    counter.box.post(f"/tradera/sellers/{counter.id}/refusals", {"sku": "LAMP", "code": 1})
    counter.shop.merchant.submit(page, "update")
    counter.settle()
    assert counter.there("LAMP") == (279, 7)
    assert counter.row("LAMP").status == ListingStatus.LINKED


def test_what_tradera_had_no_time_for_is_pushed_once_more_by_itself(counter: Counter) -> None:
    counter.box.post(f"/tradera/sellers/{counter.id}/refusals", {"sku": "LAMP", "code": 16, "message": "Try again"})
    counter.switch_on()
    counter.box.post(f"/tradera/sellers/{counter.id}/refusals", {"sku": "LAMP", "code": 1})
    assert counter.row("LAMP").status != ListingStatus.UPDATE_ERROR
    for _ in range(20):
        counter.shop.work(minutes=2)
    assert counter.there("LAMP") == (279, 7)
    assert counter.row("LAMP").status == ListingStatus.LINKED


def test_what_is_sold_out_here_is_set_to_nothing_there_within_seconds(counter: Counter) -> None:
    counter.switch_on()
    counter.here("LAMP", available=0)
    counter.shop.work(seconds=5)
    counter.shop.work(seconds=5)
    assert counter.there("LAMP")[1] == 0


def test_a_price_with_ore_is_refused_here_with_the_reason(counter: Counter) -> None:
    counter.switch_on()
    counter.here("LAMP", price="279.50")
    counter.settle()
    row = counter.row("LAMP")
    assert row.status == ListingStatus.UPDATE_ERROR
    assert "whole kronor" in settled(counter.shop.merchant.visit(f"/listings/{row.id}"))
    assert counter.there("LAMP")[0] == 279
