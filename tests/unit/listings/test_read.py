"""Reading all listings of an account from the marketplace: queued when needed, resumed where it stopped, told when it fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.listings import duties, intake, read, spool
from shopapp.records import db
from shopapp.records.models import (
    Account,
    AccountSite,
    AccountStatus,
    Incident,
    JournalEntry,
    ListingRun,
    RunKind,
    Shop,
)
from shopapp.work import claim
from shopapp.work.claim import Claim
from tests.unit.listings.stall import WORKS, Stall, both_databases, there
from tests.unit.orders.scene import DE

FR = "A13V1IB3VIYZZH"
QUICK = {"report_queue": 0, "report_process": 0}


def offer(stall: Stall, sku: str = "", **wish: Any) -> None:
    """Listings at the marketplace."""
    stall.scene.box.post(f"/amazon/sellers/{stall.scene.seller}/listings", ({"sku": sku} if sku else {}) | wish)


def seller(stall: Stall, **state: Any) -> None:
    stall.scene.box.post(f"/amazon/sellers/{stall.scene.seller}/state", state)


@pytest.fixture
def stall(stall: Stall) -> Stall:
    seller(stall, delays=QUICK)
    return stall


@both_databases
def test_a_linked_account_is_read_and_linked_by_itself(stall: Stall) -> None:
    offer(stall, "MUG", price="12.50", quantity=4, title="Blue mug")
    offer(stall, "Ö/2 3", channel="AMAZON_EU", quantity=None)
    stall.variant("MUG")
    assert stall.enrol() == 1
    stall.work("listings")
    run = stall.run()
    assert (run.state, run.found, run.done, run.refused, run.due_at) == ("done", 2, 2, 0, None)
    assert stall.standing() == {"MUG": ("linked", "", "MUG"), "Ö/2 3": ("not_linked", "sku_unknown", "")}
    row, other = stall.listing("MUG"), stall.listing("Ö/2 3")
    assert (row.there_price_minor, row.currency, row.there_quantity, row.title) == (1250, "EUR", 4, "Blue mug")
    assert (other.by_channel, other.there_quantity) == (True, None)
    assert not spool.there(f"run-{run.uid}")


def test_looking_for_unread_accounts_costs_the_same_however_many_there_are(stall: Stall) -> None:
    """It is done every minute, over all shops."""
    offer(stall, "MUG")
    assert stall.enrol() == 1
    asked: list[str] = []

    def note(*about: Any) -> None:
        asked.append(about[2])

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        stall.enrol()
        alone = len(asked)
        with db.writing() as s:
            for number in range(40):
                with_a_run(s, stall, f"OTHER{number}")
        asked.clear()
        assert stall.enrol() == 0
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert len(asked) == alone


def with_a_run(s: Session, stall: Stall, seller_id: str) -> None:
    """One more account of the shop whose listings were asked for just now."""
    like = s.get_one(Account, stall.account_id)
    about = {"shop_id": like.shop_id, "channel": like.channel, "realm": like.realm, "seller_id": seller_id}
    times = {"status_since": clock.now(), "created_at": clock.now()}
    account = Account(**about, **times, label=seller_id, status=AccountStatus.ACTIVE)
    account.sites = [AccountSite(**about, site=DE, importing=True, active=True)]
    s.add(account)
    s.flush()
    read = {"site": DE, "kind": RunKind.READ, "asked_at": clock.now()}
    s.add(ListingRun(shop_id=like.shop_id, account_id=account.id, **read))


def test_it_is_read_once_a_night_and_not_twice_at_a_time(stall: Stall) -> None:
    offer(stall, "MUG")
    assert [stall.enrol(), stall.enrol()] == [1, 0]
    stall.work("listings")
    assert stall.enrol() == 0
    clock.travel(by=timedelta(hours=26))
    assert [stall.enrol(), stall.enrol()] == [1, 0]
    with db.writing() as s:
        assert duties.read_again(s, stall.shop_id, "1") == 0, "one is under way"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Auckland", "Europe/Stockholm"])
def test_the_night_is_the_shops_night_whatever_the_clock_does(zone: str) -> None:
    for day in (datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)):
        seen = [day]
        for _ in range(3):
            seen.append(duties.nightly(7, zone, seen[-1]))
        gaps = [after - before for before, after in pairwise(seen[1:])]
        assert all(timedelta(hours=22) < gap < timedelta(hours=26) for gap in gaps)
        hours = {one.astimezone(duties.i18n.zone(zone)).hour for one in seen[1:]}
        assert hours <= {2, 3, 4, 5}


@both_databases
def test_a_claim_that_stops_in_the_middle_is_gone_on_with_and_nothing_is_read_twice(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(stall, count=23, prefix="S-")
    monkeypatch.setattr(read, "BATCH", 5)
    monkeypatch.setattr(read, "SECONDS", 0)
    stall.enrol()
    stall.work("listings")
    run = stall.run()
    assert (run.state, run.done, len(stall.standing())) == ("done", 23, 23)


def test_another_machine_fetches_the_report_again_and_goes_on_where_the_first_stopped(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(stall, count=12, prefix="S-")
    monkeypatch.setattr(read, "BATCH", 5)
    monkeypatch.setattr(read, "SECONDS", 0)
    stall.enrol()
    while not stall.run().progress:
        claim.drain([WORKS["listings"]], seconds=0.5)
        clock.travel(by=timedelta(seconds=20))
        if stall.run().done:
            break
    spool.drop(f"run-{stall.run().uid}")
    stall.work("listings")
    run = stall.run()
    assert (run.state, run.done, len(stall.standing())) == ("done", 12, 12)


def test_a_worker_that_lost_its_row_writes_nothing(stall: Stall) -> None:
    offer(stall, "MUG")
    stall.enrol()
    run = stall.run()
    mine = Claim(run.id, "somebody else has it")
    read.due_read(mine)
    assert stall.standing() == {}


@pytest.mark.parametrize("outcome", ["FATAL", "CANCELLED"])
def test_a_report_that_is_given_up_is_asked_for_again_and_then_told(stall: Stall, outcome: str) -> None:
    offer(stall, "MUG")
    seller(stall, outcomes={"report": outcome})
    stall.enrol()
    stall.work("listings", hours=2)
    run = stall.run()
    assert (run.state, outcome in run.words) == ("failed", True)
    assert stall.incidents() == ["listings_unread"]
    assert len(stall.scene.box.ledger(effect="report.created")) >= read.TRIES
    seller(stall, outcomes={})
    with db.writing() as s:
        assert duties.read_again(s, stall.shop_id, "1") == 1
    stall.work("listings")
    assert (stall.run().state, stall.incidents()) == ("done", [])


def test_a_seller_who_lists_nothing_has_a_cancelled_report_and_nothing_more(stall: Stall) -> None:
    stall.read(*[])
    seller(stall, outcomes={"report": "CANCELLED"})
    stall.enrol()
    stall.work("listings")
    assert (stall.run().state, stall.standing()) == ("done", {})


def test_a_missing_role_is_told_and_the_account_goes_on(stall: Stall) -> None:
    offer(stall, "MUG")
    seller(stall, roles=["orders", "sellers", "buyer", "tax"])
    stall.enrol()
    stall.work("listings")
    stall.scene.poll()
    assert stall.incidents() == ["permission_missing"], "the poll that goes well does not hide it"
    assert stall.scene.account().status == "active"
    seller(stall, roles=["orders", "sellers", "buyer", "tax", "listings"])
    stall.work("listings", hours=1.5)
    assert (stall.run().state, stall.incidents()) == ("done", [])


def test_a_broken_account_waits_and_a_deactivated_one_stops(stall: Stall) -> None:
    stall.enrol()
    for status, state in (("expired", "queued"), ("deactivated", "stopped")):
        with db.writing() as s:
            s.get_one(Account, stall.account_id).status = status
        stall.work("listings")
        assert stall.run().state == state


@pytest.mark.parametrize("unreadable", [0, 1])
def test_a_row_that_cannot_be_read_ends_nothing_because_it_may_be_any_of_the_others(
    stall: Stall, unreadable: int
) -> None:
    stall.read(there("MUG"), there("CUP"), run=99)
    params = {"asked_at": clock.now().isoformat(), "fetched": True}
    with db.writing() as s:
        run = ListingRun(
            shop_id=stall.shop_id, account_id=stall.account_id, site=DE, kind="read", state="running", ticket="1",
            params=params, refused=unreadable, found=1, progress="0", asked_at=clock.now(), due_at=clock.now(),
        )  # fmt: skip
        s.add(run)
        s.flush()
        spool.fill(f"run-{run.uid}", [intake.packed(there("CUP")), *[b""] * unreadable])
    stall.work("listings")
    assert stall.run().state == "done"
    assert (stall.listing("CUP").live, stall.listing("MUG").live) == (True, bool(unreadable))


def test_an_uninstalled_shop_is_not_read(stall: Stall) -> None:
    with db.writing() as s:
        s.get_one(Shop, stall.shop_id).status = "uninstalled"
    assert stall.enrol() == 0


def test_of_an_account_with_many_sites_only_those_with_listings_are_told(stall: Stall) -> None:
    assert told_after_a_read(stall) == [0]
    with db.writing() as s:
        one = s.scalars(select(AccountSite).where(AccountSite.account_id == stall.account_id)).one()
        about = {"channel": one.channel, "realm": one.realm, "seller_id": one.seller_id}
        s.add(AccountSite(shop_id=one.shop_id, account_id=one.account_id, **about, site=FR, importing=False))
    assert told_after_a_read(stall) == [0]
    offer(stall, "MUG")
    assert told_after_a_read(stall) == [0, 1]


def told_after_a_read(stall: Stall) -> list[int]:
    """How many listings each read has found, of those that the account's page tells."""
    clock.travel(by=timedelta(hours=26))
    assert stall.enrol() == 1
    stall.work("listings")
    assert stall.run().state == "done"
    with db.reading() as s:
        told = s.scalars(select(JournalEntry.params).where(JournalEntry.event == "listings_read"))
        return [params["found"] for params in told]


def test_what_is_told_names_the_account(stall: Stall) -> None:
    seller(stall, outcomes={"report": "FATAL"})
    offer(stall, "MUG")
    stall.enrol()
    stall.work("listings", hours=2)
    with db.reading() as s:
        one = s.query(Incident).one()
        assert (one.params["label"], one.params["account_id"]) == ("My Amazon", stall.account_id)
