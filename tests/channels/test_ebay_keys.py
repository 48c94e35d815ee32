"""The keys that prove eBay's messages, while somebody sends messages that eBay never signed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channels.ebay.notices import KEPT, MOST
from marketplaces.data import Notice
from tests.channels.calls import notice
from tests.channels.double import Played, played, vectors

GOOD, UNKNOWN = (
    next(row for row in vectors("ebay", "notices") if row["name"] == name)
    for name in ("an authorisation was revoked", "a key that eBay does not know")
)


def hear(play: Played, one: Notice) -> Any:
    return play.channel.hear(play.http, play.keys, one)


def made_up(number: int) -> Notice:
    """A message under the id of a key that nobody has."""
    told = {"alg": "ecdsa", "kid": f"made-up-{number:08}", "signature": "AAAA", "digest": "SHA1"}
    header = base64.b64encode(json.dumps(told).encode()).decode()
    return notice({**GOOD["notice"], "headers": {"X-EBAY-SIGNATURE": header}})


def test_made_up_ids_drive_out_no_key_that_was_proved() -> None:
    with played("ebay", *GOOD["answers"], UNKNOWN["answers"][-1]) as play:
        assert hear(play, notice(GOOD["notice"])).status == 204
        asked = len(play.server.requests)
        assert [hear(play, made_up(number)).status for number in range(MOST + 10)] == [412] * (MOST + 10)
        assert len(play.server.requests) == asked + MOST + 10, "our own access was asked for again"
        assert hear(play, notice(GOOD["notice"])).status == 204


def test_a_proved_key_counts_as_long_as_eBay_cannot_be_asked() -> None:
    later = replace(notice(GOOD["notice"]), now=notice(GOOD["notice"]).now + 3 * KEPT)
    with played("ebay", *GOOD["answers"], {"status": 503, "raw": "busy"}) as play:
        assert hear(play, notice(GOOD["notice"])).status == 204
        assert hear(play, later).status == 204
        assert hear(play, replace(later, body=b"{}")).status == 412
        with pytest.raises(errors.Transient):
            hear(play, replace(made_up(1), now=later.now + timedelta(seconds=1)))
