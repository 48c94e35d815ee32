"""Never more than so many listings to 0 without a yes; and the last unit that is sold twice."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from shopapp import clock
from shopapp.accounts import repair
from shopapp.listings import brake, duties, wish
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, InboxMessage, Listing, ListingRun, Order, OrderLine, Variant
from tests.unit.pushes.scene import HERE, STOP, Scene


def _many(scene: Scene, count: int, **rules: object) -> tuple[int, list[int]]:
    account = scene.account(**rules)
    variants = [scene.variant(f"V{n:03}", 5) for n in range(count)]
    for n, variant in enumerate(variants):
        scene.listing(account, variant, f"V{n:03}")
    return account, variants


def _sell_out(scene: Scene, variants: list[int]) -> None:
    with db.writing() as s:
        for row in s.scalars(select(Variant).where(Variant.id.in_(variants))):
            row.levels = {HERE: 0}
        s.flush()
        wish.for_variants(s, scene.shop_id, variants)


def _zeros(scene: Scene) -> int:
    return sum(1 for item in scene.counter.items.values() if item.quantity == 0)


def test_too_many_at_once_are_held_until_a_yes(scene: Scene) -> None:
    account, variants = _many(scene, 40, brake_percent=20)
    _sell_out(scene, variants[:20])
    scene.settle()
    assert scene.counter.applied == []
    [incident] = scene.open_incidents("stock_brake")
    assert incident.params["count"] == 20
    assert incident.params["live"] == 40
    with db.writing() as s:
        assert s.scalars(select(InboxMessage)).one().kind == "stock_brake"
        run = brake.open_question(s, account)
        assert run is not None
        assert brake.answer(s, run, "1", yes=True) == 20
    scene.settle()
    assert _zeros(scene) == 20
    assert scene.open_incidents() == []
    scene.wait(1)
    _sell_out(scene, variants[20:25])  # after the yes, the count begins anew
    scene.settle()
    assert _zeros(scene) == 25


def test_an_open_question_is_told_again_when_its_account_is_active_again(scene: Scene) -> None:
    account, variants = _many(scene, 40, brake_percent=20)
    _sell_out(scene, variants[:20])
    with db.writing() as s:
        repair.deactivate(s, s.get_one(Account, account), "1")
    duties.enrol()
    assert scene.open_incidents() == []
    with db.writing() as s:
        s.get_one(Account, account).status = AccountStatus.ACTIVE
    for _ in range(2):
        duties.enrol()
        [incident] = scene.open_incidents("stock_brake")
        assert (incident.params["count"], incident.params["live"], incident.count) == (20, 40, 1)
    scene.settle()
    assert _zeros(scene) == 0


def test_one_by_one_they_are_held_from_the_one_too_many_on_and_a_no_keeps_them(scene: Scene) -> None:
    account, variants = _many(scene, 40, brake_percent=20)
    for n in range(12):
        _sell_out(scene, variants[n : n + 1])
        scene.drain(STOP)
        scene.wait(20)
    assert _zeros(scene) == 8
    with db.writing() as s:
        run = brake.open_question(s, account)
        assert run is not None
        brake.answer(s, run, "1", yes=False)
    scene.settle()
    assert _zeros(scene) == 8
    scene.change(variants[10], 4)  # the stock was wrong, and is mended
    scene.settle()
    assert scene.there("V010") == ("19.90", 4)


def test_what_sells_out_over_hours_is_no_accident(scene: Scene) -> None:
    _, variants = _many(scene, 40, brake_percent=20)
    for variant in variants[:16]:
        _sell_out(scene, [variant])
        scene.settle()
        scene.wait(600)
    assert _zeros(scene) == 16
    assert scene.open_incidents() == []


def test_a_shop_of_three_may_sell_out(scene: Scene) -> None:
    _, variants = _many(scene, 3)
    _sell_out(scene, variants)
    scene.settle()
    assert _zeros(scene) == 3


def test_new_prices_of_what_is_sold_out_anyway_do_not_pull_the_brake(scene: Scene) -> None:
    account = scene.account()
    variants = [scene.variant(f"V{n}", 0) for n in range(30)]
    for n, variant in enumerate(variants):
        scene.listing(account, variant, f"V{n}", 0)
    for variant in variants:
        scene.change(variant, price_minor=2490)
    scene.settle()
    assert {price for price, _ in map(scene.there, scene.counter.items)} == {"24.90"}
    with db.reading() as s:
        assert s.scalars(select(ListingRun)).all() == []


def _order(scene: Scene, account: int, number: str, sku: str, imported_at: object) -> int:
    now = clock.now()
    with db.writing() as s:
        order = Order(
            shop_id=scene.shop_id, account_id=account, channel="amazon", realm="eu", seller_id="S",
            remote_order_id=number, state="imported", remote_created_at=now, remote_updated_at=now, found_at=now,
            currency="EUR", total_minor=1990, imported_at=imported_at,
        )  # fmt: skip
        s.add(order)
        s.flush()
        s.add(
            OrderLine(
                shop_id=scene.shop_id, order_id=order.id, line_id="1", sku=sku, title="Mug", quantity=1, total_minor=1990,
                variant_gid=f"gid://shopify/ProductVariant/{sku}",
            )
        )  # fmt: skip
        return order.id


def test_the_last_unit_sold_on_two_accounts_flags_one_order_and_stops_all_listings_at_once(scene: Scene) -> None:
    first, second, third = (scene.account(name) for name in ("one", "two", "three"))
    variant = scene.variant("A", 1)
    listings = [scene.listing(account, variant, f"A-{account}", 1) for account in (first, second, third)]
    now = clock.now()
    _order(scene, first, "304-1", "A", now)
    late = _order(scene, second, "304-2", "A", now + timedelta(milliseconds=400))
    began = clock.monotonic()
    assert scene.change(variant, -1).urgent
    [incident] = scene.open_incidents()
    assert (incident.kind, incident.subject) == ("order_oversold", f"order:{late}")
    assert incident.params["missing"] == 1
    scene.drain(STOP)
    assert clock.monotonic() - began < 10
    assert [quantity for _, quantity in map(scene.there, scene.counter.items)] == [0, 0, 0]
    assert all(quantity is None or quantity >= 0 for _, _, quantity in scene.counter.applied)
    with db.reading() as s:
        assert not s.scalars(select(Listing).where(Listing.id.in_(listings), Listing.urgent.is_(True))).all()
    scene.change(variant, 0)
    assert scene.open_incidents() == []
