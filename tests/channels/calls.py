"""Every call of the seam that may speak to the remote, with what the vectors say is a good answer. Knows no channel.

A new call of the seam is one line in `CALLS`; the conformance, fault and strangeness suites ask it by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from marketplaces.channel import Channel
from marketplaces.channels import registry
from marketplaces.data import Notice, OrderPage, OrderQuery
from tests.channels.changes import change
from tests.channels.double import NOW, Played, Row, as_list, filled, vectors
from tests.channels.packages import package

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """How a call is made, what it hears when all is well, and of which channels it is asked at all."""

    make: Callable[[Played], object]
    good: Callable[[str], Rows]
    asked_of: Callable[[Channel], bool] = lambda _: True


def ready(key: str) -> list[Any]:
    """The orders of the vectors that are ready to be imported."""
    return [row["order"] for row in vectors(key, "orders") if row["expect"].get("state") == "ready"]


def order_id(key: str, order: Any) -> str:
    """The id of an order of the wire."""
    for name in vectors(key, "channel")["order_id"]:
        order = order[name]
    return str(order)


def page(key: str, orders: list[Any], which: str = "last") -> Rows:
    """The answers that are a page of these orders."""
    told = as_list(vectors(key, "channel")["page"][which])
    return [filled(row, {"orders": orders, "count": len(orders)}) for row in told]


def single(key: str, order: Any) -> Rows:
    """The answers that tell one order."""
    return [filled(row, {"order": order}) for row in as_list(vectors(key, "channel")["order"])]


def changed_since(play: Played, **more: Any) -> OrderQuery:
    """The search for changes that the vectors know."""
    return OrderQuery((play.facts["site"],), updated_since=datetime.fromisoformat("2026-11-01T00:00:00+00:00"), **more)


def placed_between(play: Played, **more: Any) -> OrderQuery:
    """The search of a period that the vectors know."""
    start, end = NOW - timedelta(days=2), NOW - timedelta(days=1)
    return OrderQuery((play.facts["site"],), created_since=start, created_until=end, **more)


def search(play: Played) -> OrderPage:
    """A page of what changed."""
    return play.channel.search_orders(play.line(), changed_since(play))


def _parcels(play: Played) -> object:
    told = vectors(play.channel.key, "shipments")["package"]
    return play.channel.parcels(play.line(), told["order_id"], told["site"])


def _listing(play: Played, name: str, *more: str) -> object:
    told = vectors(play.channel.key, "listings")
    ask = getattr(play.channel, name)
    return ask(play.line(), told["site"], *(told.get(one, "") for one in more))


def _document(play: Played, name: str) -> object:
    told = vectors(play.channel.key, "pushes")
    if name == "document_results":
        return play.channel.document_results(play.line(), told["site"], told["document"]["ticket"])
    return play.channel.push_document(play.line(), told["site"], all_changes(play.channel.key))


def all_changes(key: str) -> list[Any]:
    """The changes of the vectors."""
    return [change(key, row["change"]) for row in vectors(key, "pushes")["changes"]]


def _push(play: Played) -> object:
    return play.channel.push(play.line(), vectors(play.channel.key, "pushes")["site"], change(play.channel.key))


def _accept(play: Played) -> object:
    return play.channel.accept_order(play.line(), play.facts["accept"]["order_id"], play.facts["site"])


def _told(name: str, *path: str) -> Callable[[str], Rows]:
    def good(key: str) -> Rows:
        told = vectors(key, name)
        for step in path:
            told = told[step]
        return as_list(told)

    return good


def notice(told: Row) -> Notice:
    """A notice of the vectors: {method, args?, headers?, body? (the text as it is sent)}."""
    headers = {name.lower(): value for name, value in told.get("headers", {}).items()}
    body = told.get("body", "").encode()
    return Notice(told["method"], "https://app.example/notices", told.get("args", {}), headers, body, NOW)


def _hear(play: Played) -> object:
    row = next(row for row in vectors(play.channel.key, "notices") if "answers" in row)
    return play.channel.hear(play.http, play.keys, notice(row["notice"]))


def _heard(key: str) -> Rows:
    return as_list(next(row["answers"] for row in vectors(key, "notices") if "answers" in row))


def _read(key: str) -> Rows:
    told = vectors(key, "listings")
    return as_list(told["waiting"] if "waiting" in told else told["all"][0]["answers"])


def _results(key: str) -> Rows:
    told = vectors(key, "pushes")["document"]
    return as_list(told["waiting"] if "waiting" in told else told["done"][0]["answers"])


def _ship(channel: Channel) -> bool:
    return channel.shipping is not None


def _sell(channel: Channel) -> bool:
    return channel.selling is not None


def _documents(channel: Channel) -> bool:
    return channel.selling is not None and channel.selling.document_from > 0


def _tickets(channel: Channel) -> bool:
    return _documents(channel) and "ticket" in vectors(channel.key, "pushes")["document"]


CALLS: dict[str, Call] = {
    "search_orders": Call(search, lambda key: page(key, ready(key)[:1])),
    "get_order": Call(
        lambda play: play.channel.get_order(
            play.line(), order_id(play.channel.key, ready(play.channel.key)[0]), play.facts["site"]
        ),
        lambda key: single(key, ready(key)[0]),
    ),
    "parcels": Call(_parcels, _told("shipments", "parcels", "answers"), _ship),
    "confirm_shipment": Call(
        lambda play: play.channel.confirm_shipment(play.line(), package(play.channel.key)),
        _told("shipments", "confirmed"),
        _ship,
    ),
    "ask_for_listings": Call(lambda play: _listing(play, "ask_for_listings"), _told("listings", "asked"), _sell),
    "read_listings": Call(lambda play: _listing(play, "read_listings", "ticket"), _read, _sell),
    "get_listing": Call(lambda play: _listing(play, "get_listing", "sku"), _told("listings", "item"), _sell),
    "push": Call(_push, _told("pushes", "accepted"), _sell),
    "push_document": Call(
        lambda play: _document(play, "push_document"), _told("pushes", "document", "answers"), _documents
    ),
    "document_results": Call(lambda play: _document(play, "document_results"), _results, _tickets),
    "accept_order": Call(_accept, _told("channel", "accept", "answers"), lambda channel: channel.accepts),
    "hear": Call(_hear, _heard, lambda channel: channel.hears),
    "identify": Call(lambda play: play.channel.identify(play.line()), _told("channel", "identity")),
    "refresh": Call(
        lambda play: play.channel.refresh(play.http, play.keys, play.facts["realm"], play.credentials(), NOW),
        _told("channel", "refresh", "answers"),
    ),
    "finish_login": Call(
        lambda play: play.channel.finish_login(play.http, play.login(), play.returned(), NOW),
        _told("channel", "login", "answers"),
    ),
}
TOKENS = ("refresh", "finish_login")


def silent(key: str) -> set[str]:
    """The calls of this channel that ask nobody, though it takes part in what they are for."""
    facts = vectors(key, "channel")
    mine = set(facts.get("silent", []))
    mine |= {name for name, needs in (("refresh", "refresh"), ("finish_login", "login")) if needs not in facts}
    return mine


def spoken(key: str) -> list[str]:
    """The calls by which this channel speaks to its remote."""
    return [name for name, call in CALLS.items() if name not in silent(key) and call.asked_of(registry()[key])]


SPOKEN = [(key, name) for key in registry() for name in spoken(key)]
SILENT = [(key, name) for key in registry() for name in sorted(silent(key)) if CALLS[name].asked_of(registry()[key])]


def made(play: Played, name: str, row: Row | None = None) -> object:
    """Make the call `name`, or the one that an answer row is `of`; `ended`: of an authorisation whose end has passed."""
    named = {"api": "identify", "login": "finish_login"}.get(name, name)
    if named == "refresh" and row is not None and row.get("ended"):
        held = play.credentials(ended=True)
        return play.channel.refresh(play.http, play.keys, play.facts["realm"], held, NOW)
    return CALLS[named].make(play)
