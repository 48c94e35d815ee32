"""What is asked of every channel that lists, on its own vectors, over real sockets: pushing, one by one and as a document."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from marketplaces import errors
from marketplaces.channels import registry
from marketplaces.data import ListingChange, Money, PushResult, PushVerdict
from tests.channels.changes import change, document_taken
from tests.channels.double import chain, contracts, played, row_id, vectors, wire
from tests.channels.faults import STRANGE, raw
from tests.channels.test_fault_matrix import _places, _with
from tests.unit.marketplaces.rawserver import answer

KEYS = [key for key, channel in registry().items() if channel.selling is not None]


def rows(name: str) -> list[tuple[str, dict[str, Any]]]:
    return [(key, row) for key in KEYS for row in vectors(key, "pushes")[name]]


def push(key: str, body: Any, status: int = 200, one: ListingChange | None = None) -> PushResult:
    facts = vectors(key, "pushes")
    with played(key, wire({"body": body, "status": status})) as play:
        return play.channel.push(play.line(), facts["site"], one or change(key))


def body_of(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2], parse_float=Decimal)


@pytest.mark.parametrize(("key", "row"), rows("changes"), ids=row_id)
def test_a_change_is_told_as_the_channel_wants_it_with_its_exact_amount(key: str, row: dict[str, Any]) -> None:
    facts = vectors(key, "pushes")
    with played(key, wire({"body": facts["accepted"]})) as play:
        result = play.channel.push(play.line(), facts["site"], change(key, row["change"]))
        (request,) = play.server.requests
    assert result.verdict is PushVerdict.ACCEPTED
    wanted = json.loads(json.dumps(row["body"]), parse_float=Decimal)
    assert body_of(request) == wanted
    if "path" in row:
        seller = play.facts["seller_id"]
        assert request.decode().split(" ")[1].endswith(row["path"].replace("A2EXAMPLE", seller))
    price = row["change"]["price"]
    if price is not None:
        assert f'"value_with_tax":{price.split()[0]}' in request.decode()


@pytest.mark.parametrize(("key", "row"), rows("refusals"), ids=row_id)
def test_a_refusal_is_a_result_with_the_remotes_words_code_and_field(key: str, row: dict[str, Any]) -> None:
    result = push(key, row["body"], row.get("status", 200))
    assert result.verdict is PushVerdict.REFUSED
    assert {name: getattr(result, name) for name in row["expect"]} == row["expect"]


@pytest.mark.parametrize("key", KEYS)
def test_what_is_neither_taken_nor_refused_is_unclear(key: str) -> None:
    for body in ({}, {"status": "MAYBE"}, {"sku": "MUG", "status": None}):
        with pytest.raises(errors.Transient) as caught:
            push(key, body)
        assert caught.value.maybe_done


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: repr(one)[:24])
@pytest.mark.parametrize("key", KEYS)
def test_a_strange_value_anywhere_is_an_unclear_answer_at_most(key: str, strange: Any) -> None:
    for good in (vectors(key, "pushes")["accepted"], vectors(key, "pushes")["refusals"][1]["body"]):
        for path in _places(good):
            body = raw(_with(good, path, strange))
            with played(key, answer(body if isinstance(body, bytes) else body.encode())) as play:
                try:
                    result = play.channel.push(play.line(), vectors(key, "pushes")["site"], change(key))
                except errors.RemoteError:
                    continue
            assert "\x00" not in result.words + result.code + result.field
            assert len(result.words) <= 500


@pytest.mark.parametrize("key", KEYS)
def test_a_document_is_made_once_and_its_results_are_told_by_key(key: str) -> None:
    facts = vectors(key, "pushes")
    changes = [change(key, row["change"]) for row in facts["changes"]]
    with played(key, document_taken(key)) as play:
        ticket = play.channel.push_document(play.line(), facts["site"], iter(changes))
        sent = list(play.server.requests)
    assert ticket == facts["document"]["feedId"]
    (uploaded,) = [one for one in sent if one.startswith(b"PUT ")]
    assert [one["messageId"] for one in body_of(uploaded)["messages"]] == [7, 8, 9]
    assert b"x-amz-access-token" not in uploaded.lower()
    answers = [wire({"body": facts["done"]}), document_taken(key), wire({"body": facts["report"]})]
    with played(key, *answers) as play:
        told = play.channel.document_results(play.line(), facts["site"], ticket)
        assert told is not None
        found = [{name: getattr(one, name) for name in facts["report_expect"][0]} for one in told]
    assert found == facts["report_expect"]


@pytest.mark.parametrize("key", KEYS)
def test_a_document_under_way_has_no_results_and_one_given_up_is_refused_as_a_whole(key: str) -> None:
    facts = vectors(key, "pushes")
    with played(key, wire({"body": facts["waiting"]})) as play:
        assert play.channel.document_results(play.line(), facts["site"], "50001") is None
    ways = [[wire({"body": facts["given_up"]})]]
    ways += [[wire({"body": facts["done"]}), document_taken(key), wire({"body": facts["report_unreadable"]})]]
    for way in ways:
        with played(key, *way) as play, pytest.raises(errors.Rejected):
            list(play.channel.document_results(play.line(), facts["site"], "50001") or ())


@pytest.mark.parametrize("key", KEYS)
def test_a_report_that_cannot_be_read_is_asked_for_again_and_its_address_is_told_nobody(key: str) -> None:
    facts = vectors(key, "pushes")
    for bad in (b"", b"{", b"[]", b'{"issues": []}'):
        with played(key, wire({"body": facts["done"]}), document_taken(key), answer(bad)) as play:
            with pytest.raises(errors.Transient) as caught:
                list(play.channel.document_results(play.line(), facts["site"], "50001") or ())
            assert "secret-signature" not in chain(caught.value)


@pytest.mark.contracts
@pytest.mark.parametrize(("key", "row"), rows("changes"), ids=row_id)
def test_what_is_sent_is_valid_by_the_vendors_model(key: str, row: dict[str, Any]) -> None:
    folder = contracts()
    assert folder is not None
    model = json.loads((folder / key / "listingsItems_2021-08-01.json").read_text("utf-8"))
    schema = {"$ref": "#/definitions/ListingsItemPatchRequest", "definitions": model["definitions"]}
    facts = vectors(key, "pushes")
    with played(key, wire({"body": facts["accepted"]})) as play:
        play.channel.push(play.line(), facts["site"], change(key, row["change"]))
        (request,) = play.server.requests
    jsonschema.Draft4Validator(schema).validate(json.loads(request.partition(b"\r\n\r\n")[2]))


@pytest.mark.contracts
def test_the_vendors_own_examples_are_understood() -> None:
    folder = contracts()
    assert folder is not None
    pairs = json.loads((folder / "amazon" / "sandbox_pairs.json").read_text("utf-8"))
    mine = [pair for pair in pairs if pair["operationId"] == "patchListingsItem"]
    assert len(mine) == 4
    said = {}
    for pair in mine:
        if pair["response"].get("status") == "VALID":
            continue  # only of a preview, which is never asked for
        result = push("amazon", pair["response"], pair["status"])
        said[pair["response"].get("status", pair["status"])] = (result.verdict, result.words)
    assert said == {
        "ACCEPTED": (PushVerdict.ACCEPTED, "f1dc2914-75dd-11ea-bc55-0242ac130003"),
        "INVALID": (PushVerdict.REFUSED, "The attributes are invalid."),
        400: (PushVerdict.REFUSED, "Invalid input Invalid input"),
    }
    example = json.loads((folder / "amazon/schemas/listings-feed-processing-report-schema-v2.example.json").read_text())
    answers = [wire({"body": vectors("amazon", "pushes")["done"]}), document_taken("amazon"), wire({"body": example})]
    with played("amazon", *answers) as play:
        told = play.channel.document_results(play.line(), "A1PA6795UKMFR9", "50001")
        assert told is not None
        assert [(one.key, one.code) for one in told] == [("4", "90220"), ("5", "99022")]


def test_money_of_any_size_is_written_with_its_own_digits() -> None:
    for minor, text in ((1, "0.01"), (10, "0.10"), (199000000001, "1990000000.01")):
        with played("amazon", wire({"body": vectors("amazon", "pushes")["accepted"]})) as play:
            one = ListingChange("1", "A", "", Money(minor, "EUR"), None)
            play.channel.push(play.line(), "A1PA6795UKMFR9", one)
            assert f'"value_with_tax":{text}'.encode() in play.server.requests[0]
