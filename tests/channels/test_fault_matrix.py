"""Every fault of the wire in every call of every channel: the right family, in time, with no secret in it.

A new channel inherits all of this by being registered; a new call of a channel by being named in `CALLS`.
"""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from marketplaces import errors
from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.data import Order, OrderPage, OrderQuery, PushResult, PushVerdict, Unmapped
from marketplaces.transport import Transport
from marketplaces.wire import Http
from tests.channels.changes import change, document_taken
from tests.channels.double import NOW, Played, chain, played, row_id, vectors, wire
from tests.channels.faults import FAULTS, STRANGE, Fault, raw
from tests.channels.packages import confirmed, package
from tests.unit.marketplaces.rawserver import Play, answer

KEYS = list(registry())
Call = Callable[[Played], object]


def _search(play: Played) -> OrderPage:
    query = OrderQuery((play.facts["site"],), updated_since=NOW - timedelta(days=20))
    return play.channel.search_orders(play.line(), query)


CALLS: dict[str, Call] = {
    "search_orders": _search,
    "get_order": lambda play: play.channel.get_order(play.line(), "302-1234567-1234567", play.facts["site"]),
    "parcels": lambda play: play.channel.parcels(play.line(), "302-1234567-1234567", play.facts["site"]),
    "ask_for_listings": lambda play: play.channel.ask_for_listings(play.line(), play.facts["site"]),
    "read_listings": lambda play: play.channel.read_listings(play.line(), play.facts["site"], "ID323"),
    "get_listing": lambda play: play.channel.get_listing(play.line(), play.facts["site"], "MUG/blue 1"),
    "push": lambda play: play.channel.push(play.line(), play.facts["site"], change(play.channel.key)),
    "push_document": lambda play: play.channel.push_document(
        play.line(), play.facts["site"], [change(play.channel.key)]
    ),
    "document_results": lambda play: play.channel.document_results(play.line(), play.facts["site"], "50001"),
    "confirm_shipment": lambda play: play.channel.confirm_shipment(play.line(), package(play.channel.key)),
    "identify": lambda play: play.channel.identify(play.line()),
    "refresh": lambda play: play.channel.refresh(play.http, play.keys, play.facts["realm"], play.credentials(), NOW),
    "finish_login": lambda play: play.channel.finish_login(play.http, play.login(), play.returned(), NOW),
}
TOKENS = ("refresh", "finish_login")


def test_every_call_of_the_seam_is_in_the_matrix() -> None:
    """A method of a channel that is given the wire, or a line with the wire, speaks to the remote."""
    speaking = {
        name
        for name, method in inspect.getmembers(Channel, inspect.isfunction)
        if {"http", "line"} & set(inspect.signature(method).parameters)
    }
    assert speaking == set(CALLS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("key", KEYS)
def test_every_fault_in_every_call_is_its_family_in_time(key: str, call: str, fault: Fault) -> None:
    with played(key, fault.play, url=fault.url, **fault.limits) as play:
        began = time.monotonic()
        with pytest.raises(errors.RemoteError) as caught:
            CALLS[call](play)
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


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("key", KEYS)
def test_the_call_after_a_fault_works(key: str, call: str) -> None:
    """A stopped answer leaves nothing behind on the pooled connection that the next call would read."""
    good = _good(key, call)
    for fault in (one for one in FAULTS if not one.url and not one.name.startswith("drip")):
        with played(key, fault.play, good, **fault.limits) as play:
            with pytest.raises(errors.RemoteError):
                CALLS[call](play)
            CALLS[call](play)


def _good(key: str, call: str) -> bytes | Play:
    if call == "confirm_shipment":
        return confirmed(key)
    if call == "push_document":
        return document_taken(key)
    facts = vectors(key, "channel")
    ready = copy.deepcopy(next(row["order"] for row in vectors(key, "orders") if row["expect"].get("state") == "ready"))
    ready["orderId"] = "302-1234567-1234567"
    bodies: dict[str, Any] = {
        "search_orders": {facts["page"]["orders_key"]: [ready], **facts["page"]["last"]},
        "get_order": {facts["order_key"]: ready},
        "parcels": vectors(key, "shipments")["order"],
        "ask_for_listings": vectors(key, "listings")["asked"],
        "read_listings": vectors(key, "listings")["waiting"],
        "get_listing": vectors(key, "listings")["item"],
        "push": vectors(key, "pushes")["accepted"],
        "document_results": vectors(key, "pushes")["waiting"],
        "identify": facts["identity_answer"],
        "refresh": facts["token_answer"],
        "finish_login": facts["token_answer"],
    }
    return wire({"body": bodies[call]})


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


def _with(value: Any, path: tuple[Any, ...], strange: Any) -> Any:
    made = copy.deepcopy(value)
    target = made
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = strange
    return made


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize("call", TOKENS)
@pytest.mark.parametrize("key", KEYS)
def test_a_strange_value_anywhere_in_a_token_answer_is_an_outage_or_does_no_harm(
    key: str, call: str, strange: Any
) -> None:
    """What is kept of a token answer can be stored, sent in a header, and is never worse than what was held."""
    facts = vectors(key, "channel")
    told = {**facts["token_answer"], "scope": "a b", "expires_at": 1, "id_token": "x", "issued_token_type": "y"}
    for path in _places(told):
        with played(key, answer(raw(_with(told, path, strange)))) as play:
            try:
                given = CALLS[call](play)
            except errors.Transient:
                continue
            held: Any = given
            kept = [held.access_token, *held.secrets.values()]
            assert all(text.isascii() and text.isprintable() and 0 < len(text) <= 2500 for text in kept), path
            known = {*facts["secrets"].values(), *facts["rotated"].values(), told["access_token"]}
            assert path[0] in ("access_token", "refresh_token") or set(kept) <= known
            assert isinstance(strange, str) or set(kept) <= known, path
            assert NOW <= held.access_expires_at <= NOW + timedelta(days=1)


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize("key", KEYS)
def test_a_strange_value_anywhere_in_a_page_spoils_at_most_its_order(key: str, strange: Any) -> None:
    facts = vectors(key, "channel")["page"]
    ready = [row["order"] for row in vectors(key, "orders") if row["expect"].get("state") == "ready"]
    hostile = [_with(order, path, strange) for order in ready[:3] for path in _places(order)]
    with played(key, answer(raw({facts["orders_key"]: [*hostile, ready[0]], **facts["last"]}))) as play:
        page = _search(play)
    assert len(page.orders) == len(hostile) + 1
    assert isinstance(page.orders[-1], Order)
    for one in page.orders:
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
@pytest.mark.parametrize("key", KEYS)
def test_a_strange_value_around_the_orders_of_a_page_is_an_outage_or_does_no_harm(key: str, strange: Any) -> None:
    """A page token can be stored and sent back; how far the page reaches is a time that can be reckoned with."""
    facts = vectors(key, "channel")["page"]
    for which in ("last", "middle"):
        body = {facts["orders_key"]: [], **facts[which]}
        for path in _places(body):
            with played(key, answer(raw(_with(body, path, strange)))) as play:
                try:
                    page = _search(play)
                except errors.Transient:
                    continue
            assert page.next_token.isascii()
            assert page.next_token == page.next_token.strip()
            assert page.next_token.isprintable()
            assert len(page.next_token) <= 4000
            if page.until is not None:
                assert page.until.utcoffset() == timedelta(0)
                assert page.until - timedelta(days=1) < page.until < page.until + timedelta(days=1)


@pytest.mark.parametrize("key", KEYS)
def test_a_byte_order_mark_and_equal_names_are_no_trouble(key: str) -> None:
    facts = vectors(key, "channel")["page"]
    body = raw({facts["orders_key"]: [], **facts["last"]})
    twice = b'{"' + facts["orders_key"].encode() + b'": 7, ' + body[1:]
    for said in (b"\xef\xbb\xbf" + body, twice):
        with played(key, answer(said)) as play:
            assert _search(play).orders == ()


def _came_of(call: Call, play: Played) -> object:
    """What a call gave, or the error it raised."""
    try:
        return call(play)
    except errors.RemoteError as error:
        return error


@pytest.mark.parametrize("key", KEYS)
def test_a_dead_authorisation_is_told_by_its_own_words_only(key: str) -> None:
    """The word that ends an account, said anywhere but by the token endpoint refusing, ends nothing."""
    said = raw({"error": "invalid_grant", "error_description": "gone", "errors": [{"code": "invalid_grant"}]})
    for status in ("200 OK", "400 X", "401 X", "403 X", "404 X", "410 X", "418 X", "500 X", "503 X"):
        for name in set(CALLS) - set(TOKENS):
            with played(key, answer(said, status=status)) as play:
                came = _came_of(CALLS[name], play)
            refused = isinstance(came, PushResult) and came.verdict is PushVerdict.REFUSED  # of a push it is the result
            assert refused or isinstance(came, errors.RemoteError), (name, status)
            assert not isinstance(came, (errors.AuthExpired, errors.AuthRevoked)), (name, status)
    for status in ("200 OK", "500 X", "502 X", "503 X", "429 X"):
        with played(key, answer(said, status=status)) as play, pytest.raises(errors.RemoteError) as caught:
            CALLS["refresh"](play)
        assert type(caught.value) in (errors.Transient, errors.RateLimited)


@pytest.mark.parametrize("key", KEYS)
def test_every_refusal_of_access_in_the_vectors_comes_from_the_token_endpoint(key: str) -> None:
    ends = [row for row in vectors(key, "answers") if row["error"] in ("AuthExpired", "AuthRevoked")]
    assert ends
    assert [row_id(row) for row in ends if row["of"] == "api"] == []
