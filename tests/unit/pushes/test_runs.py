"""Switching on shows the difference first and asks; undoing puts back what was there; changed rules reach every listing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from shopapp.listings import outcome, rules, runs, switch
from shopapp.records import db
from shopapp.records.models import Account, Listing, ListingPush, ListingRun, ListingStatus, RunKind
from tests.unit.pushes.scene import PUSH, RUN, STOP, Scene

KEEP: dict[str, Any] = {"locations": [], "buffer": "", "maximum": "", "brake_percent": "20", "dry_run": False}


def _shelf(scene: Scene, **more: Any) -> tuple[int, list[int], list[int]]:
    """Three listings: one as it is here, one with another stock, one with another price and sold out here."""
    account = scene.account(push_price=False, push_stock=False, **more)
    variants = [scene.variant("A", 5), scene.variant("B", 9), scene.variant("C", 0, price_minor=2490)]
    listings = [scene.listing(account, variant, sku) for variant, sku in zip(variants, "ABC", strict=True)]
    return account, variants, listings


def _save(scene: Scene, account_id: int, **wanted: Any) -> switch.Saved:
    with db.writing() as s:
        account = s.get_one(Account, account_id)
        saved = switch.save(s, account, KEEP | wanted, "1")
        if saved.ask:
            runs.begin(s, account, RunKind.SWITCH_ON, "1", **dict.fromkeys(saved.ask, True))
        elif saved.changed:
            runs.begin(s, account, RunKind.RENEW, "1")
        return saved


def _runs(kind: str) -> list[ListingRun]:
    with db.reading() as s:
        return list(s.scalars(select(ListingRun).where(ListingRun.kind == kind).order_by(ListingRun.id)))


def test_switching_on_shows_the_difference_and_changes_nothing_before_the_yes(scene: Scene) -> None:
    account, _, listings = _shelf(scene)
    assert _save(scene, account, price=True, stock=True).ask == ("price", "stock")
    scene.settle()
    [run] = _runs("switch_on")
    assert (run.state, run.found, run.done) == ("asked", 2, 3)
    assert {key: run.params[key] for key in ("prices", "stocks", "zeros")} == {"prices": 1, "stocks": 2, "zeros": 1}
    assert scene.counter.requests == []
    with db.writing() as s:
        assert not rules.of(s, account).on
        shown = s.scalars(select(ListingPush).where(ListingPush.run_id == run.id)).all()
        assert {(one.listing_id, one.old_quantity, one.quantity) for one in shown} == {
            (listings[1], 5, 9),
            (listings[2], 5, 0),
        }
        assert runs.confirm(s, s.get_one(ListingRun, run.id), "1")
        assert not runs.confirm(s, s.get_one(ListingRun, run.id), "1")
    scene.settle()
    assert [scene.there(sku) for sku in "ABC"] == [("19.90", 5), ("19.90", 9), ("24.90", 0)]
    assert _runs("switch_on")[0].state == "done"


def test_undoing_a_run_puts_back_what_was_there_and_stays_so(scene: Scene) -> None:
    account, variants, listings = _shelf(scene)
    _save(scene, account, price=True, stock=True)
    scene.settle()
    with db.writing() as s:
        runs.confirm(s, s.scalars(select(ListingRun)).one(), "1")
    scene.settle()
    with db.writing() as s:
        undone = runs.undo(s, s.scalars(select(ListingRun)).one(), "1")
        assert undone is not None
    scene.settle()
    assert [scene.there(sku) for sku in "ABC"] == [("19.90", 5), ("19.90", 5), ("19.90", 5)]
    scene.change(variants[1], 1)
    scene.settle()
    assert scene.there("B") == ("19.90", 5)
    with db.reading() as s:
        assert not rules.of(s, account).on
    assert {scene.row(one).status for one in listings} == {ListingStatus.LINKED}


def test_undoing_while_the_run_is_under_way_sends_no_more_of_it(scene: Scene) -> None:
    account, _, _ = _shelf(scene)
    _save(scene, account, price=True, stock=True)
    scene.settle()
    with db.writing() as s:
        runs.confirm(s, s.scalars(select(ListingRun)).one(), "1")
    scene.drain(RUN)
    scene.drain(STOP)
    assert scene.there("C") == ("19.90", 0)
    with db.writing() as s:
        runs.undo(s, s.scalars(select(ListingRun)).one(), "1")
    scene.settle()
    assert [scene.there(sku) for sku in "ABC"] == [("19.90", 5), ("19.90", 5), ("19.90", 5)]
    assert not [one for one in scene.counter.applied if one[0] == "B"]


def test_a_newer_question_takes_the_older_one_back(scene: Scene) -> None:
    account, _, _ = _shelf(scene)
    _save(scene, account, stock=True)
    scene.settle()
    _save(scene, account, price=True)
    scene.settle()
    assert [run.state for run in _runs("switch_on")] == ["stopped", "asked"]
    with db.reading() as s:
        kept = s.scalars(select(ListingPush.run_id).distinct()).all()
        assert kept == [_runs("switch_on")[1].id]


def test_changed_rules_reach_every_listing(scene: Scene) -> None:
    account, _, _ = _shelf(scene)
    _save(scene, account, stock=True)
    scene.settle()
    with db.writing() as s:
        runs.confirm(s, s.scalars(select(ListingRun)).one(), "1")
    scene.settle()
    assert _save(scene, account, stock=True, buffer="2", maximum="4").changed
    scene.settle()
    assert [scene.there(sku)[1] for sku in "ABC"] == [3, 4, 0]
    assert _save(scene, account, stock=True, buffer="x").wrong == "buffer"


def test_switching_off_forgets_what_was_not_sent(scene: Scene) -> None:
    account, variants, _ = _shelf(scene)
    scene.rules(account, push_stock=True)
    for variant in variants:
        scene.change(variant, 1)
    _save(scene, account)
    scene.settle()
    assert scene.counter.requests == []


def test_after_a_dry_run_everything_is_sent(scene: Scene) -> None:
    account, variants, _ = _shelf(scene)
    scene.rules(account, push_stock=True, dry_run=True)
    for variant in variants:
        scene.change(variant, 1)
    scene.settle()
    assert scene.counter.requests == []
    _save(scene, account, stock=True)
    scene.settle()
    assert [scene.there(sku)[1] for sku in "ABC"] == [1, 1, 1]


def test_what_the_end_of_a_dry_run_sent_can_be_undone(scene: Scene) -> None:
    account, variants, _ = _shelf(scene)
    scene.rules(account, push_stock=True, dry_run=True)
    scene.change(variants[0], 1)
    scene.settle()
    _save(scene, account, stock=True)
    scene.settle()
    assert [scene.there(sku)[1] for sku in "ABC"] == [1, 9, 0]
    (renewed,) = _runs("renew")
    with db.writing() as s:
        assert runs.undo(s, s.get_one(ListingRun, renewed.id), "1") is not None
    scene.settle()
    assert [scene.there(sku)[1] for sku in "ABC"] == [5, 5, 5]
    with db.reading() as s:
        assert not rules.of(s, account).on


def test_changed_rules_that_nobody_looked_at_are_braked(scene: Scene) -> None:
    """A buffer typed wrongly sells everything out: some go, the rest waits for a yes, counted across the pushes made."""
    account = scene.account(push_price=False)
    skus = [f"B-{number:02}" for number in range(30)]
    for sku in skus:
        scene.listing(account, scene.variant(sku, 5), sku)
    _save(scene, account, stock=True, buffer="500")
    scene.settle()
    assert {scene.there(sku)[1] for sku in skus} == {5}, "thirty at once: none of them goes"
    (asked,) = _runs("brake")
    assert (asked.state, asked.found) == ("asked", 30)


def test_update_pushes_nothing_where_the_push_is_off(scene: Scene) -> None:
    _, _, listings = _shelf(scene)
    with db.writing() as s:
        assert outcome.again(s, scene.shop_id, listings, "1").wishes == 0
        assert s.scalars(select(Listing.version).distinct()).all() == [0]
    scene.drain(PUSH)
    assert scene.counter.requests == []
