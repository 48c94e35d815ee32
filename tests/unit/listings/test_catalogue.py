"""The whole catalogue by Shopify's bulk run: what it brings, what it may not overwrite, and what becomes of a bad one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shopapp import clock
from shopapp.listings import catalogue, duties, variants
from shopapp.records import db
from shopapp.records.models import Shop, Variant
from tests.unit.listings.stall import Stall, both_databases, there


@pytest.fixture
def stall(stall: Stall) -> Stall:
    settings(stall, bulk_seconds=0)
    return stall


def settings(stall: Stall, **wish: Any) -> None:
    stall.scene.box.post(f"/shops/{stall.scene.domain}/settings", wish)


def want(stall: Stall, *, now: bool = False) -> None:
    with db.writing() as s:
        duties.want_catalogue(s, s.get_one(Shop, stall.shop_id), now=now)


@both_databases
def test_the_catalogue_is_read_and_links_what_waits(stall: Stall) -> None:
    for number in range(7):
        stall.scene.product(f"S{number}", price="3.10", available=number)
    stall.read(there("S1"), there("S6"), there("NONE"))
    want(stall)
    stall.work("catalogue", "variant")
    found = stall.variants()
    assert sorted(found) == [f"S{number}" for number in range(7)]
    assert [(row.price_minor, sum(row.levels.values())) for row in found.values()] == [(310, n) for n in range(7)]
    assert {sku: one[0] for sku, one in stall.standing().items()} == {
        "S1": "linked", "S6": "linked", "NONE": "not_linked",
    }  # fmt: skip
    sweep = stall.sweep()
    assert (sweep.ticket, sweep.page_token, sweep.ended_at is not None) == ("", "", True)
    assert sweep.due_at is not None
    assert sweep.due_at > clock.now()


@both_databases
def test_a_claim_that_stops_goes_on_at_the_next_variant(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "BATCH", 2)
    monkeypatch.setattr(catalogue, "LINES", 3)
    monkeypatch.setattr(catalogue, "SECONDS", 0)
    for number in range(9):
        stall.scene.product(f"S{number}", available=number)
    want(stall)
    stall.work("catalogue")
    found = stall.variants()
    assert {sku: sum(row.levels.values()) for sku, row in found.items()} == {f"S{n}": n for n in range(9)}


def test_what_a_message_brought_meanwhile_is_newer_than_the_run(stall: Stall) -> None:
    made = stall.scene.product("A", price="1.00", available=1)
    settings(stall, bulk_seconds=30)
    want(stall)
    stall.work("catalogue", hours=0.001)
    assert stall.sweep().ticket
    clock.travel(by=timedelta(seconds=5))
    with db.writing() as s:
        newer = variants.Seen(
            made["variant_id"],
            made["inventory_item_id"],
            made["product_id"],
            "A",
            "A",
            900,
            True,
            True,
            {},
            clock.now(),
        )
        variants.keep(s, stall.shop_id, [newer])
    settings(stall, bulk_seconds=0)
    stall.scene.box.post("/clock", {"advance_seconds": 60})
    try:
        stall.work("catalogue")
    finally:
        stall.scene.box.set_clock(None)
    assert stall.sweep().ended_at is not None
    assert stall.variants()["A"].price_minor == 900


def test_what_a_run_does_not_name_is_asked_for_before_it_counts_as_gone(stall: Stall) -> None:
    made = stall.scene.product("A")
    want(stall)
    stall.work("catalogue", "variant")
    with db.writing() as s:
        for number in range(3):
            s.add(Variant(
                shop_id=stall.shop_id, gid=f"gid://shopify/ProductVariant/9{number}", sku=f"OLD{number}",
                read_at=clock.now() - timedelta(days=1),
            ))  # fmt: skip
    clock.travel(by=timedelta(minutes=1))
    want(stall, now=True)
    stall.work("catalogue")
    assert all(row.gone_at is None for row in stall.variants().values())
    stall.work("variant")
    gone = {sku: row.gone_at is not None for sku, row in stall.variants().items()}
    assert gone == {"A": False, "OLD0": True, "OLD1": True, "OLD2": True}
    assert made["sku"] == "A"


def test_an_empty_shop_has_an_empty_catalogue(stall: Stall) -> None:
    want(stall)
    stall.work("catalogue")
    assert (stall.variants(), stall.sweep().ended_at is not None) == ({}, True)


def test_a_run_that_shopify_gives_up_is_begun_anew(stall: Stall) -> None:
    stall.scene.product("A")
    settings(stall, bulk_error="INTERNAL_SERVER_ERROR")
    want(stall)
    stall.work("catalogue", hours=0.05)
    assert stall.sweep().ended_at is None
    assert "FAILED" in stall.sweep().words
    settings(stall, bulk_error=None)
    stall.work("catalogue", hours=1)
    assert sorted(stall.variants()) == ["A"]


@pytest.mark.parametrize("kind", ["truncate", "html", "status", "reset", "empty"])
def test_a_file_that_cannot_be_had_is_fetched_again(stall: Stall, kind: str) -> None:
    stall.scene.product("A")
    stall.scene.box.fault("shopify", kind, "bulkFile", times=1)
    want(stall)
    stall.work("catalogue", hours=1)
    assert sorted(stall.variants()) == ["A"]


def test_a_level_that_belongs_to_no_variant_ends_the_run(stall: Stall) -> None:
    from shopapp.listings import spool

    lines = [b'{"id":"gid://1","inventoryItem":{"id":"i"}}', b'{"__parentId":"gid://2"}']
    spool.fill("catalogue-1-x", lines)
    with pytest.raises(catalogue.Rejected):
        list(catalogue._groups("catalogue-1-x", 0))
    spool.fill("catalogue-1-x", [b"{", b""])
    with pytest.raises(catalogue.Rejected):
        list(catalogue._groups("catalogue-1-x", 0))


def test_a_variant_without_sense_spoils_no_other(stall: Stall) -> None:
    from shopapp.listings import spool
    from shopapp.records.models import ShopSweep, SweepKind
    from shopapp.work.claim import Claim

    want(stall)
    good = (
        b'{"id":"gid://shopify/ProductVariant/1","sku":"A","displayName":"A","price":"1.00","product":'
        b'{"id":"gid://shopify/Product/1","status":"ACTIVE"},"inventoryItem":{"id":"i","tracked":true}}'
    )
    with db.writing() as s:
        row = s.query(ShopSweep).filter_by(kind=SweepKind.CATALOGUE).one()
        row.ticket, row.began_at, row.page_token, row.lease_token = "gid://x/7", clock.now(), "0", "mine"
        mine = Claim(row.id, "mine")
    spool.fill(f"catalogue-{mine.id}-7", [b'{"id":"gid://shopify/ProductVariant/2","sku":"B"}', good])
    catalogue.due_catalogue(mine)
    assert sorted(stall.variants()) == ["A"]


def test_the_night_brings_the_next_run(stall: Stall) -> None:
    want(stall)
    stall.work("catalogue")
    first = stall.sweep().ended_at
    stall.scene.product("NEW")
    stall.work("catalogue", hours=27)
    assert stall.sweep().ended_at != first
    assert sorted(stall.variants()) == ["NEW"]
