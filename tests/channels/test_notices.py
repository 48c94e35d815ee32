"""What is asked of every channel that sends us notices: nobody is believed who does not prove to be the channel."""

from __future__ import annotations

from typing import Any

import pytest

from marketplaces.channels import registry
from marketplaces.data import Notice
from tests.channels.calls import notice
from tests.channels.double import as_list, played, row_id, rows, vectors

KEYS = [key for key, channel in registry().items() if channel.hears]


def hear(key: str, one: Notice, answers: Any) -> Any:
    """What comes of a notice while the remote says these answers."""
    with played(key, *(as_list(answers) or [b""])) as play:
        return play.channel.hear(play.http, play.keys, one)


@pytest.mark.parametrize(("key", "row"), rows("notices", keys=KEYS), ids=row_id)
def test_a_notice_is_answered_as_the_channel_wants_it(key: str, row: dict[str, Any]) -> None:
    heard, expect = hear(key, notice(row["notice"]), row.get("answers", [])), row["expect"]
    assert (heard.status, heard.body) == (expect["status"], expect.get("body"))
    told = expect.get("events", [])
    assert len(heard.events) == len(told)
    for one, wanted in zip(heard.events, told, strict=True):
        assert {name: getattr(one, name) for name in wanted} == wanted


@pytest.mark.parametrize("key", KEYS)
def test_a_notice_that_was_changed_on_its_way_says_nothing(key: str) -> None:
    for row in (row for row in vectors(key, "notices") if row["expect"].get("events")):
        told = row["notice"]
        for body in (told["body"] + " ", told["body"].replace("a", "b", 1), "", "null", "[]", "\x00"):
            heard = hear(key, notice({**told, "body": body}), row["answers"])
            assert heard.status >= 400
            assert heard.events == ()


@pytest.mark.parametrize("key", KEYS)
def test_a_notice_with_strange_headers_says_nothing(key: str) -> None:
    for row in (row for row in vectors(key, "notices") if row["expect"].get("events")):
        for name in row["notice"]["headers"]:
            for odd in ("", "x", "e30=", "W10=", "bnVsbA==", "é", "x" * 100_000):
                changed = {**row["notice"], "headers": {**row["notice"]["headers"], name: odd}}
                heard = hear(key, notice(changed), row["answers"])
                assert heard.status >= 400
                assert heard.events == ()
