"""The way of SKUs that differ: told, guessed, mapped at the pages, imported within a minute; for one account or for all;
another product for one order only; many by a file. And orders that failed long ago stay in sight and come back."""

from __future__ import annotations

import os
from datetime import timedelta
from urllib.parse import urljoin

import pytest
from sqlalchemy import func, select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import JournalEntry, Order, OrderState, SkuMapping
from tests.journeys.life import Life, settled
from tests.sandbox.merchant import Page

pytestmark = pytest.mark.journey

MINUTE = timedelta(seconds=60)
MANY = int(os.environ.get("SHOPAPP_SKU_ORDERS", "25"))  # orders that fail for days; 500 when run by hand
MAPPING = "/listings/skus"


def sold(life: Life, seller: str, sku: str, **wish: object) -> str:
    """An order that fails for its SKU; its id."""
    (order_id,) = life.sell(seller, sku=sku, **wish)
    life.work(minutes=5)
    row = life.order(order_id)
    assert (row.state, row.cause) == (OrderState.FAILED, "sku_unknown")
    return order_id


def imported_within_a_minute(life: Life, *order_ids: str) -> None:
    """The workers find it out by themselves, in less than a minute of our clock."""
    asked = clock.now()
    life.work(seconds=1)
    while life.order(order_ids[-1]).state != OrderState.IMPORTED and clock.now() < asked + MINUTE:
        life.work(seconds=5)  # Shopify takes so many orders a second
    for order_id in order_ids:
        row = life.order(order_id)
        assert row.state == OrderState.IMPORTED, (row.state, row.cause)
        assert row.imported_at is not None
        assert row.imported_at - asked <= MINUTE
    assert sorted(life.created()).count(order_ids[0]) == 1


def map_by_form(life: Life, sku: str, store_sku: str, account: str = "") -> Page:
    page = life.merchant.visit(f"{MAPPING}/new")
    done = life.merchant.submit(page, "mapping", marketplace_sku=sku, store_sku=store_sku, account=account)
    assert done.status == 200
    return done


def test_an_unmatched_sku_is_told_guessed_accepted_and_imported_within_a_minute(life: Life) -> None:
    life.product("MUG-1", title="Blue mug")
    seller = life.seller()
    life.connect(seller)
    life.tick("order_import_failed")
    first, second = sold(life, seller, "AMZ-mug1"), sold(life, seller, "AMZ-mug1")
    life.work(minutes=20)
    mails = "\n".join(str(mail) for mail in life.mails())
    assert "AMZ-mug1" in mails
    assert MAPPING in mails
    assert MAPPING in life.merchant.open("/").links.values()
    assert "/listings/skus/new?sku=AMZ-mug1" in life.merchant.visit(f"/orders/{life.order(first).id}").links.values()
    page = life.merchant.visit(MAPPING)
    assert "AMZ-mug1" in settled(page)
    guessed = life.merchant.visit(f"{MAPPING}/waiting?q=")
    assert "MUG-1 Blue mug" in guessed.text.replace("Thing ", "")
    done = life.merchant.submit(guessed, action=MAPPING)
    assert "orders that wait for it are tried now" in done.toast
    imported_within_a_minute(life, first, second)
    assert not life.incidents("order_import_failed")
    assert "No order waits for a SKU." in life.merchant.visit(MAPPING).text
    (third,) = life.sell(seller, sku="AMZ-mug1")
    life.work(minutes=5)
    assert life.order(third).state == OrderState.IMPORTED
    with db.reading() as s:
        asked = select(func.count(JournalEntry.id)).where(JournalEntry.event == "sku_mapped")
        assert s.scalar(asked.where(JournalEntry.shop_id == life.shop_id)) == 2


def test_a_mapping_counts_for_one_account_or_for_all(life: Life) -> None:
    for sku in ("A-1", "B-1"):
        life.product(sku)
    blue, red = life.seller(), life.seller()
    own, _other = life.connect(blue), life.connect(red)
    mine, theirs = sold(life, blue, "M-1"), sold(life, red, "M-1")
    map_by_form(life, "M-1", "A-1", str(own))
    imported_within_a_minute(life, mine)
    assert life.order(theirs).state == OrderState.FAILED
    map_by_form(life, "M-1", "B-1")
    imported_within_a_minute(life, theirs)
    titles = {order_id: life.order(order_id).lines[0].variant_title for order_id in (mine, theirs)}
    assert "A-1" in titles[mine]
    assert "B-1" in titles[theirs]
    again = life.sell(blue, sku="M-1")[0]
    life.work(minutes=5)
    assert "A-1" in life.order(again).lines[0].variant_title, "its own mapping counts before the one for all"


def test_another_product_is_taken_for_one_order_only(life: Life) -> None:
    seller = life.seller()
    life.connect(seller)
    one, other = life.product("TWICE", title="Small mug"), life.product("TWICE", title="Big mug")
    assert one["variant_id"] != other["variant_id"]
    first, second = life.sell(seller, sku="TWICE"), life.sell(seller, sku="TWICE")
    life.work(minutes=5)
    assert life.order(first[0]).cause == "sku_ambiguous"
    row = life.order(first[0])
    path = f"/orders/{row.id}/lines/{row.lines[0].id}/product"
    assert path in life.merchant.visit(f"/orders/{row.id}").links.values()
    found = life.merchant.submit(life.merchant.visit(path), "find", find="big mug")
    done = life.merchant.submit(found, "take-1")
    assert "Product saved for this order" in done.toast
    imported_within_a_minute(life, first[0])
    assert life.order(first[0]).lines[0].variant_gid == other["variant_id"]
    assert life.order(second[0]).state == OrderState.FAILED
    with db.reading() as s:
        assert s.scalars(select(SkuMapping)).all() == [], "nothing is mapped by that"


def test_a_file_of_mappings_is_read_first_and_then_brings_all_orders(life: Life) -> None:
    life.product("A-1")
    seller = life.seller()
    life.connect(seller)
    orders = [sold(life, seller, f"M-{number}") for number in range(3)]
    lines = "".join(f"M-{number};A-1;\n" for number in range(3))
    text = f"marketplace_sku;store_sku;account\n{lines};bad;\n"
    answer = life.merchant._fetch("POST", f"{MAPPING}/import", files={"file": ("mine.csv", text.encode(), "text/csv")})
    report = life.merchant.visit(urljoin(answer.url, answer.headers["Location"]))
    assert "3 mappings are new" in settled(report)
    assert "3 orders wait for these SKUs" in report.text
    assert life.order(orders[0]).state == OrderState.FAILED, "nothing was saved yet"
    assert "are tried now" in life.merchant.submit(report, "confirm").toast
    imported_within_a_minute(life, *orders)


@pytest.mark.one_database
def test_orders_that_failed_for_days_stay_in_sight_and_come_by_a_mapping_or_by_retrying_all(life: Life) -> None:
    """Complaint 35 of the field: after a few tries an order was never tried nor shown again."""
    life.product("A-1")
    seller = life.seller()
    life.connect(seller)
    life.tick("order_import_failed")
    wanted = life.sell(seller, sku="M-1", count=MANY, price="0.20")
    (other,) = life.sell(seller, sku="M-2")
    life.work(minutes=5)
    life.work(minutes=20)
    life.work(hours=26)
    life.work(hours=26)
    with db.reading() as s:
        failed = select(func.count(Order.id)).where(Order.shop_id == life.shop_id, Order.state == OrderState.FAILED)
        assert s.scalar(failed.where(Order.due_at.is_not(None))) == MANY + 1, "each of them is still tried by itself"
    assert f"{MANY + 1} orders" in settled(life.merchant.open("/"))
    assert f"Failed {MANY + 1}" in life.merchant.visit("/orders?state=failed").text
    mails = "\n".join(str(mail) for mail in life.mails())
    assert all(order_id in mails for order_id in (other, wanted[0]))
    assert "M-1" in settled(life.merchant.visit(MAPPING))
    life.merchant.submit(life.merchant.visit("/orders?state=failed"), "retry-all")
    life.work(seconds=1)
    with db.reading() as s:
        tries = select(func.count(JournalEntry.id)).where(JournalEntry.shop_id == life.shop_id)
        assert s.scalar(tries.where(JournalEntry.event == "retry_asked")) == MANY + 1
        assert s.scalar(failed) == MANY + 1, "nothing was mended yet, and none is lost by trying"
    map_by_form(life, "M-1", "A-1")
    imported_within_a_minute(life, *wanted)
    assert life.order(other).state == OrderState.FAILED
    life.product("M-2")
    life.merchant.submit(life.merchant.visit("/orders?state=failed"), "retry-all")
    imported_within_a_minute(life, other)
    assert not life.incidents("order_import_failed")
