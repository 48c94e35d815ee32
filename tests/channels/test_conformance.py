"""What is asked of every channel, on its own vectors, over real sockets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from marketplaces import errors
from marketplaces.channel import AppKeys, Channel, LoginKind
from marketplaces.channels import registry
from marketplaces.data import Credentials, Order, Unmapped
from marketplaces.money import Money
from tests.channels.calls import (
    SILENT,
    as_list,
    changed_since,
    made,
    order_id,
    page,
    placed_between,
    ready,
    search,
    single,
)
from tests.channels.double import (
    NOW,
    STATE,
    Played,
    Row,
    assert_all_said,
    chain,
    filled,
    of_row,
    played,
    row_id,
    rows,
    vectors,
    wire,
)

KEYS = list(registry())
LOGIN = [key for key in KEYS if registry()[key].login_kind is not LoginKind.FORM]
TYPED = [key for key in KEYS if registry()[key].fields]
RENEWED = [key for key in KEYS if "refresh" in vectors(key, "channel")]
PAGED = [key for key in KEYS if "middle" in vectors(key, "channel")["page"]]
CAUSES = {"expired", "revoked", "inactive", "credentials", "unknown"}
FAMILIES = {"AuthRevoked", "AccountInactive", "PermissionMissing", "RateLimited", "Transient", "Rejected", "OurFault"}


@pytest.mark.parametrize(("key", "row"), rows("answers"), ids=row_id)
def test_every_answer_is_exactly_its_error_and_tells_no_secret(key: str, row: dict[str, Any]) -> None:
    with played(key, *of_row(row)) as play, pytest.raises(errors.RemoteError) as caught:
        made(play, row["of"], row)
    error = caught.value
    assert type(error) is getattr(errors, row["error"])
    for name in ("what", "reason", "code", "retry_after", "request_id"):
        if name in row:
            assert getattr(error, name) == row[name]
    text = chain(error)
    assert error.call
    assert not [secret for secret in play.secrets() if secret in text]


@pytest.mark.parametrize("key", KEYS)
def test_the_answers_cover_every_family_that_the_channel_can_tell(key: str) -> None:
    known = {row["error"] for row in vectors(key, "answers")}
    never = vectors(key, "channel").get("never_told", {})
    assert all(never.values()), "each with its reason"
    assert known & FAMILIES == FAMILIES - set(never)


@pytest.mark.parametrize(("key", "name"), SILENT)
def test_a_call_that_asks_nobody_is_not_heard(key: str, name: str) -> None:
    with played(key, b"") as play:
        with suppress(errors.RemoteError, errors.LoginDeclined, NotImplementedError, KeyError):
            made(play, name)
        assert play.server.requests == []


def _quoting(told: Any, said: str) -> Any:
    if isinstance(told, dict):
        return {name: _quoting(value, said) for name, value in told.items()}
    if isinstance(told, list):
        return [_quoting(value, said) for value in told]
    return said if isinstance(told, str) else told


@pytest.mark.parametrize("key", KEYS)
def test_remote_words_that_quote_our_secrets_are_masked(key: str) -> None:
    with played(key, b"") as play:
        said = " and ".join([*play.facts["secrets"].values(), *play.keys.values.values(), "buyer@example.com"])
        mine = ["identify"] + ["refresh"] * (key in RENEWED) + ["login"] * (key in LOGIN)
    body = {"errors": [{"code": said, "message": said, "details": said}], "error": said, "error_description": said}
    asked: list[tuple[str, Row]] = [
        (of, {"status": status, "body": body}) for status in (400, 401, 403, 404, 429, 500) for of in mine
    ]
    for row in vectors(key, "answers"):
        if "body" in row and row.get("status", 200) >= 400:
            asked.append((row["of"], {**row, "body": _quoting(row["body"], said)}))
    for of, row in asked:
        with played(key, wire(row)) as play, pytest.raises(errors.RemoteError) as caught:
            made(play, of)
        text = chain(caught.value)
        assert not [secret for secret in [*play.secrets(), "buyer@example.com"] if secret in text]


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


@pytest.mark.parametrize("key", RENEWED)
def test_what_a_refresh_gives_is_kept(key: str) -> None:
    facts = vectors(key, "channel")
    with played(key, *as_list(facts["refresh"]["answers"])) as play:
        before = play.credentials()
        after = play.channel.refresh(play.http, play.keys, facts["realm"], before, NOW)
    assert after.secrets == facts["refresh"]["secrets"]
    assert after.public == before.public
    assert (after.authorised_at, after.expires_at) == (before.authorised_at, before.expires_at)
    assert after.access_token == facts["refresh"]["access_token"]
    assert after.access_expires_at is not None
    assert after.access_expires_at > NOW


@pytest.mark.parametrize("key", RENEWED)
def test_a_refresh_that_gives_no_new_token_keeps_the_old(key: str) -> None:
    facts = vectors(key, "channel")
    told = facts["refresh"].get("kept", facts["refresh"]["answers"])
    with played(key, *as_list(told)) as play:
        after = play.channel.refresh(play.http, play.keys, facts["realm"], play.credentials(), NOW)
    assert after.secrets == facts["secrets"]


@pytest.mark.parametrize("key", [key for key in KEYS if "accept" in vectors(key, "channel")])
def test_an_order_is_accepted_as_the_channel_wants_it(key: str) -> None:
    told = vectors(key, "channel")["accept"]
    with played(key, *as_list(told["answers"])) as play:
        made(play, "accept_order")
        assert_all_said(play.server.requests, told["requests"], {"seller_id": play.seller_id})


def _linked(play: Played) -> Credentials:
    if "login" in play.facts:
        return play.channel.finish_login(play.http, play.login(), play.returned(), NOW)
    return play.channel.typed(play.typed(), NOW)


@pytest.mark.parametrize("key", KEYS)
def test_a_login_as_another_seller_is_seen(key: str) -> None:
    facts = vectors(key, "channel")
    answers = [*as_list(facts.get("login", {}).get("answers", [])), *as_list(facts["identity"])]
    for seller_id in (facts["seller_id"], facts["other_seller_id"]):
        with played(key, *answers, seller_id=seller_id) as play:
            seller = play.channel.identify(play.line(_linked(play)))
        assert seller.seller_id == seller_id
        assert any(site.active for site in seller.sites)


@pytest.mark.parametrize("key", LOGIN)
def test_a_login_leaves_with_its_state_and_comes_back_with_known_ends(key: str) -> None:
    told = vectors(key, "channel")["login"]
    with played(key, *as_list(told["answers"])) as play:
        address = play.channel.login_url(play.login())
        given = play.channel.finish_login(play.http, play.login(), play.returned(), NOW)
    sent = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert filled(told["address"], {"state": STATE}).items() <= sent.items()
    assert STATE in address
    assert not any(secret in address or quote(secret) in address for secret in play.secrets())
    assert given.secrets == told["secrets"]
    assert given.access_token == told.get("access_token", "")
    assert given.authorised_at == NOW
    life = play.channel.known_lifetime
    end = datetime.fromisoformat(told["expires_at"]) if "expires_at" in told else NOW + life if life else None
    assert given.expires_at == end
    assert not any(secret in repr(given) for secret in play.secrets())


@pytest.mark.parametrize(
    ("key", "change"), [(key, change) for key in LOGIN for change in vectors(key, "channel")["login"]["forged"]]
)
def test_a_callback_of_another_login_fetches_nothing(key: str, change: dict[str, str]) -> None:
    with played(key, b"") as play:
        with pytest.raises(errors.LoginDeclined):
            play.channel.finish_login(play.http, play.login(), {**play.returned(), **change}, NOW)
        assert play.server.requests == []


@pytest.mark.parametrize("key", LOGIN)
def test_a_declined_login_says_the_channels_words(key: str) -> None:
    told = vectors(key, "channel")["login"]["declined"]
    said = filled(told["callback"], {"state": STATE})
    with played(key, b"") as play, pytest.raises(errors.LoginDeclined, match=told["words"]):
        play.channel.finish_login(play.http, play.login(), said, NOW)


@pytest.mark.parametrize("key", TYPED)
def test_typed_credentials_are_trimmed_and_shown_to_nobody(key: str) -> None:
    told = vectors(key, "channel")["typed"]
    with played(key, b"") as play:
        channel, values = play.channel, play.typed()
        for given in (
            channel.typed(values, NOW),
            channel.typed({name: f"  {one}\n" for name, one in values.items()}, NOW),
        ):
            assert given.secrets == told["secrets"]
            assert not any(secret in repr(given) for secret in given.secrets.values())
        assert play.server.requests == []


@pytest.mark.parametrize("key", TYPED)
def test_what_is_plainly_wrong_is_told_by_its_field(key: str) -> None:
    told, channel = vectors(key, "channel")["typed"], registry()[key]
    wrong = [*told["wrong"], *({"change": {one.key: ""}, "field": one.key} for one in channel.fields if one.required)]
    with played(key, b"") as play:
        for row in wrong:
            with pytest.raises(ValueError) as caught:  # noqa: PT011  # its two arguments are looked at
                channel.typed({**play.typed(), **row["change"]}, NOW)
            field, sentence = caught.value.args
            assert field == row["field"]
            assert sentence


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
    assert bool(channel.manual_label) == (bool(channel.fields) and channel.login_kind is not LoginKind.FORM)
    assert channel.poll_seconds > 0
    assert {channel.account_needed, channel.steps["expired"][0].text} <= set(channel.texts())
    assert channel.overlap.total_seconds() >= 600
    assert channel.available(AppKeys({})) is (not channel.settings)
    assert channel.available(AppKeys(dict.fromkeys(channel.settings, "x")))
    assert {limit.operation for limit in channel.limits}


@pytest.mark.parametrize("channel", registry().values(), ids=KEYS)
def test_a_realm_is_known_by_its_key(channel: Channel) -> None:
    for realm in channel.realms:
        assert channel.realm(realm.key) is realm
    if channel.realms:
        with pytest.raises(KeyError):
            channel.realm("nowhere")


def test_a_channel_keeps_no_state() -> None:
    for channel in registry().values():
        assert not vars(channel)
