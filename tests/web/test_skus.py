"""SKU mapping: what waits for a match, adding, changing, searching and deleting mappings; nothing of other shops."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Account, AuditEntry, Order, OrderLine, OrderState, SkuMapping
from shopapp.skus import keep, shelf
from shopapp.skus.keep import Pair
from tests.web.desk import HOSTILE, Desk, install
from tests.web.shelf import product, whole_catalogue

PATH = "/listings/skus"
TOMORROW = timedelta(days=1)


def waits(desk: Desk, account: int, sku: str, **columns: Any) -> int:
    """An order that failed because of `sku`."""
    failed = {"cause": "sku_unknown", "cause_params": {"skus": [sku]}, "due_at": clock.now() + TOMORROW}
    return desk.order(account, OrderState.FAILED, sku=sku, **(failed | columns))


def put(shop_id: int, sku: str, store_sku: str, account_id: int | None = None) -> int:
    with db.writing() as s:
        keep.save(s, shop_id, Pair(account_id, sku, store_sku), "1")
        return s.scalars(select(SkuMapping.id).order_by(SkuMapping.id.desc())).first() or 0


def mappings(shop_id: int) -> list[tuple[int | None, str, str]]:
    with db.reading() as s:
        rows = s.scalars(select(SkuMapping).where(SkuMapping.shop_id == shop_id).order_by(SkuMapping.id))
        return [(row.account_id, row.marketplace_sku, row.store_sku) for row in rows]


def due(order_id: int) -> bool:
    with db.reading() as s:
        at = s.get_one(Order, order_id).due_at
        return at is not None and at <= clock.now()


def strangers(desk: Desk) -> tuple[int, int]:
    """Another shop with an account, a mapping and an order that waits; (its key of the account, of the mapping)."""
    shop_id = install("red.myshopify.com")
    account = desk.account(shop_id=shop_id, label="Strange account")
    waits(desk, account, "STRANGE-1")
    with db.writing() as s:
        order = s.scalars(select(Order).where(Order.account_id == account)).one()
        order.shop_id = shop_id
        s.scalars(select(OrderLine).where(OrderLine.order_id == order.id)).one().shop_id = shop_id
    return account, put(shop_id, "STRANGE-2", "STRANGE-3")


# --- what waits -------------------------------------------------------------------------------------------------------


def test_what_most_orders_wait_for_stands_first(desk: Desk) -> None:
    blue, red = desk.account(label="Blue mugs"), desk.account(label="Red mugs")
    strangers(desk)
    for account, sku in ((blue, "ONE"), (blue, "MANY"), (red, "MANY"), (red, "MANY")):
        waits(desk, account, sku)
    desk.order(blue, OrderState.FAILED, sku="OTHER", cause="no_total")
    page = desk.get(PATH)
    assert page.text.index("MANY") < page.text.index("ONE")
    assert "Blue mugs, Red mugs" in page.text or "Red mugs, Blue mugs" in page.text
    assert "/orders?state=failed&q=MANY" in page.links
    assert "/listings/skus/new?sku=MANY" in page.links
    for foreign in ("STRANGE", "OTHER"):
        assert foreign not in page.html
    assert page.tags("s-empty-state", heading="No mappings yet")


def test_what_waits_is_paged_from_the_last_row_and_keeps_the_place_of_the_mappings(desk: Desk) -> None:
    account = desk.account()
    skus = [f"W {number:03}%~" for number in range(60)]
    for sku in skus:
        waits(desk, account, sku)
    waits(desk, account, "W 059%~")
    with db.writing() as s:
        keep.save_many(s, desk.shop_id, [Pair(None, f"M-{number:03}", "A") for number in range(60)], "1")
    second = desk.get(PATH).tags("s-table")[1]["data-next"]
    seen: list[str] = []
    path, back = second, []
    while path:
        page = desk.get(path)
        seen += [sku for sku in sorted(skus) if f">{sku}<" in page.html]
        table, mapped = page.tags("s-table")
        assert mapped["data-previous"], "the other list stays where it is"
        back.append(path)
        path = table.get("data-next", "")
    assert len(back) == 3
    assert sorted(seen) == skus, "each once"
    assert "60 SKUs wait in all." in page.text
    assert ">W 030%~<" in desk.get(table["data-previous"]).html
    (section,) = page.tags("s-section", id="waiting")
    assert seen[-1] in desk.get(section["data-poll"]).html


def test_a_page_of_what_waits_that_has_been_emptied_leads_back(desk: Desk) -> None:
    waits(desk, desk.account(), "ONE")
    page = desk.get(f"{PATH}?wafter=0~Z&wtrail=first")
    assert "Back to the SKUs before" in page.text
    for nonsense in ("x", "1", "~", "1~%ff", "\u0663~A", "9" * 40 + "~A"):
        assert desk.get(f"{PATH}?wafter={quote(nonsense)}").status == 200


def test_with_nothing_to_do_the_page_says_so(desk: Desk) -> None:
    page = desk.get(PATH)
    assert "No order waits for a SKU." in page.text
    assert "/help/skus" in page.links


def test_lines_that_have_their_variant_do_not_wait(desk: Desk) -> None:
    account = desk.account()
    order = waits(desk, account, "FINE", variant_gid="gid://shopify/ProductVariant/1")
    with db.writing() as s:
        s.add(OrderLine(shop_id=desk.shop_id, order_id=order, line_id="2", sku="BAD", quantity=1, total_minor=1))
    page = desk.get(PATH)
    assert "BAD" in page.html
    assert "FINE" not in page.html


def test_what_is_mapped_to_nothing_says_to_what(desk: Desk) -> None:
    waits(desk, desk.account(), "MKT-1")
    put(desk.shop_id, "MKT-1", "GONE-1")
    page = desk.get(f"{PATH}/new?sku=MKT-1")
    assert "It is mapped to GONE-1 already" in page.text
    assert "1 order waits for this SKU" in page.text


# --- saving -----------------------------------------------------------------------------------------------------------


def test_a_saved_mapping_tries_the_orders_that_wait_for_it_and_no_others(desk: Desk) -> None:
    account = desk.account()
    mine, other = waits(desk, account, "MKT-1"), waits(desk, account, "MKT-2")
    done = desk.post(PATH, marketplace_sku=" MKT-1 ", store_sku="A-1", account="")
    assert (done.status, done.goes_to) == (303, f"{PATH}?done=sku_mapped")
    assert mappings(desk.shop_id) == [(None, "MKT-1", "A-1")]
    assert (due(mine), due(other)) == (True, False)
    page = desk.get(done.goes_to)
    assert "orders that wait for it are tried now" in page.tags("meta", name="flash-toast")[0]["content"]
    with db.reading() as s:
        (entry,) = s.scalars(select(AuditEntry).where(AuditEntry.action == "sku_mapped"))
        assert (entry.user_id, entry.changes["after"]) == ("71", "A-1")
    assert "SKU mapped" in desk.get("/settings").text
    assert "MKT-1: – → A-1" in desk.get("/settings").text


def test_for_one_account_only_its_orders_are_tried(desk: Desk) -> None:
    blue, red = desk.account(label="Blue"), desk.account(label="Red")
    mine, other = waits(desk, blue, "MKT-1"), waits(desk, red, "MKT-1")
    assert desk.post(PATH, marketplace_sku="MKT-1", store_sku="A-1", account=str(blue)).status == 303
    assert mappings(desk.shop_id) == [(blue, "MKT-1", "A-1")]
    assert (due(mine), due(other)) == (True, False)


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"marketplace_sku": "", "store_sku": "A"}, ["marketplace_sku"]),
        ({"marketplace_sku": "M", "store_sku": "  "}, ["store_sku"]),
        ({"marketplace_sku": "M" * 256, "store_sku": "a\x00b"}, ["marketplace_sku", "store_sku"]),
        ({"marketplace_sku": "M", "store_sku": "A", "account": "99999"}, ["account"]),
        ({"marketplace_sku": "M", "store_sku": "A", "account": "x' OR 1=1"}, ["account"]),
        ({"marketplace_sku": HOSTILE, "store_sku": ""}, ["store_sku"]),
    ],
)
def test_what_cannot_be_saved_keeps_what_was_typed(desk: Desk, form: dict[str, str], wrong: list[str]) -> None:
    page = desk.post(PATH, **form)
    assert page.status == 422
    (shown,) = page.tags("form", id="mapping")
    assert shown["action"] == PATH
    named = {one["name"]: one for tag in ("s-text-field", "s-select") for one in page.tags(tag) if "error" in one}
    assert sorted(named) == sorted(wrong)
    assert page.tags("s-text-field", name="marketplace_sku", value=form["marketplace_sku"].replace("\x00", "�"))
    assert "<script>alert" not in page.html
    assert mappings(desk.shop_id) == []


def test_a_mapping_is_changed_in_its_place_and_deleted_with_care(desk: Desk) -> None:
    mapping = put(desk.shop_id, "MKT-1", "OLD")
    page = desk.get(f"{PATH}/{mapping}")
    assert page.tags("s-text-field", name="store_sku", value="OLD")
    assert page.tags("input", name="marketplace_sku", value="MKT-1")
    assert page.tags("form", action=f"{PATH}/{mapping}/delete", **{"data-confirm": "sure"})
    assert page.tags("s-modal", id="sure")
    desk.post(PATH, marketplace_sku="MKT-1", store_sku="NEW", account="")
    assert mappings(desk.shop_id) == [(None, "MKT-1", "NEW")]
    order = waits(desk, desk.account(), "MKT-1")
    done = desk.post(f"{PATH}/{mapping}/delete")
    assert done.goes_to == f"{PATH}?done=sku_unmapped"
    assert mappings(desk.shop_id) == []
    assert due(order), "without the mapping the SKU means itself: that is looked at again"


# --- the list ---------------------------------------------------------------------------------------------------------


def test_pages_go_on_from_the_last_row_and_come_back(desk: Desk) -> None:
    with db.writing() as s:
        keep.save_many(s, desk.shop_id, [Pair(None, f"M-{number:03}", "A") for number in range(120)], "1")
    seen: list[str] = []
    path, back = PATH, []
    while path:
        page = desk.get(path)
        seen += [one["id"] for one in page.tags("s-link") if one.get("id", "").startswith("mapping-")]
        (table,) = page.tags("s-table")
        back.append(path)
        path = table.get("data-next", "")
    assert len(back) == 3
    assert len(seen) == len(set(seen)) == 120
    assert desk.get(table["data-previous"]).tags("s-link", id=seen[50])


@pytest.mark.parametrize(
    ("typed", "found"), [("MKT", ["MKT-1"]), ("A-", ["MKT-1"]), ("mkt", []), ("%", []), ("\x00", ["MKT-1", "OWN-1"])]
)
def test_the_beginning_of_a_sku_there_or_here_finds_a_mapping(desk: Desk, typed: str, found: list[str]) -> None:
    put(desk.shop_id, "MKT-1", "A-1")
    put(desk.shop_id, "OWN-1", "B-1", desk.account())
    page = desk.get(f"{PATH}?q={quote(typed)}")
    assert [sku for sku in ("MKT-1", "OWN-1") if page.html.count(sku)] == found
    assert bool(page.tags("s-empty-state", heading="Nothing matches")) == (not found)


def test_the_list_is_narrowed_to_an_account(desk: Desk) -> None:
    account = desk.account(label="Blue mugs")
    put(desk.shop_id, "ALL-1", "A-1")
    put(desk.shop_id, "OWN-1", "B-1", account)
    page = desk.get(f"{PATH}?account={account}")
    assert "OWN-1" in page.html
    assert "ALL-1" not in page.html


# --- nothing of others, nothing executed ------------------------------------------------------------------------------


def test_hostile_skus_and_names_stay_text(desk: Desk) -> None:
    account = desk.account(label=HOSTILE)
    order = waits(desk, account, HOSTILE)
    mapping = put(desk.shop_id, HOSTILE, HOSTILE, account)
    with db.writing() as s:
        s.scalars(select(OrderLine).where(OrderLine.order_id == order)).one().title = HOSTILE
    for path in (PATH, f"{PATH}?q={quote(HOSTILE)}", f"{PATH}/new?sku={quote(HOSTILE)}", f"{PATH}/{mapping}"):
        page = desk.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.html
        assert not page.tags("s-banner", heading="y")


def test_what_belongs_to_another_shop_is_not_there(desk: Desk) -> None:
    account, mapping = strangers(desk)
    assert desk.get(f"{PATH}/{mapping}").status == 404
    assert desk.post(f"{PATH}/{mapping}/delete").status == 404
    assert desk.post(PATH, marketplace_sku="M", store_sku="A", account=str(account)).status == 422
    for path in (PATH, f"{PATH}?account={account}", f"{PATH}?q=STRANGE", f"{PATH}/new?sku=STRANGE-1"):
        page = desk.get(path)
        assert "Strange account" not in page.html
        assert "STRANGE-3" not in page.html
        assert "orders wait for this SKU" not in page.text
        assert "order waits for this SKU" not in page.text
    with db.reading() as s:
        assert s.get(SkuMapping, mapping) is not None
        assert s.get(Account, account) is not None


# --- guesses ----------------------------------------------------------------------------------------------------------


def test_the_page_asks_for_guesses_once_it_is_there_and_one_click_accepts_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "SMALL", 0)
    whole_catalogue(desk.shop_id)
    product(desk.shop_id, "ABC-1", "Blue mug", 1)
    product(install("red.myshopify.com"), "MKT.2", "Strange mug", 2)
    blue, red = desk.account(label="Blue"), desk.account(label="Red")
    mine, other = waits(desk, blue, "abc1"), waits(desk, red, "MKT-2")
    (live,) = desk.get(PATH).tags("s-section", id="waiting")
    assert float(live["data-every"]) < 1
    part = desk.get(live["data-poll"])
    assert "data-poll" not in part.tags("s-section", id="waiting")[0]
    assert not part.tags("s-page")
    assert "Blue mug" in part.text
    assert "Strange mug" not in part.text
    accepts = [one["value"] for one in part.tags("input", name="account")]
    assert accepts == ["", str(blue)], "for all, or only for the account that sold it"
    done = desk.post(PATH, marketplace_sku="abc1", store_sku="ABC-1", account="")
    assert done.status == 303
    assert (due(mine), due(other)) == (True, False)


def test_where_guesses_are_quick_they_stand_there_at_once(desk: Desk) -> None:
    whole_catalogue(desk.shop_id)
    product(desk.shop_id, "ABC-1", "Blue mug", 1)
    waits(desk, desk.account(), "abc1")
    page = desk.get(PATH)
    assert "data-poll" not in page.tags("s-section", id="waiting")[0]
    assert page.tags("input", name="store_sku", value="ABC-1")


def test_while_shopify_does_not_answer_guesses_are_left_out_and_a_search_says_so(desk: Desk) -> None:
    waits(desk, desk.account(), "abc1")
    assert "Best guess" in desk.get(f"{PATH}/waiting").text
    page = desk.get(f"{PATH}/new?sku=abc1&find=mug")
    assert "Shopify does not answer" in page.text


def test_a_search_on_the_form_maps_to_a_product_with_one_click(desk: Desk) -> None:
    whole_catalogue(desk.shop_id)
    product(desk.shop_id, "ABC-1", "Blue mug", 1)
    product(desk.shop_id, "", "Blue mug without SKU", 2)
    account = desk.account(label="Blue")
    page = desk.get(f"{PATH}/new?sku=M-1&account={account}&find=blue")
    assert [one["value"] for one in page.tags("input", name="store_sku")] == ["ABC-1"]
    assert page.tags("input", name="account", value=str(account))
    assert "without SKU" not in page.text, "a product without SKU cannot be mapped to"
