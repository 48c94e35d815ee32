"""What we say to Mirakl, and what its stand-in answers, against the vendor's own contract and examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import requests

from marketplaces.channels.mirakl import calls as limits
from marketplaces.data import Order, OrderState, Unmapped
from marketplaces.errors import AccountInactive
from tests.channels.calls import CALLS, spoken
from tests.channels.double import played
from tests.conftest import contracts_dir
from tests.sandbox.server import Sandbox, create_sandbox

pytestmark = pytest.mark.contracts
PAGING = {"max", "offset", "sort", "order", "paginate"}  # told for all lists together, not with each operation
INSTANCE = "nordkauf.example"


@cache
def contract() -> dict[str, Any]:
    specs = contracts_dir()
    assert specs is not None
    told: dict[str, Any] = json.loads((specs / "mirakl" / "mirakl-mmp-seller-openapi.json").read_text("utf-8"))
    return told


def examples(operation: str) -> list[Any]:
    specs = contracts_dir()
    assert specs is not None
    told = json.loads((specs / "mirakl" / "fixtures" / "operation_examples.json").read_text("utf-8"))[operation]
    (answer,) = told["responses"].values()
    return [value for name, value in answer["example"].items() if not name.endswith("-auto")]


def operation_of(method: str, path: str) -> tuple[str, dict[str, Any]]:
    """(its path in the contract, the operation) of a request."""
    parts = path.strip("/").split("/")
    for known, methods in contract()["paths"].items():
        wanted = known.strip("/").split("/")
        fits = len(wanted) == len(parts) and all(
            one == part or one.startswith("{") for one, part in zip(wanted, parts, strict=True)
        )
        if fits and method.lower() in methods and not ("{" in known and path in contract()["paths"]):
            return known, methods[method.lower()]
    raise AssertionError(f"{method} {path} is no operation of the contract")


def valid(body: Any, schema: dict[str, Any]) -> None:
    """`body` fits `schema`, whose references lead into the contract; what is null is not told."""
    whole = {"components": contract()["components"], **schema}
    jsonschema.Draft202012Validator(whole).validate(_told(body))


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _told(one) for name, one in value.items() if one is not None}
    return [_told(one) for one in value] if isinstance(value, list) else value


def answered(operation: dict[str, Any], status: str) -> dict[str, Any] | None:
    told = operation["responses"][status].get("content", {}).get("application/json")
    return told["schema"] if told else None


@pytest.mark.parametrize("name", spoken("mirakl"))
def test_every_request_is_one_of_the_contract(name: str) -> None:
    with played("mirakl", *CALLS[name].good("mirakl")) as play:
        CALLS[name].make(play)
        said = list(play.server.requests)
    assert said
    for request in said:
        head, _, body = request.partition(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        parts = urlsplit(target)
        _, operation = operation_of(method, parts.path)
        known = {row["name"]: row for row in operation.get("parameters", ()) if "name" in row}
        assert set(parse_qs(parts.query)) <= set(known) | PAGING, target
        assert b"authorization: 5c2e1a9f" in head.lower(), "the key, without a word before it"
        taken = operation.get("requestBody", {}).get("content", {})
        if "application/json" in taken:
            schema = taken["application/json"]["schema"]
            valid(json.loads(body), schema)
            with pytest.raises(jsonschema.ValidationError):
                valid([], schema)
        elif "multipart/form-data" in taken:
            assert b'name="file"' in body
            assert b"multipart/form-data; boundary=" in head
        else:
            assert body == b""


def test_our_limits_are_the_frequencies_of_the_contract() -> None:
    paths = {
        limits.IMPORT_STOCK: ("/api/offers/stock/imports", "post", "Once per minute"),
        limits.IMPORT_PRICES: ("/api/offers/pricing/imports", "post", "Once per minute"),
        limits.STOCK_STATUS: ("/api/offers/stock/imports/{import_id}/status", "get", "Once every 15 seconds"),
        limits.PRICE_STATUS: ("/api/offers/pricing/imports", "get", "Once per minute"),
        limits.GET_ACCOUNT: ("/api/account", "get", "Once per day"),
        limits.LIST_CARRIERS: ("/api/shipping/carriers", "get", "Once per day"),
    }
    seconds = {"Once per minute": 60, "Once every 15 seconds": 15, "Once per day": 86_400}
    for limit, (path, method, words) in paths.items():
        assert f"Maximum usage: {words}" in contract()["paths"][path][method]["description"]
        assert 1 / float(limit.rate) >= seconds[words] * 0.99, limit.operation


def test_the_vendors_examples_are_understood() -> None:
    (account,) = examples("A01")
    empty = {"body": {"orders": [], "total_count": 0}}
    with (
        played("mirakl", empty, {"body": account}) as play,
        pytest.raises(AccountInactive, match="Missing information"),
    ):
        play.channel.identify(play.line())
    for told in examples("OR11"):
        with played("mirakl", {"body": told}) as play:
            page = CALLS["search_orders"].make(play)
        found: tuple[Order | Unmapped, ...] = page.orders  # type: ignore[attr-defined]  # a page
        (order,) = found
        assert isinstance(order, Order), order
        assert (order.state, order.ignore_reason) == (OrderState.IGNORED, "fulfilled_by_channel")
        assert (str(order.total), order.taxes_included) == ("213.00 USD", False)
        assert order.ship_to is not None
        assert order.ship_to.country == "US"
    for told in examples("OF21"):
        with played("mirakl", {"body": told}) as play:
            part = play.channel.read_listings(play.line(), "shop", "")
        assert part is not None
        assert all(one.sku and one.price for one in part.rows)


# --- the stand-in -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with create_sandbox({"data": tmp_path, "bucket_factor": 1000}) as running:
        yield running


def test_every_answer_of_the_stand_in_is_one_of_the_contract(sandbox: Sandbox) -> None:
    control = f"{sandbox.url}/_sandbox/mirakl/sellers"
    made = requests.post(control, json={"instance": INSTANCE}, timeout=20).json()
    mine = f"{control}/{INSTANCE}/{made['seller_id']}"
    requests.post(f"{mine}/state", json={"import_seconds": 0, "debit_seconds": 0}, timeout=20)
    wish = {"state": "WAITING_ACCEPTANCE", "order_id": "MK-1-A", "tax": "1.00", "tax_rate": "19"}
    requests.post(f"{mine}/orders", json=wish, timeout=20)
    rich = {"sku": "RICH", "prices": [{"price": "9.00", "channels": "US", "price-ranges": "1|9.00,5|8.00"}]}
    for one in ({"sku": "MUG"}, rich):
        requests.post(f"{mine}/listings", json=one, timeout=20)

    def say(method: str, path: str, status: int, **more: Any) -> Any:
        url, headers = f"{sandbox.url}/mirakl/{INSTANCE}{path}", {"Authorization": made["key"]}
        answer = requests.request(method, url, headers=headers, timeout=20, **more)
        assert answer.status_code == status, f"{path}: {answer.text[:300]}"
        schema = answered(operation_of(method, urlsplit(path).path)[1], str(status))
        if schema is not None:
            valid(answer.json(), schema)
            with pytest.raises(jsonschema.ValidationError):
                valid("nothing", schema)
        return answer.json() if schema else answer.text

    say("GET", "/api/account", 200)
    say("GET", "/api/shipping/carriers", 200)
    say("GET", "/api/orders?max=100", 200)
    say("PUT", "/api/orders/MK-1-A/accept", 204, json={"order_lines": [{"id": "MK-1-A-1", "accepted": True}]})
    say("GET", "/api/orders?order_ids=MK-1-A", 200)
    tracking = {"carrier_code": "CARR-1", "tracking_number": "0034"}
    say("PUT", "/api/orders/MK-1-A/tracking", 204, json=tracking)
    say("PUT", "/api/orders/MK-1-A/ship", 204)
    assert say("GET", "/api/orders?max=10&offset=0", 200)["orders"][0]["order_state"] == "SHIPPED"
    assert say("GET", "/api/offers?max=100", 200)["total_count"] == 2
    for kind, rows in (
        ("stock", "offer-sku;quantity\nMUG;3\nNONE;1\n"),
        ("pricing", "offer-sku;price\nMUG;21.00\nNONE;1\n"),
    ):
        begun = say("POST", f"/api/offers/{kind}/imports", 201, files={"file": ("a.csv", rows, "text/csv")})
        number = begun["import_id"]
        if kind == "stock":
            assert say("GET", f"/api/offers/stock/imports/{number}/status", 200)["lines_in_error"] == 1
        else:
            assert say("GET", f"/api/offers/pricing/imports?import_id={number}", 200)["data"][0]["status"] == "COMPLETE"
        assert "NONE" in say("GET", f"/api/offers/{kind}/imports/{number}/error_report", 200)
    (mug,) = say("GET", "/api/offers?sku=MUG", 200)["offers"]
    assert (mug["quantity"], mug["price"]) == (3, 21)
