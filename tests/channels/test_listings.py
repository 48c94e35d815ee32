"""What is asked of every channel that lists, on its own vectors, over real sockets: reading, one by one and all of them."""

from __future__ import annotations

from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channels import registry
from marketplaces.data import RemoteListing
from tests.channels.calls import silent
from tests.channels.double import Row, as_list, assert_all_said, chain, of_row, played, row_id, rows, vectors
from tests.channels.faults import STRANGE
from tests.channels.test_fault_matrix import strangely

KEYS = [key for key, channel in registry().items() if channel.selling is not None]


def get(key: str, *answers: Row) -> RemoteListing:
    facts = vectors(key, "listings")
    with played(key, *answers) as play:
        return play.channel.get_listing(play.line(), facts["site"], facts["sku"])


def shown(one: RemoteListing) -> dict[str, Any]:
    """Its fields as the vectors tell them."""
    return {
        "sku": one.sku, "remote_id": one.remote_id, "title": one.title, "product_type": one.product_type,
        "price": str(one.price) if one.price else None, "quantity": one.quantity, "by_channel": one.by_channel,
        "live": one.live, "problems": list(one.problems),
    }  # fmt: skip


def among(one: RemoteListing, expect: Row) -> dict[str, Any]:
    """Those of its fields that are expected."""
    found = shown(one)
    return {name: found[name] for name in expect}


@pytest.mark.parametrize("key", KEYS)
def test_a_listing_is_read_as_it_stands_on_its_site(key: str) -> None:
    facts = vectors(key, "listings")
    one = get(key, *as_list(facts["item"]))
    assert (one.sku, one.site) == (facts["sku"], facts["site"])
    assert among(one, facts["expect"]) == facts["expect"]


@pytest.mark.parametrize(("key", "row"), rows("listings", "variations", KEYS), ids=row_id)
def test_a_listing_that_lacks_something_says_so(key: str, row: dict[str, Any]) -> None:
    answers = as_list(row["answers"] if "answers" in row else vectors(key, "listings")["item"])
    if "change" in row:
        answers[0] = {**answers[0], "body": {**answers[0]["body"], **row["change"]}}
    assert among(get(key, *answers), row["expect"]) == row["expect"]


@pytest.mark.parametrize("key", KEYS)
def test_an_answer_about_another_sku_is_none(key: str) -> None:
    with pytest.raises((errors.Transient, errors.Rejected)):
        get(key, *as_list(vectors(key, "listings")["another"]))


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize("key", KEYS)
def test_a_strange_value_anywhere_in_a_listing_is_refused_or_does_no_harm(key: str, strange: Any) -> None:
    facts = vectors(key, "listings")
    for path, odd in strangely(as_list(facts["item"]), strange, 3):
        with played(key, *odd) as play:
            try:
                one = play.channel.get_listing(play.line(), facts["site"], facts["sku"])
            except (errors.Transient, errors.Rejected) as error:
                told = chain(error)
                leaked = [secret for secret in play.secrets() if secret in told]
                assert not leaked
                continue
        assert one.sku == facts["sku"]
        assert one.quantity is None or (type(one.quantity) is int and one.quantity >= 0), path
        for text in (one.remote_id, one.title, one.product_type, *one.problems):
            text.encode()
            assert "\x00" not in text
            assert "\u202e" not in text


@pytest.mark.parametrize("key", KEYS)
def test_a_list_of_all_is_asked_for_and_waited_for(key: str) -> None:
    facts = vectors(key, "listings")
    if "ask_for_listings" not in silent(key):
        with played(key, *as_list(facts["asked"])) as play:
            assert play.channel.ask_for_listings(play.line(), facts["site"]) == facts["ticket"]
    if "waiting" in facts:
        with played(key, *as_list(facts["waiting"])) as play:
            assert play.channel.read_listings(play.line(), facts["site"], facts["ticket"]) is None


@pytest.mark.parametrize("key", KEYS)
def test_a_list_of_all_is_read_to_its_end(key: str) -> None:
    facts = vectors(key, "listings")
    ticket = facts.get("ticket", "")
    for part in facts["all"]:
        with played(key, *as_list(part["answers"])) as play:
            found = play.channel.read_listings(play.line(), facts["site"], ticket)
            assert found is not None
            told = list(found.rows)
            if "requests" in part:
                assert_all_said(play.server.requests, part["requests"])
        assert found.next == part.get("next", "")
        assert len(found.next) <= 255
        ticket = found.next
        assert [among(one, row) for one, row in zip(told, part["expect"], strict=True)] == part["expect"]
        assert {one.site for one in told} <= {facts["site"]}
    assert ticket == "", "the last part ends the list"


@pytest.mark.parametrize(("key", "row"), rows("listings", "failed", KEYS), ids=row_id)
def test_a_list_that_is_given_up_is_refused(key: str, row: dict[str, Any]) -> None:
    facts = vectors(key, "listings")
    with played(key, *of_row(row)) as play, pytest.raises(errors.Rejected) as caught:
        play.channel.read_listings(play.line(), facts["site"], facts["ticket"])
    assert caught.value.reason == "report_failed"
