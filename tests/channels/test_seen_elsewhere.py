"""Answers as others were given them: fields left out, told in words, or told twice. Retyped small, with invented values."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from marketplaces.data import Order, Parcel, ShippedLine
from marketplaces.errors import AccountInactive, Transient
from tests.channels.calls import page, search
from tests.channels.double import Row, as_list, played, vectors


def first(key: str, name: str) -> dict[str, Any]:
    """The order of the wire of this row of the vectors."""
    (found,) = [row["order"] for row in vectors(key, "orders") if row["name"] == name]
    order: dict[str, Any] = deepcopy(found)
    return order


def mapped(key: str, order: Any) -> Order:
    with played(key, *page(key, [order])) as play:
        (found,) = search(play).orders
    assert isinstance(found, Order), found
    return found


# --- Amazon -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["isParticipating", "hasSuspendedListings"])
@pytest.mark.parametrize("told", [None, "false", 0])
def test_a_participation_that_says_nothing_stops_no_account(name: str, told: Any) -> None:
    answers = deepcopy(as_list(vectors("amazon", "channel")["identity"]))
    for row in answers[0]["body"]["payload"]:
        row["participation"][name] = told
    with played("amazon", *answers) as play, pytest.raises(Transient):
        play.channel.identify(play.line())


@pytest.mark.parametrize(
    ("named", "key"), [({"messageId": 8}, "8"), ({"messageId": "8"}, "8"), ({"messageId": None}, ""), ({}, "")]
)
def test_a_message_that_was_refused_is_never_taken_for_one_that_holds(named: dict[str, Any], key: str) -> None:
    facts = vectors("amazon", "pushes")
    feed, place, _ = deepcopy(as_list(facts["document"]["done"][0]["answers"]))
    issue = {"sku": "CUP  1", "code": "8541", "severity": "ERROR", "message": "Not yours to set.", **named}
    summary = {"errors": 1, "warnings": 0, "messagesProcessed": 3, "messagesAccepted": 2, "messagesInvalid": 1}
    report = {"body": {"header": {"version": "2.0"}, "issues": [issue], "summary": summary}}
    with played("amazon", feed, place, report) as play:
        (one,) = play.channel.document_results(play.line(), facts["site"], facts["document"]["ticket"]) or ()
    assert (one.key, one.sku, one.words) == (key, "CUP  1", "Not yours to set.")


# --- Mirakl -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "name", "country"),
    [
        (None, "France", "FR"),
        ("", "BELGIQUE", "BE"),
        (None, "Espana", "ES"),
        (None, "ES", "ES"),
        (None, "DEU", "DE"),
        ("", "Royaume Uni", "GB"),
        ("PRT", "Espagne", "PT"),
    ],
)
def test_a_country_that_only_its_name_tells_is_known(code: str | None, name: str, country: str) -> None:
    order = first("mirakl", "ready, prices with their taxes")
    order["customer"]["shipping_address"] |= {"country_iso_code": code, "country": name}
    found = mapped("mirakl", order)
    assert found.ship_to is not None
    assert found.ship_to.country == country
    assert "country" not in found.attributes


def test_a_country_that_is_not_known_is_told_in_the_marketplaces_words() -> None:
    order = first("mirakl", "ready, prices with their taxes")
    order["customer"]["shipping_address"] |= {"country_iso_code": None, "country": "Freedonia"}
    found = mapped("mirakl", order)
    assert found.ship_to is not None
    assert (found.ship_to.country, found.attributes["country"]) == ("", "Freedonia")


def test_a_report_of_errors_that_ends_no_field_is_trouble_and_not_a_crash() -> None:
    facts = vectors("mirakl", "pushes")
    ended = {"body": {"import_id": 1, "status": "COMPLETE", "has_error_report": True}}
    report = {"raw": '"line";"reason";"offer-sku"\n"1";"' + "x" * 200_000}
    with played("mirakl", ended, report) as play, pytest.raises(Transient) as caught:
        list(play.channel.document_results(play.line(), facts["site"], "stock:1") or ())
    assert "table" in caught.value.words


@pytest.mark.parametrize("told", [{}, {"has_error_report": None}, {"has_error_report": "true"}])
def test_lines_in_error_are_looked_up_where_nobody_says_whether_there_is_a_report(told: dict[str, Any]) -> None:
    facts = vectors("mirakl", "pushes")
    ended = {"body": {"import_id": 1, "status": "COMPLETE", "lines_in_error": 1, "lines_in_success": 4, **told}}
    report = {"raw": '"line";"reason";"offer-sku"\n"2";"The offer does not exist";"MUG-RED"\n'}
    with played("mirakl", ended, report) as play:
        (one,) = play.channel.document_results(play.line(), facts["site"], "stock:1") or ()
    assert (one.sku, one.words) == ("MUG-RED", "The offer does not exist")


def test_an_import_without_lines_in_error_needs_no_report() -> None:
    facts = vectors("mirakl", "pushes")
    ended = {"body": {"import_id": 1, "status": "COMPLETE", "lines_in_error": 0}}
    with played("mirakl", ended) as play:
        assert list(play.channel.document_results(play.line(), facts["site"], "stock:1") or ()) == []


# --- eBay -------------------------------------------------------------------------------------------------------------


def _parcels(*answers: Row) -> tuple[Parcel, ...]:
    with played("ebay", *answers) as play:
        return play.channel.parcels(play.line(), "01-00001-10001", play.facts["site"])


def test_an_order_without_packages_may_come_without_the_list_of_them() -> None:
    assert _parcels({"body": {"total": 0}}) == ()


@pytest.mark.parametrize("body", [{}, {"total": 1}, {"total": False}, {"fulfillments": {}, "total": 0}])
def test_a_list_that_is_missing_is_no_list_of_nothing(body: Any) -> None:
    with pytest.raises(Transient):
        _parcels({"body": body})


@pytest.mark.parametrize("more", [{}, {"quantity": None}, {"quantity": 1}])
def test_a_package_that_tells_no_number_of_pieces_holds_one(more: dict[str, Any]) -> None:
    package = {"fulfillmentId": "1", "shipmentTrackingNumber": "T1", "lineItems": [{"lineItemId": "77", **more}]}
    assert _parcels({"body": {"fulfillments": [package], "total": 1}}) == (
        Parcel("", "T1", "", (ShippedLine("77", 1),)),
    )


@pytest.mark.parametrize("status", ["ACTIVE", "REGISTERED", "confirmed"])
def test_a_status_of_the_user_that_is_new_stops_no_account(status: str) -> None:
    answers = deepcopy(as_list(vectors("ebay", "channel")["identity"]))
    answers[0]["body"]["status"] = status
    with played("ebay", *answers) as play:
        assert play.channel.identify(play.line()).seller_id == play.facts["seller_id"]


@pytest.mark.parametrize("status", ["ACCOUNTONHOLD", "UNCONFIRMED"])
def test_a_user_on_hold_or_unconfirmed_stops_the_account(status: str) -> None:
    answers = deepcopy(as_list(vectors("ebay", "channel")["identity"]))
    answers[0]["body"]["status"] = status
    with played("ebay", *answers) as play, pytest.raises(AccountInactive):
        play.channel.identify(play.line())


def test_a_page_without_orders_may_come_without_the_list_of_them() -> None:
    with played("ebay", {"body": {"href": "x", "total": 0, "limit": 200, "offset": 0}}) as play:
        found = search(play)
    assert (found.orders, found.next_token) == ((), "")
    assert found.until is not None
