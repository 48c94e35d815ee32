"""Many pushes in one call whose answer holds all results: no ticket, no waiting, nothing lost when the work stops."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplaces.channel import Selling
from marketplaces.channels import registry
from marketplaces.data import ListingChange, PushResult, PushVerdict
from marketplaces.errors import AccessStale, RemoteError, Transient
from shopapp.listings import document
from shopapp.records import db
from shopapp.records.models import ListingFeed, ListingStatus
from shopapp.work import claim
from tests.unit.pushes.scene import DE, FEED, PUSH, Scene


class Bulk:
    """A marketplace that takes 25 changes in a call and says at once what it refused."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.calls: list[list[str]] = []
        self.trouble: list[RemoteError] = []
        self.refused: set[str] = set()

    def take(self, changes: Iterable[ListingChange]) -> tuple[PushResult, ...]:
        """One call."""
        told = list(changes)
        self.calls.append([one.sku for one in told])
        if self.trouble:
            raise self.trouble.pop(0)
        for one in told:
            item = self.scene.counter.items[one.sku]
            if one.sku not in self.refused:
                item.price, item.quantity = str(one.price.decimal) if one.price else item.price, one.quantity
        refused = [one for one in told if one.sku in self.refused]
        return tuple(PushResult(one.key, one.sku, PushVerdict.REFUSED, "Too cheap.", "25002") for one in refused)


@pytest.fixture
def bulk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Bulk:
    kind, made = type(registry()["amazon"]), Bulk(scene)
    monkeypatch.setattr(kind, "selling", Selling(document_from=2, document_most=25))
    monkeypatch.setattr(kind, "push_document", lambda _self, _line, _site, changes: made.take(changes))
    return made


def change_all(scene: Scene, count: int) -> list[int]:
    account = scene.account()
    variants = [scene.variant(f"V{n:03}", 5) for n in range(count)]
    listings = [scene.listing(account, variant, f"V{n:03}") for n, variant in enumerate(variants)]
    for variant in variants:
        scene.change(variant, 3, price_minor=2490)
    return listings


def begin() -> None:
    """The first push that sees how many wait begins the document."""
    with db.writing() as s:
        [mine] = claim.claim(s, PUSH, 1)
    claim.run(PUSH, mine)


def feeds() -> list[ListingFeed]:
    with db.reading() as s:
        return list(s.scalars(select(ListingFeed).order_by(ListingFeed.id)))


def test_all_that_waits_goes_call_after_call_without_a_pause(scene: Scene, bulk: Bulk) -> None:
    listings = change_all(scene, 60)
    begin()
    scene.drain(FEED)
    assert [len(call) for call in bulk.calls] == [25, 25, 10]
    assert {scene.there(f"V{n:03}") for n in range(60)} == {("24.90", 3)}
    assert {scene.row(one).status for one in listings} == {ListingStatus.LINKED}
    assert {tuple(scene.states(one)) for one in listings} == {("accepted",)}
    assert [(one.ticket, one.due_at) for one in feeds()] == [("", None)] * 3
    assert not [one for one in scene.counter.requests if one[0] == "PATCH"]


def test_what_the_answer_refuses_is_in_update_error_and_the_rest_is_not(scene: Scene, bulk: Bulk) -> None:
    listings = change_all(scene, 5)
    bulk.refused = {"V003"}
    begin()
    scene.drain(FEED)
    states = [scene.row(one).status for one in listings]
    assert states == [*[ListingStatus.LINKED] * 3, ListingStatus.UPDATE_ERROR, ListingStatus.LINKED]
    assert scene.row(listings[3]).cause_words == "Too cheap."
    assert [one.params["sku"] for one in scene.open_incidents()] == ["V003"]


def test_the_call_that_is_repeated_with_fresh_access_says_all_changes_again(
    scene: Scene, bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An iterator that was read once would be empty, and what it held would pass for applied."""
    kind = type(registry()["amazon"])
    monkeypatch.setattr(kind, "refresh", lambda _self, _http, _keys, _realm, held, _now: held)
    change_all(scene, 5)
    bulk.trouble = [AccessStale("old")]
    begin()
    scene.drain(FEED)
    assert [len(call) for call in bulk.calls] == [5, 5]
    assert {scene.there(f"V{n:03}") for n in range(5)} == {("24.90", 3)}


def test_an_answer_that_did_not_come_is_no_answer(scene: Scene, bulk: Bulk) -> None:
    listings = change_all(scene, 5)
    bulk.trouble = [Transient("gone", maybe_done=True)]
    begin()
    scene.drain(FEED)
    assert {scene.row(one).status for one in listings} == {ListingStatus.PENDING}
    scene.wait(3600)
    scene.drain(FEED)
    assert [len(call) for call in bulk.calls] == [5, 5]
    assert {tuple(scene.states(one)) for one in listings} == {("accepted",)}


@pytest.mark.parametrize("batches", [0, 1, 2, 3])
def test_a_crash_while_the_results_are_written_down_says_only_the_rest_again(
    scene: Scene, bulk: Bulk, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    listings = change_all(scene, 6)
    monkeypatch.setattr(document, "BATCH", 2)
    real, left = document._open_listings, [batches]

    def dies(*args: object) -> object:
        if not left[0]:
            left[0] = -1
            raise KeyboardInterrupt
        left[0] -= 1
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(document, "_open_listings", dies)
    begin()
    with db.writing() as s:
        [mine] = claim.claim(s, FEED, 1)
    with pytest.raises(KeyboardInterrupt):
        claim.run(FEED, mine)
    scene.wait(timedelta(minutes=11).total_seconds())
    scene.drain(FEED)
    assert [len(call) for call in bulk.calls] == [6, *([6 - 2 * batches] if batches < 3 else [])]
    assert {tuple(scene.states(one)) for one in listings} == {("accepted",)}
    assert {scene.row(one).status for one in listings} == {ListingStatus.LINKED}
    assert {one.state for one in feeds()} == {"accepted"}
    assert feeds()[0].site == DE
