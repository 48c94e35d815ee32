"""What we and the stand-in say against eBay's own contracts: every request, every answer, and the vendor's signatures."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest

from marketplaces.channel import AppKeys
from marketplaces.channels import registry
from marketplaces.channels.ebay import notices
from marketplaces.data import ListingChange, Money, Notice, Order, OrderQuery, Shipment, ShippedLine
from marketplaces.errors import RemoteError
from tests.channels.double import NOW, played, vectors
from tests.channels.ebay_seat import Exchange, Seat, seated
from tests.conftest import contracts_dir

pytestmark = pytest.mark.contracts
EBAY = registry()["ebay"]
FILES = (
    "sell_fulfillment_v1_oas3.json",
    "sell_inventory_v1_oas3.json",
    "sell_account_v1_oas3.json",
    "commerce_identity_v1_oas3.json",
    "commerce_notification_v1_oas3.json",
)
# Told live and by no contract.
UNDOCUMENTED = {"legacyOrderId"}


@cache
def _specs() -> dict[str, Any]:
    """The contracts by the base path of their API."""
    folder = contracts_dir()
    assert folder is not None
    found = {}
    for name in FILES:
        spec = json.loads((folder / "ebay" / name).read_text("utf-8"))
        found[spec["servers"][0]["variables"]["basePath"]["default"]] = _mended(spec)
    return found


def _mended(spec: dict[str, Any]) -> dict[str, Any]:
    """The vendor calls its enumerations objects; a map of item specifics is called a text."""
    for schema in spec["components"]["schemas"].values():
        if "enum" in schema:
            schema["type"] = "string"
    product = spec["components"]["schemas"].get("Product", {}).get("properties", {})
    product.pop("aspects", None)
    return dict(spec)


def _operation(exchange: Exchange) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contract and the operation of a call."""
    for base, spec in _specs().items():
        if not exchange.path.startswith(base):
            continue
        rest = exchange.path.removeprefix(base)
        for path, operations in spec["paths"].items():
            if (
                re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path.replace("{sku}", ".+")), rest)
                and exchange.method.lower() in operations
            ):
                return spec, operations[exchange.method.lower()]
    raise AssertionError(f"no contract knows {exchange.method} {exchange.path}")


def _validate(value: Any, schema: dict[str, Any], spec: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator({**schema, "components": spec["components"]}).validate(value)


def _strictly(schema: dict[str, Any], spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same contract, in which a name that it does not know is an error."""
    strict = copy.deepcopy(spec)
    for one in strict["components"]["schemas"].values():
        if "properties" in one:
            one["additionalProperties"] = False
    return schema, strict


def _asked(exchange: Exchange, operation: dict[str, Any], spec: dict[str, Any]) -> None:
    """The call has the parameters and the body of the contract."""
    known = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "query"}
    given = dict(parse_qsl(exchange.query, keep_blank_values=True))
    assert set(given) <= set(known), exchange
    assert {name for name, one in known.items() if one.get("required")} <= set(given), exchange
    assert not set("[]{}") & set(exchange.query), "brackets are percent-encoded"
    body = operation.get("requestBody")
    if body is None:
        assert exchange.sent == "", exchange
    else:
        schema, strict = _strictly(body["content"]["application/json"]["schema"], spec)
        _validate(exchange.sent, schema, strict)


def _answered(exchange: Exchange, operation: dict[str, Any], spec: dict[str, Any]) -> None:
    """The answer has a status and a body of the contract; errors have their numbers."""
    if exchange.status in (401, 403, 429):
        assert {"errorId", "domain", "message"} <= set(exchange.told["errors"][0])
        return
    told = operation["responses"].get(str(exchange.status))
    assert told is not None, exchange
    if exchange.status >= 400:
        numbers = set(told.get("x-response-codes", {}).get("errors", {}))
        number = str(exchange.told["errors"][0]["errorId"])
        assert not numbers or number in numbers, exchange
    elif "content" in told and exchange.told != "":
        schema, strict = _strictly(told["content"]["application/json"]["schema"], spec)
        for one in strict["components"]["schemas"].values():
            one.get("properties", {}).update({name: {} for name in UNDOCUMENTED})
        _validate(exchange.told, schema, strict)
    else:
        # What was made is told by its address; the contract's empty object is no body on the wire.
        assert (exchange.status, exchange.told) == (201, "")
        assert set(told.get("headers", {})) <= set(exchange.headers)


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    with seated(tmp_path) as one:
        yield one


def _everything(seat: Seat) -> None:
    """Each call of ours at least once, those that are refused among them."""
    seller = seat.seller()
    ids = [*seat.orders(seller, count=3, tax="1.90"), *seat.orders(seller, hub=True, quantity=2)]
    seat.change(seller, ids[0], cancel="asked")
    offers = {sku: seat.listing(seller, sku) for sku in ("MUG/blue 1", "B", "C")}
    seat.control(f"ebay/sellers/{seller}/refusals", sku="B", message="Any reason.", code=25002)
    line = seat.linked(seller)
    EBAY.identify(line)
    seat.poll(line)
    now = seat.now()
    EBAY.search_orders(line, OrderQuery(line.sites, created_since=now - timedelta(days=2), created_until=now))
    order = EBAY.get_order(line, ids[1], "EBAY_DE")
    assert isinstance(order, Order)
    lines = tuple(ShippedLine(one.line_id, one.quantity) for one in order.lines)
    package = Shipment(order.order_id, order.site, 101, "Foo Cargo", "A-1", now, order.created_at, lines)
    EBAY.confirm_shipment(line, package)
    assert EBAY.parcels(line, order.order_id, order.site)
    for site in ("EBAY_DE", "EBAY_FR"):
        EBAY.read_listings(line, site, "")
    EBAY.get_listing(line, "EBAY_DE", "MUG/blue 1")
    price = Money.parse("24.90", "EUR")
    changes = [ListingChange(sku, sku, offer, price, 3) for sku, offer in offers.items()]
    EBAY.push(line, "EBAY_DE", changes[0])
    EBAY.push_document(line, "EBAY_DE", changes)
    _refused(seat, line, seller, package)


def _refused(seat: Seat, line: Any, seller: str, package: Shipment) -> None:
    calls: list[Any] = [
        lambda: EBAY.get_order(line, "01-00000-00000", "EBAY_DE"),
        lambda: EBAY.get_listing(line, "EBAY_DE", "NOWHERE"),
        lambda: EBAY.parcels(line, "01-00000-00000", "EBAY_DE"),
        lambda: seat.state(seller, suspended=True) or EBAY.confirm_shipment(line, replace(package, tracking="B2")),
        lambda: seat.control("ebay/settings", quotas={"fulfillment": 0}) and seat.poll(line),
        lambda: seat.state(seller, authorisation="revoked") or EBAY.identify(line),
    ]
    for call in calls:
        with pytest.raises(RemoteError):
            call()


def test_every_request_of_ours_and_every_answer_of_the_stand_in_fits_the_contracts(seat: Seat) -> None:
    _everything(seat)
    seen = set()
    for exchange in seat.exchanges:
        if exchange.path == "/identity/v1/oauth2/token":
            continue
        spec, operation = _operation(exchange)
        seen.add(operation["operationId"])
        _asked(exchange, operation, spec)
        _answered(exchange, operation, spec)
    assert seen >= {
        "getOrders", "getOrder", "createShippingFulfillment", "getShippingFulfillments", "getUser", "getPrivileges",
        "getFulfillmentPolicies", "getInventoryItems", "getInventoryItem", "getOffers", "bulkUpdatePriceQuantity",
    }  # fmt: skip


def test_a_contract_that_is_broken_is_seen(seat: Seat) -> None:
    """The judge of the test above can say no."""
    _everything(seat)
    (sent,) = [one for one in seat.exchanges if one.method == "POST" and one.status == 201]
    spec, operation = _operation(sent)
    wrong = Exchange(sent.method, sent.path, "x=1", sent.sent, sent.status, sent.told, sent.headers)
    with pytest.raises(AssertionError):
        _asked(wrong, operation, spec)
    for body in ({**sent.sent, "lineItems": "all"}, {**sent.sent, "carrier": "DHL"}, {}):
        broken = Exchange(sent.method, sent.path, "", body, sent.status, sent.told, sent.headers)
        with pytest.raises(jsonschema.ValidationError):
            _asked(broken, operation, spec)


def test_orders_and_answers_of_the_vectors_have_the_contracts_shape() -> None:
    spec = _specs()["/sell/fulfillment/v1"]
    for row in vectors("ebay", "orders"):
        if row["expect"].get("state") in ("ready", "shipped"):
            _validate(row["order"], {"$ref": "#/components/schemas/Order"}, spec)
    for row in vectors("ebay", "shipments")["parcels"]["answers"]["body"]["fulfillments"]:
        _validate(row, {"$ref": "#/components/schemas/ShippingFulfillment"}, spec)
    spec = _specs()["/sell/inventory/v1"]
    for row in vectors("ebay", "pushes")["refusals"]:
        if row.get("status") == 207:
            _validate(row["body"], {"$ref": "#/components/schemas/BulkPriceQuantityResponse"}, spec)


def test_every_error_number_of_the_operations_is_judged() -> None:
    told = {str(error["errorId"]) for row in vectors("ebay", "answers") for error in _errors(row)}
    told |= {
        str(error["errorId"])
        for row in vectors("ebay", "shipments")["refusals"]
        for answer in row["answers"]
        for error in _errors(answer)
    }
    told |= {
        str(error["errorId"])
        for row in vectors("ebay", "pushes")["refusals"]
        for one in row["body"].get("responses", [])
        for error in one.get("errors", [])
    }
    wanted = set()
    names = {"getOrders", "getOrder", "createShippingFulfillment", "getShippingFulfillments", "getUser"}
    names |= {"bulkUpdatePriceQuantity", "getInventoryItem"}
    for spec in _specs().values():
        for operations in spec["paths"].values():
            for one in operations.values():
                if isinstance(one, dict) and one.get("operationId") in names:
                    for answer in one["responses"].values():
                        wanted |= set(answer.get("x-response-codes", {}).get("errors", {}))
    assert wanted
    assert wanted - told == set()


def _errors(row: dict[str, Any]) -> list[dict[str, Any]]:
    body = row.get("body")
    errors = body.get("errors") if isinstance(body, dict) else None
    return errors if isinstance(errors, list) else []


@pytest.mark.parametrize("name", ["VALID", "INVALID", "SIGNATURE_MISMATCH", "ERROR"])
def test_the_vendors_own_signatures_are_judged_as_its_kit_does(name: str) -> None:
    folder = contracts_dir()
    assert folder is not None
    row = json.loads((folder / "ebay" / "event_notification_sdk_test_vectors.json").read_text("utf-8"))[name]
    # As the vendor's kit sees it: the message as the shortest JSON.
    body = json.dumps(row["message"], separators=(",", ":")).encode()
    notice = Notice("POST", "https://app.example", {}, {"x-ebay-signature": row["signature"]}, body, NOW)
    app = {"body": {"access_token": "v^1.1#i^1#example-app", "expires_in": 7200}}
    key: dict[str, Any] = {"body": row["response"]} if row["response"] else {"status": 404, "body": _UNKNOWN}
    with played("ebay", app, key) as play:
        heard = play.channel.hear(play.http, play.keys, notice)
    assert heard.status == (204 if name == "VALID" else 412)
    if name == "VALID":
        assert [one.buyer for one in heard.events] == ["ma8vp1jySJC", "test_user"]


_UNKNOWN = {"errors": [{"errorId": 195001, "domain": "API_NOTIFICATION", "category": "REQUEST", "message": "no"}]}


def test_the_question_about_our_address_is_answered_by_code_token_and_address() -> None:
    keys = AppKeys(
        {"CLIENT_ID": "a", "CLIENT_SECRET": "b", "VERIFICATION_TOKEN": "71745723-d031-455c-bfa5-f90d11b4f20a"}
    )
    notice = Notice("GET", "http://www.testendpoint.com/webhook", {"challenge_code": "a8628072"}, {}, b"", NOW)
    wanted = hashlib.sha256(b"a8628072" + b"71745723-d031-455c-bfa5-f90d11b4f20a" + notice.url.encode()).hexdigest()
    with played("ebay", b"") as play:
        heard = notices.hear(play.http, keys, notice)
    assert heard.body == {"challengeResponse": wanted}
