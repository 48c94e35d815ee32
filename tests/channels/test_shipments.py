"""What is asked of every channel that takes shipments, on its own vectors, over real sockets."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channels import registry
from marketplaces.data import Carrier, Parcel, Shipment, ShippedLine
from tests.channels.double import Played, as_list, assert_all_said, chain, exact, of_row, played, row_id, rows, vectors
from tests.channels.packages import package

KEYS = [key for key, channel in registry().items() if channel.shipping is not None]


def _confirm(play: Played, shipment: Shipment) -> None:
    play.channel.confirm_shipment(play.line(), shipment)


@pytest.mark.parametrize("key", KEYS)
def test_a_package_is_told_as_the_channel_wants_it(key: str) -> None:
    facts = vectors(key, "shipments")
    with played(key, *as_list(facts["confirmed"])) as play:
        _confirm(play, package(key))
        assert_all_said(play.server.requests, facts["requests"], {"seller_id": play.seller_id})


@pytest.mark.parametrize("key", KEYS)
def test_a_second_confirm_is_harmless(key: str) -> None:
    """Either it says the very same of the same package, or it is refused as there already, and reading finds it."""
    facts = vectors(key, "shipments")
    with played(key, *as_list(facts["confirmed"]), *as_list(facts["confirmed"])) as play:
        for _ in range(2):
            _confirm(play, package(key))
        half = len(play.server.requests) // 2
        said = [request.partition(b"\r\n\r\n")[2] for request in play.server.requests]
    assert half
    assert said[:half] == said[half:]
    for there in (row for row in facts["refusals"] if row["reason"] == "already_shipped"):
        with played(key, *of_row(there), *as_list(facts["parcels"]["answers"])) as play:
            with pytest.raises(errors.Rejected) as caught:
                _confirm(play, package(key))
            found = play.channel.parcels(play.line(), facts["package"]["order_id"], facts["package"]["site"])
        assert caught.value.reason == "already_shipped"
        assert facts["package"]["tracking"] in [one.tracking for one in found]


@pytest.mark.parametrize(("key", "row"), rows("shipments", "refusals", KEYS), ids=row_id)
def test_every_refusal_is_its_cause_and_tells_no_secret(key: str, row: dict[str, Any]) -> None:
    with played(key, *of_row(row)) as play, pytest.raises(errors.Rejected) as caught:
        _confirm(play, package(key))
    assert caught.value.reason == row["reason"]
    assert caught.value.call
    assert not [secret for secret in play.secrets() if secret in chain(caught.value)]


@pytest.mark.parametrize(("key", "row"), rows("shipments", "dates", KEYS), ids=row_id)
def test_the_date_is_neither_before_the_purchase_nor_in_the_future(key: str, row: dict[str, Any]) -> None:
    facts = vectors(key, "shipments")
    with played(key, *as_list(facts["confirmed"])) as play:
        _confirm(play, replace(package(key), shipped_at=datetime.fromisoformat(row["shipped_at"])))
        told = exact(play.server.requests[facts.get("date_of", 0)].partition(b"\r\n\r\n")[2])
    for name in facts["date"]:
        told = told[name]
    assert told == row["told"]


@pytest.mark.parametrize("key", KEYS)
def test_the_packages_of_an_order_are_read_as_they_are_there(key: str) -> None:
    facts = vectors(key, "shipments")
    with played(key, *as_list(facts["parcels"]["answers"])) as play:
        found = play.channel.parcels(play.line(), facts["package"]["order_id"], facts["package"]["site"])
    true = [
        Parcel(one["reference"], one["tracking"], one["carrier"], tuple(ShippedLine(*line) for line in one["lines"]))
        for one in facts["parcels"]["expect"]
    ]
    assert list(found) == true


@pytest.mark.parametrize("key", KEYS)
def test_carriers_are_known_whatever_their_spelling_and_others_keep_their_name(key: str) -> None:
    facts, channel = vectors(key, "shipments"), registry()[key]
    assert {words: channel.carrier(words).code for words, _ in facts["carriers"]} == dict(facts["carriers"])
    assert all(channel.carrier(words).known for words, _ in facts["carriers"])
    for row in facts["unknown_carriers"]:
        assert channel.carrier(row["words"]) == Carrier(row["code"], row["name"], known=False)
    if channel.shipping is None or not channel.shipping.carries_tracking:
        return
    with played(key, *as_list(facts["confirmed"])) as play:
        _confirm(play, replace(package(key), carrier=facts["unknown_carriers"][0]["words"]))
        said = b" ".join(request.partition(b"\r\n\r\n")[2] for request in play.server.requests)
    assert facts["unknown_carriers"][0]["name"] in said.decode()
