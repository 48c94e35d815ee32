"""The way of listings over loopback HTTP: linked, read, linked by SKU, and linked anew when Shopify tells of a change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopapp import jobs
from shopapp.records import db
from shopapp.records.models import Listing, Variant
from tests.journeys.life import Life, settled

pytestmark = pytest.mark.journey


def standing(life: Life) -> dict[str, tuple[str, str, str]]:
    """By SKU: status, cause, the variant's SKU."""
    with db.reading() as s:
        rows = s.query(Listing).filter_by(shop_id=life.shop_id).order_by(Listing.sku)
        return {row.sku: (row.status, row.cause, row.variant.sku if row.variant else "") for row in rows}


def offer(life: Life, seller: str, *skus: str) -> None:
    for sku in skus:
        life.box.post(f"/amazon/sellers/{seller}/listings", {"sku": sku, "price": "12.00", "quantity": 3})


def rename(life: Life, sku: str, to: str) -> None:
    """A person changes a SKU in Shopify, which tells us."""
    life.box.patch(f"/shops/{life.domain}/variants/sku:{sku}", {"sku": to})


def read(life: Life) -> None:
    """The nightly duty comes round, reports and bulk runs take their time."""
    life.work_on(timedelta(minutes=8), timedelta(seconds=30))


@pytest.fixture
def linked(life: Life) -> str:
    """A connected seller with four listings, three of which the shop sells; everything is read."""
    seller = life.seller()
    for sku in ("MUG", "CUP", "TWIN"):
        life.product(sku)
    offer(life, seller, "MUG", "CUP", "TWIN", "THEIRS")
    life.connect(seller)
    read(life)
    return seller


def test_a_connected_account_is_read_and_linked_and_the_page_says_so(life: Life, linked: str) -> None:
    assert {sku: one[0] for sku, one in standing(life).items()} == {
        "MUG": "linked", "CUP": "linked", "TWIN": "linked", "THEIRS": "not_linked",
    }  # fmt: skip
    text = settled(life.merchant.open("/listings"))
    for said in ("Linked 3", "Not linked 1", "None of your products has this SKU", "€12.00"):
        assert said in text.replace("\u00a0", " ")
    assert "Listings that are not linked to a product" in settled(life.merchant.open("/"))


def test_a_sku_changed_in_shopify_links_anew_within_seconds(life: Life, linked: str) -> None:
    rename(life, "MUG", to="THEIRS")
    life.work_on(timedelta(seconds=20), timedelta(seconds=5))
    assert standing(life)["MUG"] == ("not_linked", "sku_unknown", "")
    assert standing(life)["THEIRS"] == ("linked", "", "THEIRS")


def test_a_second_product_with_the_sku_unlinks_and_says_why_until_it_is_renamed(life: Life, linked: str) -> None:
    made = life.product("TWIN")
    life.work_on(timedelta(seconds=20), timedelta(seconds=5))
    assert standing(life)["TWIN"][:2] == ("not_linked", "sku_ambiguous")
    assert "Several of your products have the SKU TWIN" in settled(life.merchant.open("/listings?status=not_linked"))
    number = made["variant_id"].rsplit("/", 1)[-1]
    life.box.patch(f"/shops/{life.domain}/variants/{number}", {"sku": "OTHER"})
    life.work_on(timedelta(seconds=20), timedelta(seconds=5))
    assert standing(life)["TWIN"] == ("linked", "", "TWIN")


def test_a_variant_deleted_in_shopify_is_told_as_the_reason(life: Life, linked: str) -> None:
    life.box.delete(f"/shops/{life.domain}/variants/sku:CUP")
    life.work_on(timedelta(seconds=20), timedelta(seconds=5))
    assert standing(life)["CUP"] == ("not_linked", "variant_gone", "CUP")
    assert "Its product was deleted in Shopify" in settled(life.merchant.open("/listings"))


def test_what_no_message_told_is_found_by_the_night(life: Life, linked: str) -> None:
    with db.writing() as s:
        s.query(Variant).filter_by(shop_id=life.shop_id, sku="MUG").one().sku = "LOST"
    life.work(hours=24)
    read(life)
    with db.reading() as s:
        live = {row.sku: row.live for row in s.query(Listing).filter_by(shop_id=life.shop_id)}
    assert all(live.values())
    assert standing(life)["MUG"] == ("linked", "", "MUG")


def test_read_again_at_the_page_brings_a_new_listing(life: Life, linked: str) -> None:
    offer(life, linked, "NEW")
    life.product("NEW")
    page = life.merchant.open("/listings")
    assert "Queued" in settled(life.merchant.submit(page, "read-again"))
    jobs.drain_all()
    read(life)
    assert standing(life)["NEW"] == ("linked", "", "NEW")
