"""Whatever a remote says, only the channel's own refusal breaks a connection: random answers, and its own answers bent."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplaces import errors
from marketplaces.channels import registry
from shopapp.verdict import judge
from tests.channels.calls import CALLS, TOKENS, spoken
from tests.channels.double import Played, of_row, played, vectors, wire
from tests.channels.test_fault_matrix import _at, _places

KEYS = list(registry())
BROKEN = (errors.AuthExpired, errors.AuthRevoked, errors.AccountInactive)
LIGHT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
STATUSES = st.sampled_from(
    [200, 201, 202, 207, 301, 400, 401, 403, 404, 405, 409, 410, 415, 418, 422, 429, 500, 502, 503]
)
# Words that remotes say about access, where a shallow look would find a refusal.
WORDS = st.sampled_from(
    [
        "Unauthorized",
        "expired",
        "revoked",
        "suspended",
        "invalid_token",
        "Access denied",
        "login required",
        "",
        "0",
        "x",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 10**6) | WORDS
BODIES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "message", "code", "status", "details", "id"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


def refusals(key: str) -> list[dict[str, Any]]:
    """The answers of the table that end or stop a connection."""
    names = {kind.__name__ for kind in BROKEN}
    return [row for row in vectors(key, "answers") if row["error"] in names]


def by_status(key: str) -> set[int]:
    """Statuses of calls (not of tokens) with which this channel refuses access, whatever else it says.

    Of a channel with a token endpoint there are none.
    """
    found = [
        row for row in refusals(key) if row["of"] not in ("refresh", "login") and row["error"] != "AccountInactive"
    ]
    return {one.get("status", 200) for row in found for one in of_row(row)} - {200}


def came_of(play: Played, call: str) -> object:
    try:
        return CALLS[call].make(play)
    except errors.RemoteError as error:
        return error


def breaks(came: object) -> bool:
    """Whether the one table would touch the state of the connection."""
    return isinstance(came, Exception) and judge(came, "account").account_status is not None


@pytest.mark.parametrize("key", KEYS)
@LIGHT
@given(data=st.data())
def test_a_random_answer_breaks_no_connection(key: str, data: st.DataObject) -> None:
    call = data.draw(st.sampled_from(spoken(key)))
    status = data.draw(STATUSES.filter(lambda one: one not in by_status(key)))
    row = {"status": status, "body": data.draw(BODIES)}
    if data.draw(st.booleans()):
        row = {
            "status": status,
            "raw": data.draw(st.sampled_from(["", "<html>Unauthorized</html>", "expired", "{", "null"])),
        }
    with played(key, wire(row)) as play:
        came = came_of(play, call)
    assert not breaks(came), (call, row, came)


@pytest.mark.parametrize("key", KEYS)
@LIGHT
@given(data=st.data())
def test_an_answer_of_the_table_that_refuses_nothing_still_refuses_nothing_when_it_is_bent(
    key: str, data: st.DataObject
) -> None:
    names = {kind.__name__ for kind in BROKEN}
    rows = [
        row for row in vectors(key, "answers") if row["error"] not in names and "body" in row and row["of"] != "hear"
    ]
    row = copy.deepcopy(data.draw(st.sampled_from(rows)))
    places = [path for path in _places(row["body"]) if path]
    if places:
        path = data.draw(st.sampled_from(places))
        _at(row["body"], path[:-1])[path[-1]] = data.draw(BODIES)
    row["status"] = data.draw(st.just(row.get("status", 200)) | STATUSES)
    call = {"api": "identify", "login": "finish_login"}.get(row["of"], row["of"])
    if call not in TOKENS and row["status"] in by_status(key):
        return
    with played(key, wire(row)) as play:
        came = came_of(play, call)
    assert not breaks(came), (call, row, came)


@pytest.mark.parametrize("key", KEYS)
@LIGHT
@given(data=st.data())
def test_a_refusal_said_by_a_broken_machine_is_none(key: str, data: st.DataObject) -> None:
    """The very words of a refusal, with a status of trouble, cut off, or in a page of HTML."""
    row = of_row(copy.deepcopy(data.draw(st.sampled_from(refusals(key)))))[0]
    call = data.draw(st.sampled_from([name for name in spoken(key) if name != "hear"]))
    said = wire({**row, "status": data.draw(st.sampled_from([429, 500, 502, 503, 504, 520]))})
    if data.draw(st.booleans()):
        head, _, body = wire(row).partition(b"\r\n\r\n")
        said = head + b"\r\n\r\n" + body[: len(body) // 2]
    elif data.draw(st.booleans()):
        text = "<html>" + wire(row).partition(b"\r\n\r\n")[2].decode() + "</html>"
        said = wire({"status": data.draw(st.sampled_from([401, 403, 404])), "raw": text})
    with played(key, said) as play:
        came = came_of(play, call)
    assert not breaks(came), (call, row, came)
