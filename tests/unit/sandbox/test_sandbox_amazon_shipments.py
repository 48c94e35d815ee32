"""The sandbox takes and refuses packages as the contract of confirmShipment and the observed answers say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.sandbox.clock import iso
from tests.unit.sandbox.seat import DE, Amazon, Json, error_of


def order_of(amazon: Amazon, seller: Json, order_id: str) -> Json:
    url = f"{amazon.url}/_sandbox/amazon/sellers/{seller['seller_id']}/orders"
    orders = amazon.session.get(url, timeout=5).json()
    return next(one for one in orders if one["orderId"] == order_id)


class Counter:
    """A seller with an order of two positions, and an app that reports packages."""

    def __init__(self, amazon: Amazon, **wish: Any) -> None:
        self.amazon = amazon
        self.seller = amazon.seller(marketplaces=[DE])
        self.token = amazon.access(self.seller["seller_id"])
        bought = amazon.sandbox.world.clock.now() - timedelta(hours=2)
        lines = [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}]
        (self.order_id,) = amazon.orders(self.seller, lines=lines, created_at=iso(bought), **wish)
        self.items = [item["orderItemId"] for item in self.order["orderItems"]]
        self.bought = bought

    @property
    def order(self) -> Json:
        return order_of(self.amazon, self.seller, self.order_id)

    def body(self, *units: int, **detail: Any) -> Json:
        items = [
            {"orderItemId": item, "quantity": count} for item, count in zip(self.items, units, strict=False) if count
        ]
        package = {
            "packageReferenceId": "7",
            "carrierCode": "DHL",
            "trackingNumber": "TRACK-1",
            "shipDate": iso(self.bought + timedelta(hours=1)),
            "orderItems": items,
        }
        return {"marketplaceId": DE, "packageDetail": package | detail}

    def confirm(self, *units: int, order_id: str = "", token: str = "", **detail: Any) -> requests.Response:
        path = f"/amazon/api/eu/orders/v0/orders/{order_id or self.order_id}/shipmentConfirmation"
        headers = {"x-amz-access-token": token or self.token}
        return self.amazon.session.post(
            self.amazon.url + path, json=self.body(*units, **detail), headers=headers, timeout=5
        )


@pytest.fixture
def counter(amazon: Amazon) -> Counter:
    return Counter(amazon)


def test_packages_fill_an_order_and_are_shown_with_it(counter: Counter) -> None:
    assert counter.confirm(1).status_code == 204
    assert counter.order["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"
    assert counter.confirm(1, 1, packageReferenceId="8", trackingNumber="TRACK-2").status_code == 204
    assert counter.order["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    path = f"/orders/2026-01-01/orders/{counter.order_id}"
    shown = counter.amazon.call(counter.token, path, includedData="PACKAGES").json()["order"]
    assert [one["trackingNumber"] for one in shown["packages"]] == ["TRACK-1", "TRACK-2"]
    assert "packages" not in counter.amazon.call(counter.token, path).json()["order"]
    kept = [row["body"]["order_id"] for row in counter.amazon.ledger(effect="shipment.confirmed")]
    assert kept.count(counter.order_id) == 2


def test_the_same_number_edits_and_another_one_is_not_found_once_all_has_shipped(counter: Counter) -> None:
    assert counter.confirm(2, 1).status_code == 204
    assert counter.confirm(2, 1, trackingNumber="TRACK-9").status_code == 204
    assert [one["trackingNumber"] for one in counter.order["packages"]] == ["TRACK-9"]
    refused = counter.confirm(2, 1, packageReferenceId="8")
    status, code, message, _ = error_of(refused)
    assert (status, code) == (400, "InvalidInput")
    assert "PackageToUpdateNotFound" in message
    edits = [
        row for row in counter.amazon.ledger(effect="shipment.edited") if row["body"]["order_id"] == counter.order_id
    ]
    assert len(edits) == 1


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({"packageReferenceId": "x1"}, "must be a positive numeric value"),
        ({"packageReferenceId": "0"}, "must be a positive numeric value"),
        ({"packageReferenceId": 7}, "Invalid Input"),
        ({"carrierCode": "Other"}, "CarrierName"),
        ({"trackingNumber": "?"}, "TrackingNumber"),
        ({"shipDate": "2999-01-01T00:00:00Z"}, "future"),
        ({"shipDate": "2001-01-01T00:00:00Z"}, "purchase date"),
        ({"shipDate": "02/21/2022"}, "Invalid Input"),
        ({"orderItems": [{"orderItemId": "1", "quantity": 1}]}, "NonexistentOrderItem"),
        ({"orderItems": []}, "orderItems"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_does_not_fit_the_contract_is_refused_and_leaves_no_trace(
    counter: Counter, detail: Json, said: str
) -> None:
    answer = counter.confirm(1, **detail)
    assert error_of(answer)[0] == 400
    assert said in error_of(answer)[2]
    assert "packages" not in counter.order


def test_never_more_than_was_ordered_and_only_by_the_orders_own_seller(counter: Counter) -> None:
    assert "more than was ordered" in error_of(counter.confirm(3))[2]
    assert counter.confirm(2).status_code == 204
    assert "more than was ordered" in error_of(counter.confirm(1, packageReferenceId="8"))[2]
    stranger = counter.amazon.seller(marketplaces=[DE])
    token = counter.amazon.access(stranger["seller_id"])
    assert error_of(counter.confirm(0, 1, token=token, packageReferenceId="8"))[0] == 404
    assert error_of(counter.confirm(1, order_id="nonsense"))[0] == 400


def test_what_amazon_ships_and_what_is_not_paid_cannot_be_confirmed(amazon: Amazon) -> None:
    for wish in ({"fulfilled_by": "AMAZON"}, {"status": "PENDING"}, {"status": "CANCELLED"}):
        assert "not in a state" in error_of(Counter(amazon, **wish).confirm(1))[2]


def test_ten_at_once_then_two_a_second(counter: Counter) -> None:
    told = [counter.confirm(2, 1).status_code for _ in range(12)]
    assert told == [204] * 10 + [429] * 2
    counter.amazon.advance(1)
    assert [counter.confirm(2, 1).status_code for _ in range(3)] == [204, 204, 429]
