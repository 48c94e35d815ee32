"""One order's way into Shopify: never twice, never not at all, never in part."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.alerts import invariants
from shopapp.orders import intent, outcome, place, retry
from shopapp.plans import gate
from shopapp.records import db
from shopapp.records.models import Account, HeldReason, Incident, Order, OrderState, Shop, UsageEntry
from shopapp.work import claim
from tests.unit.orders.scene import ORDERS, Scene, both_databases

LOST = ["commit_then_reset", "commit_then_status"]
NEVER_RUN = ["reset"]


def test_a_paid_order_is_created_once_with_the_same_total(scene: Scene) -> None:
    scene.product("A-1", available=10)
    (order_id,) = scene.sell(sku="A-1", price="19.90", quantity=2)
    scene.poll()
    scene.place()
    row = scene.row(order_id)
    assert (row.state, row.cause) == (OrderState.IMPORTED, "")
    (made,) = scene.made(order_id)
    assert row.shopify_gid == made["id"]
    assert row.shopify_total_minor == row.total_minor
    assert made["inventory_behaviour"] == "DECREMENT_IGNORING_POLICY"
    assert "mp-amazon-de" in made["tags"]
    scene.poll()
    scene.place()
    assert len(scene.made(order_id)) == 1


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("kind", [*LOST, *NEVER_RUN, "status", "html", "truncate", "null"])
def test_an_answer_that_is_lost_never_makes_a_second_order(scene: Scene, kind: str, unique: bool) -> None:
    scene.set(unique_ids=unique)
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.lose(kind, params={"status": 502})
    scene.poll()
    scene.place()
    assert scene.row(order_id).state in (OrderState.SENDING, OrderState.RECEIVED)
    assert scene.place() == 0, "the settle time is waited for"
    scene.wait(300)
    scene.place()
    assert scene.row(order_id).state == OrderState.IMPORTED
    assert len(scene.made(order_id)) == 1


def test_an_order_that_arrives_late_is_found_before_it_is_sent_again(scene: Scene) -> None:
    scene.set(unique_ids=False)
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.lose("late_commit", params={"seconds": 1})
    scene.poll()
    scene.place()
    scene.wait(30)
    scene.place()
    assert scene.row(order_id).state == OrderState.SENDING
    time.sleep(1.5)
    scene.wait(120)
    scene.place()
    assert scene.row(order_id).bound_how == "found"
    assert len(scene.made(order_id)) == 1


def test_throttled_is_not_executed_and_takes_the_intent_back(scene: Scene) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.lose("throttled")
    scene.poll()
    scene.place()
    row = scene.row(order_id)
    assert (row.state, row.sends, row.sent_at, row.attempt) == (OrderState.RECEIVED, 0, None, 0)
    for _ in range(20):  # the bucket fills on Redis' own time
        scene.wait(60)
        scene.place()
        if scene.row(order_id).state == OrderState.IMPORTED:
            break
        time.sleep(0.3)
    assert scene.row(order_id).bound_how == "created"
    assert len(scene.made(order_id)) == 1


class Killed(BaseException):
    """The process dies here."""


@both_databases
@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("window", ["before_send", "after_answer", "before_intent"])
def test_a_process_that_dies_leaves_no_second_order(
    scene: Scene, window: str, unique: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.set(unique_ids=unique)
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()

    def die(*_: object, **__: object) -> None:
        raise Killed

    owner, name = {
        "before_intent": (intent, "commit"),
        "before_send": (place, "_send"),
        "after_answer": (outcome, "bind"),
    }[window]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, die)
        with db.writing() as s:
            (mine,) = claim.claim(s, ORDERS)
        with pytest.raises(Killed):
            place.due_order(mine)
    assert len(scene.made(order_id)) == (window == "after_answer")
    assert scene.place() == 0, "the lease of the dead is respected"
    for _ in range(3):
        scene.wait(121)
        scene.place()
    assert scene.row(order_id).state == OrderState.IMPORTED
    assert len(scene.made(order_id)) == 1


@both_databases
def test_whoever_lost_its_lease_writes_nothing(scene: Scene) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    with db.writing() as s:
        (old,) = claim.claim(s, ORDERS)
    scene.wait(121)
    with db.writing() as s:
        (new,) = claim.claim(s, ORDERS)
    place.due_order(old)
    assert scene.row(order_id).state == OrderState.RECEIVED
    place.due_order(new)
    assert len(scene.made(order_id)) == 1


@pytest.mark.parametrize(
    ("skus", "cause", "named"),
    [
        (["A-1", "A-1", "NOPE", "NADA"], "sku_unknown", ["NOPE", "NADA"]),
        (["NOPE"], "sku_unknown", ["NOPE"]),
        (["A-1", "a-1"], "sku_unknown", ["a-1"]),
        (["A-1", "TWICE"], "sku_ambiguous", ["TWICE"]),
    ],
)
def test_an_order_with_one_unmatched_line_is_refused_as_a_whole(
    scene: Scene, skus: list[str], cause: str, named: list[str]
) -> None:
    scene.product("A-1")
    scene.product("A-1-XL")
    scene.product("TWICE")
    scene.product("TWICE")
    (order_id,) = scene.sell(lines=[{"sku": sku, "price": "5.00"} for sku in skus])
    scene.poll()
    scene.place()
    row = scene.row(order_id)
    assert (row.state, row.cause, row.cause_params["skus"]) == (OrderState.FAILED, cause, named)
    assert scene.in_shopify() == []
    assert row.due_at is not None
    assert row.due_at - clock.now() > timedelta(hours=23)
    with db.reading() as s:
        (incident,) = s.scalars(select(Incident).where(Incident.kind == "order_import_failed"))
        assert (incident.params["remote_order_id"], incident.params["cause"]) == (order_id, cause)
        assert invariants.check(s) == []


def test_a_line_without_sku_is_told_as_such(scene: Scene) -> None:
    (order_id,) = scene.sell(sku=None)
    scene.poll()
    scene.place()
    assert scene.row(order_id).cause == "no_sku"


def test_a_failed_order_is_imported_by_itself_once_the_product_is_there(scene: Scene) -> None:
    (order_id,) = scene.sell(sku="LATER")
    scene.poll()
    scene.place()
    assert scene.row(order_id).state == OrderState.FAILED
    scene.product("LATER")
    retry.product_changed(scene.shop_id)
    scene.place()
    if scene.row(order_id).state == OrderState.FAILED:  # the index may be late: looked at again
        scene.wait(61)
        scene.place()
    assert scene.row(order_id).state == OrderState.IMPORTED
    assert len(scene.made(order_id)) == 1
    with db.reading() as s:
        assert s.scalars(select(Incident.resolved_how).where(Incident.kind == "order_import_failed")).all() == [
            "imported"
        ]
        assert invariants.check(s) == []


def test_retry_all_and_retry_by_hand(scene: Scene) -> None:
    ids = scene.sell(sku="LATER", count=3)
    scene.poll()
    scene.place()
    scene.product("LATER")
    scene.wait(40)
    with db.writing() as s:
        first = s.scalars(select(Order).where(Order.remote_order_id == ids[0])).one()
        assert retry.retry(s, scene.shop_id, [first.id], "7") == 1
        assert retry.retry(s, scene.shop_id + 1, [first.id], "7") == 0
    scene.place()
    assert [scene.row(one).state for one in ids].count(OrderState.IMPORTED) == 1
    with db.writing() as s:
        assert retry.retry_all(s, scene.shop_id, "7") == 2
    scene.place()
    assert {scene.row(one).state for one in ids} == {OrderState.IMPORTED}


def test_fifty_bad_orders_do_not_hold_up_the_good_ones(scene: Scene) -> None:
    scene.product("GOOD")
    now = clock.now()
    scene.sell(sku="BAD", count=50, created_at=(now - timedelta(minutes=20)).isoformat())
    scene.sell(sku="GOOD", count=150, created_at=(now - timedelta(minutes=10)).isoformat())
    scene.poll()
    before = len(scene.box.ledger(system="shopify", key=scene.domain))
    for _ in range(4):
        scene.place()
        scene.wait(6)
    states = [row.state for row in scene.rows()]
    assert (states.count(OrderState.IMPORTED), states.count(OrderState.FAILED)) == (150, 50)
    assert len(scene.in_shopify()) == 150
    assert before <= len(scene.box.ledger(system="shopify", key=scene.domain))


@both_databases
def test_over_the_plan_orders_are_held_and_created_once_when_there_is_room(scene: Scene) -> None:
    scene.product("A-1")
    with db.writing() as s:
        shop = s.get_one(Shop, scene.shop_id)
        shop.plan_key, shop.trial_ends_at = "trial", clock.now() - timedelta(minutes=1)
    ids = scene.sell(sku="A-1", count=3)
    scene.poll()
    scene.place()
    assert {(row.state, row.held_reason) for row in scene.rows()} == {(OrderState.HELD, HeldReason.PLAN)}
    assert scene.in_shopify() == []
    gate.choose_plan(scene.shop_id, "growth", "1")
    for _ in range(3):
        scene.place()
        scene.wait(2)
    assert [len(scene.made(one)) for one in ids] == [1, 1, 1]
    with db.reading() as s:
        assert len(s.scalars(select(UsageEntry)).all()) == 3


def test_a_paused_shop_holds_and_resumes(scene: Scene) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    with db.writing() as s:
        gate.pause(s, s.get_one(Shop, scene.shop_id), "1")
    scene.place()
    assert scene.row(order_id).held_reason == HeldReason.PAUSED
    with db.writing() as s:
        gate.resume(s, s.get_one(Shop, scene.shop_id), "1")
    scene.place()
    assert scene.row(order_id).state == OrderState.IMPORTED


def test_a_remembered_variant_that_is_gone_is_asked_for_again(scene: Scene) -> None:
    made = scene.product("A-1")
    (first,) = scene.sell(sku="A-1")
    scene.poll()
    scene.place()
    number = made["variant_id"].rsplit("/", 1)[-1]
    scene.box.http.patch(
        f"{scene.box.url}/_sandbox/shops/{scene.domain}/variants/{number}", json={"sku": "OTHER"}, timeout=10
    )
    fresh = scene.product("A-1")
    with db.writing() as s:
        s.get_one(Shop, scene.shop_id).catalogue_at = clock.now()
    (second,) = scene.sell(sku="A-1")
    scene.wait(1)
    scene.poll()
    scene.place()
    assert scene.row(first).state == OrderState.IMPORTED
    assert scene.row(second).lines[0].variant_gid == fresh["variant_id"]


def test_after_a_restored_backup_everything_is_looked_up_first(scene: Scene) -> None:
    scene.set(unique_ids=False)
    scene.product("A-1")
    scene.poll()
    ids = scene.sell(sku="A-1", count=3)
    scene.poll()
    assert all(row.first_send for row in scene.rows())
    scene.place()
    with db.writing() as s:  # the backup knows nothing of what was sent
        for row in s.scalars(select(Order)):
            row.state, row.sent_at, row.sends, row.shopify_gid, row.due_at = (
                OrderState.RECEIVED,
                None,
                0,
                "",
                clock.now(),
            )
        assert place.distrust(s) == 3
    scene.place()
    assert [len(scene.made(one)) for one in ids] == [1, 1, 1]
    assert {row.bound_how for row in scene.rows()} == {"found"}
    (late,) = scene.sell(sku="A-1", created_at=(clock.now() - timedelta(seconds=30)).isoformat())
    scene.poll()
    assert not scene.row(late).first_send


def test_a_restored_backup_that_nobody_told_of_leaves_a_gap_and_is_looked_up_too(scene: Scene) -> None:
    scene.product("A-1")
    scene.poll()
    with db.writing() as s:
        s.get_one(Account, scene.account_id).polled_at = clock.now() - timedelta(minutes=20)
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    assert not scene.row(order_id).first_send


def test_development_shops_are_filled_at_the_pace_shopify_allows(scene: Scene) -> None:
    scene.set(create_per_minute=5)
    with db.writing() as s:
        s.get_one(Shop, scene.shop_id).development = True
    scene.product("A-1")
    scene.sell(sku="A-1", count=7)
    scene.poll()
    scene.place()
    states = [row.state for row in scene.rows()]
    assert states.count(OrderState.IMPORTED) == 5
    assert states.count(OrderState.FAILED) == 0
    assert states.count(OrderState.RECEIVED) == 2


def test_a_failed_order_that_meets_the_end_of_the_plan_is_held_and_no_longer_failed(scene: Scene) -> None:
    (order_id,) = scene.sell(sku="NO-SUCH")
    scene.poll()
    scene.place()
    assert scene.row(order_id).state == OrderState.FAILED
    with db.writing() as s:
        s.get_one(Shop, scene.shop_id).trial_ends_at = clock.now()
        retry.retry_all(s, scene.shop_id, "1")
    scene.place()
    row = scene.row(order_id)
    assert (row.state, row.held_reason, row.cause) == (OrderState.HELD, HeldReason.PLAN, "")
    with db.reading() as s:
        assert invariants.check(s) == []
