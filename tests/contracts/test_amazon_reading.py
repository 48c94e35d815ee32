"""How we read listings from Amazon against its own models: requests, buckets, and its own examples."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema
import pytest

from marketplaces.channels.amazon import calls, documents
from tests.channels.double import played, vectors, wire
from tests.conftest import contracts_dir

pytestmark = pytest.mark.contracts
LISTINGS, REPORTS = "listingsItems_2021-08-01", "reports_2021-06-30"
US = "ATVPDKIKX0DER"


def model(name: str) -> dict[str, Any]:
    specs = contracts_dir()
    assert specs is not None
    told: dict[str, Any] = json.loads((specs / "amazon" / f"{name}.json").read_text("utf-8"))
    return told


def pairs(operation: str) -> list[dict[str, Any]]:
    specs = contracts_dir()
    assert specs is not None
    found = json.loads((specs / "amazon" / "sandbox_pairs.json").read_text("utf-8"))
    return [pair for pair in found if pair["operationId"] == operation]


def asked(request: bytes) -> tuple[str, str, dict[str, list[str]], Any]:
    """(method, path, query, JSON body or None) of a request as it was sent."""
    head, _, body = request.partition(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    parts = urlsplit(target)
    return method, parts.path, parse_qs(parts.query), json.loads(body) if body else None


def parameters(name: str, path: str, method: str) -> dict[str, Any]:
    told = model(name)["paths"][path]
    rows = [*told.get("parameters", ()), *told[method].get("parameters", ())]
    return {row["name"]: row for row in rows if "name" in row}


@pytest.mark.parametrize(
    ("name", "path", "method", "limit"),
    [
        (LISTINGS, "/listings/2021-08-01/items/{sellerId}/{sku}", "get", calls.GET_LISTING),
        (REPORTS, "/reports/2021-06-30/reports", "post", calls.CREATE_REPORT),
        (REPORTS, "/reports/2021-06-30/reports/{reportId}", "get", calls.GET_REPORT),
        (REPORTS, "/reports/2021-06-30/documents/{reportDocumentId}", "get", calls.GET_REPORT_DOCUMENT),
    ],
)
def test_our_buckets_are_those_of_the_contract(name: str, path: str, method: str, limit: Any) -> None:
    operation = model(name)["paths"][path][method]
    assert operation["operationId"] == limit.operation
    assert f"| {limit.rate} | {limit.burst} |" in operation["description"]


def test_the_request_for_a_report_fits_the_model() -> None:
    facts = vectors("amazon", "listings")
    with played("amazon", facts["asked"]) as play:
        play.channel.ask_for_listings(play.line(), facts["site"])
        method, path, query, body = asked(play.server.requests[0])
    assert (method, path.removeprefix("/api/eu"), query) == ("POST", "/reports/2021-06-30/reports", {})
    schema = {**model(REPORTS), "$ref": "#/definitions/CreateReportSpecification"}
    jsonschema.validate(body, schema)
    assert set(body) <= set(model(REPORTS)["definitions"]["CreateReportSpecification"]["properties"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**body, "marketplaceIds": []}, schema)


def test_the_request_for_a_listing_names_only_what_the_model_knows() -> None:
    facts = vectors("amazon", "listings")
    with played("amazon", facts["item"]) as play:
        play.channel.get_listing(play.line(), facts["site"], facts["sku"])
        method, path, query, body = asked(play.server.requests[0])
    assert (method, body) == ("GET", None)
    assert unquote(path.rsplit("/", 1)[1]) == facts["sku"], "a slash in a SKU is no part of the way"
    known = parameters(LISTINGS, "/listings/2021-08-01/items/{sellerId}/{sku}", "get")
    assert set(query) <= set(known)
    assert set(query["includedData"][0].split(",")) <= set(known["includedData"]["items"]["enum"])


def test_the_vectors_have_the_models_shapes() -> None:
    facts = vectors("amazon", "listings")
    jsonschema.validate(facts["item"]["body"], {**model(LISTINGS), "$ref": "#/definitions/Item"})
    jsonschema.validate(facts["asked"]["body"], {**model(REPORTS), "$ref": "#/definitions/CreateReportResponse"})
    for body in (facts["waiting"]["body"], *(row["body"] for row in facts["failed"])):
        jsonschema.validate(body, {**model(REPORTS), "$ref": "#/definitions/Report"})


def test_the_vendors_example_of_a_listing_is_understood() -> None:
    (pair,) = [one for one in pairs("getListingsItem") if one["status"] == 200]
    with played("amazon", wire({"body": pair["response"]})) as play:
        one = play.channel.get_listing(play.line(), US, pair["response"]["sku"])
    assert (str(one.price), one.quantity, one.product_type, one.live) == ("100.00 USD", 100, "LUGGAGE", True)
    assert "'size' is required but not supplied." in " ".join(one.problems)


def example(path: str, method: str, status: str) -> Any:
    """The answer that the vendor's own sandbox gives."""
    told = model(REPORTS)["paths"][path][method]["responses"][status]["x-amzn-api-sandbox"]["static"][0]
    return told["response"]


def test_the_vendors_examples_of_reports_are_understood() -> None:
    base = "/reports/2021-06-30"
    with played("amazon", wire({"body": example(f"{base}/reports", "post", "202")})) as play:
        assert play.channel.ask_for_listings(play.line(), US) == "ID323"
    with played("amazon", wire({"body": example(f"{base}/reports/{{reportId}}", "get", "200")})) as play:
        assert play.channel.read_listings(play.line(), US, "ID323") is None
    url = example(f"{base}/documents/{{reportDocumentId}}", "get", "200")["url"]
    with played("amazon", wire({"body": {}})) as play:
        assert documents.hosts_of(play.line(), url, "getReportDocument") == (urlsplit(url).netloc,)
