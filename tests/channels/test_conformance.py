"""What is asked of every channel, on its own vectors, over real sockets."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from marketplaces import errors
from marketplaces.channel import AppKeys, Channel, LoginKind
from marketplaces.channels import registry
from marketplaces.data import Order, OrderQuery, Unmapped
from marketplaces.money import Money
from tests.channels.double import NOW, STATE, Played, chain, played, row_id, rows, vectors, wire

KEYS = list(registry())
OAUTH = [key for key in KEYS if registry()[key].login_kind is LoginKind.OAUTH2]
CAUSES = {"expired", "revoked", "inactive", "credentials", "unknown"}


def _call(play: Played, row: dict[str, Any]) -> object:
    match row["of"]:
        case "api":
            return play.channel.identify(play.line())
        case "refresh":
            held = play.credentials(ended=bool(row.get("ended")))
            return play.channel.refresh(play.http, play.keys, play.facts["realm"], held, NOW)
        case "login":
            return play.channel.finish_login(play.http, play.login(), play.returned(), NOW)
    raise AssertionError(row["of"])


@pytest.mark.parametrize(("key", "row"), rows("answers"), ids=row_id)
def test_every_answer_is_exactly_its_error_and_tells_no_secret(key: str, row: dict[str, Any]) -> None:
    with played(key, wire(row)) as play, pytest.raises(errors.RemoteError) as caught:
        _call(play, row)
    error = caught.value
    assert type(error) is getattr(errors, row["error"])
    for name in ("what", "reason", "code", "retry_after", "request_id"):
        if name in row:
            assert getattr(error, name) == row[name]
    text = chain(error)
    assert error.call
    assert not [secret for secret in play.secrets() if secret in text]


@pytest.mark.parametrize("key", KEYS)
def test_the_answers_cover_every_family(key: str) -> None:
    known = {row["error"] for row in vectors(key, "answers")}
    families = {
        "AuthRevoked",
        "AccountInactive",
        "PermissionMissing",
        "RateLimited",
        "Transient",
        "Rejected",
        "OurFault",
    }
    assert families <= known


@pytest.mark.parametrize("key", KEYS)
def test_remote_words_that_quote_our_secrets_are_masked(key: str) -> None:
    with played(key, b"") as play:
        said = " and ".join([*play.facts["secrets"].values(), *play.keys.values.values(), "buyer@example.com"])
    for status in (400, 401, 403, 404, 429, 500):
        body = {"errors": [{"code": said, "message": said, "details": said}], "error": said, "error_description": said}
        for of in ("api", "refresh", "login"):
            with (
                played(key, wire({"status": status, "body": body})) as play,
                pytest.raises(errors.RemoteError) as caught,
            ):
                _call(play, {"of": of})
            text = chain(caught.value)
            assert not [secret for secret in [*play.secrets(), "buyer@example.com"] if secret in text]


def _page(key: str, orders: list[dict[str, Any]], which: str = "last") -> bytes:
    facts = vectors(key, "channel")["page"]
    return wire({"body": {facts["orders_key"]: orders, **facts[which]}})


def _query(play: Played, **more: Any) -> OrderQuery:
    return OrderQuery((play.facts["site"],), updated_since=datetime.fromisoformat("2026-11-01T00:00:00+00:00"), **more)


def _found(key: str, order: Any) -> Order | Unmapped:
    with played(key, _page(key, [order])) as play:
        (found,) = play.channel.search_orders(play.line(), _query(play)).orders
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
        assert found.order_id == row["order"]["orderId"]
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
    assert all(tax.derived for line in found.lines for tax in line.taxes)


@pytest.mark.parametrize("key", KEYS)
def test_one_broken_order_never_spoils_its_page(key: str) -> None:
    good = [row["order"] for row in vectors(key, "orders") if row["expect"].get("state") == "ready"]
    poison: list[Any] = [row["order"] for row in vectors(key, "orders") if "rejected" in row["expect"]]
    poison += [None, 7, "order", [], {}, {"orderId": None}, {"orderId": {"a": 1}}, {"orderId": ["x"], "orderItems": 3}]
    with played(key, _page(key, poison + good)) as play:
        page = play.channel.search_orders(play.line(), _query(play))
    assert [type(one) for one in page.orders] == [Unmapped] * len(poison) + [Order] * len(good)
    assert all(one.reason for one in page.orders if isinstance(one, Unmapped))


@pytest.mark.parametrize("key", KEYS)
def test_an_order_asked_for_alone_is_mapped_or_rejected_with_its_reason(key: str) -> None:
    for row in vectors(key, "orders"):
        with played(key, wire({"body": {vectors(key, "channel")["order_key"]: row["order"]}})) as play:
            order_id = row["order"]["orderId"]
            if "rejected" in row["expect"]:
                with pytest.raises(errors.Rejected) as caught:
                    play.channel.get_order(play.line(), order_id, play.facts["site"])
                assert caught.value.reason == row["expect"]["rejected"]
            else:
                assert play.channel.get_order(play.line(), order_id, play.facts["site"]).order_id == order_id


@pytest.mark.parametrize("key", KEYS)
def test_paging_ends_and_only_the_last_page_tells_how_far_it_reaches(key: str) -> None:
    with played(key, _page(key, [], "middle"), _page(key, [])) as play:
        first = play.channel.search_orders(play.line(), _query(play))
        second = play.channel.search_orders(play.line(), _query(play, page_token=first.next_token))
        facts = play.facts["page"]
        sent = [parse_qs(urlsplit(request.split(b" ")[1].decode()).query) for request in play.server.requests]
    assert first.next_token
    assert first.until is None
    assert second.next_token == ""
    assert second.until == datetime.fromisoformat(facts["until"])
    token = facts["token_parameter"]
    assert sent[1].pop(token) == [facts["middle"]["pagination"]["nextToken"]]
    assert sent[0] == sent[1], "filters repeat on every page"


@pytest.mark.parametrize("key", KEYS)
def test_a_period_is_asked_for_by_creation_on_every_page_and_never_by_changes(key: str) -> None:
    """Imports of older orders and the nightly count rely on it: a day's orders are those placed on that day."""
    start, end = NOW - timedelta(days=2), NOW - timedelta(days=1)
    with played(key, _page(key, [], "middle"), _page(key, [])) as play:
        query = OrderQuery((play.facts["site"],), created_since=start, created_until=end)
        first = play.channel.search_orders(play.line(), query)
        last = play.channel.search_orders(play.line(), replace(query, page_token=first.next_token))
        facts = play.facts["page"]
        sent = [parse_qs(urlsplit(request.split(b" ")[1].decode()).query) for request in play.server.requests]
    assert first.next_token
    assert last.next_token == ""
    for asked in sent:
        bounds = [datetime.fromisoformat(asked[name][0]) for name in facts["period_parameters"]]
        assert bounds == [start, end]
        assert not set(facts["change_parameters"]) & set(asked)


@pytest.mark.parametrize("key", KEYS)
def test_a_new_refresh_token_is_kept(key: str) -> None:
    with played(key, wire({"body": vectors(key, "channel")["token_answer"]})) as play:
        before = play.credentials()
        after = play.channel.refresh(play.http, play.keys, play.facts["realm"], before, NOW)
    assert after.secrets == {**before.secrets, **play.facts["rotated"]}
    assert after.public == before.public
    assert (after.authorised_at, after.expires_at) == (before.authorised_at, before.expires_at)
    assert after.access_token == play.facts["token_answer"]["access_token"]
    assert after.access_expires_at is not None
    assert after.access_expires_at > NOW


@pytest.mark.parametrize("key", KEYS)
def test_a_refresh_that_gives_no_new_token_keeps_the_old(key: str) -> None:
    facts = vectors(key, "channel")
    told = {name: value for name, value in facts["token_answer"].items() if name != "refresh_token"}
    with played(key, wire({"body": told})) as play:
        after = play.channel.refresh(play.http, play.keys, facts["realm"], play.credentials(), NOW)
    assert after.secrets == facts["secrets"]


@pytest.mark.parametrize("key", KEYS)
def test_a_login_as_another_seller_is_seen(key: str) -> None:
    facts = vectors(key, "channel")
    with played(key, wire({"body": facts["token_answer"]}), wire({"body": facts["identity_answer"]})) as play:
        given = play.channel.finish_login(play.http, play.login(), play.returned(facts["other_seller_id"]), NOW)
        seller = play.channel.identify(play.line(given))
    assert seller.seller_id == facts["other_seller_id"] != play.line().seller_id
    assert any(site.active for site in seller.sites)


@pytest.mark.parametrize("key", OAUTH)
def test_a_login_leaves_with_state_and_comes_back_with_known_ends(key: str) -> None:
    with played(key, wire({"body": vectors(key, "channel")["token_answer"]})) as play:
        address = play.channel.login_url(play.login())
        given = play.channel.finish_login(play.http, play.login(), play.returned(), NOW)
    assert parse_qs(urlsplit(address).query)["state"] == [STATE]
    assert not any(secret in address or quote(secret) in address for secret in play.secrets())
    assert given.authorised_at == NOW
    life = play.channel.known_lifetime
    assert given.expires_at == (NOW + life if life else None)
    assert not any(secret in repr(given) for secret in play.secrets())


@pytest.mark.parametrize("key", OAUTH)
@pytest.mark.parametrize("change", [{"state": "forged"}, {"state": ""}])
def test_a_callback_of_another_login_fetches_nothing(key: str, change: dict[str, str]) -> None:
    with played(key, b"") as play:
        with pytest.raises(errors.LoginDeclined):
            play.channel.finish_login(play.http, play.login(), {**play.returned(), **change}, NOW)
        assert play.server.requests == []


@pytest.mark.parametrize("key", OAUTH)
def test_a_declined_login_says_the_channels_words(key: str) -> None:
    said = {"state": STATE, "error": "access_denied", "error_description": "not this time"}
    with played(key, b"") as play, pytest.raises(errors.LoginDeclined, match="not this time"):
        play.channel.finish_login(play.http, play.login(), said, NOW)


@pytest.mark.parametrize("channel", registry().values(), ids=KEYS)
def test_a_channel_declares_everything_that_the_pages_need(channel: Channel) -> None:
    assert channel.name
    assert channel.account_needed.endswith(".")
    assert set(channel.steps) == CAUSES
    assert all(
        step.text and set(step.links) <= {realm.key for realm in channel.realms}
        for steps in channel.steps.values()
        for step in steps
    )
    assert all(
        link.startswith("https://")
        for steps in channel.steps.values()
        for step in steps
        for link in step.links.values()
    )
    assert channel.steps["expired"] != channel.steps["revoked"]
    assert all(field.label and field.help for field in channel.fields)
    assert bool(channel.manual_label) == bool(channel.fields)
    assert channel.poll_seconds > 0
    assert {channel.account_needed, channel.steps["expired"][0].text} <= set(channel.texts())
    assert channel.overlap.total_seconds() >= 600
    assert not channel.available(AppKeys({}))
    assert channel.available(AppKeys(dict.fromkeys(channel.settings, "x")))
    assert {limit.operation for limit in channel.limits}
    for realm in channel.realms:
        assert channel.realm(realm.key) is realm
    with pytest.raises(KeyError):
        channel.realm("nowhere")


def test_a_channel_keeps_no_state() -> None:
    for channel in registry().values():
        assert not vars(channel)
