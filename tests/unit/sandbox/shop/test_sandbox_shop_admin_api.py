"""The stand-in's Admin API: who may ask, what it costs, the shapes of its errors, search, and faults."""

import math
import re
import time

import pytest
import requests
from graphql import OperationDefinitionNode, build_client_schema, parse, print_ast

from tests.sandbox.schema import prune
from tests.sandbox.shopify.cost import Bucket, Price, page_factor
from tests.sandbox.shopify.search import Index

PROBE = "query ThrottleProbe { shop { id } }"
TRACKING = """mutation {
  fulfillmentTrackingInfoUpdate(fulfillmentId: "1", trackingInfoInput: {}) { userErrors { field } }
}"""


def codes(answer):
    return [error["extensions"]["code"] for error in answer["errors"]]


def test_shop_and_installation_tell_what_the_app_remembers(make_shop):
    shop = make_shop(
        name="tea-house",
        email="owner@tea.example",
        currency="GBP",
        timezone="Europe/London",
        taxes_included=False,
        plan="development",
    ).install()
    told = shop.run("ShopInfo")["data"]["shop"]
    assert told["myshopifyDomain"] == "tea-house.myshopify.com"
    assert (told["email"], told["currencyCode"], told["ianaTimezone"]) == ("owner@tea.example", "GBP", "Europe/London")
    assert told["taxesIncluded"] is False
    assert told["plan"]["partnerDevelopment"] is True
    installation = shop.run("InstallationInfo")["data"]["currentAppInstallation"]
    assert {"handle": "read_orders"} in installation["accessScopes"]
    assert installation["launchUrl"] == shop.made["app_url"]


def test_locations_of_a_shop_can_be_switched_off(shop):
    assert [one["name"] for one in shop.run("Locations")["data"]["locations"]["nodes"]] == ["Main warehouse"]
    shop.settings(locations=[{"name": "Closed", "active": False}])
    assert shop.run("Locations")["data"]["locations"]["nodes"] == []


@pytest.mark.parametrize("token", ["", "shpat_wrong", "naïve"])
def test_a_wrong_token_is_unauthorised(shop, token):
    shop.run("ThrottleProbe")
    answer = shop.post(PROBE, token=token.encode("utf-8").decode("latin-1"))
    assert answer.status_code == 401
    assert "errors" in answer.json()


def test_a_token_of_one_shop_opens_no_other(shop, make_shop):
    other = make_shop().install()
    assert other.post(PROBE, token=shop.token).status_code == 401


def test_states_of_a_shop_have_their_status(shop):
    for setting, status in (("frozen", 402), ("locked", 423)):
        shop.settings(**{setting: True})
        assert shop.post(PROBE).status_code == status
        shop.settings(**{setting: False})
    assert shop.post(PROBE).status_code == 200
    shop.domain = "nobody-has-this.myshopify.com"
    assert shop.post(PROBE).status_code == 404


def test_an_old_version_falls_forward_and_a_coming_one_is_not_there_yet(shop):
    assert shop.post(PROBE, version="2025-01").headers["X-Shopify-API-Version"] == "2026-10"
    for version in ("2027-01", "2026-02", "latest"):
        assert shop.post(PROBE, version=version).status_code == 404


def test_a_request_without_a_query_is_bad(shop):
    assert shop.post(None).status_code == 400


def test_a_missing_scope_denies_that_field_alone(shop):
    shop.settings(scopes_granted=["read_orders"])
    answer = shop.ask(
        "query Two { shop { id } orders(first: 1) { nodes { id } } locations(first: 1) { nodes { id } } }"
    )
    assert codes(answer) == ["ACCESS_DENIED"]
    error = answer["errors"][0]
    assert error["path"] == ["locations"]
    assert "`read_locations` access scope" in error["extensions"]["requiredAccess"]
    assert codes(shop.run("OrderCreate", order={})) == ["ACCESS_DENIED"]
    assert shop.look()["orders"] == []


def test_a_writing_scope_lets_read(shop):
    shop.settings(scopes_granted=["write_orders"])
    assert "errors" not in shop.run("OrdersBySearch", q="")


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("query A { shop { colour } }", "undefinedField", "Field 'colour' doesn't exist on type 'Shop'"),
        ("query A { shop(x: 1) { id } }", "argumentNotAccepted", "Field 'shop' doesn't accept argument 'x'"),
        (
            "mutation A { orderCancel(restock: true, reason: OTHER) { job { id } } }",
            "missingRequiredArguments",
            "Field 'orderCancel' is missing required arguments: orderId",
        ),
        ('query A { locations(first: "x") { nodes { id } } }', "argumentLiteralsIncompatible", None),
        ("query A($x: Int) { shop { id } }", "variableNotUsed", "Variable $x is declared by A but not used"),
        ("query A { shop { id @foo } }", "undefinedDirective", "Directive @foo is not defined"),
        (
            'mutation A { orderCreate(order: {processedAt: "today"}) { order { id } } }',
            "argumentLiteralsIncompatible",
            None,
        ),
    ],
)
def test_a_document_with_a_fault_has_shopifys_code(shop, query, code, message):
    answer = shop.ask(query)
    assert "data" not in answer
    assert codes(answer) == [code]
    assert message is None or answer["errors"][0]["message"] == message


@pytest.mark.parametrize(
    ("order", "path", "explanation"),
    [
        ({"lineItems": [{"title": "x"}]}, ["lineItems", 0, "quantity"], "Expected value to not be null"),
        ({"colour": "red"}, ["colour"], "Field is not defined on OrderCreateOrderInput"),
        ({"processedAt": "2026-11-21T10:00:00"}, ["processedAt"], "invalid DateTime '2026-11-21T10:00:00'"),
        ({"sourceUrl": "no address"}, ["sourceUrl"], "Invalid URL 'no address', missing scheme or host"),
        ({"lineItems": [{"quantity": 1, "variantId": "1"}]}, ["lineItems", 0, "variantId"], "Invalid global id '1'"),
        ({"test": "yes"}, ["test"], 'Could not coerce value "yes" to Boolean'),
        ({"financialStatus": "LATER"}, ["financialStatus"], None),
    ],
)
def test_a_variable_with_a_fault_is_named_with_its_path(shop, order, path, explanation):
    answer = shop.run("OrderCreate", order=order)
    assert codes(answer) == ["INVALID_VARIABLE"]
    (problem,) = answer["errors"][0]["extensions"]["problems"]
    assert problem["path"] == path
    assert explanation in (None, problem["explanation"])


@pytest.mark.parametrize("amount", ["abc", "", "1e5", "NaN", "1,00", True])
def test_money_must_be_a_plain_decimal(shop, amount):
    bag = {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}
    order = {"lineItems": [{"title": "x", "quantity": 1, "priceSet": bag}]}
    assert codes(shop.run("OrderCreate", order=order)) == ["INVALID_VARIABLE"]


def test_more_than_250_values_in_an_array_are_refused(shop):
    assert codes(shop.run("OrderCreate", order={"tags": ["x"] * 251})) == ["MAX_INPUT_SIZE_EXCEEDED"]


def _plain_values(path):
    """A value for every required variable of a kind that needs no thought."""
    plain = {"ID!": "gid://shopify/Order/1", "[ID!]!": ["gid://shopify/Order/1"], "String!": "x"}
    operation = parse(path.read_text("utf-8")).definitions[0]
    required = [one for one in operation.variable_definitions or () if one.default_value is None]
    wanted = {one.variable.name.value: print_ast(one.type) for one in required}
    return {name: plain[type_] for name, type_ in wanted.items() if type_.endswith("!") and type_ in plain}


def test_every_operation_of_the_app_costs_what_its_first_line_says(shop):
    variables = {
        "OrderCreate": {"order": {}},
        "OrderCancel": {"orderId": "gid://shopify/Order/1", "reason": "OTHER", "restock": False},
    }
    for path in prune.files().values():
        said = int(re.match(r"# cost: (\d+)\n", path.read_text("utf-8"))[1])
        answer = shop.run(path.stem, **variables.get(path.stem, _plain_values(path)))
        assert answer["extensions"]["cost"]["requestedQueryCost"] == said, path.stem


@pytest.mark.contracts
@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{ product(id: "gid://shopify/Product/1") { variants(first: 250) { nodes { inventoryItem { id } } } } }', 25),
        ("{ customersCount { count } }", 10),
        ("mutation { orderCreate(order: {}) { order { id name } userErrors { message } } }", 10),
        (
            "mutation { orderCreate(order: {}) { order { id lineItems(first: 5) { nodes { id title quantity } } } } }",
            15,
        ),
        ("mutation { orderCreate(order: {}) { order { id transactions { parentTransaction { id } } } } }", 12),
        (
            TRACKING,
            50,
        ),
    ],
)
def test_the_price_is_the_one_captured_live(full_schema, document, expected):
    parsed = parse(document)
    operation = next(one for one in parsed.definitions if isinstance(one, OperationDefinitionNode))
    assert Price(full_schema, parsed, operation).requested() == expected


@pytest.fixture(scope="module")
def full_schema():
    path = prune.contract_path()
    assert path is not None
    return build_client_schema(prune.load_contract(path), assume_valid=True)


def test_a_page_is_dearer_by_the_logarithm_of_its_size():
    assert [page_factor(size) for size in (0, 1, 10, 50, 100, 250, 1000)] == [0, 1, 4, 7, 9, 11, 11]


def test_what_a_short_answer_did_not_need_is_given_back(shop):
    shop.settings(bucket={"max": 100, "restore": 0})
    cost = shop.run("Locations")["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (9, 3)
    assert cost["throttleStatus"] == {"maximumAvailable": 100.0, "currentlyAvailable": 97, "restoreRate": 0.0}


def test_an_empty_bucket_throttles_without_executing(shop):
    shop.settings(bucket={"max": 15, "restore": 0})
    assert shop.create()["order"]
    answer = shop.run("OrderCreate", order={"lineItems": []})
    assert codes(answer) == ["THROTTLED"]
    assert "data" not in answer
    cost = answer["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (10, None)
    assert cost["throttleStatus"]["currentlyAvailable"] == 5
    assert len(shop.look()["orders"]) == 1


def test_the_bucket_fills_with_the_sandbox_clock(timed_shop, later):
    timed_shop.settings(bucket={"max": 100, "restore": 1})
    for _ in range(10):
        timed_shop.create()
    assert codes(timed_shop.run("OrderCreate", order={})) == ["THROTTLED"]
    later(30)
    assert timed_shop.create()["order"]


def test_a_bucket_never_holds_more_than_its_size_and_a_clock_set_back_gives_nothing():
    bucket = Bucket(now=100, size=50, restore=10)
    assert bucket.available(1_000) == 50
    assert bucket.take(1_000, 40)
    assert not bucket.take(1_000, 11)
    assert bucket.available(900) == 10
    assert math.isclose(bucket.available(901), 20)


def test_a_question_that_is_too_dear_is_never_executed(shop):
    asked = " ".join(f"a{n}: orders(first: 250) {{ nodes {{ id }} }}" for n in range(80))
    answer = shop.ask(f"query Many {{ {asked} }}")
    assert codes(answer) == ["MAX_COST_EXCEEDED"]
    assert answer["errors"][0]["extensions"]["maxCost"] == 1000


def test_pages_follow_each_other_by_cursor(shop):
    for number in range(5):
        shop.product(sku=f"P-{number}")
    seen, after = [], None
    while True:
        page = shop.run("VariantsBySku", q="sku:P", first=2, after=after)["data"]["productVariants"]
        seen += [node["sku"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == [f"P-{number}" for number in range(5)]
    assert codes(shop.run("VariantsBySku", q="sku:P", after="nonsense")) == ["BAD_USER_INPUT"]
    assert codes(shop.run("VariantsBySku", q="sku:P", first=251)) == ["BAD_USER_INPUT"]


def test_the_search_for_a_sku_ignores_case_and_finds_more_than_was_meant(shop):
    for sku in ("A-1", "a-1", "A-1-XL", "A-1", "B-1"):
        shop.product(sku=sku)
    nodes = shop.run("VariantsBySku", q="sku:'A-1'")["data"]["productVariants"]["nodes"]
    assert sorted(node["sku"] for node in nodes) == ["A-1", "A-1", "A-1-XL", "a-1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sku:'O\\'Neil'", ["quote"]),
        ("sku:'back\\\\slash' OR sku:'O\\'Neil'", ["quote", "back"]),
        ('sku:"blue shirt"', ["shirt"]),
        ("sku:'shirt blue'", []),
        ("sku:shi*", ["shirt"]),
        ("-sku:shirt AND NOT sku:slash", ["quote"]),
        ("(sku:shirt OR sku:slash) sku:blue", ["shirt"]),
        ("sku:''", []),
        ("colour:red", ["quote", "back", "shirt"]),
        ("", ["quote", "back", "shirt"]),
    ],
)
def test_the_query_language(query, found):
    index = Index()
    for key, sku in (("quote", "O'Neil"), ("back", "back\\slash"), ("shirt", "Blue-Shirt")):
        index.put(key, {"sku": sku}, due=0)
    assert list(index.find(query, now=1)) == found


def test_a_changed_sku_is_found_after_the_lag(timed_shop, later):
    timed_shop.settings(index_lag_seconds=60)
    variant = timed_shop.product(sku="OLD")["variant_id"]
    later(61)
    timed_shop.control(f"variants/{variant.rsplit('/', 1)[-1]}", {"sku": "NEW"}, "PATCH")
    (stale,) = timed_shop.run("VariantsBySku", q="sku:OLD")["data"]["productVariants"]["nodes"]
    assert stale["sku"] == "NEW"
    later(61)
    assert timed_shop.run("VariantsBySku", q="sku:OLD")["data"]["productVariants"]["nodes"] == []
    assert timed_shop.run("VariantsBySku", q="sku:NEW")["data"]["productVariants"]["nodes"]


def fault(shop, kind, operation="OrderCreate", **more):
    wish = {"system": "shopify", "operation": operation, "match": {"shop": shop.domain}, "kind": kind, **more}
    answer = shop.session.post(f"{shop.url}/_sandbox/faults", json=wish, timeout=10)
    assert answer.status_code == 201


def test_an_answer_can_be_lost_after_the_order_was_made(shop):
    fault(shop, "commit_then_status")
    order = {
        "lineItems": [{"title": "x", "quantity": 1, "priceSet": {"shopMoney": {"amount": "1", "currencyCode": "EUR"}}}]
    }
    text = (prune.OPERATIONS / "OrderCreate.graphql").read_text("utf-8")
    assert shop.post(text, {"order": order}).status_code == 502
    fault(shop, "commit_then_reset")
    with pytest.raises(requests.ConnectionError):
        shop.post(text, {"order": order})
    assert len(shop.look()["orders"]) == 2


def test_an_order_can_be_made_after_the_connection_was_lost(shop):
    fault(shop, "late_commit", params={"seconds": 0.3})
    with pytest.raises(requests.ConnectionError):
        shop.create()
    assert shop.look()["orders"] == []
    end = time.monotonic() + 5
    while not shop.look()["orders"] and time.monotonic() < end:
        time.sleep(0.05)
    assert len(shop.ledger("order.created")) == 1


def test_a_fault_strikes_one_shop_and_one_operation(shop, make_shop):
    fault(shop, "throttled", times=2)
    other = make_shop().install()
    assert other.create()["order"]
    assert "data" in shop.run("ThrottleProbe")
    assert codes(shop.run("OrderCreate", order={})) == ["THROTTLED"]
    assert shop.look()["orders"] == []


def test_a_fault_strikes_the_token_endpoint(shop):
    fault(shop, "status", operation="token", params={"status": 503})
    assert shop.exchange().status_code == 503
    assert shop.exchange().status_code == 200
