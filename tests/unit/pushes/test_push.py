"""One listing's way to the marketplace: the newest wish, once, and what is said of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shopapp.accounts import line
from shopapp.listings import outcome, push
from shopapp.records import db
from shopapp.records.models import ListingStatus
from shopapp.work import claim
from tests.unit.pushes.scene import PUSH, START, STOP, Scene


def test_a_change_of_the_stock_is_there_after_one_push_and_linked_once_it_is_seen(scene: Scene) -> None:
    account = scene.account()
    variant = scene.variant("A")
    listing = scene.listing(account, variant, "A")
    made = scene.change(variant, 3)
    assert (made.wishes, made.urgent, made.due) == (1, False, True)
    scene.drain()
    assert scene.there("A") == ("19.90", 3)
    assert scene.row(listing).status == ListingStatus.PENDING
    scene.settle()
    row = scene.row(listing)
    assert (row.status, row.there_quantity, row.acked_version, row.version) == (ListingStatus.LINKED, 3, 1, 1)
    assert scene.states(listing) == ["accepted"]
    [push] = scene.pushes(listing)
    assert (push.old_price_minor, push.old_quantity) == (1990, 5)


def test_nothing_is_pushed_that_is_there_already_or_switched_off(scene: Scene) -> None:
    off = scene.account("off", push_stock=False, push_price=False)
    on = scene.account("on")
    variant = scene.variant("A", 5)
    scene.listing(off, variant, "A")
    scene.listing(on, variant, "A")
    assert scene.change(variant, 5).wishes == 0
    scene.settle()
    assert scene.counter.applied == []


def test_many_changes_are_one_push_of_the_newest(scene: Scene) -> None:
    account, variant = scene.account(), scene.variant("A")
    scene.listing(account, variant, "A")
    for level in (4, 3, 2):
        scene.change(variant, level)
    scene.settle()
    assert scene.counter.applied == [("A", "19.90", 2)]


def test_sold_out_goes_before_all_else_and_takes_the_stock_alone(scene: Scene) -> None:
    account = scene.account()
    variants = [scene.variant(f"V{n}") for n in range(6)]
    for n, variant in enumerate(variants):
        scene.listing(account, variant, f"V{n}")
    for n, variant in enumerate(variants):
        scene.change(variant, 0 if n == 5 else 2, price_minor=2490)
    assert scene.drain(STOP) == 1
    assert scene.counter.applied == [("V5", "19.90", 0)]
    scene.settle()
    assert scene.there("V5") == ("24.90", 0)


def test_a_refusal_waits_for_update_and_is_linked_again_after_it(scene: Scene) -> None:
    account, variant = scene.account(), scene.variant("A")
    listing = scene.listing(account, variant, "A")
    scene.counter.moods = ["refuse"]
    scene.change(variant, 3)
    scene.drain()
    row = scene.row(listing)
    assert row.status == ListingStatus.UPDATE_ERROR
    assert "condition_type" in row.cause_words
    [incident] = scene.open_incidents("listing_update_failed")
    assert incident.params["sku"] == "A"
    for level in (2, 0, 4):
        scene.change(variant, level)
    scene.settle()
    assert scene.counter.applied == []
    with db.writing() as s:
        assert outcome.again(s, scene.shop_id, [listing], "1").wishes == 1
    scene.settle()
    assert scene.there("A") == ("19.90", 4)
    assert scene.row(listing).status == ListingStatus.LINKED
    assert scene.open_incidents() == []
    assert scene.states(listing) == ["refused", "accepted"]


def test_what_was_accepted_and_then_found_wrong_is_in_update_error(scene: Scene) -> None:
    account, variant = scene.account(), scene.variant("A")
    listing = scene.listing(account, variant, "A")
    scene.counter.moods = ["swallow"]
    scene.change(variant, 3)
    scene.settle()
    assert scene.row(listing).status == ListingStatus.UPDATE_ERROR
    assert scene.states(listing) == ["refused"]


@pytest.mark.parametrize("mood", ["lost", "late", "down", "throttle"])
def test_an_unclear_answer_is_followed_by_the_newest_wish(scene: Scene, mood: str) -> None:
    account, variant = scene.account(), scene.variant("A")
    listing = scene.listing(account, variant, "A")
    scene.counter.moods = [mood]
    scene.change(variant, 3)
    scene.drain(PUSH)
    scene.change(variant, 7)
    scene.drain(PUSH)
    scene.counter.arrive()  # what was on its way comes after the newer one
    scene.settle()
    assert scene.there("A") == ("19.90", 7)
    row = scene.row(listing)
    assert row.acked_version == row.version
    assert scene.states(listing) == ["superseded", "accepted"]


def test_an_old_push_that_arrives_after_the_newer_one_was_seen_is_not_the_last_word(scene: Scene) -> None:
    account, variant = scene.account(), scene.variant("A")
    scene.listing(account, variant, "A")
    scene.counter.moods = ["late"]
    scene.change(variant, 3)
    scene.drain(PUSH)
    scene.change(variant, 7)
    scene.drain(PUSH)
    scene.wait(62)
    scene.drain()
    scene.counter.arrive()
    assert scene.there("A") == ("19.90", 3)
    scene.settle()
    assert scene.there("A") == ("19.90", 7)


def test_a_process_that_slept_through_its_lease_is_not_the_last_word(scene: Scene) -> None:
    account, variant = scene.account(), scene.variant("A")
    scene.listing(account, variant, "A")
    scene.change(variant, 3)
    with db.writing() as s:
        [mine] = claim.claim(s, PUSH, 1)
    asleep = push._begin(mine)
    assert asleep is not None
    assert asleep.change is not None
    scene.wait(130)
    scene.change(variant, 7)
    scene.settle()
    change = asleep.change
    push._answered(asleep, line.speak(account, lambda to: asleep.channel.push(to, asleep.site, change)))
    assert scene.there("A") == ("19.90", 3)
    scene.settle()
    assert scene.there("A") == ("19.90", 7)


def test_stock_of_a_listing_that_the_marketplace_ships_is_never_written(scene: Scene) -> None:
    """The same SKU in both networks: its own stock reaches the merchant's listing alone."""
    account = scene.account()
    variant = scene.variant("A")
    own = scene.listing(account, variant, "A-own")
    theirs = scene.listing(account, variant, "A-fba", None, by_channel=True)
    scene.change(variant, 3, price_minor=2490)
    scene.change(variant, 0)
    scene.settle()
    assert scene.there("A-own") == ("24.90", 0)
    assert scene.there("A-fba") == ("24.90", None)
    patched = [body for method, path, body in scene.counter.requests if method == "PATCH" and "A-fba" in path]
    assert patched
    assert all(one["path"].endswith("purchasable_offer") for body in patched for one in body["patches"])
    assert scene.row(theirs).quantity is None
    assert scene.row(own).status == ListingStatus.LINKED


def test_siblings_of_what_is_pushed_survive(scene: Scene) -> None:
    account, variant = scene.account(), scene.variant("A")
    scene.listing(account, variant, "A")
    scene.change(variant, 3, price_minor=100)
    scene.settle()
    assert scene.there("A") == ("1.00", 3)
    assert scene.counter.items["A"].kept == "lead time 3 days"


def test_a_price_in_another_currency_is_not_ours_to_set(scene: Scene) -> None:
    account, variant = scene.account(), scene.variant("A")
    listing = scene.listing(account, variant, "A", currency="GBP")
    scene.change(variant, 3, price_minor=2490)
    scene.settle()
    assert scene.there("A") == ("19.90", 3)
    assert scene.row(listing).price_minor is None


@pytest.mark.parametrize(
    ("rules", "level", "offered"),
    [
        ({"buffer": 2}, 5, 3),
        ({"buffer": 9}, 5, 0),
        ({"maximum": 4}, 50, 4),
        ({"locations": ["gid://shopify/Location/2"]}, 5, 0),
        ({}, -3, 0),
    ],
)
def test_what_is_offered_follows_the_rules(scene: Scene, rules: dict[str, object], level: int, offered: int) -> None:
    account, variant = scene.account(**rules), scene.variant("A", 50)
    scene.listing(account, variant, "A", 77)
    scene.change(variant, level)
    scene.settle()
    assert scene.there("A") == ("19.90", offered)


def test_a_dry_run_works_everything_out_and_sends_nothing(scene: Scene) -> None:
    account, variant = scene.account(dry_run=True), scene.variant("A")
    listing = scene.listing(account, variant, "A")
    scene.change(variant, 0)
    scene.settle()
    assert scene.counter.requests == []
    assert scene.states(listing) == ["preview"]


@pytest.mark.parametrize(
    ("stops", "goes_on"),
    [
        ({"paused_at": START}, {"paused_at": None}),
        ({"trial_ends_at": START - timedelta(days=1)}, {"trial_ends_at": START + timedelta(days=9)}),
        ({"status": "frozen"}, {"status": "active"}),
    ],
    ids=["paused", "over the plan", "frozen"],
)
def test_a_pause_or_a_plan_over_its_limit_pushes_nothing_until_it_goes_on(
    scene: Scene, stops: dict[str, Any], goes_on: dict[str, Any]
) -> None:
    account, variant = scene.account(), scene.variant("A")
    scene.listing(account, variant, "A")
    scene.shop(**stops)
    scene.change(variant, 0)
    scene.drain()
    scene.wait(600)
    scene.drain()
    assert scene.counter.requests == []
    scene.shop(**goes_on)
    scene.settle()
    assert scene.there("A") == ("19.90", 0)
