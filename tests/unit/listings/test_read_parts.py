"""Listings that come in parts: taken in one after the other, gone on with where the work stopped, never doubled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from marketplaces.channels import registry
from marketplaces.data import ListingPart, RemoteListing
from marketplaces.errors import RateLimited
from shopapp import clock
from shopapp.listings import read, spool
from shopapp.records import db
from shopapp.work import claim
from tests.unit.listings.stall import WORKS, Stall, both_databases, there


class Killed(BaseException):
    """The process ends here."""


class Pages:
    """A marketplace that tells its listings page by page, without a report: the ticket is the number of the page."""

    def __init__(self, *pages: Sequence[RemoteListing], trouble: dict[int, BaseException] | None = None) -> None:
        self.pages = list(pages)
        self.trouble = trouble or {}
        self.asked: list[str] = []

    def part(self, ticket: str) -> ListingPart:
        """One page; the trouble with it is met once."""
        self.asked.append(ticket)
        at = int(ticket or 0)
        error = self.trouble.pop(at, None)
        if error is not None:
            raise error
        return ListingPart(iter(self.pages[at]), str(at + 1) if at + 1 < len(self.pages) else "")


def tell(monkeypatch: pytest.MonkeyPatch, pages: Pages) -> Pages:
    """Let the linked channel tell its listings so."""
    kind = type(registry()["amazon"])
    monkeypatch.setattr(kind, "ask_for_listings", lambda *_: "")
    monkeypatch.setattr(kind, "read_listings", lambda *args: pages.part(args[3]))
    return pages


def one_claim() -> None:
    """Work on the read until its row is given back."""
    with db.writing() as s:
        (mine,) = claim.claim(s, WORKS["listings"], 1)
    claim.run(WORKS["listings"], mine)


def page(*skus: str, quantity: int = 3) -> list[RemoteListing]:
    """A page of these."""
    return [there(sku, quantity=quantity) for sku in skus]


@both_databases
def test_every_part_is_taken_in_and_the_last_one_ends_the_read(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    stall.read(there("GONE"), run=99)
    stall.variant("A1")
    pages = tell(monkeypatch, Pages(page("A1", "A2"), [], page("A3")))
    stall.enrol()
    stall.work("listings")
    run = stall.run()
    assert (run.state, run.found, run.done, run.refused, run.due_at) == ("done", 3, 3, 0, None)
    assert pages.asked == ["", "1", "2"]
    assert stall.standing()["A1"] == ("linked", "", "A1")
    assert [stall.listing(sku).live for sku in ("A1", "A2", "A3", "GONE")] == [True, True, True, False]
    assert not spool.there(f"run-{run.uid}")


def test_what_is_not_seen_is_gone_only_after_the_last_part(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    stall.read(there("LATE"))
    tell(monkeypatch, Pages(page("A1"), page("LATE"), trouble={1: RateLimited(3600)}))
    stall.enrol()
    stall.work("listings", hours=0.5)
    assert stall.run().state == "running"
    assert stall.listing("LATE").live
    assert stall.listing("A1").live, "what came is there already"
    stall.work("listings", hours=1)
    assert (stall.run().state, stall.listing("LATE").live) == ("done", True)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_crash_between_two_parts_goes_on_at_the_part_that_was_not_committed(
    stall: Stall, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    pages = tell(monkeypatch, Pages(page("A1"), page("A2"), page("A3"), trouble={at: Killed()}))
    stall.enrol()
    one_claim()  # asks
    with pytest.raises(Killed):
        one_claim()
    clock.travel(by=timedelta(minutes=11))  # the lease of whoever fetched is over
    stall.work("listings")
    run = stall.run()
    assert (run.state, run.found, run.done) == ("done", 3, 3)
    assert pages.asked == [*("", "1", "2")[: at + 1], *("", "1", "2")[at:]], "no other part is asked for twice"


def test_a_sku_that_comes_in_two_parts_is_one_listing_as_it_stood_first(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, Pages(page("A1", "A2", quantity=3), page("A2", "A3", quantity=7)))
    stall.enrol()
    stall.work("listings")
    assert (stall.run().state, stall.run().done, len(stall.standing())) == ("done", 4, 3)
    assert [stall.listing(sku).there_quantity for sku in ("A1", "A2", "A3")] == [3, 3, 7]


def test_a_lost_spool_is_fetched_again_for_its_part_alone(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = [f"A{n}" for n in range(4)], [f"B{n}" for n in range(6)]
    pages = tell(monkeypatch, Pages(page(*first), page(*second)))
    monkeypatch.setattr(read, "BATCH", 2)
    monkeypatch.setattr(read, "SECONDS", 0)
    stall.enrol()
    while stall.run().done < 6:
        one_claim()
    spool.drop(f"run-{stall.run().uid}")
    stall.work("listings")
    run = stall.run()
    assert (run.state, run.found, run.done, len(stall.standing())) == ("done", 10, 10, 10)
    assert pages.asked == ["", "1", "1"]


def test_a_part_that_comes_back_changed_is_taken_in_from_its_first_row(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of the lost spool say nothing about where the new one's rows begin."""
    pages = tell(monkeypatch, Pages(page("A1"), page("B1", "B2", "B3")))
    monkeypatch.setattr(read, "BATCH", 1)
    monkeypatch.setattr(read, "SECONDS", 0)
    stall.enrol()
    while stall.run().done < 2:
        one_claim()
    spool.drop(f"run-{stall.run().uid}")
    pages.pages[1] = page("A-NEW", "B1 is longer now", "B3")
    stall.work("listings")
    run = stall.run()
    assert (run.state, run.found, run.done) == ("done", 4, 4)
    assert {"A-NEW", "B1 is longer now", "B3"} <= set(stall.standing())


def test_a_list_without_end_is_an_outage_and_not_gone_through_for_ever(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, Pages(page("A1"), page("A2")))
    monkeypatch.setattr(
        type(registry()["amazon"]), "read_listings", lambda *args: ListingPart(iter(page("A1")), args[3] or "7")
    )
    stall.enrol()
    stall.work("listings", hours=0.3)
    assert stall.run().state == "running"
    assert "no end" in stall.run().words
    assert stall.scene.account().status == "active"
