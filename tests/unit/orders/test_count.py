"""The round that counts: where it goes on, what it asks for, what it calls missing, and when it does not count at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from marketplaces.channels.amazon.calls import SEARCH_ORDERS
from shopapp import clock
from shopapp.orders import count, counted, days, recount
from shopapp.orders.pages import Place
from shopapp.records import db
from shopapp.records.models import (
    Account,
    AccountSite,
    AccountStatus,
    ChannelOutage,
    CountRound,
    DayCount,
    DayState,
    Incident,
    Order,
    Shop,
    ShopStatus,
)
from shopapp.work import claim, pace
from shopapp.work.claim import Work
from tests.stage import buckets
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.orders.scene import Scene, both_databases, furnish
from tests.unit.shops.ground import ready_ground

WORK = Work("count", CountRound, count.due_count)
FR = "A13V1IB3VIYZZH"


@pytest.fixture
def scene(request: pytest.FixtureRequest, box: Box, queue: Queue, tmp_path: Path) -> Iterator[Scene]:
    """A seller who has been imported for four days."""
    for ground in ready_ground(request, box, queue, tmp_path):
        made = furnish(ground, ago=timedelta(days=4))
        made.product("A-1", available=500)
        made.poll()
        yield made


def noon(ago: int = 2) -> datetime:
    """Noon of a day of the shop that is surely over and settled."""
    day = datetime.now(ZoneInfo("Europe/Berlin")).date() - timedelta(days=ago)
    return datetime.combine(day, datetime.min.time(), ZoneInfo("Europe/Berlin")).astimezone(UTC) + timedelta(hours=12)


def missed(scene: Scene, ago: int = 2, **wish: object) -> list[str]:
    """Orders of that day which polling has passed by."""
    at = noon(ago).isoformat()
    return scene.sell(sku="A-1", created_at=at, updated_at=at, **wish)


def run() -> None:
    """Whatever can be counted now."""
    count.enrol()
    claim.drain((WORK,), seconds=30)


def again(scene: Scene) -> None:
    """The account's row is due once more, and so is the day of `missed`."""
    with db.writing() as s:
        s.query(CountRound).update({"due_at": clock.now()})
        s.query(DayCount).filter_by(day=noon().date()).update({"again_at": clock.now()})
    buckets.refill()
    claim.drain((WORK,), seconds=30)


def row() -> CountRound:
    with db.reading() as s:
        return s.scalars(select(CountRound)).unique().one()


def day(ago: int = 2) -> DayCount:
    with db.reading() as s:
        return s.scalars(select(DayCount).where(DayCount.day == noon(ago).date())).one()


def incidents() -> list[Incident]:
    with db.reading() as s:
        found = select(Incident).where(Incident.kind == counted.KIND, Incident.resolved_at.is_(None))
        return list(s.scalars(found))


def searches(scene: Scene) -> list[str]:
    """The queries by creation time that the marketplace was asked."""
    calls = scene.box.ledger(system="amazon", effect="amazon.searchOrders", key=scene.seller)
    return [one["body"]["query"] for one in calls if "createdAfter" in one["body"]["query"]]


@both_databases
def test_a_round_that_must_wait_goes_on_at_its_page(scene: Scene) -> None:
    ids = missed(scene, count=150)
    match = {"seller": scene.seller}
    scene.box.fault("amazon", "throttled", "searchOrders", times=1, after=1, match=match)
    run()
    assert (row().phase, len(row().seen[noon().date().isoformat()]["ids"])) == ("listing", 100)
    assert row().page_token
    again(scene)
    assert (day().listed, day().fetched, day().missing) == (150, 150, 0)
    assert len(scene.rows()) == len(ids)
    assert ["paginationToken" in one for one in searches(scene)] == [False, True]
    assert (row().phase, row().seen) == ("", {})


def test_a_page_token_that_is_no_longer_taken_starts_the_round_anew(scene: Scene) -> None:
    missed(scene, count=3)
    count.enrol()
    with db.writing() as s:
        one = s.scalars(select(CountRound)).unique().one()
        one.phase, one.began_at, one.page_token = "listing", clock.now(), "2026-01-01T00:00:00Z worn-out"
        one.first_day = one.last_day = noon().date()
        one.sites = {"A1PA6795UKMFR9": noon(4).isoformat()}
    claim.drain((WORK,), seconds=30)
    assert (row().phase, row().page_token) == ("", "")
    again(scene)
    assert (day().listed, day().fetched) == (3, 3)


def test_an_order_that_another_app_had_made_carries_no_reference_and_is_not_gone(scene: Scene) -> None:
    (order_id,) = missed(scene)
    run()
    other = scene.box.post(f"/shops/{scene.domain}/orders", {"name": f"#{order_id}"})["order_id"]
    with db.writing() as s:
        s.query(Order).update({"state": "imported", "bound_how": "prior", "shopify_gid": other, "due_at": None})
    again(scene)
    assert (day().in_shopify, day().gone, day().state) == (1, 0, DayState.EVEN)
    scene.box.delete(f"/shops/{scene.domain}/orders/{other.rsplit('/', 1)[-1]}")
    again(scene)
    assert (day().in_shopify, day().gone, day().state) == (0, 1, DayState.LOOKING)


def test_more_orders_than_one_question_to_shopify_holds_are_all_asked_for(scene: Scene) -> None:
    missed(scene, count=60)
    run()
    scene.place()
    again(scene)
    assert (day().listed, day().in_shopify, day().state) == (60, 60, DayState.EVEN)
    victims = scene.rows()[0], scene.rows()[-1]
    for one in victims:
        scene.box.delete(f"/shops/{scene.domain}/orders/{one.shopify_gid.rsplit('/', 1)[-1]}")
    again(scene)
    assert (day().in_shopify, day().gone) == (58, 2)
    assert set(day().ids["gone"]) == {one.remote_order_id for one in victims}


def test_what_cannot_be_kept_is_missing_until_it_is_here(scene: Scene) -> None:
    def look(*ids: str) -> None:
        count.enrol()
        with db.writing() as s:
            one = s.scalars(select(CountRound)).unique().one()
            one.phase, one.began_at, one.first_day, one.last_day = "checking", clock.now(), noon().date(), noon().date()
            one.seen, one.due_at = {noon().date().isoformat(): {"ids": list(ids)}}, clock.now()
        claim.drain((WORK,), seconds=30)

    (kept,) = missed(scene)
    look(kept)
    assert (day().state, day().missing, incidents()) == (DayState.LOOKING, 1, [])
    look(kept)
    (told,) = incidents()
    assert (day().state, told.params["missing"], told.params["ids"]) == (DayState.UNEVEN, 1, kept)
    look(kept)
    assert (day().state, len(incidents())) == (DayState.UNEVEN, 1)
    again(scene)
    assert (day().state, day().missing, incidents()) == (DayState.EVEN, 0, [])


@both_databases
def test_days_that_were_settled_are_counted_again_when_asked_for(scene: Scene) -> None:
    run()
    assert (day().state, day().listed, day().again_at) == (DayState.EVEN, 0, None)
    ids = missed(scene)
    with db.writing() as s:
        assert not recount.ask(s, s.get_one(Account, scene.account_id), "71"), "counted just now"
    clock.travel(by=timedelta(minutes=6))
    for told in (True, False):
        with db.writing() as s:
            assert recount.ask(s, s.get_one(Account, scene.account_id), "71") is told
    before = len(searches(scene))
    buckets.refill()
    claim.drain((WORK,), seconds=30)
    assert len(searches(scene)) == before + 1, "all days in one question"
    assert (day().state, day().listed, day().fetched) == (DayState.EVEN, len(ids), len(ids))
    with db.reading() as s:
        assert recount.state(s, s.get_one(Account, scene.account_id)) == recount.DONE


def test_a_site_that_was_added_later_brings_no_orders_from_before(scene: Scene) -> None:
    run()
    with db.writing() as s:
        site = s.scalars(select(AccountSite)).one()
        told = {"channel": site.channel, "realm": site.realm, "seller_id": site.seller_id, "importing": True}
        s.add(AccountSite(shop_id=scene.shop_id, account_id=scene.account_id, site=FR, **told))
    missed(scene, marketplace=FR)
    missed(scene)
    again(scene)
    assert (day().listed, day().earlier, day().fetched) == (1, 1, 1)
    assert len(scene.rows()) == 1


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("shop", lambda s: s.query(Shop).update({"status": ShopStatus.FROZEN})),
        ("paused", lambda s: s.query(Shop).update({"paused_at": clock.now()})),
        ("deactivated", lambda s: s.query(Account).update({"status": AccountStatus.DEACTIVATED})),
        ("broken", lambda s: s.query(Account).update({"status": AccountStatus.REVOKED})),
        ("import_off", lambda s: s.query(Account).update({"importing": False})),
        ("import_off", lambda s: s.query(AccountSite).update({"importing": False})),
        (
            "outage",
            lambda s: s.add(ChannelOutage(channel="amazon", realm="eu", open_until=clock.now() + timedelta(minutes=1))),
        ),
        ("behind", lambda s: s.query(Account).update({"cursor_at": noon(3)})),
    ],
)
def test_who_cannot_be_counted_says_why_and_is_not_asked(
    scene: Scene, reason: str, change: Callable[[db.Session], object]
) -> None:
    missed(scene, 1)
    clock.travel(noon(0) - timedelta(hours=6))  # six hours into the day: yesterday is settled, the poll may be behind
    with db.writing() as s:
        change(s)
    run()
    assert row().reason == reason
    assert row().due_at is not None
    assert row().due_at > clock.now()
    assert not searches(scene)


def test_a_poll_that_stays_behind_does_not_keep_the_count_waiting_for_ever(scene: Scene) -> None:
    missed(scene, 1, count=6)
    with db.writing() as s:
        s.query(Account).update({"cursor_at": noon(4)})
    clock.travel(noon(0))
    run()
    for _ in range(count.PATIENCE - 1):
        assert row().reason == "behind"
        clock.travel(by=count.SOON)
        claim.drain((WORK,), seconds=30)
    assert not searches(scene)
    clock.travel(by=count.SOON)
    claim.drain((WORK,), seconds=30)
    assert row().reason == ""
    assert (day(1).listed, day(1).fetched, day(1).state) == (6, 6, DayState.UNEVEN)
    (told,) = incidents()
    assert told.params["fetched"] == 6  # the sync stands still: nobody else would say so
    scene.poll()
    with db.writing() as s:
        s.query(DayCount).filter_by(day=noon(1).date()).update({"again_at": clock.now()})
    again(scene)
    assert (day(1).fetched, day(1).state, incidents()) == (6, DayState.EVEN, [])


def test_every_importing_account_has_one_row_and_a_shop_that_comes_back_is_woken(scene: Scene) -> None:
    assert count.enrol() == 1
    assert count.enrol() == 0
    with db.writing() as s:
        s.query(Shop).update({"status": ShopStatus.UNINSTALLED})
    claim.drain((WORK,), seconds=30)
    assert row().due_at is None
    count.enrol()
    assert row().due_at is None
    with db.writing() as s:
        s.query(Shop).update({"status": ShopStatus.ACTIVE})
    count.enrol()
    assert row().due_at is not None


def test_days_too_long_ago_are_no_longer_told(scene: Scene) -> None:
    run()
    with db.writing() as s:
        account = s.get_one(Account, scene.account_id)
        for ago, state in ((40, DayState.UNEVEN), (100, DayState.EVEN)):
            at = noon(ago)
            s.add(
                DayCount(
                    shop_id=scene.shop_id,
                    account_id=account.id,
                    day=at.date(),
                    state=state,
                    counted_at=at,
                    again_at=at,
                    missing=1,
                )
            )
        s.flush()
        counted.tell(s, account)
    assert len(incidents()) == 1
    with db.writing() as s:
        s.query(CountRound).update({"due_at": clock.now()})
    claim.drain((WORK,), seconds=30)  # no day wants to be counted
    assert not incidents()
    with db.reading() as s:
        old = s.scalars(select(DayCount.state).where(DayCount.day < noon(30).date())).all()
    assert old == [DayState.TOLD]


def test_a_round_holds_no_more_days_than_it_can_carry(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for ago in (3, 2):
        missed(scene, ago, count=2)
    run()
    monkeypatch.setattr(days, "MOST", 3)
    zone = ZoneInfo("Europe/Berlin")
    with db.reading() as s:
        account = s.get_one(Account, scene.account_id)
        three = [noon(ago).date() for ago in (3, 2, 1)]
        assert days.run(s, account, three, zone) == days.Window(three[0], three[0], zone)
        assert days.run(s, account, three[1:], zone) == days.Window(three[1], three[2], zone)
        assert days.run(s, account, [three[0], three[2]], zone) == days.Window(three[0], three[0], zone)
        assert days.run(s, account, [], zone) is None


def test_the_count_leaves_the_last_permits_to_the_poll(scene: Scene) -> None:
    missed(scene, count=2)
    bucket = f"amazon:eu:{scene.seller}:{SEARCH_ORDERS.operation}"
    pace.state(bucket, float(SEARCH_ORDERS.rate))  # a fresh seller's; the sandbox had stated another one
    pace.learn(bucket, count.SPARE)
    run()
    assert not searches(scene)
    assert row().due_at is not None
    assert row().due_at > clock.now() + timedelta(seconds=1)
    before = len(scene.box.ledger(system="amazon", effect="amazon.searchOrders", key=scene.seller))
    scene.poll()
    assert len(scene.box.ledger(system="amazon", effect="amazon.searchOrders", key=scene.seller)) == before + 1
    pace.learn(bucket, count.SPARE + 1)
    again(scene)
    assert len(searches(scene)) == 1
    assert day().listed == 2


def test_a_list_without_end_is_given_up_and_the_round_begins_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page names a new token and lists the same sale, which was new only once."""
    monkeypatch.setattr(count, "SECONDS", 0)
    monkeypatch.setattr(count, "IDLE", 4)
    missed(scene)
    (sale,) = scene.box.get(f"/amazon/sellers/{scene.seller}/orders")
    count.enrol()
    seen = []
    for number in range(9):
        body = {"orders": [sale], "pagination": {"nextToken": f"page-{number}"}}
        params = {"status": 200, "body": json.dumps({**body, "lastUpdatedBefore": clock.now().isoformat()})}
        scene.box.clear_faults()
        scene.box.fault("amazon", "status", "searchOrders", match={"seller": scene.seller}, params=params)
        with db.writing() as s:
            s.query(CountRound).update({"due_at": clock.now()})
        buckets.refill()
        with db.writing() as s:
            (mine,) = claim.claim(s, WORK, 1)
        count.due_count(mine)
        seen.append((row().phase, Place.read(row().page_token).idle))
    assert seen[:5] == [(count.LISTING, idle) for idle in range(5)]
    assert seen[5:8] == [(count.LISTING, 4)] * 3, "tried again, because it might have been chance"
    assert seen[8] == ("", 0)
