"""What is asked of every channel that lists, on its own vectors, over real sockets: reading, one by one and as a whole."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channels import registry
from marketplaces.data import RemoteListing
from tests.channels.double import chain, played, row_id, vectors, wire
from tests.channels.faults import STRANGE, raw
from tests.channels.test_fault_matrix import _places, _with
from tests.unit.marketplaces.rawserver import answer

KEYS = [key for key, channel in registry().items() if channel.selling is not None]


def get(key: str, body: dict[str, Any]) -> RemoteListing:
    facts = vectors(key, "listings")
    with played(key, wire({"body": body})) as play:
        return play.channel.get_listing(play.line(), facts["site"], facts["sku"])


def shown(one: RemoteListing) -> dict[str, Any]:
    """Its fields as the vectors tell them."""
    return {
        "remote_id": one.remote_id, "title": one.title, "product_type": one.product_type,
        "price": str(one.price) if one.price else None, "quantity": one.quantity, "by_channel": one.by_channel,
        "live": one.live, "problems": list(one.problems),
    }  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_listing_is_read_as_it_stands_on_its_site(key: str) -> None:
    facts = vectors(key, "listings")
    one = get(key, facts["item"])
    assert (one.sku, one.site) == (facts["sku"], facts["site"])
    assert shown(one) == facts["expect"]


@pytest.mark.parametrize(
    ("key", "row"), [(key, row) for key in KEYS for row in vectors(key, "listings")["variations"]], ids=row_id
)
def test_a_listing_that_lacks_something_says_so(key: str, row: dict[str, Any]) -> None:
    facts = vectors(key, "listings")
    found = shown(get(key, {**copy.deepcopy(facts["item"]), **row["change"]}))
    assert {name: found[name] for name in row["expect"]} == row["expect"]


@pytest.mark.parametrize("key", KEYS)
def test_an_answer_about_another_sku_is_none(key: str) -> None:
    facts = vectors(key, "listings")
    with pytest.raises(errors.Transient):
        get(key, {**facts["item"], "sku": "GM-ZDPI-9B4E"})


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize("key", KEYS)
def test_a_strange_value_anywhere_in_a_listing_is_refused_or_does_no_harm(key: str, strange: Any) -> None:
    facts = vectors(key, "listings")
    for path in _places(facts["item"]):
        with played(key, answer(raw(_with(facts["item"], path, strange)))) as play:
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
    with played(key, wire({"body": facts["asked"]})) as play:
        assert play.channel.ask_for_listings(play.line(), facts["site"]) == facts["ticket"]
    with played(key, wire({"body": facts["waiting"]})) as play:
        assert play.channel.read_listings(play.line(), facts["site"], facts["ticket"]) is None


@pytest.mark.parametrize(
    ("key", "row"), [(key, row) for key in KEYS for row in vectors(key, "listings")["failed"]], ids=row_id
)
def test_a_list_that_is_given_up_is_refused(key: str, row: dict[str, Any]) -> None:
    facts = vectors(key, "listings")
    with played(key, wire({"body": row["body"]})) as play, pytest.raises(errors.Rejected) as caught:
        play.channel.read_listings(play.line(), facts["site"], facts["ticket"])
    assert caught.value.reason == "report_failed"
