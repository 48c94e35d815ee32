"""searchOrders and getOrder: parameters, lag, filters, pages, datasets, ledger."""

from typing import Any

import pytest

from tests.sandbox.clock import iso
from tests.unit.sandbox.seat import DE, EVERYTHING, LONG_AGO, UK, Amazon, Json, error_of, invalid_input


def instant(amazon: Amazon, seconds_ago: float) -> str:
    now = amazon.sandbox.world.clock.timestamp()
    return iso(
        amazon.sandbox.world.clock.now().fromtimestamp(now - seconds_ago, tz=amazon.sandbox.world.clock.now().tzinfo)
    )


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"createdAfter": LONG_AGO, "lastUpdatedAfter": LONG_AGO},
        {"createdAfter": LONG_AGO, "lastUpdatedBefore": "2021-01-01T00:00:00Z"},
        {"lastUpdatedAfter": LONG_AGO, "createdBefore": "2021-01-01T00:00:00Z"},
        {"createdAfter": "2022-01-01T00:00:00Z", "createdBefore": "2021-01-01T00:00:00Z"},
        {"createdAfter": LONG_AGO, "createdBefore": "2999-01-01T00:00:00Z"},
        {"createdAfter": "1704067200"},
        {"createdAfter": LONG_AGO, "fulfillmentStatuses": "Unshipped"},
        {"createdAfter": LONG_AGO, "fulfilledBy": "MFN"},
        {"createdAfter": LONG_AGO, "includedData": "BUYER,ITEMS"},
        {"createdAfter": LONG_AGO, "maxResultsPerPage": 0},
        {"createdAfter": LONG_AGO, "maxResultsPerPage": 101},
        {"createdAfter": LONG_AGO, "maxResultsPerPage": "ten"},
        {"createdAfter": LONG_AGO, "marketplaceIds": ",".join([DE] * 51)},
        {"createdAfter": LONG_AGO, "paginationToken": "nonsense"},
    ],
)
def test_parameters_that_the_contract_forbids_are_invalid_input(amazon: Amazon, token: str, query: Any) -> None:
    answer = amazon.search(token, **query)
    assert invalid_input(answer), answer.text
    assert answer.headers["x-amzn-RateLimit-Limit"] == "0.0056"


def test_the_end_of_the_period_must_be_two_minutes_old(amazon: Amazon, token: str) -> None:
    assert amazon.search(token, lastUpdatedAfter=LONG_AGO, lastUpdatedBefore=instant(amazon, 121)).ok
    assert invalid_input(amazon.search(token, lastUpdatedAfter=LONG_AGO, lastUpdatedBefore=instant(amazon, 115)))


def test_an_order_becomes_visible_two_minutes_after_its_change(amazon: Amazon) -> None:
    seller = amazon.seller()
    token = amazon.access(seller["seller_id"])
    made = amazon.orders(seller, sku="A")
    early = amazon.search(token, lastUpdatedAfter=LONG_AGO).json()
    assert early["orders"] == []
    assert amazon.call(token, f"/orders/2026-01-01/orders/{made[0]}").ok
    amazon.advance(122)
    late = amazon.search(token, lastUpdatedAfter=LONG_AGO).json()
    assert [order["orderId"] for order in late["orders"]] == made
    assert late["lastUpdatedBefore"] >= late["orders"][0]["lastUpdatedTime"]
    assert early["lastUpdatedBefore"] < late["orders"][0]["lastUpdatedTime"]


def test_a_longer_lag_hides_orders_that_the_answers_end_already_covers(
    amazon: Amazon, seller: Json, token: str
) -> None:
    amazon.state(seller, visible_lag_seconds=600)
    made = amazon.orders(seller, sku="A")
    amazon.advance(300)
    early = amazon.search(token, lastUpdatedAfter=LONG_AGO).json()
    stored = amazon.session.get(f"{amazon.url}/_sandbox/amazon/sellers/{seller['seller_id']}/orders", timeout=5).json()
    assert early["orders"] == []
    assert early["lastUpdatedBefore"] > stored[0]["lastUpdatedTime"]
    amazon.advance(301)
    found = amazon.search(token, lastUpdatedAfter=LONG_AGO).json()["orders"]
    assert [order["orderId"] for order in found] == made


def test_filters_leave_out_what_does_not_fit(amazon: Amazon, seller: Json, token: str) -> None:
    [unshipped] = amazon.orders(seller, sku="A", created_at="2026-01-01T00:00:00Z")
    [shipped] = amazon.orders(seller, sku="A", status="SHIPPED", marketplace=UK, created_at="2026-01-02T00:00:00Z")
    [by_amazon] = amazon.orders(
        seller, sku="A", status="SHIPPED", fulfilled_by="AMAZON", created_at="2026-01-03T00:00:00Z"
    )

    def found(**query: Any) -> list[str]:
        answer = amazon.search(token, **({"createdAfter": LONG_AGO} | query))
        return [order["orderId"] for order in answer.json()["orders"]]

    amazon.control("amazon/settings", {"buckets": False})
    assert found() == [unshipped, shipped, by_amazon]
    assert found(fulfillmentStatuses="UNSHIPPED,PENDING") == [unshipped]
    assert found(fulfillmentStatuses=["SHIPPED", "PENDING"]) == [shipped, by_amazon]
    assert found(fulfilledBy="AMAZON") == [by_amazon]
    assert found(marketplaceIds=UK) == [shipped]
    assert found(createdAfter="2026-01-02T00:00:00Z", createdBefore="2026-01-02T00:00:00Z") == [shipped]


def test_a_change_moves_an_order_in_the_search_by_update_only(amazon: Amazon, seller: Json, token: str) -> None:
    [order_id] = amazon.orders(seller, sku="A", quantity=3, created_at="2026-01-01T00:00:00Z")
    changed = amazon.control(f"amazon/sellers/{seller['seller_id']}/orders/{order_id}", {"status": "CANCELLED"})
    assert changed["lastUpdatedTime"] > changed["createdTime"] == "2026-01-01T00:00:00Z"
    updated = amazon.search(token, lastUpdatedAfter="2026-01-02T00:00:00Z", includedData="FULFILLMENT").json()["orders"]
    assert [order["fulfillment"]["fulfillmentStatus"] for order in updated] == ["CANCELLED"]
    assert amazon.search(token, createdAfter="2026-01-02T00:00:00Z").json()["orders"] == []


def test_pages_cover_every_order_once_with_the_same_end(amazon: Amazon, seller: Json, token: str) -> None:
    made = amazon.orders(seller, sku="A", count=7)
    query: Json = {"createdAfter": LONG_AGO, "maxResultsPerPage": 3, "marketplaceIds": DE}
    seen, ends, sizes = [], set(), []
    while True:
        body = amazon.search(token, **query).json()
        seen += [order["orderId"] for order in body["orders"]]
        ends.add(body["createdBefore"])
        sizes.append(len(body["orders"]))
        if "pagination" not in body:
            break
        query["paginationToken"] = body["pagination"]["nextToken"]
    assert sizes == [3, 3, 1]
    assert sorted(seen) == sorted(made)
    assert len(ends) == 1


def test_a_page_token_is_bound_to_its_filters_and_lives_a_day(amazon: Amazon, seller: Json, token: str) -> None:
    amazon.control("amazon/settings", {"token_seconds": 10**7})
    token = amazon.access(seller["seller_id"])
    amazon.orders(seller, sku="A", count=3)
    query = {"createdAfter": LONG_AGO, "maxResultsPerPage": 1}
    next_token = amazon.search(token, **query).json()["pagination"]["nextToken"]
    other = amazon.search(token, **query, fulfilledBy="MERCHANT", paginationToken=next_token)
    assert invalid_input(other)
    wider = {"createdAfter": LONG_AGO, "maxResultsPerPage": 50, "includedData": "BUYER", "paginationToken": next_token}
    assert len(amazon.search(token, **wider).json()["orders"]) == 2
    amazon.advance(86401)
    assert invalid_input(amazon.search(token, **query, paginationToken=next_token))


def test_only_the_asked_datasets_are_shown(amazon: Amazon, seller: Json, token: str) -> None:
    line = {"sku": "A", "price": "10", "tax": "1.90", "discount": "1"}
    [order_id] = amazon.orders(seller, lines=[line], status="SHIPPED")
    bare = amazon.search(token, createdAfter=LONG_AGO).json()["orders"][0]
    assert set(bare) == {"orderId", "createdTime", "lastUpdatedTime", "programs", "salesChannel", "orderItems"}
    assert set(bare["orderItems"][0]) == {"orderItemId", "quantityOrdered", "product"}
    some = amazon.search(token, createdAfter=LONG_AGO, includedData="PROCEEDS,TAX").json()["orders"][0]
    assert set(some) - set(bare) == {"proceeds"}
    assert set(some["orderItems"][0]) - set(bare["orderItems"][0]) == {"proceeds", "tax"}
    path = f"/orders/2026-01-01/orders/{order_id}"
    full = amazon.call(token, path, includedData=EVERYTHING).json()["order"]
    assert {"buyer", "recipient", "proceeds", "fulfillment", "packages"} <= set(full)
    assert {"promotion", "fulfillment"} <= set(full["orderItems"][0])


def test_an_order_is_read_by_its_id_and_a_stranger_is_not_found(amazon: Amazon, seller: Json, token: str) -> None:
    [order_id] = amazon.orders(seller, sku="A")
    [foreign] = amazon.orders(amazon.seller(), sku="A")
    read = amazon.call(token, f"/orders/2026-01-01/orders/{order_id}", includedData="BUYER")
    assert read.json()["order"]["orderId"] == order_id
    assert amazon.call(token, f"/orders/2026-01-01/orders/{foreign}").status_code == 404
    assert error_of(amazon.call(token, "/orders/2026-01-01/orders/TEST_CASE_400"))[:2] == (400, "InvalidInput")
    assert invalid_input(amazon.call(token, f"/orders/2026-01-01/orders/{order_id}", includedData="ALL"))


def test_the_ledger_tells_every_call_with_its_status(amazon: Amazon, seller: Json, token: str) -> None:
    amazon.orders(seller, sku="A", count=2)
    amazon.search(token, createdAfter=LONG_AGO, maxResultsPerPage=1)
    amazon.search(token)
    lines = amazon.ledger(system="amazon", effect="amazon.searchOrders", key=seller["seller_id"])
    assert [line["body"]["status"] for line in lines] == [200, 400]
    assert (lines[0]["body"]["orders"], lines[0]["body"]["more"]) == (1, True)
    assert "createdAfter=" in lines[0]["body"]["query"]


def test_a_lossy_search_by_change_forgets_some_and_shows_some_late_and_a_search_by_creation_none(
    amazon: Amazon,
) -> None:
    seller = amazon.seller()
    token = amazon.access(seller["seller_id"])
    made = amazon.orders(seller, sku="A", count=100)
    amazon.state(seller, lossy={"dropped": 0.1, "late": 0.1, "late_seconds": 1800, "seed": 7})
    amazon.advance(130)

    def found(kind: str) -> set[str]:
        return {order["orderId"] for order in amazon.search(token, **{kind: LONG_AGO}).json()["orders"]}

    early = found("lastUpdatedAfter")
    assert 60 <= len(early) <= 97  # five deviations: which are forgotten follows from their random numbers
    assert found("lastUpdatedAfter") == early
    assert found("createdAfter") == set(made)
    amazon.advance(1800)
    later = found("lastUpdatedAfter")
    assert early < later < set(made)
    amazon.state(seller, lossy=None)
    assert found("lastUpdatedAfter") == set(made)


@pytest.mark.parametrize("wish", [{"dropped": 2}, {"dropped": 0.6, "late": 0.6}, {"late": -1}])
def test_shares_that_are_none_are_refused(amazon: Amazon, wish: Json) -> None:
    seller = amazon.seller()
    answer = amazon.session.post(
        f"{amazon.sandbox.url}/_sandbox/amazon/sellers/{seller['seller_id']}/state", json={"lossy": wish}, timeout=10
    )
    assert answer.status_code == 400
