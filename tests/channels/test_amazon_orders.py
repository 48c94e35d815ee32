"""Amazon's order pages over HTTP: paging, the two-minute rule, missing roles, faults, and the vendor's own examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from marketplaces.channels import registry
from marketplaces.channels.amazon import calls
from marketplaces.data import Order, OrderQuery, OrderState, Unmapped
from marketplaces.errors import AccessStale, PermissionMissing, RateLimited, Rejected, Transient
from tests.channels.amazon_seat import DE, UK, US, Seat, seated
from tests.channels.double import contracts
from tests.channels.test_order_reading import balance

AMAZON = registry()["amazon"]
BROKEN = ["html", "empty", "null", "truncate", "reset", "commit_then_reset", "timeout", "drip", "bomb", "status"]


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    with seated(tmp_path, seconds=2) as one:
        yield one


def ids(found: tuple[Order | Unmapped, ...]) -> list[str]:
    return [one.order_id for one in found]


def queries(seat: Seat, effect: str = "amazon.searchOrders") -> list[dict[str, list[str]]]:
    return [parse_qs(json.loads(row)["body"]["query"]) for row in seat.ledger(effect)]


def test_two_hundred_and_fifty_orders_come_in_three_pages_once_each(seat: Seat) -> None:
    seller = seat.seller()
    put = seat.orders(seller, count=250)
    line, found, token = seat.linked(seller), [], ""
    for number in (100, 100, 50):
        page = seat.poll(line, page_token=token)
        assert len(page.orders) == number
        assert (page.until is None) == bool(page.next_token)
        found += ids(page.orders)
        token = page.next_token
    assert token == ""
    assert sorted(found) == sorted(put)
    assert page.until is not None
    assert timedelta(0) <= seat.now() - page.until <= timedelta(minutes=3)


def test_a_backfill_up_to_now_keeps_two_minutes_distance_on_every_page(seat: Seat) -> None:
    seller = seat.seller()
    seat.orders(seller, count=120)
    line = seat.linked(seller)
    since = seat.now() - timedelta(days=5)
    query = OrderQuery(line.sites, created_since=since, created_until=seat.now())
    first = AMAZON.search_orders(line, query)
    # Time goes on between the pages; the filters must not.
    seat.control("clock", advance_seconds=600)
    second = AMAZON.search_orders(
        line,
        OrderQuery(line.sites, created_since=since, created_until=query.created_until, page_token=first.next_token),
    )
    assert (len(first.orders), len(second.orders), second.next_token) == (100, 20, "")
    sent = queries(seat)
    assert sent[0]["createdBefore"] == sent[1]["createdBefore"]
    assert "lastUpdatedAfter" not in sent[0]
    assert query.created_until is not None
    assert datetime.fromisoformat(sent[0]["createdBefore"][0]) < query.created_until - timedelta(minutes=2)


def test_a_backfill_of_the_last_minute_asks_nothing_yet(seat: Seat) -> None:
    line = seat.linked(seat.seller())
    page = AMAZON.search_orders(
        line, OrderQuery(line.sites, created_since=seat.now() - timedelta(minutes=1), created_until=seat.now())
    )
    assert (page.orders, page.next_token) == ((), "")
    assert queries(seat) == []


def test_a_poll_names_sites_data_and_page_size(seat: Seat) -> None:
    seller = seat.seller(marketplaces=[DE, UK])
    seat.poll(seat.linked(seller))
    (sent,) = queries(seat)
    assert sent["marketplaceIds"] == [f"{DE},{UK}"]
    assert sent["maxResultsPerPage"] == ["100"]
    assert sent["includedData"] == ["BUYER,RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT,TAX"]
    assert set(sent) == {"marketplaceIds", "maxResultsPerPage", "includedData", "lastUpdatedAfter"}


def test_without_the_restricted_role_orders_come_without_people(seat: Seat) -> None:
    seller = seat.seller()
    seat.orders(seller)
    line = seat.linked(seller)
    seat.state(seller, roles=["orders", "sellers"])
    page = seat.poll(line)
    assert page.missing == ("BUYER", "RECIPIENT")
    (order,) = page.orders
    assert isinstance(order, Order)
    assert (order.ship_to, order.buyer_name, "no_address" in order.flags) == (None, "", True)
    assert len(queries(seat)) == 2
    again = seat.poll(line, without=page.missing)
    assert again.missing == page.missing
    assert len(queries(seat)) == 3, "what is known to be missing is not asked for again"


def test_without_the_order_role_a_permission_is_missing(seat: Seat) -> None:
    seller = seat.seller()
    line = seat.linked(seller)
    seat.state(seller, roles=["sellers"])
    with pytest.raises(PermissionMissing) as caught:
        seat.poll(line)
    assert caught.value.what == "role"
    assert caught.value.request_id


def test_a_site_of_another_region_is_rejected(seat: Seat) -> None:
    line = seat.linked(seat.seller())
    with pytest.raises(Rejected) as caught:
        AMAZON.search_orders(line, OrderQuery((US,), updated_since=seat.now() - timedelta(days=1)))
    assert caught.value.reason == "wrong_region"


def test_the_twenty_first_search_is_throttled_without_a_wait_told(seat: Seat) -> None:
    line = seat.linked(seat.seller())
    for _ in range(20):
        seat.poll(line)
    with pytest.raises(RateLimited) as caught:
        seat.poll(line)
    assert caught.value.retry_after is None


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_answer_is_an_outage_and_the_next_poll_works(seat: Seat, kind: str) -> None:
    seller = seat.seller()
    put = seat.orders(seller)
    line = seat.linked(seller)
    params = {"mb": 40} if kind == "bomb" else {"seconds": 3}
    seat.control("faults", system="amazon", operation="searchOrders", kind=kind, params=params)
    with pytest.raises(Transient):
        seat.poll(line)
    assert ids(seat.poll(line).orders) == put


def test_expired_access_is_told_apart_from_everything_else(seat: Seat) -> None:
    line = seat.linked(seat.seller())
    seat.control("clock", advance_seconds=3601)
    with pytest.raises(AccessStale):
        seat.poll(line)


def test_one_order_can_be_asked_for_alone(seat: Seat) -> None:
    seller = seat.seller()
    (order_id,) = seat.orders(seller, price="19.90", quantity=2, shipping="4.99")
    line = seat.linked(seller)
    order = AMAZON.get_order(line, order_id, DE)
    assert (order.order_id, str(order.total), balance(order)) == (order_id, "44.79 EUR", order.total)
    with pytest.raises(Rejected) as caught:
        AMAZON.get_order(line, "302-9999999-9999999", DE)
    assert caught.value.reason == "not_found"
    with pytest.raises(Rejected) as caught:
        AMAZON.get_order(line, "TEST_CASE_400", DE)
    assert caught.value.reason == "refused_by_channel"


def test_a_renamed_wire_field_is_one_unmapped_order(seat: Seat) -> None:
    seller = seat.seller()
    good, bad = seat.orders(seller, count=2)
    seat.control(f"amazon/sellers/{seller['seller_id']}/orders/{bad}", merge={"orderItems": [{"id": 1}]})
    found = {one.order_id: one for one in seat.poll(seat.linked(seller)).orders}
    assert isinstance(found[good], Order)
    broken = found[bad]
    assert isinstance(broken, Unmapped)
    assert (broken.reason, broken.site) == ("channel_changed", DE)
    assert broken.updated_at is not None


def test_every_call_draws_from_the_sellers_own_bucket(seat: Seat) -> None:
    drawn: list[tuple[str, str, int]] = []
    seller = seat.seller()
    line = seat.linked(seller)
    seat.http.pace = lambda bucket: drawn.append((bucket.key, bucket.rate, bucket.burst))
    seat.poll(line)
    AMAZON.identify(line)
    name = f"amazon:eu:{seller['seller_id']}"
    assert drawn == [
        (f"{name}:searchOrders", "0.0056", 20),
        (f"{name}:getMarketplaceParticipations", "0.016", 15),
    ]


def _vendor(name: str) -> Any:
    folder = contracts()
    if folder is None:
        pytest.skip("the vendors' contracts are not here (CONTRACTS_DIR)")
    return json.loads((folder / "amazon" / name).read_text("utf-8"))


@pytest.mark.contracts
def test_the_vendors_example_orders_map_to_the_minor_unit(seat: Seat) -> None:
    _vendor("sandbox_pairs.json")
    folder = contracts()
    assert folder is not None
    loaded = seat.control("amazon/pairs", path=str(folder / "amazon" / "sandbox_pairs.json"))
    seat.control("clock", now="2025-03-20T00:00:00Z")
    found: dict[str, Order] = {}
    for region, told in loaded.items():
        seller = {"seller_id": told["seller_id"], "region": region, "marketplaces": told["marketplaces"]}
        line = seat.linked(seller)
        since = datetime(2024, 12, 1, tzinfo=UTC)
        page = AMAZON.search_orders(line, OrderQuery(line.sites, created_since=since, created_until=seat.now()))
        found |= {one.order_id: one for one in page.orders if isinstance(one, Order)}
    told_states = {key: (order.state, str(order.total)) for key, order in found.items()}
    assert told_states == {
        "250-1234567-8901234": (OrderState.IGNORED, "19940 JPY"),
        "202-7654321-1098765": (OrderState.SHIPPED, "34.99 GBP"),
        "171-2345678-9012345": (OrderState.READY, "1599.90 BRL"),
        "171-9876543-2109876": (OrderState.READY, "299.90 BRL"),
        "028-1234567-8901234": (OrderState.SHIPPED, "125.00 TRY"),
        "114-9876543-1234567": (OrderState.READY, "49.99 USD"),
    }
    assert all(balance(order) == order.total for order in found.values())
    assert found["250-1234567-8901234"].ignore_reason == "fulfilled_by_amazon"
    american = found["114-9876543-1234567"]
    assert (american.taxes_included, str(american.lines[0].taxes[0].amount)) == (False, "10.00 USD")
    assert "in_store_pick_up" in american.flags
    assert "gift" in found["171-9876543-2109876"].flags


@pytest.mark.contracts
@pytest.mark.parametrize(
    ("model", "path", "limit"),
    [
        ("orders_2026-01-01.json", "/orders/2026-01-01/orders", calls.SEARCH_ORDERS),
        ("orders_2026-01-01.json", "/orders/2026-01-01/orders/{orderId}", calls.GET_ORDER),
        ("sellers.json", "/sellers/v1/marketplaceParticipations", calls.PARTICIPATIONS),
        ("listingsItems_2021-08-01.json", "/listings/2021-08-01/items/{sellerId}", calls.SEARCH_LISTINGS),
    ],
)
def test_our_buckets_are_those_of_the_contract(model: str, path: str, limit: Any) -> None:
    operation = _vendor(model)["paths"][path]["get"]
    assert operation["operationId"] == limit.operation
    assert f"| {limit.rate} | {limit.burst} |" in operation["description"]


@pytest.mark.contracts
def test_every_parameter_that_we_send_is_in_the_contract(seat: Seat) -> None:
    operation = _vendor("orders_2026-01-01.json")["paths"]["/orders/2026-01-01/orders"]["get"]
    known = {one["name"]: one for one in operation["parameters"]}
    seller = seat.seller()
    seat.orders(seller, count=101)
    line = seat.linked(seller)
    seat.poll(line, page_token=seat.poll(line).next_token)
    AMAZON.search_orders(
        line, OrderQuery(line.sites, created_since=seat.now() - timedelta(days=2), created_until=seat.now())
    )
    sent = queries(seat)
    assert len(sent) == 3
    for query in sent:
        assert set(query) <= set(known)
        assert set(query["includedData"][0].split(",")) <= set(known["includedData"]["items"]["enum"])
