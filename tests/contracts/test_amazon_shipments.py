"""What we tell Amazon of shipments against its own model, and its own examples against what we make of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest

from marketplaces import errors
from marketplaces.channels.amazon import shipments
from marketplaces.data import Shipment, ShippedLine
from tests.channels.double import played, vectors, wire
from tests.conftest import contracts_dir
from tests.unit.marketplaces.rawserver import answer

pytestmark = pytest.mark.contracts
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def _model() -> dict[str, Any]:
    specs = contracts_dir()
    assert specs is not None
    model: dict[str, Any] = json.loads((specs / "amazon" / "ordersV0.json").read_text("utf-8"))
    return model


def _schema(name: str) -> dict[str, Any]:
    return {**_model(), "$ref": f"#/definitions/{name}"}


def _pairs() -> list[dict[str, Any]]:
    specs = contracts_dir()
    assert specs is not None
    pairs = json.loads((specs / "amazon" / "sandbox_pairs.json").read_text("utf-8"))
    return [pair for pair in pairs if pair["operationId"] == "confirmShipment"]


def _package(pair: dict[str, Any]) -> Shipment:
    """The example's package in our nouns."""
    body = pair["request"]["body"]["value"]
    detail = body["packageDetail"]
    lines = tuple(ShippedLine(one["orderItemId"], one["quantity"]) for one in detail["orderItems"])
    order_id = pair["request"]["orderId"]["value"]
    return Shipment(
        order_id, body["marketplaceId"], int(detail["packageReferenceId"]), detail["carrierCode"],
        detail["trackingNumber"], datetime(2022, 2, 11, 1, tzinfo=UTC), datetime(2022, 2, 10, tzinfo=UTC), lines,
    )  # fmt: skip


@pytest.mark.parametrize("carrier", ["UPS", "purolator", "Foo Cargo", ""])
@pytest.mark.parametrize("shipped", [timedelta(0), timedelta(days=3), -timedelta(days=9)])
def test_every_request_fits_the_model(carrier: str, shipped: timedelta) -> None:
    lines = (ShippedLine("79039765272157", 1), ShippedLine("79039765272157:2", 2))
    package = Shipment("902-1", "ATVPDKIKX0DER", 101, carrier, "1Z9", NOW + shipped, NOW - timedelta(days=1), lines)
    told = shipments.request(package, NOW)
    jsonschema.validate(told, _schema("ConfirmShipmentRequest"))
    detail = told["packageDetail"]
    assert set(detail) <= set(_model()["definitions"]["PackageDetail"]["properties"])
    assert detail["packageReferenceId"].isdigit()
    assert (detail["carrierCode"] != "Other") or detail["carrierName"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, "packageDetail": {}}, _schema("ConfirmShipmentRequest"))


def test_the_vendors_examples_are_told_and_understood() -> None:
    taken, refused = sorted(_pairs(), key=lambda pair: pair["status"])
    told = shipments.request(_package(taken), NOW)
    shown = taken["request"]["body"]["value"]
    assert {name: told["packageDetail"][name] for name in ("packageReferenceId", "carrierCode", "trackingNumber")} == {
        name: shown["packageDetail"][name] for name in ("packageReferenceId", "carrierCode", "trackingNumber")
    }
    with played("amazon", answer(b"", status="204 No Content")) as play:
        play.channel.confirm_shipment(play.line(), _package(taken))
    jsonschema.validate(refused["response"], _schema("ConfirmShipmentErrorResponse"))
    with played("amazon", wire({"status": 400, "body": refused["response"]})) as play, pytest.raises(errors.Rejected):
        play.channel.confirm_shipment(play.line(), _package(refused))


def test_the_refusals_of_the_vectors_have_the_models_shape() -> None:
    for row in vectors("amazon", "shipments")["refusals"]:
        jsonschema.validate(row["body"], _schema("ConfirmShipmentErrorResponse"))
