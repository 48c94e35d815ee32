"""Many pushes as one document: gathered, sent once, followed to the end, and never overtaken by a single push."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import pytest
from sqlalchemy import select

from marketplaces.channel import Line, Selling
from marketplaces.channels import registry
from marketplaces.channels.amazon import feeds
from marketplaces.data import ListingChange
from marketplaces.money import Money
from shopapp import clock
from shopapp.listings import batching, document, outcome, runs
from shopapp.records import db
from shopapp.records.models import Account, Listing, ListingFeed, ListingRun, ListingStatus, PushState, RunKind
from shopapp.work import claim
from tests.conftest import contracts_dir
from tests.unit.pushes.scene import DE, FEED, PUSH, STOP, Scene

HOUR = timedelta(hours=1)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel for which a document is worth it from ten changes on."""
    channel = registry()["amazon"]
    assert channel.selling is not None
    declared = Selling(document_from=10, document_most=25_000, results_after=channel.selling.results_after)
    monkeypatch.setattr(type(channel), "selling", declared)


def _change_all(scene: Scene, count: int = 30, level: int = 3, price: int = 2490) -> tuple[list[int], list[int]]:
    account = scene.account()
    variants = [scene.variant(f"V{n:03}", 5) for n in range(count)]
    listings = [scene.listing(account, variant, f"V{n:03}") for n, variant in enumerate(variants)]
    for variant in variants:
        scene.change(variant, level, price_minor=price)
    return variants, listings


def _begin(scene: Scene) -> None:
    """The first push that sees how many wait begins the document, and the document is gathered and sent."""
    with db.writing() as s:
        [mine] = claim.claim(s, PUSH, 1)
    claim.run(PUSH, mine)
    scene.drain(FEED)


def _feeds() -> list[ListingFeed]:
    with db.reading() as s:
        return list(s.scalars(select(ListingFeed).order_by(ListingFeed.id)))


@pytest.mark.usefixtures("few")
def test_what_waits_in_masses_goes_as_one_document(scene: Scene) -> None:
    _, listings = _change_all(scene)
    _begin(scene)
    scene.settle()
    assert len(scene.counter.feeds) == 1
    assert {scene.there(f"V{n:03}") for n in range(30)} == {("24.90", 3)}
    singly = [one for one in scene.counter.requests if one[0] == "PATCH"]
    assert _feeds()[0].messages == 30
    assert len(singly) == 0
    assert {scene.row(one).status for one in listings} == {ListingStatus.LINKED}
    assert {tuple(scene.states(one)) for one in listings} == {("accepted",)}


@pytest.mark.usefixtures("few")
def test_each_refused_message_is_in_update_error_with_its_own_words(scene: Scene) -> None:
    _, listings = _change_all(scene)
    scene.counter.refused_skus = {"V028", "V029"}
    _begin(scene)
    scene.settle()
    states = [scene.row(one).status for one in listings]
    assert states == [ListingStatus.LINKED] * 28 + [ListingStatus.UPDATE_ERROR] * 2
    assert sorted(one.params["sku"] for one in scene.open_incidents()) == ["V028", "V029"]
    assert "condition_type" in scene.row(listings[29]).cause_words


@pytest.mark.usefixtures("few")
def test_what_sells_out_while_the_document_is_under_way_is_stopped_at_once_and_stays_so(scene: Scene) -> None:
    variants, listings = _change_all(scene)
    scene.counter.feed_status = "IN_PROGRESS"
    _begin(scene)
    assert len(scene.counter.feeds) == 1
    scene.change(variants[29], 0)
    scene.drain(STOP)
    assert scene.there("V029")[1] == 0
    scene.wait(120)
    scene.drain()
    scene.counter.feed_status = "DONE"  # only now the document's old value lands, on top of the 0
    scene.settle()
    assert scene.there("V029") == ("24.90", 0)
    assert scene.row(listings[29]).status == ListingStatus.LINKED
    assert scene.states(listings[29]) == ["superseded", "accepted"]


@pytest.mark.usefixtures("few")
def test_a_change_while_the_document_is_under_way_waits_for_its_end(scene: Scene) -> None:
    variants, listings = _change_all(scene)
    scene.counter.feed_status = "IN_QUEUE"
    _begin(scene)
    before = len(scene.counter.requests)
    scene.change(variants[29], 7)
    scene.drain(PUSH)
    assert len(scene.counter.requests) == before
    scene.counter.feed_status = "DONE"
    scene.settle()
    assert scene.there("V029") == ("24.90", 7)
    assert scene.states(listings[29]) == ["accepted", "accepted"]


@pytest.mark.usefixtures("few")
def test_what_changes_while_the_document_is_gathered_stands_in_it_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants, listings = _change_all(scene)
    real = document._gather

    def gather(*args: Any) -> bool:
        real(*args)
        scene.change(variants[0], 7)
        return real(*args)  # its next batch

    monkeypatch.setattr(document, "_gather", gather)
    _begin(scene)
    [raw] = scene.counter.documents.values()
    assert sorted(one["sku"] for one in json.loads(raw)["messages"]) == [f"V{n:03}" for n in range(30)]
    scene.settle()
    assert scene.there("V000") == ("24.90", 7)
    assert scene.states(listings[0]) == ["accepted", "accepted"]


@pytest.mark.usefixtures("few")
def test_a_listing_that_is_open_in_another_way_keeps_what_was_said_of_it(scene: Scene) -> None:
    _, listings = _change_all(scene)
    with db.writing() as s:
        s.get_one(Listing, listings[0]).cause = "listing_refused"  # mended by this push
        s.get_one(Listing, listings[1]).status = ListingStatus.NOT_LINKED  # deleted in the shop
    _begin(scene)
    scene.settle()
    assert (scene.row(listings[0]).cause, scene.row(listings[0]).status) == ("", ListingStatus.LINKED)
    assert scene.row(listings[1]).status == ListingStatus.NOT_LINKED
    assert {tuple(scene.states(one)) for one in listings} == {("accepted",)}
    assert all(scene.row(one).there_quantity == 3 and scene.row(one).there_price_minor == 2490 for one in listings)


@pytest.mark.usefixtures("few")
def test_a_document_waits_for_the_run_that_still_makes_wishes(scene: Scene) -> None:
    _change_all(scene)
    with db.writing() as s:
        [account] = s.scalars(select(Account))
        run_id = runs.begin(s, account, RunKind.RENEW, "1").id
    _begin(scene)
    assert _feeds() == []
    with db.writing() as s:
        s.get_one(ListingRun, run_id).due_at = clock.now() + HOUR  # it crashed: nobody waits for it
    batching._counted.clear()
    _begin(scene)
    assert [feed.messages for feed in _feeds()] == [29]


def test_a_document_has_only_so_much_room_and_an_account_so_many_of_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = Selling(document_from=5, document_most=25_000, document_room=40, documents=1, documents_within=HOUR)
    monkeypatch.setattr(type(registry()["amazon"]), "selling", declared)
    _change_all(scene)
    _begin(scene)
    assert [feed.messages for feed in _feeds()] == [10]  # SKUs of four bytes
    _begin(scene)
    assert len(scene.counter.feeds) == 1
    scene.wait(3601)
    batching._counted.clear()
    _begin(scene)
    assert len(scene.counter.feeds) == 2


@pytest.fixture
def gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel whose changes all go by documents, of which an account may send one an hour."""
    declared = Selling(document_from=1, document_most=25_000, documents=1, documents_within=HOUR, gathers=True)
    monkeypatch.setattr(type(registry()["amazon"]), "selling", declared)


def _look() -> None:
    with db.writing() as s:
        [mine] = claim.claim(s, PUSH, 1)
    claim.run(PUSH, mine)


@pytest.mark.usefixtures("gathering")
def test_a_change_that_begins_its_document_is_free_for_it(scene: Scene) -> None:
    """Due again at once, it would be looked at just while the document is gathered, which then goes without it."""
    _change_all(scene, count=1)
    _look()
    with db.writing() as s:
        assert claim.claim(s, PUSH, 1) == []
    scene.drain(FEED)
    assert [feed.messages for feed in _feeds()] == [1]


@pytest.mark.usefixtures("gathering")
def test_a_document_that_stayed_empty_is_none_of_those_that_may_be_sent(scene: Scene) -> None:
    _, [listing] = _change_all(scene, count=1)
    _look()
    with db.writing() as s:
        s.get_one(Listing, listing).lease_until = clock.now() + HOUR / 60
    scene.drain(FEED)
    assert [(feed.messages, feed.state) for feed in _feeds()] == [(0, PushState.SUPERSEDED)]
    scene.wait(121)
    _look()
    scene.drain(FEED)
    assert [feed.messages for feed in _feeds()] == [0, 1]


def test_the_largest_document_is_one_that_amazon_takes() -> None:
    sku, kind = "Ä" * 40, "OUTDOOR_RECREATION_PRODUCT"
    price = Money(999_999_999, "EUR")
    one = ListingChange("999999999", sku, kind, price, 999_999)
    many = feeds.ROOM // len((sku + kind).encode())
    seller = SimpleNamespace(seller_id="A" * 20)
    assert many > 5_000
    written = feeds.document(cast("Line", seller), DE, [one] * min(many, feeds.MOST))
    assert len(written) + (feeds.MOST - many) * feeds.MESSAGE <= feeds.LARGEST


@pytest.mark.usefixtures("few")
def test_a_document_that_is_given_up_goes_one_by_one(scene: Scene) -> None:
    _, listings = _change_all(scene)
    scene.counter.feed_status = "FATAL"
    _begin(scene)
    scene.settle()
    assert [feed.state for feed in _feeds()] == ["refused"]
    assert {scene.there(f"V{n:03}") for n in range(30)} == {("24.90", 3)}
    assert {scene.row(one).status for one in listings} == {ListingStatus.LINKED}


@pytest.mark.usefixtures("few")
def test_a_process_that_dies_while_writing_the_results_is_followed_by_one_that_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, listings = _change_all(scene)
    monkeypatch.setattr(document, "BATCH", 7)
    _begin(scene)
    scene.wait(61)
    with db.writing() as s:
        [feed] = s.scalars(select(ListingFeed))
        feed_id = feed.id
    with pytest.MonkeyPatch.context() as dying:
        ended = 0

        def die(*args: object) -> None:
            nonlocal ended
            ended += 1
            real(*args)  # type: ignore[arg-type]
            if ended == 3:
                raise KeyboardInterrupt

        real = outcome.hold_many
        dying.setattr(outcome, "hold_many", die)
        with db.writing() as s:
            [mine] = claim.claim(s, FEED, 1)
        with pytest.raises(KeyboardInterrupt):
            document.due_feed(mine)
    scene.wait(700)
    scene.settle()
    with db.reading() as s:
        assert s.get_one(ListingFeed, feed_id).state == "accepted"
        assert {row.status for row in s.scalars(select(Listing))} == {ListingStatus.LINKED}
    assert {tuple(scene.states(one)) for one in listings} == {("accepted",)}


@pytest.mark.contracts
@pytest.mark.usefixtures("few")
def test_the_document_is_valid_by_the_vendors_schema(scene: Scene) -> None:
    folder = contracts_dir()
    assert folder is not None
    schema = json.loads(Path(folder, "amazon/schemas/listings-feed-schema-v2.json").read_text("utf-8"))
    _change_all(scene)
    _begin(scene)
    [raw] = scene.counter.documents.values()
    jsonschema.Draft7Validator(schema).validate(json.loads(raw))
    assert b'"value_with_tax":24.90' in raw
