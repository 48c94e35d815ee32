"""Pushing to Amazon: the vendor's model and examples, and amounts of any size."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from marketplaces.channels.amazon import feeds
from marketplaces.data import ListingChange, Money, PushVerdict
from tests.channels.changes import change
from tests.channels.double import as_list, contracts, played, row_id, rows, vectors, wire
from tests.channels.test_pushes import push

SITE = "A1PA6795UKMFR9"


@pytest.mark.contracts
@pytest.mark.parametrize(("key", "row"), rows("pushes", "changes", ["amazon"]), ids=row_id)
def test_what_is_sent_is_valid_by_the_vendors_model(key: str, row: dict[str, Any]) -> None:
    folder = contracts()
    assert folder is not None
    model = json.loads((folder / key / "listingsItems_2021-08-01.json").read_text("utf-8"))
    schema = {"$ref": "#/definitions/ListingsItemPatchRequest", "definitions": model["definitions"]}
    with played(key, *as_list(vectors(key, "pushes")["accepted"])) as play:
        play.channel.push(play.line(), SITE, change(key, row["change"]))
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
        result = push("amazon", {"body": pair["response"], "status": pair["status"]})
        said[pair["response"].get("status", pair["status"])] = (result.verdict, result.words)
    assert said == {
        "ACCEPTED": (PushVerdict.ACCEPTED, "f1dc2914-75dd-11ea-bc55-0242ac130003"),
        "INVALID": (PushVerdict.REFUSED, "The attributes are invalid."),
        400: (PushVerdict.REFUSED, "Invalid input Invalid input"),
    }
    example = json.loads((folder / "amazon/schemas/listings-feed-processing-report-schema-v2.example.json").read_text())
    answers = as_list(vectors("amazon", "pushes")["document"]["done"][0]["answers"])
    with played("amazon", *answers[:-1], wire({"body": example})) as play:
        told = play.channel.document_results(play.line(), SITE, "50001")
        assert told is not None
        assert [(one.key, one.code) for one in told] == [("4", "90220"), ("5", "99022")]


def test_money_of_any_size_is_written_with_its_own_digits() -> None:
    for minor, text in ((1, "0.01"), (10, "0.10"), (199000000001, "1990000000.01")):
        with played("amazon", *as_list(vectors("amazon", "pushes")["accepted"])) as play:
            one = ListingChange("1", "A", "", Money(minor, "EUR"), None)
            play.channel.push(play.line(), SITE, one)
            assert f'"value_with_tax":{text}'.encode() in play.server.requests[0]


def test_a_report_with_issues_of_every_message_of_a_full_feed_is_read() -> None:
    *answers, report = as_list(vectors("amazon", "pushes")["document"]["done"][0]["answers"])
    refused, hint = report["body"]["issues"]
    issues = [{**one, "messageId": number} for number in range(feeds.MOST) for one in (refused, hint, hint, hint)]
    with played("amazon", *answers, wire({"body": {**report["body"], "issues": issues}})) as play:
        told = play.channel.document_results(play.line(), SITE, "50001")
        assert told is not None
        assert sum(one.verdict is PushVerdict.REFUSED for one in told) == feeds.MOST
