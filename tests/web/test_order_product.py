"""*Change product*: the shop's products are searched and one is taken for one line of one order; nothing of other shops."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import AuditEntry, JournalEntry, Order, OrderLine, OrderState
from tests.web.desk import HOSTILE, Desk, install
from tests.web.shelf import product, whole_catalogue
from tests.web.test_skus import due, put, waits


def line_of(order_id: int) -> OrderLine:
    with db.reading() as s:
        return s.scalars(select(OrderLine).where(OrderLine.order_id == order_id)).one()


def path_of(order_id: int) -> str:
    return f"/orders/{order_id}/lines/{line_of(order_id).id}/product"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """The shop's catalogue is known, so no page asks Shopify."""
    whole_catalogue(desk.shop_id)
    product(desk.shop_id, "A-1", "Blue mug", 1)
    product(desk.shop_id, "A-10", "Green mug", 2)
    product(desk.shop_id, "", "Old cup", 3)
    return desk


def test_one_order_takes_another_product_and_no_other_order_does(desk: Desk) -> None:
    account = desk.account()
    mine, other = waits(desk, account, "MKT-1"), waits(desk, account, "MKT-1")
    page = desk.get(f"/orders/{mine}")
    assert path_of(mine) in page.links
    assert "/listings/skus/new?sku=MKT-1" in page.links
    found = desk.get(f"{path_of(mine)}?find=A-1")
    assert found.text.index("Blue mug") < found.text.index("Green mug"), "the SKU itself stands first"
    done = desk.post(path_of(mine), gid="gid://shopify/ProductVariant/1", find="A-1")
    assert (done.status, done.goes_to) == (303, f"/orders/{mine}?done=product_chosen")
    chosen = line_of(mine)
    assert (chosen.chosen_sku, chosen.chosen_gid) == ("A-1", "gid://shopify/ProductVariant/1")
    assert (due(mine), due(other)) == (True, False)
    assert not line_of(other).chosen_sku
    page = desk.get(f"/orders/{mine}")
    for said in ("Blue mug", "chosen for this order", "For SKU MKT-1, this order takes Blue mug"):
        assert said in page.text
    with db.reading() as s:
        (entry,) = s.scalars(select(AuditEntry).where(AuditEntry.action == "product_chosen"))
        assert (entry.user_id, entry.changes["after"]) == ("71", "Blue mug")


def test_the_choice_is_undone(desk: Desk) -> None:
    order = waits(desk, desk.account(), "MKT-1")
    desk.post(path_of(order), gid="gid://shopify/ProductVariant/3", find="cup")
    assert (line_of(order).chosen_sku, line_of(order).chosen_gid) == ("", "gid://shopify/ProductVariant/3")
    assert desk.get(path_of(order)).tags("form", id="unchoose")
    assert desk.post(path_of(order)).status == 303
    assert (line_of(order).chosen_sku, line_of(order).chosen_gid, line_of(order).variant_title) == ("", "", "")
    assert not desk.get(path_of(order)).tags("form", id="unchoose")


@pytest.mark.parametrize("gid", ["", "gid://shopify/ProductVariant/2", "gid://shopify/ProductVariant/9", "x' OR 1=1"])
def test_what_the_search_did_not_find_is_not_taken(desk: Desk, gid: str) -> None:
    order = waits(desk, desk.account(), "MKT-1")
    done = desk.post(path_of(order), gid=gid, find="Blue")
    assert done.goes_to == f"{path_of(order)}?done=product_gone"
    assert not line_of(order).chosen_gid
    assert not due(order)


@pytest.mark.parametrize("state", [OrderState.IMPORTED, OrderState.SENDING, OrderState.CANCELLED, OrderState.IGNORED])
def test_what_may_be_in_shopify_already_is_not_changed(desk: Desk, state: str) -> None:
    order = desk.order(desk.account(), state)
    assert "Change product" not in desk.get(f"/orders/{order}").text
    assert desk.post(path_of(order), gid="gid://shopify/ProductVariant/1", find="A-1").status == 409
    assert "sent to Shopify already" in desk.get(path_of(order)).text


def test_a_line_without_sku_can_take_a_product(desk: Desk) -> None:
    order = waits(desk, desk.account(), "", cause="no_sku", cause_params={"skus": ["Mug"]})
    assert desk.post(path_of(order), gid="gid://shopify/ProductVariant/1", find="blue mug").status == 303
    assert due(order)


def test_a_mapped_line_says_to_what(desk: Desk) -> None:
    put(desk.shop_id, "MKT-1", "GONE-1")
    order = waits(desk, desk.account(), "MKT-1", cause_params={"skus": ["GONE-1"]})
    page = desk.get(f"/orders/{order}")
    assert "mapped to GONE-1" in page.text
    assert page.tags("s-badge", tone="critical")


def test_products_and_lines_of_another_shop_are_not_there(desk: Desk) -> None:
    mine = waits(desk, desk.account(), "MKT-1")
    shop_id = install("red.myshopify.com")
    product(shop_id, "A-1", "Strange mug", 8)
    foreign = waits(desk, desk.account(shop_id=shop_id), "STRANGE")
    with db.writing() as s:
        s.get_one(Order, foreign).shop_id = shop_id
        s.get_one(OrderLine, line_of(foreign).id).shop_id = shop_id
    assert "Strange mug" not in desk.get(f"{path_of(mine)}?find=mug").text
    crossed = f"/orders/{mine}/lines/{line_of(foreign).id}/product"
    another = f"/orders/{mine}/lines/{line_of(waits(desk, desk.account(), 'MKT-2')).id}/product"
    for path in (path_of(foreign), crossed, another):
        assert desk.get(path).status == 404
        assert desk.post(path).status == 404
        assert desk.post(path, gid="gid://shopify/ProductVariant/1", find="A-1").status == 404
    assert not line_of(foreign).chosen_gid
    with db.reading() as s:
        assert not s.scalars(select(JournalEntry).where(JournalEntry.event == "product_chosen")).all()


def test_hostile_titles_and_searches_stay_text(desk: Desk) -> None:
    product(desk.shop_id, "H-1", HOSTILE, 4)
    order = waits(desk, desk.account(), HOSTILE)
    for find in ("script", HOSTILE, "%", "_", "'", "\x00", "x" * 5000):
        page = desk.get(f"{path_of(order)}?find={quote(find)}")
        assert page.status == 200
        assert "<script>alert" not in page.html
    desk.post(path_of(order), gid="gid://shopify/ProductVariant/4", find="script")
    assert "<script>alert" not in desk.get(f"/orders/{order}").html
