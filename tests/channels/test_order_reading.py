"""What is asked of every channel's orders: mapped totally or refused with the reason, page by page, by time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from marketplaces import errors
from marketplaces.channels import registry
from marketplaces.data import Order, Unmapped
from marketplaces.money import Money
from tests.channels.calls import as_list, changed_since, made, order_id, page, placed_between, ready, search, single
from tests.channels.double import NOW, Played, assert_all_said, played, row_id, rows, vectors

KEYS = list(registry())
# Whose answers name no time themselves: how far a sweep reaches is told by their clock, or by ours.
TIMELESS = [key for key in KEYS if datetime.fromisoformat(vectors(key, "channel")["page"]["until"]) == NOW]
PAGED = [key for key in KEYS if "middle" in vectors(key, "channel")["page"]]


def _found(key: str, order: Any) -> Order | Unmapped:
    with played(key, *page(key, [order])) as play:
        (found,) = search(play).orders
    return found


def balance(order: Order) -> Money:
    """What the parts of an order come to: lines + charges + rounding."""
    total = order.rounding or Money.zero(order.currency)
    for line in order.lines:
        price = line.unit_price.times(line.quantity) - line.discount
        assert line.total == price + (_no_tax(order) if order.taxes_included else _tax(line, order))
        total += line.total
    for charge in order.charges:
        assert charge.total == charge.price - charge.discount + (
            _no_tax(order) if order.taxes_included else _tax(charge, order)
        )
        total += charge.total
    return total


def _no_tax(order: Order) -> Money:
    return Money.zero(order.currency)


def _tax(part: Any, order: Order) -> Money:
    total = Money.zero(order.currency)
    for tax in part.taxes:
        total += tax.amount
    return total


def _shape(part: Any) -> dict[str, Any]:
    taxes = [[str(tax.amount.decimal), str(tax.rate), tax.channel_liable] for tax in part.taxes]
    price = part.unit_price if hasattr(part, "unit_price") else part.price
    named = (
        {"sku": part.sku, "quantity": part.quantity, "unit_price": str(price.decimal)}
        if hasattr(part, "sku")
        else {
            "code": part.code,
            "price": str(price.decimal),
        }
    )
    return {**named, "discount": str(part.discount.decimal), "total": str(part.total.decimal), "taxes": taxes}


@pytest.mark.parametrize(("key", "row"), rows("orders"), ids=row_id)
def test_every_order_maps_totally_or_says_why_not(key: str, row: dict[str, Any]) -> None:
    found, expect = _found(key, row["order"]), row["expect"]
    if "rejected" in expect:
        assert isinstance(found, Unmapped)
        assert found.reason == expect["rejected"]
        assert [word for word in expect["words"] if word not in found.words] == []
        assert found.order_id == order_id(key, row["order"])
        return
    assert isinstance(found, Order)
    assert balance(found) == found.total
    got = {
        "state": found.state.value,
        "total": str(found.total),
        "taxes_included": found.taxes_included,
        "lines": [_shape(line) for line in found.lines],
        "charges": [_shape(charge) for charge in found.charges],
        "rounding": str(found.rounding) if found.rounding else None,
        "flags": list(found.flags),
        "ignore_reason": found.ignore_reason,
        "remote_state": found.remote_state,
    }
    assert {name: got[name] for name in expect} == expect
    derived = vectors(key, "channel").get("taxes_derived", False)
    assert all(tax.derived or not derived for line in found.lines for tax in line.taxes)


@pytest.mark.parametrize("key", KEYS)
def test_one_broken_order_never_spoils_its_page(key: str) -> None:
    poison: list[Any] = [row["order"] for row in vectors(key, "orders") if "rejected" in row["expect"]]
    poison += [None, 7, "order", [], {}]
    for odd in (None, {"a": 1}, ["x"]):
        for name in reversed(vectors(key, "channel")["order_id"]):
            odd = {name: odd}
        poison.append(odd)
    with played(key, *page(key, poison + ready(key))) as play:
        found = search(play)
    assert [type(one) for one in found.orders] == [Unmapped] * len(poison) + [Order] * len(ready(key))
    assert all(one.reason for one in found.orders if isinstance(one, Unmapped))


@pytest.mark.parametrize("key", KEYS)
def test_an_order_asked_for_alone_is_mapped_or_rejected_with_its_reason(key: str) -> None:
    for row in vectors(key, "orders"):
        with played(key, *single(key, row["order"])) as play:
            asked = order_id(key, row["order"])
            if "rejected" in row["expect"]:
                with pytest.raises(errors.Rejected) as caught:
                    play.channel.get_order(play.line(), asked, play.facts["site"])
                assert caught.value.reason == row["expect"]["rejected"]
            else:
                assert play.channel.get_order(play.line(), asked, play.facts["site"]).order_id == asked


def _asked(play: Played, key: str) -> list[dict[str, str]]:
    """The parameters with which each page was asked for."""
    each = len(as_list(play.facts["page"].get("middle", play.facts["page"]["last"])))
    found = [parse_qs(urlsplit(request.split(b" ")[1].decode()).query) for request in play.server.requests[::each]]
    return [{name: value for name, (value,) in one.items()} for one in found]


@pytest.mark.parametrize("key", PAGED)
def test_paging_ends_and_only_the_last_page_tells_how_far_it_reaches(key: str) -> None:
    with played(key, *page(key, ready(key)[:1], "middle"), *page(key, [])) as play:
        first = search(play)
        second = play.channel.search_orders(play.line(), changed_since(play, page_token=first.next_token))
        facts, sent = play.facts["page"], _asked(play, key)
    assert first.next_token
    assert first.until is None
    assert second.next_token == ""
    assert second.until == datetime.fromisoformat(facts["until"])
    assert facts["changes"].items() <= sent[0].items()
    assert sent[1] == {**sent[0], **facts["next"]}, "filters repeat on every page"


@pytest.mark.parametrize("key", KEYS)
def test_a_page_that_is_the_only_one_tells_how_far_it_reaches(key: str) -> None:
    with played(key, *page(key, [])) as play:
        found, facts, sent = search(play), play.facts["page"], _asked(play, key)
    assert (found.next_token, found.until) == ("", datetime.fromisoformat(facts["until"]))
    assert facts["changes"].items() <= sent[0].items()


@pytest.mark.parametrize("key", TIMELESS)
def test_a_clock_of_ours_that_is_fast_hides_no_order(key: str) -> None:
    for ahead, reached in ((timedelta(hours=1), timedelta(hours=1)), (timedelta(days=3), timedelta(0))):
        told = format_datetime(NOW - ahead, usegmt=True)
        with played(key, *({**row, "headers": {"Date": told}} for row in page(key, ready(key)[:1]))) as play:
            assert search(play).until == NOW - reached, "a clock that is days off is the remote's trouble"


@pytest.mark.parametrize("key", PAGED)
def test_a_page_without_orders_that_is_not_the_last_ends_no_sweep(key: str) -> None:
    with played(key, *page(key, [], "middle")) as play:
        try:
            found = search(play)
        except errors.Transient:
            return
    assert found.next_token
    assert found.until is None


@pytest.mark.parametrize("key", KEYS)
def test_a_period_is_asked_for_by_creation_on_every_page_and_never_by_changes(key: str) -> None:
    """Imports of older orders and the nightly count rely on it: a day's orders are those placed on that day."""
    pages = page(key, ready(key)[:1], "middle") if key in PAGED else []
    with played(key, *pages, *page(key, [])) as play:
        query = placed_between(play)
        found = play.channel.search_orders(play.line(), query)
        if key in PAGED:
            assert found.next_token
            found = play.channel.search_orders(play.line(), replace(query, page_token=found.next_token))
        facts, sent = play.facts["page"], _asked(play, key)
    assert found.next_token == ""
    never = (set(facts["changes"]) | set(facts.get("absent", ()))) - set(facts["period"])
    for asked in sent:
        assert facts["period"].items() <= asked.items()
        assert not never & set(asked)


@pytest.mark.parametrize("key", [key for key in KEYS if "accept" in vectors(key, "channel")])
def test_an_order_is_accepted_as_the_channel_wants_it(key: str) -> None:
    told = vectors(key, "channel")["accept"]
    with played(key, *as_list(told["answers"])) as play:
        made(play, "accept_order")
        assert_all_said(play.server.requests, told["requests"], {"seller_id": play.seller_id})
