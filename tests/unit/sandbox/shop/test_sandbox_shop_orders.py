"""The stand-in's orders: what orderCreate refuses, how it sums, what it takes from the stock, how orders are found."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.sandbox.shopify import order_money
from tests.sandbox.shopify.client import ShopClient, custom_line, money, reference, until

UNKNOWN = "gid://shopify/ProductVariant/999"


def error_of(payload):
    assert payload["order"] is None
    (error,) = payload["userErrors"]
    return error["message"], error["code"]


def stocked(shop, sku="A-1", **more):
    return shop.product(sku=sku, price="11.90", **more)["variant_id"]


def line_of(variant_id, quantity=1, **more):
    return {"variantId": variant_id, "quantity": quantity, **more}


def test_a_marketplace_order_is_created_paid_with_the_sum_of_its_parts(shop):
    tax = {"title": "MwSt", "rate": "0.19", "channelLiable": True, "priceSet": money("3.80")}
    payload = shop.create(
        currency="EUR",
        taxesIncluded=True,
        financialStatus="PAID",
        sourceIdentifier="203-1",
        tags=["mp-amazon"],
        metafields=reference("amazon:eu:A1:203-1"),
        lineItems=[
            line_of(stocked(shop), 2, priceSet=money("11.90"), taxLines=[tax], requiresShipping=True),
            custom_line("5.00"),
        ],
        shippingLines=[{"title": "Standard", "priceSet": money("3.90")}],
        transactions=[{"kind": "SALE", "status": "SUCCESS", "gateway": "Amazon", "amountSet": money("32.70")}],
    )
    assert payload["userErrors"] == []
    order = payload["order"]
    assert order["totalPriceSet"]["shopMoney"] == {"amount": "32.7", "currencyCode": "EUR"}
    assert (order["displayFinancialStatus"], order["displayFulfillmentStatus"]) == ("PAID", "UNFULFILLED")
    assert order["name"] == "#1001"
    (effect,) = shop.ledger("order.created")
    assert effect["key"] == "amazon:eu:A1:203-1"
    assert effect["body"]["totals"]["shop"]["tax"] == "3.8"
    assert [line["sku"] for line in effect["body"]["lines"]] == ["A-1", None]
    assert effect["body"]["tags"] == ["mp-amazon"]
    assert effect["body"]["inventory_behaviour"] == "BYPASS"


@pytest.mark.parametrize(
    ("wish", "message", "code"),
    [
        ({"lineItems": []}, "Line items must have at least one line item", "INVALID"),
        ({"lineItems": [line_of(UNKNOWN)]}, "Order Line items is invalid", "INVALID"),
        ({"lineItems": [custom_line(quantity=0)]}, "Quantity must be greater than 0", "INVALID"),
        ({"lineItems": [{"quantity": 1, "priceSet": money("1")}]}, "Title can't be blank", "INVALID"),
        ({"lineItems": [{"quantity": 1, "title": "x"}]}, "Price can't be blank", "INVALID"),
        ({"lineItems": [custom_line("-1")]}, "Price must be greater than or equal to 0", "INVALID"),
        ({"processedAt": "2999-01-01T00:00:00Z"}, "Processed at can't be in the future", "PROCESSED_AT_INVALID"),
        ({"email": "no address"}, "Email is invalid", "INVALID"),
        ({"tags": ["x" * 41]}, "Tags must be 40 characters or less", "INVALID"),
        ({"currency": "SEK"}, "Currency of shop money must be SEK", "INVALID"),
        (
            {"customer": {"toUpsert": {"email": "a@b.example"}}, "customerId": "gid://shopify/Customer/1"},
            "Only one of customer and customerId may be given",
            "REDUNDANT_CUSTOMER_FIELDS",
        ),
        (
            {"fulfillment": {"locationId": "gid://shopify/Location/1"}},
            "Fulfillment location is invalid",
            "FULFILLMENT_SERVICE_INVALID",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_order_with_a_fault_is_refused_and_leaves_no_trace(shop, wish, message, code):
    assert error_of(shop.create(**wish)) == (message, code)
    assert shop.look()["orders"] == []
    assert shop.ledger("order.created") == []


def test_taxes_on_the_order_and_on_a_line_are_refused(shop):
    tax = {"title": "VAT", "rate": "0.2", "priceSet": money("1.00")}
    message, _ = error_of(shop.create(lineItems=[custom_line(taxLines=[tax])], taxLines=[tax]))
    assert "not on both" in message


def test_a_tax_line_without_a_rate_is_no_valid_input(shop):
    order = {"lineItems": [custom_line(taxLines=[{"title": "VAT", "priceSet": money("1.00")}])]}
    error = shop.run("OrderCreate", order=order)["errors"][0]
    assert error["extensions"]["problems"][0]["path"] == ["lineItems", 0, "taxLines", 0, "rate"]


@pytest.mark.parametrize(
    ("wish", "total"),
    [
        ({"taxesIncluded": True, "taxLines": [{"title": "VAT", "rate": "0.19", "priceSet": money("3.19")}]}, "20.0"),
        ({"taxLines": [{"title": "VAT", "rate": "0.19", "priceSet": money("3.80")}]}, "23.8"),
        ({"taxLines": [{"title": "VAT", "rate": "0.19"}]}, "23.8"),
        ({"discountCode": {"itemFixedDiscountCode": {"code": "X", "amountSet": money("2.50")}}}, "17.5"),
        ({"discountCode": {"itemPercentageDiscountCode": {"code": "X", "percentage": 10.0}}}, "18.0"),
        ({"shippingLines": [{"title": "S", "priceSet": money("4.99")}]}, "24.99"),
        (
            {
                "shippingLines": [{"title": "S", "priceSet": money("4.99")}],
                "discountCode": {"freeShippingDiscountCode": {"code": "X"}},
            },
            "20.0",
        ),
    ],
)
def test_the_total_of_two_at_ten(shop, wish, total):
    payload = shop.create(lineItems=[custom_line("10.00", 2)], **wish)
    assert payload["order"]["totalPriceSet"]["shopMoney"]["amount"] == total


def test_a_foreign_currency_keeps_both_sides(shop):
    bag = {**money("10.00"), "presentmentMoney": {"amount": "112.00", "currencyCode": "SEK"}}
    payload = shop.create(currency="EUR", presentmentCurrency="SEK", lineItems=[custom_line(priceSet=bag, quantity=3)])
    assert payload["order"]["totalPriceSet"] == {
        "shopMoney": {"amount": "30.0", "currencyCode": "EUR"},
        "presentmentMoney": {"amount": "336.0", "currencyCode": "SEK"},
    }


def test_yen_have_no_decimals_when_a_tax_is_computed():
    order = {"lineItems": [{"quantity": 1, "taxLines": [{"rate": "0.08"}]}], "taxesIncluded": False}
    sums = order_money.totals(order, [{"shopMoney": {"amount": "999"}}], "shop", "JPY")
    assert (sums["tax"], sums["total"]) == ("80.0", "1079.0")
    assert order_money.written(Decimal("10.50")) == "10.5"


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({}, "PENDING"),
        ({"transactions": [{"amountSet": money("4.00")}]}, "PARTIALLY_PAID"),
        ({"transactions": [{"amountSet": money("10.00")}]}, "PAID"),
        ({"transactions": [{"amountSet": money("10.00"), "status": "FAILURE"}]}, "PENDING"),
        ({"financialStatus": "AUTHORIZED"}, "AUTHORIZED"),
    ],
)
def test_the_financial_status_follows_the_transactions_unless_given(shop, wish, status):
    assert shop.create(**wish)["order"]["displayFinancialStatus"] == status


def test_an_order_shipped_by_the_marketplace_is_fulfilled(shop):
    place = shop.look()["locations"][0]["id"]
    payload = shop.create(fulfillment={"locationId": place, "trackingNumber": "1"})
    assert payload["order"]["displayFulfillmentStatus"] == "FULFILLED"


def test_stock_is_untouched_by_default_and_lowered_when_asked(shop):
    variant = stocked(shop, available=3)
    shop.create(lineItems=[line_of(variant, 2)])
    assert shop.stock("A-1") == (3, 0, 3)
    shop.create(lineItems=[line_of(variant, 2)], options={"inventoryBehaviour": "DECREMENT_OBEYING_POLICY"})
    assert shop.stock("A-1") == (1, 2, 3)
    shop.create(lineItems=[line_of(variant, 2)], options={"inventoryBehaviour": "DECREMENT_IGNORING_POLICY"})
    assert shop.stock("A-1") == (-1, 4, 3)


def test_too_little_stock_refuses_the_whole_order_when_the_policy_is_obeyed(shop):
    variant = stocked(shop, available=3)
    lines = [line_of(variant, 2), line_of(variant, 2)]
    obeying = {"inventoryBehaviour": "DECREMENT_OBEYING_POLICY"}
    assert error_of(shop.create(lineItems=lines, options=obeying))[1] == "INVENTORY_CLAIM_FAILED"
    assert shop.stock("A-1") == (3, 0, 3)
    shop.control(f"variants/{variant}", {"policy": "CONTINUE"}, "PATCH")
    assert shop.create(lineItems=lines, options=obeying)["order"]


def test_an_untracked_variant_is_never_counted(shop):
    variant = stocked(shop, available=1, tracked=False)
    shop.create(lineItems=[line_of(variant, 5)], options={"inventoryBehaviour": "DECREMENT_OBEYING_POLICY"})
    assert shop.stock("A-1") == (1, 0, 1)


def test_a_second_order_with_the_same_reference_is_refused_once_it_is_defined(shop):
    shop.run("EnsureOrderRefDefinition")
    shop.create(metafields=reference("amazon:1"))
    payload = shop.create(metafields=reference("amazon:1"))
    assert payload["order"] is None
    assert payload["userErrors"][0]["field"] == ["order", "metafields"]
    assert payload["userErrors"][0]["code"] == "INVALID"
    assert len(shop.ledger("order.created")) == 1


@pytest.mark.parametrize("defined", [True, False])
def test_where_uniqueness_is_not_enforced_the_look_up_finds_the_first(shop, defined):
    if defined:
        shop.run("EnsureOrderRefDefinition")
        shop.settings(unique_ids=False)
    first = shop.create(metafields=reference("amazon:1"))["order"]
    assert shop.create(metafields=reference("amazon:1"))["order"]["id"] != first["id"]
    shop.run("EnsureOrderRefDefinition")
    assert shop.run("OrderByMarketplaceRef", ref="amazon:1")["data"]["orderByIdentifier"]["id"] == first["id"]


def test_a_look_up_without_the_definition_is_an_error_not_an_empty_answer(shop):
    answer = shop.run("OrderByMarketplaceRef", ref="amazon:1")
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert answer["data"] == {"orderByIdentifier": None}


def test_the_definition_can_be_made_once(shop):
    first = shop.run("EnsureOrderRefDefinition")["data"]["metafieldDefinitionCreate"]
    assert (first["createdDefinition"]["key"], first["userErrors"]) == ("marketplace_ref", [])
    second = shop.run("EnsureOrderRefDefinition")["data"]["metafieldDefinitionCreate"]
    assert (second["createdDefinition"], second["userErrors"][0]["code"]) == (None, "TAKEN")


def test_many_references_are_looked_up_in_one_question_at_one_point_each(shop):
    shop.run("EnsureOrderRefDefinition")
    made = shop.create(metafields=reference("amazon:1"))["order"]["id"]
    asked = " ".join(
        f'a{n}: orderByIdentifier(identifier: {{customId: {{namespace: "$app", key: "marketplace_ref",'
        f' value: "amazon:{n}"}}}}) {{ id }}'
        for n in range(3)
    )
    answer = shop.ask(f"query OrdersByMarketplaceRefs {{ {asked} }}")
    assert answer["data"] == {"a0": None, "a1": {"id": made}, "a2": None}
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 3


def test_the_search_sees_an_order_late_and_the_direct_read_at_once(timed_shop, later):
    timed_shop.settings(index_lag_seconds=60)
    timed_shop.run("EnsureOrderRefDefinition")
    timed_shop.create(metafields=reference("amazon:1"), sourceIdentifier="203-1")
    found = "source_identifier:'203-1'"
    assert timed_shop.run("OrdersBySearch", q=found)["data"]["orders"]["nodes"] == []
    assert timed_shop.run("OrderByMarketplaceRef", ref="amazon:1")["data"]["orderByIdentifier"]
    later(61)
    (node,) = timed_shop.run("OrdersBySearch", q=found)["data"]["orders"]["nodes"]
    assert node["sourceIdentifier"] == "203-1"


def test_a_change_of_plan_ends_the_limit_of_a_development_store(make_shop):
    shop = make_shop(plan="development").install()
    for _ in range(5):
        shop.create()
    shop.settings(plan="plus")
    assert shop.create()["order"]
    assert shop.run("ShopInfo")["data"]["shop"]["plan"]["shopifyPlus"] is True


def test_a_development_store_takes_five_orders_a_minute(own_sandbox, http_session, later):
    shop = ShopClient(own_sandbox.url, http_session, {"plan": "development"}, app_of(own_sandbox)).install()
    for _ in range(5):
        assert shop.create()["order"]
    assert error_of(shop.create()) == ("Too many attempts. Please try again later.", None)
    later(60)
    assert shop.create()["order"]


def app_of(sandbox):
    return sandbox.world.settings.api_key, sandbox.world.settings.api_secret


def test_an_order_of_another_app_is_found_in_its_period(shop):
    wish = {
        "name": "AMZ-7",
        "tags": ["amazon"],
        "note": "Amazon 203-7",
        "customAttributes": [{"key": "order", "value": "203-7"}],
        "created_at": (datetime.now(UTC) - timedelta(days=10)).isoformat(),
        "total": "19.90",
    }
    shop.control("orders", wish)
    shop.create()
    day = (datetime.now(UTC) - timedelta(days=5)).date().isoformat()
    (node,) = shop.run("OrdersOfPeriod", q=f"created_at:<'{day}'")["data"]["orders"]["nodes"]
    assert (node["name"], node["note"]) == ("AMZ-7", "Amazon 203-7")
    assert node["customAttributes"] == wish["customAttributes"]
    assert len(shop.run("OrdersOfPeriod", q="")["data"]["orders"]["nodes"]) == 2


def test_orders_older_than_sixty_days_are_hidden_without_the_scope(shop):
    shop.control("orders", {"created_at": (datetime.now(UTC) - timedelta(days=61)).isoformat()})
    assert shop.run("OrdersOfPeriod", q="")["data"]["orders"]["nodes"] == []
    shop.settings(scopes_granted=["read_orders", "read_all_orders"])
    assert len(shop.run("OrdersOfPeriod", q="")["data"]["orders"]["nodes"]) == 1


def test_a_cancellation_comes_a_little_later_and_gives_the_stock_back(shop):
    variant = stocked(shop, available=3)
    ignoring = {"inventoryBehaviour": "DECREMENT_IGNORING_POLICY"}
    order = shop.create(lineItems=[line_of(variant, 2)], options=ignoring, metafields=reference("amazon:1"))["order"]
    shop.settings(cancel_seconds=0.3)
    payload = shop.run("OrderCancel", orderId=order["id"], reason="CUSTOMER", restock=True)["data"]["orderCancel"]
    assert payload["job"]["done"] is False
    assert shop.ledger("order.cancelled") == []
    again = shop.run("OrderCancel", orderId=order["id"], reason="CUSTOMER", restock=True)["data"]["orderCancel"]
    assert again["orderCancelUserErrors"][0]["code"] == "INVALID"
    (effect,) = until(lambda: shop.ledger("order.cancelled"))
    assert (effect["key"], effect["body"]["reason"], effect["body"]["restock"]) == ("amazon:1", "CUSTOMER", True)
    assert shop.stock("A-1") == (3, 0, 3)
    assert shop.look()["orders"][0]["cancelled_at"]


def test_cancelling_an_unknown_order_is_a_user_error(shop):
    answer = shop.run("OrderCancel", orderId="gid://shopify/Order/1", reason="OTHER", restock=False)
    assert answer["data"]["orderCancel"]["orderCancelUserErrors"][0]["code"] == "NOT_FOUND"


def test_orders_stock_and_tokens_survive_a_restart(start: Callable, http_session):
    with start() as sandbox:
        shop = ShopClient(sandbox.url, http_session, {"index_lag_seconds": 0}, app_of(sandbox)).install()
        shop.run("EnsureOrderRefDefinition")
        stocked(shop)
        shop.settings(bucket={"max": 10_000})
        for number in range(260):
            shop.create(metafields=reference(f"amazon:{number}"))
    with start() as sandbox:
        shop.url = sandbox.url
        assert len(shop.look()["orders"]) == 260
        assert shop.run("OrderByMarketplaceRef", ref="amazon:255")["data"]["orderByIdentifier"]["name"] == "#1256"
        assert len(shop.run("OrdersOfPeriod", q="")["data"]["orders"]["nodes"]) == 250
        assert shop.stock("A-1") == (10, 0, 10)
        assert shop.create()["order"]["name"] == "#1261"
