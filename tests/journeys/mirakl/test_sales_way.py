"""A marketplace that runs on Mirakl: orders accepted, imported and shipped, prices and stock by files."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import Listing, OrderState
from tests.journeys.life import Life, settled
from tests.journeys.mirakl.market import Market

pytestmark = pytest.mark.journey


def _ship(life: Life, order_id: str, tracking: str, company: str) -> None:
    def heard() -> int:
        sent = [row["body"] for row in life.box.ledger(system="shopify", effect="webhook.sent")]
        return sum(one["shop"] == life.domain and one["status"] == 200 for one in sent)

    before = heard()
    life.box.post(f"/shops/{life.domain}/orders/{order_id}/fulfillments", {"tracking": tracking, "company": company})
    ends = time.monotonic() + 10
    while heard() == before and time.monotonic() < ends:
        time.sleep(0.05)
    life.work(seconds=5)


def test_an_order_is_accepted_imported_and_shipped_with_its_number(life: Life, market: Market) -> None:
    life.product("MUG")
    market.connect()
    order_id = market.sell(state="WAITING_ACCEPTANCE", tax="3.18", tax_rate="19")
    life.work(minutes=16)
    assert market.order(order_id)["order_state"] == "WAITING_DEBIT"
    row = life.order(order_id)
    assert (row.state, row.held_reason) == (OrderState.HELD, "acceptance")
    assert "Accepted at the marketplace" in settled(life.merchant.visit(f"/orders/{row.id}"))
    life.work(minutes=3)
    life.work(minutes=16)
    assert life.order(order_id).state == OrderState.IMPORTED
    (order,) = life.in_shopify()
    assert order["total"] == "24.80" if "total" in order else True
    _ship(life, order_id, "00340434161094042557", "DHL Paket")
    there = market.order(order_id)
    assert (there["order_state"], there["shipping_tracking"]) == ("SHIPPED", "00340434161094042557")
    assert there["shipping_carrier_code"] == "CARR-1"
    assert market.calls("OR24") == 1


def test_a_lost_answer_to_the_shipment_is_followed_by_a_look_and_no_repeat(life: Life, market: Market) -> None:
    life.product("MUG")
    market.connect()
    order_id = market.sell()
    life.work(minutes=16)
    life.box.fault("mirakl", "commit_then_reset", operation="OR24")
    _ship(life, order_id, "1Z999", "UPS")
    life.work(minutes=3)
    assert market.order(order_id)["order_state"] == "SHIPPED"
    assert market.calls("OR24") == 1
    text = settled(life.merchant.visit(f"/orders/{life.order(order_id).id}"))
    assert "has this shipment already" in text


def test_a_lost_answer_to_the_acceptance_accepts_once(life: Life, market: Market) -> None:
    life.product("MUG")
    market.connect()
    life.box.fault("mirakl", "commit_then_reset", operation="OR21")
    order_id = market.sell(state="WAITING_ACCEPTANCE")
    for _ in range(4):
        life.work(minutes=16)
    assert life.order(order_id).state == OrderState.IMPORTED
    assert len(life.box.ledger(system="mirakl", effect="order.accepted", key=order_id)) == 1


def test_without_the_rule_the_order_waits_for_the_merchants_word(life: Life, market: Market) -> None:
    life.product("MUG")
    account_id = market.connect()
    page = life.merchant.visit(f"/accounts/{account_id}")
    assert "Accept new orders at Mirakl by itself" in page.text
    life.merchant.submit(page, "shipping", accept_orders=None)
    order_id = market.sell(state="WAITING_ACCEPTANCE")
    life.work(minutes=16)
    assert market.order(order_id)["order_state"] == "WAITING_ACCEPTANCE"
    page = life.merchant.visit(f"/orders/{life.order(order_id).id}")
    assert "waits for your acceptance" in settled(page)
    assert life.merchant.submit(page, "accept").status == 200
    life.work(seconds=5)
    assert market.order(order_id)["order_state"] == "WAITING_DEBIT"
    life.work(minutes=20)
    assert life.order(order_id).state == OrderState.IMPORTED


def test_an_acceptance_that_is_refused_is_told_and_tried_again_on_request(life: Life, market: Market) -> None:
    life.tick("order_import_failed")
    life.product("MUG")
    market.connect()
    market.state(refuse_accept="Partial acceptance is disabled for this shop")
    order_id = market.sell(state="WAITING_ACCEPTANCE")
    life.work(minutes=16)
    row = life.order(order_id)
    assert (row.state, row.cause) == (OrderState.FAILED, "acceptance_refused")
    life.work(seconds=90)
    assert "Partial acceptance is disabled" in life.mails()[-1]["text"]
    market.state(refuse_accept=None)
    page = life.merchant.visit(f"/orders/{row.id}")
    life.merchant.submit(page, "retry")
    life.work(seconds=5)
    assert market.order(order_id)["order_state"] == "WAITING_DEBIT"
    assert not life.incidents("order_import_failed")
    life.work(minutes=20)
    assert life.created() == [order_id]


def test_a_sale_cancelled_there_before_it_was_paid_never_comes(life: Life, market: Market) -> None:
    life.product("MUG")
    market.connect()
    market.state(debit_seconds=10**6)
    order_id = market.sell(state="WAITING_ACCEPTANCE")
    life.work(minutes=16)
    life.box.post(f"{market.path}/orders/{order_id}", {"order_state": "CANCELED"})
    life.work(minutes=16)
    assert life.order(order_id).state == OrderState.CANCELLED
    assert life.created() == []


def _switched_on(life: Life, market: Market) -> int:
    """Connected, read, linked, price and stock switched on."""
    account_id = market.connect()
    for _ in range(12):
        life.work(seconds=61)
        with db.reading() as s:
            linked = s.scalars(select(Listing.variant_id).where(Listing.account_id == account_id)).all()
        if linked and all(linked):
            break
    page = life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "pushing", stock="1", price="1")
    assert page.status == 200, page.text[:300]
    life.work(seconds=1)
    life.merchant.submit(life.merchant.visit(page.url.split("?")[0]), "yes")
    life.work_on(timedelta(minutes=6), timedelta(seconds=30))
    return account_id


def _listing(account_id: int, sku: str) -> Listing:
    with db.reading() as s:
        return s.scalars(select(Listing).where(Listing.account_id == account_id, Listing.sku == sku)).one()


def test_price_and_stock_go_by_files_and_one_bad_line_is_an_update_error(life: Life, market: Market) -> None:
    life.tick("listing_update_failed")
    for sku in ("MUG", "CUP", "TRAY"):
        life.product(sku, price="24.90", available=7)
        market.offer(sku)
    words = "The price is below the allowed minimum"
    life.box.post(f"{market.path}/refusals", {"sku": "CUP", "field": "price", "message": words})
    account_id = _switched_on(life, market)
    assert [market.there(sku) for sku in ("MUG", "TRAY")] == [("24.90", 7), ("24.90", 7)]
    assert _listing(account_id, "MUG").status == "linked"
    refused = _listing(account_id, "CUP")
    assert refused.status == "update_error"
    assert words in settled(life.merchant.visit(f"/listings/{refused.id}"))
    life.work(seconds=90)
    mail = life.mails()[-1]
    assert "CUP" in mail["subject"] + mail["text"]
    assert words in mail["text"]
    assert market.calls("STO01") <= 2
    assert market.calls("PRI01") <= 2
    life.box.post(f"{market.path}/refusals", {"sku": "CUP", "lift": True})
    life.merchant.submit(life.merchant.visit(f"/listings/{refused.id}"), "update")
    for _ in range(24):  # two files, one after the other; on a busy machine one of them goes a turn later
        life.work(seconds=30)
        if market.there("CUP") == ("24.90", 7):
            break
    assert market.there("CUP") == ("24.90", 7)


def test_a_pushed_price_leaves_discounts_and_the_prices_of_other_channels(life: Life, market: Market) -> None:
    life.product("MUG", price="24.90", available=7)
    others = [
        {"price": "29.00", "channels": "FR|BE"},
        {"price": "21.00", "price-ranges": "1|21.00,10|19.00", "channels": "US"},
    ]
    market.offer("MUG", prices=others)
    _switched_on(life, market)
    offer = life.box.get(f"{market.path}/listing", sku="MUG")
    assert offer["prices"][0]["price"] == "24.90"
    kept = {one["channels"]: one for one in offer["prices"][1:]}
    assert {name: float(one["price"]) for name, one in kept.items()} == {"FR|BE": 29.0, "US": 21.0}
    assert kept["US"]["price-ranges"] == "1|21,10|19"
