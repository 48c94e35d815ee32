"""What is Tradera's own: keys of one use, a state inside a parameter, ends that are known, windows of time, whole kronor."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from marketplaces import errors
from marketplaces.channel import AppKeys, LoginRequest
from marketplaces.channels.tradera import CHANNEL
from marketplaces.channels.tradera.calls import METHODS
from marketplaces.channels.tradera.places import country
from marketplaces.data import Credentials, ListingChange, Money, OrderQuery, PushVerdict
from tests.channels.double import NOW, STATE, played, vectors, wire

FORBIDDEN = {"status": 403, "body": {"error": {"code": "Forbidden", "message": "The user token is invalid."}}}


def _login(verifier: str) -> LoginRequest:
    keys = AppKeys(vectors("tradera", "channel")["keys"])
    return LoginRequest(keys, "se", STATE, "https://app.example/login/return/tradera", verifier)


def _key_of(verifier: str) -> str:
    return parse_qs(urlsplit(CHANNEL.login_url(_login(verifier))).query)["skey"][0]


def test_each_login_has_a_key_of_its_own_that_does_not_tell_our_verifier() -> None:
    first, second = "a" * 64, "b" * 64
    assert str(UUID(_key_of(first))) == _key_of(first)
    assert _key_of(first) == _key_of(first) != _key_of(second)
    assert first not in CHANNEL.login_url(_login(first))


def test_the_token_is_fetched_with_the_key_of_the_login() -> None:
    with played("tradera", vectors("tradera", "channel")["login"]["answers"]) as play:
        CHANNEL.finish_login(play.http, play.login(), play.returned(), NOW)
        (request,) = play.server.requests
        assert parse_qs(urlsplit(CHANNEL.login_url(play.login())).query)["skey"][0].encode() in request


@pytest.mark.parametrize("args", [{"state": STATE}, {"ruparams": f"state={STATE}"}, {"ruparams": f"a=1&state={STATE}"}])
def test_our_state_is_found_wherever_it_comes_back(args: dict[str, str]) -> None:
    assert CHANNEL.state_of(args) == STATE


@pytest.mark.parametrize("user", ["", "abc", "-1", "1e5", "9" * 30, "１２３"])
def test_a_return_without_the_number_of_a_user_is_a_refusal(user: str) -> None:
    with played("tradera", b"") as play:
        with pytest.raises(errors.LoginDeclined):
            CHANNEL.finish_login(play.http, play.login(), {"state": STATE, "userId": user}, NOW)
        assert play.server.requests == []


@pytest.mark.parametrize(
    "body", [{"authToken": None, "hardExpirationTime": "x"}, {"authToken": "", "hardExpirationTime": None}]
)
def test_a_token_that_is_not_there_yet_may_be_asked_for_again(body: dict[str, Any]) -> None:
    with played("tradera", {"body": body}) as play, pytest.raises(errors.Transient) as caught:
        CHANNEL.finish_login(play.http, play.login(), play.returned(), NOW)
    assert not caught.value.maybe_done


@pytest.mark.parametrize("end", [None, "soon", 7, "9999-12-31T23:59:59Z"])
def test_an_end_that_cannot_be_read_is_unknown_and_not_invented(end: Any) -> None:
    body = {"authToken": "0f0e0d0c-1111-4222-8333-00000000cccc", "hardExpirationTime": end}
    with played("tradera", {"body": body}) as play:
        assert CHANNEL.finish_login(play.http, play.login(), play.returned(), NOW).expires_at is None


def test_a_refused_token_is_expired_from_its_known_end_on_and_revoked_before() -> None:
    for moved, family in ((0, errors.AuthExpired), (1, errors.AuthRevoked)):
        with played("tradera", FORBIDDEN) as play:
            held = replace(play.credentials(), expires_at=NOW + timedelta(seconds=moved))
            with pytest.raises(errors.RemoteError) as caught:
                CHANNEL.identify(play.line(held))
        assert type(caught.value) is family
    with played("tradera", FORBIDDEN) as play, pytest.raises(errors.AuthRevoked):
        CHANNEL.identify(play.line(replace(play.credentials(), expires_at=None)))


def test_a_passed_end_alone_refuses_nothing() -> None:
    """The marketplace decides: a token that it still takes is good."""
    with played("tradera", *vectors("tradera", "channel")["identity"]) as play:
        held = Credentials(play.credentials().secrets, play.credentials().public, expires_at=NOW - timedelta(days=1))
        assert CHANNEL.identify(play.line(held)).seller_id == play.seller_id


def test_a_long_time_is_asked_for_month_by_month_to_the_end_that_it_had_at_first() -> None:
    start, asked = datetime(2026, 8, 1, tzinfo=UTC), []
    with played("tradera", {"body": []}) as play:
        query = OrderQuery(("se",), created_since=start, created_until=NOW - timedelta(days=1))
        while True:
            page = CHANNEL.search_orders(play.line(), query)
            if not page.next_token:
                break
            assert page.until is None
            query = replace(query, page_token=page.next_token)
        for request in play.server.requests:
            args = parse_qs(urlsplit(request.split(b" ")[1].decode()).query)
            asked.append((args["fromDate"][0], args["toDate"][0]))
    assert page.until == NOW - timedelta(days=1)
    assert asked[0][0] == "2026-08-01T00:00:00Z"
    assert asked[-1][1] == "2026-11-20T12:00:00Z"
    assert [end for _, end in asked[:-1]] == [begin for begin, _ in asked[1:]]
    assert len(asked) == 4


def test_a_time_that_has_not_begun_is_asked_nobody() -> None:
    with played("tradera", b"") as play:
        page = CHANNEL.search_orders(play.line(), OrderQuery(("se",), updated_since=NOW + timedelta(hours=1)))
        assert (page.orders, page.next_token, play.server.requests) == ((), "", [])


def test_stock_alone_holds_at_once_and_asks_for_no_price() -> None:
    change = ListingChange("7", "LAMP-01", "555001", None, 0)
    with played("tradera", {"body": {"successfulUpdates": [555001], "validationErrors": []}}) as play:
        assert CHANNEL.push(play.line(), "se", change).verdict is PushVerdict.APPLIED
        assert len(play.server.requests) == 1


def test_a_count_of_updates_is_understood_as_well_as_their_list() -> None:
    change = ListingChange("7", "LAMP-01", "555001", None, 3)
    with played("tradera", {"body": {"successfulUpdates": 1, "validationErrors": None}}) as play:
        assert CHANNEL.push(play.line(), "se", change).verdict is PushVerdict.APPLIED


@pytest.mark.parametrize(
    "change",
    [
        ListingChange("7", "A", "555001", Money(27950, "SEK"), None),
        ListingChange("7", "A", "555001", Money(27900, "EUR"), None),
        ListingChange("7", "A", "", Money(27900, "SEK"), 1),
    ],
)
def test_what_tradera_cannot_be_told_is_refused_without_a_call(change: ListingChange) -> None:
    with played("tradera", b"") as play:
        assert CHANNEL.push(play.line(), "se", change).verdict is PushVerdict.REFUSED
        assert play.server.requests == []


def test_a_price_without_a_result_for_a_day_is_told_as_not_taken() -> None:
    told = vectors("tradera", "pushes")["document"]
    with played("tradera", {"body": []}) as play:
        late = replace(play.line(), now=lambda: NOW + timedelta(hours=25))
        found = CHANNEL.document_results(late, "se", told["ticket"])
        assert found is not None
        assert {(one.key, one.code) for one in found} == {("7", "not_taken"), ("8", "not_taken"), ("9", "not_taken")}


def test_an_order_that_is_marked_already_is_done() -> None:
    said = {
        "status": 400,
        "body": {"error": {"code": "BadRequest", "message": "The order is already marked as shipped."}},
    }
    from tests.channels.packages import package

    with played("tradera", wire(said)) as play:
        CHANNEL.confirm_shipment(play.line(), package("tradera"))


@pytest.mark.parametrize(
    ("name", "code"), [("Sverige", "SE"), (" sverige ", "SE"), ("Åland", "AX"), ("Norway", "NO"), ("se", "SE")]
)
def test_a_country_is_known_by_its_name(name: str, code: str) -> None:
    assert country(name) == code


def test_a_country_nobody_knows_is_none_and_its_name_is_kept() -> None:
    assert country("Atlantis") == ""
    rows = {row["name"]: row["order"] for row in vectors("tradera", "orders")}
    with played("tradera", {"body": [rows["a country that is not known by its name"]]}) as play:
        order = CHANNEL.get_order(play.line(), "10187", "se")
    assert order.ship_to is not None
    assert (order.ship_to.country, order.attributes["country"]) == ("", "Atlantis")


@pytest.mark.parametrize(
    ("told", "daily"), [("", 100), ("10000", 10_000), ("x", 100), ("-5", 100), ("3", 100), ("0", 100)]
)
def test_the_calls_of_a_day_are_those_that_the_operator_was_granted(told: str, daily: int) -> None:
    limits = CHANNEL.limits_of(AppKeys({"DAILY_CALLS": told}))
    assert {one.operation for one in limits} == set(METHODS)
    for one in limits:
        assert one.shared
        assert daily * 0.99 <= one.burst + float(one.rate) * 86_400 <= daily


def test_a_call_draws_from_the_bucket_of_all_sellers_of_its_method() -> None:
    drawn: list[Any] = []
    with played("tradera", *vectors("tradera", "channel")["identity"]) as play:
        play.http.pace = drawn.append  # type: ignore[assignment]  # the wire is told how to take permits
        CHANNEL.identify(play.line())
    assert [bucket.key for bucket in drawn] == ["tradera:getMe", "tradera:getSellerInfo"]
    assert {bucket.share for bucket in drawn} == {"se:3001240"}
