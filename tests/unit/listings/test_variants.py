"""Variants read one by one after a message: newest first, many at the cost of one question, nothing believed gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shopapp import clock
from shopapp.listings import duties, variants
from shopapp.listings.variants import Seen
from shopapp.records import db
from shopapp.records.models import Shop, Variant
from shopapp.shops.hooks import Heard
from shopapp.work.claim import Claim
from tests.unit.listings.stall import Stall, both_databases, there


def needed(stall: Stall) -> None:
    """The shop's catalogue is kept."""
    with db.writing() as s:
        duties.want_catalogue(s, s.get_one(Shop, stall.shop_id))


def heard(stall: Stall, **payload: Any) -> Heard:
    return Heard(1, stall.shop_id, stall.scene.domain, "any", clock.now(), clock.now(), payload)


def number(gid: str) -> int:
    return int(gid.rsplit("/", 1)[-1])


def product(stall: Stall, sku: str, **wish: Any) -> dict[str, Any]:
    made = stall.scene.product(sku, **wish)
    variants.product_changed(heard(stall, id=number(made["product_id"])))
    return made


def asked(stall: Stall) -> int:
    """How often Shopify was asked for variants by id, since this was asked first."""
    found = [one for one in stall.scene.box.get("/faults") if one["operation"] == "VariantsForListing"]
    if not found:
        stall.scene.box.fault("shopify", "status", "VariantsForListing", times=1, after=1_000_000)
        return 0
    return int(found[0]["seen"])


@both_databases
def test_a_new_product_is_read_with_price_stock_and_state(stall: Stall) -> None:
    needed(stall)
    product(stall, "MUG", price="12.50", available=7)
    stall.work("variant")
    row = stall.variants()["MUG"]
    assert (row.price_minor, sum(row.levels.values()), row.tracked, row.active, row.due_at) == (
        1250,
        7,
        True,
        True,
        None,
    )


def test_a_shop_without_listings_keeps_no_variants(stall: Stall) -> None:
    product(stall, "MUG")
    assert stall.variants() == {}


@both_databases
def test_a_sku_that_changes_in_shopify_unlinks_and_links(stall: Stall) -> None:
    needed(stall)
    made = product(stall, "OLD")
    stall.work("variant")
    stall.read(there("OLD"), there("NEW"))
    stall.scene.box.patch(f"/shops/{stall.scene.domain}/variants/{number(made['variant_id'])}", {"sku": "NEW"})
    variants.item_changed(heard(stall, id=number(made["inventory_item_id"])))
    stall.work("variant")
    assert stall.standing() == {"OLD": ("not_linked", "sku_unknown", ""), "NEW": ("linked", "", "NEW")}


@both_databases
def test_a_deleted_variant_keeps_its_listing_and_says_why(stall: Stall) -> None:
    needed(stall)
    made = product(stall, "MUG")
    stall.work("variant")
    stall.read(there("MUG"))
    stall.scene.box.delete(f"/shops/{stall.scene.domain}/variants/{number(made['variant_id'])}")
    variants.product_gone(heard(stall, id=number(made["product_id"])))
    stall.work("variant")
    assert stall.standing() == {"MUG": ("not_linked", "variant_gone", "MUG")}
    assert stall.variants()["MUG"].gone_at is not None


def test_two_variants_with_one_sku_are_not_linked_and_one_of_them_renamed_links(stall: Stall) -> None:
    needed(stall)
    stall.read(there("MUG"))
    made = [product(stall, "MUG") for _ in range(2)]
    stall.work("variant")
    assert stall.standing()["MUG"][:2] == ("not_linked", "sku_ambiguous")
    stall.scene.box.patch(f"/shops/{stall.scene.domain}/variants/{number(made[1]['variant_id'])}", {"sku": "CUP"})
    variants.product_changed(heard(stall, id=number(made[1]["product_id"])))
    stall.work("variant")
    assert stall.standing()["MUG"] == ("linked", "", "MUG")


def test_forty_messages_cost_one_question(stall: Stall) -> None:
    needed(stall)
    made = [product(stall, f"S{one}") for one in range(8)]
    stall.work("variant")
    before = asked(stall)
    for _ in range(5):
        for one in made:
            variants.stock_changed(heard(stall, inventory_item_id=number(one["inventory_item_id"])))
    stall.work("variant")
    assert (before, asked(stall)) == (0, 1)


def test_a_message_that_comes_while_the_variant_is_read_is_not_lost(stall: Stall) -> None:
    needed(stall)
    made = product(stall, "MUG", available=5)
    stall.work("variant")
    with db.writing() as s:
        row = s.query(Variant).filter_by(gid=made["variant_id"]).one()
        row.due_at, row.lease_token, row.lease_until = clock.now(), "mine", clock.now() + timedelta(minutes=2)
        mine = Claim(row.id, "mine")
    task = variants._begin(mine)
    assert task is not None
    clock.travel(by=timedelta(seconds=1))
    variants.stock_changed(heard(stall, inventory_item_id=number(made["inventory_item_id"])))
    variants._read(mine, task)
    assert stall.variants()["MUG"].due_at is not None


def test_what_was_read_before_is_not_written_over_what_was_read_after(stall: Stall) -> None:
    stall.variant("A", price_minor=100, levels={"gid://shopify/Location/1": 4})
    row = stall.variants()["A"]
    old = Seen(row.gid, "", "", "B", "", 50, True, True, {}, clock.now() - timedelta(minutes=1))
    with db.writing() as s:
        variants.keep(s, stall.shop_id, [old])
    assert set(stall.variants()) == {"A"}
    assert stall.variants()["A"].price_minor == 100


def test_an_answer_without_sense_changes_nothing_and_spoils_no_other() -> None:
    good = {
        "id": "gid://shopify/ProductVariant/1", "sku": "A", "displayName": "A", "price": "1.00",
        "product": {"id": "gid://shopify/Product/1", "status": "ACTIVE"},
        "inventoryItem": {"id": "gid://shopify/InventoryItem/1", "tracked": True, "inventoryLevels": {"nodes": []}},
    }  # fmt: skip
    assert variants.readable(good, "EUR", clock.now()) is not None
    for wrong in ({"inventoryItem": None}, {"product": {}}, {"inventoryItem": {"id": "x", "tracked": True}}):
        assert variants.readable({**good, **wrong}, "EUR", clock.now()) is None


def test_ids_of_messages_are_numbers_or_nothing(stall: Stall) -> None:
    needed(stall)
    asked(stall)
    for told in (None, True, "1' OR 1=1", {"a": 1}, "9" * 40, -1):
        variants.product_gone(heard(stall, id=told))
        variants.stock_changed(heard(stall, inventory_item_id=told))
        variants.product_changed(heard(stall, id=told))
    stall.work("variant")
    assert (asked(stall), stall.variants()) == (0, {})
