"""A SKU means exactly one variant, or the order waits."""

from __future__ import annotations

from datetime import timedelta

from shopapp import clock
from shopapp.shopify_admin import tokens
from shopapp.skus.match import match, question
from shopapp.skus.memory import Memory
from tests.unit.orders.scene import Scene

ODD = ["A-1", "O'Neil", "back\\slash", "two words", "ÅÄÖ-9", 'quo"te', "a:b", "(x)", "*", "-5"]


def test_odd_skus_are_found_to_the_character(scene: Scene) -> None:
    made = {sku: scene.product(sku)["variant_id"] for sku in ODD if sku != "*"}
    for near in ("a-1", "A-1-XL", "two  words"):
        scene.product(near)
    found = match(tokens.line(scene.shop_id), [*ODD, "NOPE", ""])
    assert {sku: one.one.gid for sku, one in found.items() if one.one} == made
    assert found["NOPE"].variants == ()
    assert "" not in found


def test_a_sku_of_two_variants_is_told_as_such(scene: Scene) -> None:
    scene.product("TWICE")
    scene.product("TWICE")
    found = match(tokens.line(scene.shop_id), ["TWICE"])["TWICE"]
    assert (len(found.variants), found.one) == (2, None)


def test_the_question_is_quoted() -> None:
    assert question(["A", "O'N\\"]) == "sku:'A' OR sku:'O\\'N\\\\'"


def test_hits_are_remembered_for_ten_minutes_and_misses_only_for_those_due_before(scene: Scene) -> None:
    memory, admin = Memory(), tokens.line(scene.shop_id)
    scene.product("A-1")
    due = clock.now() - timedelta(seconds=1)
    assert not memory.find(admin, 1, ["A-1", "NEW"], due).remembered
    assert memory.find(admin, 1, ["A-1", "NEW"], due).remembered
    scene.product("NEW")
    later = clock.now() + timedelta(seconds=1)
    scene.wait(2)
    found = memory.find(admin, 1, ["NEW"], later)
    assert found.matches["NEW"].one is not None
    assert memory.known(1, "A-1")
    assert not memory.known(2, "A-1")
    scene.wait(601)
    assert not memory.known(1, "A-1")


def test_what_others_wait_for_is_asked_along(scene: Scene) -> None:
    memory, admin = Memory(), tokens.line(scene.shop_id)
    scene.product("A-1")
    scene.product("B-2")
    memory.find(admin, 1, ["A-1"], clock.now(), lambda: ["B-2"])
    assert memory.known(1, "B-2")
    memory.forget(1, before=clock.now())
    assert not memory.known(1, "B-2")
