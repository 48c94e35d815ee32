"""Orders that the sandbox makes, its switches, and everything against the vendor's contract when it is there."""

import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from tests.sandbox.server import create_sandbox
from tests.unit.sandbox.seat import DE, EVERYTHING, JP, LONG_AGO, UK, US, Amazon, Json


def one_order(amazon: Amazon, seller: Json, **wish: Any) -> Json:
    [order_id] = amazon.orders(seller, **wish)
    listed = amazon.session.get(f"{amazon.url}/_sandbox/amazon/sellers/{seller['seller_id']}/orders", timeout=5).json()
    found: Json = next(order for order in listed if order["orderId"] == order_id)
    return found


def total(order: Json) -> str:
    return str(order["proceeds"]["grandTotal"]["amount"])


def test_amounts_of_a_made_order_add_up(amazon: Amazon, seller: Json) -> None:
    lines = [
        {"sku": "A", "price": "19.90", "quantity": 2, "tax": "3.10", "shipping": "4", "shipping_tax": "0.50"},
        {"sku": "B", "price": "5", "discount": "1.25", "gift_wrap": "2.50"},
    ]
    order = one_order(amazon, seller, lines=lines)
    assert [item["proceeds"]["proceedsTotal"]["amount"] for item in order["orderItems"]] == ["47.40", "6.25"]
    assert total(order) == "53.65"
    parts = {entry["type"]: entry["subtotal"]["amount"] for entry in order["proceeds"]["breakdowns"]}
    assert parts == {"ITEM": "44.80", "SHIPPING": "4.00", "TAX": "3.60", "GIFT_WRAP": "2.50", "DISCOUNT": "-1.25"}
    assert sum(Decimal(amount) for amount in parts.values()) == Decimal(total(order))
    detail = next(entry for entry in order["orderItems"][0]["proceeds"]["breakdowns"] if entry["type"] == "TAX")
    assert [piece["value"]["amount"] for piece in detail["detailedBreakdowns"]] == ["3.10", "0.50"]
    assert order["orderItems"][0]["tax"]["taxCollections"][0]["model"] == "MARKETPLACE_FACILITATOR"
    assert "tax" not in order["orderItems"][1]


def test_variants_of_made_orders(amazon: Amazon, seller: Json) -> None:
    pending = one_order(amazon, seller, sku="A", status="PENDING")
    assert not {"proceeds", "recipient", "buyer"} & set(pending)
    assert "price" not in pending["orderItems"][0]["product"]
    cancelled = one_order(amazon, seller, sku="A", status="CANCELLED")
    assert "proceeds" not in cancelled
    assert cancelled["orderItems"][0]["cancellation"]["cancellationExecution"]["cancelReason"]
    fba = one_order(amazon, seller, sku="A", status="SHIPPED", fulfilled_by="AMAZON")
    assert fba["fulfillment"]["fulfilledBy"] == "AMAZON"
    assert "packages" not in fba
    pickup = one_order(amazon, seller, sku="A", programs=["IN_STORE_PICK_UP"])
    assert pickup["recipient"]["deliveryAddress"]["companyName"] == "Example Store"
    assert "sellerSku" not in one_order(amazon, seller, sku=None)["orderItems"][0]["product"]
    discount = one_order(amazon, seller, price="10", discount="2", discount_positive=True)
    amounts = [entry["subtotal"]["amount"] for entry in discount["orderItems"][0]["proceeds"]["breakdowns"]]
    assert (amounts, total(discount)) == (["10.00", "2.00"], "8.00")
    assert "tax" not in one_order(amazon, seller, price="10", tax="1", facilitator=False)["orderItems"][0]
    partly = one_order(amazon, seller, quantity=3, status="PARTIALLY_SHIPPED")["orderItems"][0]["fulfillment"]
    assert partly == {"quantityFulfilled": 1, "quantityUnfulfilled": 2}


def test_the_currency_follows_the_marketplace_and_yen_have_no_decimals(amazon: Amazon) -> None:
    shop = amazon.seller(region="fe")
    order = one_order(amazon, shop, price="1980", quantity=2, buyer="例 次郎")
    assert order["proceeds"]["grandTotal"] == {"amount": "3960", "currencyCode": "JPY"}
    assert order["recipient"]["deliveryAddress"]["name"] == order["buyer"]["buyerName"] == "例 次郎"
    assert order["salesChannel"]["marketplaceId"] == JP
    dollars = one_order(amazon, amazon.seller(region="na"), price="5", currency="CAD")
    assert dollars["proceeds"]["grandTotal"] == {"amount": "5.00", "currencyCode": "CAD"}


def test_a_buyer_asks_to_cancel(amazon: Amazon, seller: Json) -> None:
    order = one_order(amazon, seller, sku="A")
    path = f"amazon/sellers/{seller['seller_id']}/orders/{order['orderId']}"
    changed = amazon.control(path, {"cancel_request": "BOUGHT_BY_MISTAKE", "merge": {"programs": ["PRIME"]}})
    assert changed["orderItems"][0]["cancellation"]["cancellationRequest"]["cancelReason"] == "BOUGHT_BY_MISTAKE"
    assert changed["programs"] == ["PRIME"]


def test_a_foreign_order_is_stored_as_it_is_even_if_hostile(amazon: Amazon, seller: Json, token: str) -> None:
    order = {"orderId": "302-1234567-1234567", "createdTime": "not a time", "buyer": {"buyerName": "a\u0000\u202eb😀"}}
    amazon.orders(seller, orders=[order])
    assert amazon.search(token, createdAfter=LONG_AGO, includedData="BUYER").json()["orders"] == [order]


@pytest.mark.parametrize(
    "wish",
    [
        {"colour": "red"},
        {"lines": [{"sku": "A", "colour": "red"}]},
        {"price": "1,99"},
        {"price": "NaN"},
        {"status": "Shipped"},
        {"marketplace": "X"},
        {"count": 0},
        {"orders": [{}]},
    ],
)
def test_a_wish_for_orders_that_makes_no_sense_is_refused(amazon: Amazon, seller: Json, wish: Json) -> None:
    url = f"{amazon.url}/_sandbox/amazon/sellers/{seller['seller_id']}/orders"
    answer = amazon.session.post(url, json=wish, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("sellers", {"region": "mars"}),
        ("sellers", {"region": "eu", "marketplaces": [US]}),
        ("sellers", {"seller_id": "../x"}),
        ("sellers/NOBODY/state", {"active": False}),
        ("settings", {"speed": 1}),
        ("pairs", {}),
    ],
)
def test_nonsense_at_the_switches_is_refused(amazon: Amazon, path: str, wish: Json) -> None:
    answer = amazon.session.post(f"{amazon.url}/_sandbox/amazon/{path}", json=wish, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_sellers_tokens_and_orders_survive_a_restart(tmp_path: Path) -> None:
    with create_sandbox({"data": tmp_path}) as sandbox, requests.Session() as session:
        first = Amazon(sandbox, session)
        seller = first.seller(name="Kept")
        refresh = first.refresh_token(seller["seller_id"])
        made = first.orders(seller, sku="A", created_at="2026-01-01T00:00:00Z")
    with create_sandbox({"data": tmp_path}) as sandbox, requests.Session() as session:
        second = Amazon(sandbox, session)
        token = second.refresh(refresh).json()["access_token"]
        found = second.search(token, createdAfter=LONG_AGO).json()["orders"]
        assert [order["orderId"] for order in found] == made
        assert second.seller()["seller_id"] != seller["seller_id"]


@pytest.fixture(scope="module")
def contracts() -> Path:
    folder = (
        Path(os.environ.get("CONTRACTS_DIR") or Path(__file__).resolve().parents[4] / "shared" / "specs") / "amazon"
    )
    if not folder.is_dir():
        pytest.skip(f"the vendor's contracts are not there: {folder}")
    return folder


Check = Callable[[str, str, Any], None]


@pytest.fixture(scope="module")
def check(contracts: Path) -> Check:
    models = {
        name: json.loads((contracts / f"{name}.json").read_text("utf-8")) for name in ("orders_2026-01-01", "sellers")
    }

    def validate(model: str, definition: str, value: Any) -> None:
        schema = {"$ref": f"#/definitions/{definition}", "definitions": models[model]["definitions"]}
        jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)
        _only_known_fields(value, {"$ref": f"#/definitions/{definition}"}, models[model]["definitions"])

    return validate


def _only_known_fields(value: Any, schema: Json, definitions: Json) -> None:
    """A JSON schema lets strange fields pass; here a field that the contract does not name is a mistake."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict):
        assert set(value) <= set(schema["properties"]), f"unknown fields: {set(value) - set(schema['properties'])}"
        for name, inner in value.items():
            _only_known_fields(inner, schema["properties"][name], definitions)
    elif isinstance(value, list):
        for inner in value:
            _only_known_fields(inner, schema["items"], definitions)


@pytest.mark.contracts
@pytest.mark.parametrize(
    "wish",
    [
        {"sku": "A"},
        {
            "lines": [
                {"sku": "A", "tax": "1", "shipping": "3", "shipping_tax": "1", "discount": "2", "gift_wrap": "1"},
                {},
            ]
        },
        {"sku": None, "status": "PENDING"},
        {"status": "CANCELLED", "quantity": 2},
        {"status": "PARTIALLY_SHIPPED", "quantity": 3},
        {"status": "SHIPPED", "fulfilled_by": "AMAZON"},
        {"status": "SHIPPED", "programs": ["PRIME"]},
        {"programs": ["IN_STORE_PICK_UP"], "channel": "NON_AMAZON"},
    ],
)
@pytest.mark.parametrize(("region", "marketplace"), [("eu", DE), ("eu", UK), ("na", US), ("fe", JP)])
def test_made_orders_are_valid_by_the_contract(
    amazon: Amazon, check: Check, wish: Json, region: str, marketplace: str
) -> None:
    made = amazon.seller(region=region, marketplaces=[marketplace])
    amazon.state(made, visible_lag_seconds=0)
    token = amazon.access(made["seller_id"])
    [order_id] = amazon.orders(made, **wish)
    body = amazon.search(token, region, createdAfter=LONG_AGO, includedData=EVERYTHING).json()
    assert len(body["orders"]) == 1
    check("orders_2026-01-01", "SearchOrdersResponse", body)
    read = amazon.call(token, f"/orders/2026-01-01/orders/{order_id}", region, includedData=EVERYTHING).json()
    check("orders_2026-01-01", "GetOrderResponse", read)


@pytest.mark.contracts
def test_other_answers_are_valid_by_the_contract(amazon: Amazon, seller: Json, token: str, check: Check) -> None:
    amazon.orders(seller, sku="A", count=2)
    check(
        "orders_2026-01-01",
        "SearchOrdersResponse",
        amazon.search(token, createdAfter=LONG_AGO, maxResultsPerPage=1).json(),
    )
    for refused in (amazon.search(token), amazon.search(None), amazon.call(token, "/orders/2026-01-01/orders/1")):
        check("orders_2026-01-01", "ErrorList", refused.json())
    participations = amazon.call(token, "/sellers/v1/marketplaceParticipations").json()
    check("sellers", "GetMarketplaceParticipationsResponse", participations)
    assert [row["marketplace"]["id"] for row in participations["payload"]] == [DE, UK]


@pytest.mark.contracts
def test_the_vendors_pairs_are_served_as_they_stand(amazon: Amazon, contracts: Path) -> None:
    path = contracts / "sandbox_pairs.json"
    loaded = amazon.control("amazon/pairs", {"path": str(path)})
    assert {region: len(row["order_ids"]) for region, row in loaded.items()} == {"eu": 2, "na": 3, "fe": 1}
    amazon.control("amazon/settings", {"buckets": False})
    tokens = {region: amazon.access(row["seller_id"]) for region, row in loaded.items()}
    listed: dict[str, Json] = {}
    for region, row in loaded.items():
        query = {
            "createdAfter": "2024-12-01T00:00:00Z",
            "marketplaceIds": row["marketplaces"],
            "includedData": EVERYTHING,
        }
        for order in amazon.search(tokens[region], region, **query).json()["orders"]:
            listed[order["orderId"]] = order
    pairs = [pair for pair in json.loads(path.read_text("utf-8")) if pair["model"] == "orders_2026-01-01"]
    for pair in pairs:
        answer = pair["response"]
        if pair["status"] == 200:
            for order in answer.get("orders") or [answer["order"]]:
                assert listed[order["orderId"]] == order
        elif pair["operationId"] == "searchOrders":
            got = amazon.search(tokens["na"], "na", createdAfter=pair["request"]["createdAfter"]["value"])
            assert (got.status_code, got.json()) == (400, answer)
        else:
            got = amazon.call(tokens["na"], f"/orders/2026-01-01/orders/{pair['request']['orderId']['value']}", "na")
            assert (got.status_code, got.json()) == (400, answer)
    assert len(listed) == 6
    order = listed["171-9876543-2109876"]
    read = amazon.call(tokens["na"], "/orders/2026-01-01/orders/171-9876543-2109876", "na", includedData=EVERYTHING)
    assert read.json() == {"order": order}


@pytest.mark.contracts
def test_pairs_can_be_given_to_sellers_that_are_there(amazon: Amazon, contracts: Path) -> None:
    brazil = amazon.seller(region="na", marketplaces=["A2Q3Y263D00KWC", US])
    wish = {"path": str(contracts / "sandbox_pairs.json"), "sellers": {"na": brazil["seller_id"]}}
    assert amazon.control("amazon/pairs", wish)["na"]["seller_id"] == brazil["seller_id"]
