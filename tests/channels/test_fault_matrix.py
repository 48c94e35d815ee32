"""Every fault of the wire in every call of every channel: the right family, in time, with no secret in it.

A new channel inherits all of this by being registered; a new call of a channel by being named in `calls.CALLS`. The
ordinary run takes every fault in some calls and a fifth of them in the others, always the same; `SHOPAPP_FAULTS=all`
takes everything.
"""

from __future__ import annotations

import copy
import inspect
import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.data import Order, PushResult, PushVerdict, Unmapped
from marketplaces.transport import Transport
from marketplaces.wire import Http
from tests.channels.calls import CALLS, SPOKEN, TOKENS, page, ready, search, spoken
from tests.channels.double import NOW, Played, chain, of_row, played, row_id, vectors
from tests.channels.faults import FAULTS, STRANGE, Fault, raw
from tests.unit.marketplaces.rawserver import answer

KEYS = list(registry())
TOKEN_CALLS = [(key, name) for key, name in SPOKEN if name in TOKENS]
PAGES = [(key, which) for key in KEYS for which in ("last", "middle") if which in vectors(key, "channel")["page"]]


ALL = os.environ.get("SHOPAPP_FAULTS") == "all"
WHOLE = ("search_orders", "refresh", "finish_login")  # what is asked most, and what decides about access


def faults_for(key: str, call: str, share: int = 5) -> list[Fault]:
    """The faults that this call meets: all of them, or those of its share, over all calls of a channel every one."""
    if ALL or (share == 5 and call in WHOLE):
        return list(FAULTS)
    return [fault for fault in FAULTS if zlib.crc32(f"{key} {call} {fault.name}".encode()) % share == 0]


def harmless(key: str, call: str) -> set[str]:
    """The faults that are good answers to this call of this channel."""
    return set(vectors(key, "channel").get("harmless", {}).get(call, ()))


def test_every_call_of_the_seam_is_in_the_matrix() -> None:
    """A method of a channel that is given the wire, or a line with the wire, speaks to the remote."""
    speaking = {
        name
        for name, method in inspect.getmembers(Channel, inspect.isfunction)
        if {"http", "line"} & set(inspect.signature(method).parameters)
    }
    assert speaking <= set(CALLS)


def test_every_channel_meets_every_fault() -> None:
    for key in KEYS:
        assert {fault.name for call in spoken(key) for fault in faults_for(key, call)} == {one.name for one in FAULTS}


@pytest.mark.parametrize(
    ("key", "call", "fault"),
    [(key, call, fault) for key, call in SPOKEN for fault in faults_for(key, call)],
    ids=lambda one: one.name if isinstance(one, Fault) else one,
)
def test_every_fault_in_every_call_is_its_family_in_time(key: str, call: str, fault: Fault) -> None:
    if fault.name in harmless(key, call):
        with played(key, fault.play, url=fault.url, **fault.limits) as play, suppress(errors.Rejected):
            CALLS[call].make(play)
        return
    with played(key, fault.play, url=fault.url, **fault.limits) as play:
        began = time.monotonic()
        with pytest.raises(errors.RemoteError) as caught:
            CALLS[call].make(play)
        took = time.monotonic() - began
        asked = len(play.server.requests)
    error = caught.value
    assert type(error) is fault.error, chain(error)
    assert took < fault.within
    assert asked <= 1, "nothing is asked twice"
    if fault.status is not None:
        assert error.status == fault.status
    if isinstance(error, errors.RateLimited):
        assert error.retry_after == fault.retry_after
    elif isinstance(error, errors.Transient) and fault.maybe_done is not None:
        assert error.maybe_done is fault.maybe_done
    assert error.call
    assert len(error.words) <= 500
    text = chain(error)
    assert not [secret for secret in play.secrets() if secret in text]


@pytest.mark.parametrize(("key", "call"), SPOKEN)
def test_the_call_after_a_fault_works(key: str, call: str) -> None:
    """A stopped answer leaves nothing behind on the pooled connection that the next call would read."""
    good, fine = CALLS[call].good(key), harmless(key, call)
    for fault in faults_for(key, call, 9):
        if fault.url or fault.name.startswith("drip") or fault.name in fine:
            continue
        with played(key, fault.play, *good, **fault.limits) as play:
            with pytest.raises(errors.RemoteError):
                CALLS[call].make(play)
            CALLS[call].make(play)


def _later(key: str, call: str) -> int:
    """How many answers an operation hears before it has done."""
    return len(CALLS[call].good(key))


@pytest.mark.parametrize(("key", "call"), [one for one in SPOKEN if _later(*one) > 1])
def test_a_fault_in_a_later_call_of_an_operation_is_its_family_too(key: str, call: str) -> None:
    for at in range(1, _later(key, call)):
        fine = harmless(key, f"{call}:{at}")
        for fault in faults_for(key, f"{call}:{at}", 5):
            if fault.url or fault.name.startswith("drip") or fault.name in fine:
                continue
            with played(key, *CALLS[call].good(key)[:at], fault.play, **fault.limits) as play:
                with pytest.raises(errors.RemoteError) as caught:
                    CALLS[call].make(play)
                asked = len(play.server.requests)
            assert type(caught.value) is fault.error, (at, fault.name, chain(caught.value))
            assert asked <= at + 1, (at, fault.name)


@pytest.mark.parametrize("key", KEYS)
def test_the_limits_that_are_shipped_are_thirty_seconds_and_twenty_megabytes(key: str) -> None:
    for wired in (Http((), now=lambda: NOW).transport(), Transport(Http((), now=lambda: NOW).hosts)):
        assert (wired.seconds, wired.cap) == (30, 20_000_000)
        wired.close()


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield (*path, name)
        yield from _places(one, (*path, name))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def _with(value: Any, path: tuple[Any, ...], strange: Any) -> Any:
    changed = copy.deepcopy(value)
    _at(changed, path[:-1])[path[-1]] = strange
    return changed


def strangely(
    answers: list[dict[str, Any]], strange: Any, share: int = 1
) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    """The answers with `strange` at each place of each JSON body: (the place, the answers).

    With a `share` it is put at that part of the places, another one for each strange value; by hand at all.
    """
    for number, row in enumerate(answers):
        for at, path in enumerate(_places(row.get("body"))):
            if not ALL and (at + zlib.crc32(repr(strange).encode())) % share:
                continue
            odd = {**row, "body": _with(row["body"], path, strange)}
            yield (number, *path), [*answers[:number], odd, *answers[number + 1 :]]


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize(("key", "call"), TOKEN_CALLS)
def test_a_strange_value_anywhere_in_a_token_answer_is_an_outage_or_does_no_harm(
    key: str, call: str, strange: Any
) -> None:
    """What is kept of a token answer can be stored, sent in a header, and is never worse than what was held."""
    told = vectors(key, "channel")["refresh" if call == "refresh" else "login"]
    more = {"scope": "a b", "expires_at": 1, "id_token": "x", "issued_token_type": "y"}
    answers = [{**row, "body": {**row["body"], **more}} for row in CALLS[call].good(key)]
    held = {*vectors(key, "channel")["secrets"].values(), *told["secrets"].values(), told.get("access_token", "")}
    for path, odd in strangely(answers, strange):
        with played(key, *odd) as play:
            try:
                given: Any = CALLS[call].make(play)
            except errors.Transient:
                continue
        kept = [*given.secrets.values(), *([given.access_token] if "access_token" in told else [])]
        assert all(text.isascii() and text.isprintable() and 0 < len(text) <= 2500 for text in kept), path
        of_a_secret = _at(answers[path[0]]["body"], path[1:]) in held
        assert (isinstance(strange, str) and of_a_secret) or set(kept) <= held, path
        if "access_token" in told:
            assert NOW <= given.access_expires_at <= NOW + timedelta(days=1)
        if given.expires_at is not None:
            assert NOW <= given.expires_at <= NOW + timedelta(days=3660), path


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize("key", KEYS)
def test_a_strange_value_anywhere_in_a_page_spoils_at_most_its_order(key: str, strange: Any) -> None:
    good = ready(key)
    hostile = [_with(order, path, strange) for order in good[:3] for path in _places(order)]
    with played(key, *page(key, [*hostile, good[0]])) as play:
        found = search(play)
    assert len(found.orders) == len(hostile) + 1
    assert isinstance(found.orders[-1], Order)
    for one in found.orders:
        assert isinstance(one, Order) or one.reason
        for text in _texts(one):
            text.encode()
            assert "\x00" not in text
            assert "\u202e" not in text


def _texts(one: Order | Unmapped) -> list[str]:
    found = [one.order_id, one.site]
    if isinstance(one, Unmapped):
        return [*found, one.words, one.reason, one.field]
    lines = [text for line in one.lines for text in (line.line_id, line.sku, line.title)]
    where = one.ship_to
    address = [where.name, where.company, where.line1, where.line2, where.city, where.phone] if where else []
    return [*found, one.buyer_name, one.buyer_email, one.remote_state, *lines, *address, *one.attributes.values()]


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize(("key", "which"), PAGES)
def test_a_strange_value_around_the_orders_of_a_page_is_an_outage_or_does_no_harm(
    key: str, which: str, strange: Any
) -> None:
    """A page token can be stored and sent back; how far the page reaches is a time that can be reckoned with."""
    for path, odd in strangely(page(key, [], which), strange):
        with played(key, *odd) as play:
            try:
                found = search(play)
            except errors.Transient:
                continue
        assert found.next_token.isascii(), path
        assert found.next_token == found.next_token.strip()
        assert not found.next_token or found.next_token.isprintable()
        assert len(found.next_token) <= 4000
        if found.until is not None:
            assert found.until.utcoffset() == timedelta(0)
            assert found.until - timedelta(days=1) < found.until < found.until + timedelta(days=1)


@pytest.mark.parametrize("key", KEYS)
def test_a_byte_order_mark_and_equal_names_are_no_trouble(key: str) -> None:
    (row,) = page(key, [])
    body = raw(row["body"])
    ways = [b"\xef\xbb\xbf" + body]
    if isinstance(row["body"], dict):
        ways.append(b"{" + json.dumps(next(iter(row["body"]))).encode() + b": 7, " + body[1:])
    for said in ways:
        with played(key, answer(said)) as play:
            assert search(play).orders == ()


def _came_of(call: str, play: Played) -> object:
    """What a call gave, or the error it raised."""
    try:
        return CALLS[call].make(play)
    except errors.RemoteError as error:
        return error


def _ends(key: str) -> list[dict[str, Any]]:
    return [row for row in vectors(key, "answers") if row["error"] in ("AuthExpired", "AuthRevoked")]


@pytest.mark.parametrize("key", KEYS)
def test_a_dead_authorisation_is_told_by_its_own_words_only(key: str) -> None:
    """The word that ends an account, said anywhere but where the channel refuses access, ends nothing."""
    said = raw({"error": "invalid_grant", "error_description": "gone", "errors": [{"code": "invalid_grant"}]})
    refusals = {row.get("status") for row in _ends(key) if row["of"] not in ("refresh", "login")}
    for status in (200, 400, 401, 403, 404, 410, 418, 500, 503):
        for name in set(spoken(key)) - set(TOKENS):
            with played(key, answer(said, status=f"{status} X")) as play:
                came = _came_of(name, play)
            refused = isinstance(came, PushResult) and came.verdict is PushVerdict.REFUSED  # of a push it is the result
            assert refused or isinstance(came, errors.RemoteError), (name, status)
            ended = isinstance(came, (errors.AuthExpired, errors.AuthRevoked))
            assert not ended or status in refusals, (name, status)
    for status in (200, 500, 502, 503, 429):
        for name in set(spoken(key)) & set(TOKENS):
            with played(key, answer(said, status=f"{status} X")) as play, pytest.raises(errors.RemoteError) as caught:
                CALLS[name].make(play)
            assert type(caught.value) in (errors.Transient, errors.RateLimited)


@pytest.mark.parametrize("key", KEYS)
def test_access_is_refused_by_the_token_endpoint_where_there_is_one(key: str) -> None:
    assert _ends(key)
    if "refresh" in vectors(key, "channel"):
        assert [row_id(row) for row in _ends(key) if row["of"] not in ("refresh", "login")] == []
    for row in _ends(key):
        assert all(400 <= one.get("status", 200) < 500 for one in of_row(row)[-1:]), row["name"]
