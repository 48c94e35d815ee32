"""Linking: the same SKU to the character, or what it is mapped to; several are told and never chosen from."""

from __future__ import annotations

from datetime import timedelta

from shopapp import clock
from shopapp.listings import link
from shopapp.records import db
from shopapp.records.models import Listing, ListingStatus
from tests.unit.listings.stall import Stall, both_databases, there


@both_databases
def test_listings_are_linked_by_the_exact_sku_or_say_why_not(stall: Stall) -> None:
    for number, sku in enumerate(["MUG-1", "mug-2", "TWIN", "TWIN", " lead", "in  side"]):
        stall.variant(sku, number=number)
    stall.read(*[there(sku) for sku in ("MUG-1", "MUG-2", "TWIN", "in  side", "in side", "NOWHERE")])
    assert stall.standing() == {
        "MUG-1": ("linked", "", "MUG-1"),
        "MUG-2": ("not_linked", "sku_unknown", ""),
        "TWIN": ("not_linked", "sku_ambiguous", ""),
        "in  side": ("linked", "", "in  side"),
        "in side": ("not_linked", "sku_unknown", ""),
        "NOWHERE": ("not_linked", "sku_unknown", ""),
    }
    assert stall.listing("TWIN").cause_params == {"count": 2}


def test_a_mapping_goes_before_the_same_sku_and_the_accounts_own_before_that_for_all(stall: Stall) -> None:
    for sku in ("A", "ALL", "OWN"):
        stall.variant(sku)
    stall.mapping("A", "ALL")
    stall.mapping("B", "ALL")
    stall.mapping("B", "OWN", stall.account_id)
    stall.mapping("C", "GONE")
    stall.read(there("A"), there("B"), there("C"))
    assert stall.standing() == {
        "A": ("linked", "", "ALL"),
        "B": ("linked", "", "OWN"),
        "C": ("not_linked", "sku_unknown", ""),
    }
    assert stall.listing("C").cause_params == {"sku": "GONE"}


def test_a_saved_mapping_links_what_waits_for_it(stall: Stall) -> None:
    stall.variant("STORE")
    stall.read(there("THEIRS"))
    assert stall.standing()["THEIRS"][0] == "not_linked"
    stall.mapping("THEIRS", "STORE", stall.account_id)
    with db.writing() as s:
        link.remap(s, stall.shop_id, ["THEIRS"])
    assert stall.standing()["THEIRS"] == ("linked", "", "STORE")


def test_a_variant_that_appears_links_and_a_second_one_unlinks(stall: Stall) -> None:
    stall.read(there("A"))
    stall.variant("A", number=1)
    _relink(stall, "A")
    assert stall.standing()["A"] == ("linked", "", "A")
    stall.variant("A", number=2)
    _relink(stall, "A")
    assert stall.standing()["A"] == ("not_linked", "sku_ambiguous", "")


def test_a_mapped_listing_follows_the_sku_that_it_is_mapped_to(stall: Stall) -> None:
    stall.mapping("THEIRS", "STORE")
    stall.read(there("THEIRS"))
    stall.variant("STORE")
    _relink(stall, "STORE")
    assert stall.standing()["THEIRS"] == ("linked", "", "STORE")


def test_what_waits_for_an_answer_or_for_the_merchant_keeps_its_status_when_linked_anew(stall: Stall) -> None:
    stall.variant("A")
    stall.variant("B")
    stall.read(there("A"), there("B"))
    for sku, status in (("A", ListingStatus.PENDING), ("B", ListingStatus.UPDATE_ERROR)):
        with db.writing() as s:
            s.get_one(Listing, stall.listing(sku).id).status = status
    _relink(stall, "A", "B")
    assert [stall.listing(sku).status for sku in "AB"] == ["pending", "update_error"]


@both_databases
def test_a_second_read_changes_what_changed_and_ends_what_is_not_seen(stall: Stall) -> None:
    stall.variant("A")
    stall.read(there("A"), there("B"), run=1)
    kept = stall.listing("B")
    clock.travel(by=timedelta(hours=1))
    stall.read(there("A", "21.00", 0), there("C"), run=2)
    a, b = stall.listing("A"), stall.listing("B")
    assert (a.there_price_minor, a.there_quantity, a.read_mark, a.live) == (2100, 0, 2, True)
    assert (b.id, b.live, b.read_mark) == (kept.id, False, 1)
    stall.read(there("A"), there("B"), there("C"), run=3)
    assert stall.listing("B").live


def test_what_is_known_from_a_later_push_is_not_overwritten_by_an_older_report(stall: Stall) -> None:
    stall.variant("A")
    stall.read(there("A", quantity=3), run=1)
    with db.writing() as s:
        row = s.get_one(Listing, stall.listing("A").id)
        row.there_quantity, row.there_at = 9, clock.now() + timedelta(seconds=30)
    clock.travel(by=timedelta(minutes=5))
    stall.read(there("A", quantity=3), run=2, ago=290)
    assert stall.listing("A").there_quantity == 9
    stall.read(there("A", quantity=4), run=3)
    assert stall.listing("A").there_quantity == 4


def test_rows_that_cannot_be_read_name_nothing(stall: Stall) -> None:
    stall.read(there("A"), there(""), there("A", "5.00"))
    assert list(stall.standing()) == ["A"]
    assert stall.listing("A").there_price_minor == 500


def _relink(stall: Stall, *skus: str) -> None:
    with db.writing() as s:
        link.relink(s, stall.shop_id, skus)
