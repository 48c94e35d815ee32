"""A shop's own run over its whole catalogue: started, waited for, told of, fetched line by line."""

import json

import pytest

from tests.sandbox.schema.prune import OPERATIONS
from tests.sandbox.server import create_sandbox
from tests.sandbox.shopify import changes, stock
from tests.sandbox.shopify.bulk import Writer
from tests.sandbox.shopify.bulk_plan import Plan
from tests.sandbox.shopify.client import until
from tests.sandbox.shopify.resolvers import RESOLVERS
from tests.sandbox.shopify.schema import AdminSchema
from tests.sandbox.shopify.state import shops_of

CATALOGUE = (OPERATIONS / "BulkCatalogue.graphql").read_text("utf-8")
RUN = """mutation Run($query: String!, $group: Boolean!) {
  bulkOperationRunQuery(query: $query, groupObjects: $group) {
    bulkOperation { id status } userErrors { code field message }
  }
}"""


def start(shop, query=CATALOGUE, group=True):
    return shop.ask(RUN, {"query": query, "group": group})["data"]["bulkOperationRunQuery"]


def status(shop, run):
    return shop.run("BulkStatus", id=run)["data"]["bulkOperation"]


def ended(shop, run):
    return until(lambda: one if (one := status(shop, run))["completedAt"] else None, 20)


def lines(shop, told):
    answer = shop.session.get(told["url"], timeout=10)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == int(told["fileSize"])
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def quick(shop):
    shop.settings(bulk_seconds=0)
    return shop


def test_the_catalogue_comes_as_lines_with_levels_below_their_variant(quick):
    quick.settings(locations=[{"name": "Front"}, {"name": "Back"}])
    front, back = (one["id"] for one in quick.look()["locations"])
    first = quick.product(sku="A-1", title="Lamp", price="3.00", available=7)
    quick.control("variants/sku:A-1", {"levels": {back: 2}}, "PATCH")
    second = quick.product(sku=None, available=0, status="draft")
    run = start(quick)
    assert (run["bulkOperation"]["status"], run["userErrors"]) == ("CREATED", [])
    told = ended(quick, run["bulkOperation"]["id"])
    assert (told["status"], told["objectCount"], told["rootObjectCount"]) == ("COMPLETED", "5", "2")
    found = lines(quick, told)
    assert [one.get("__parentId") for one in found] == [
        None, first["variant_id"], first["variant_id"], None, second["variant_id"]
    ]  # fmt: skip
    assert (found[0]["sku"], found[0]["price"], found[0]["inventoryItem"]["tracked"]) == ("A-1", "3.00", True)
    assert {one["location"]["id"]: one["quantities"][0]["quantity"] for one in found[1:3]} == {front: 7, back: 2}
    assert (found[3]["sku"], found[3]["product"]["status"]) == (None, "DRAFT")


def test_lines_that_are_not_grouped_come_after_all_others(quick):
    quick.product(sku="A-1")
    quick.product(sku="A-2")
    found = lines(quick, ended(quick, start(quick, group=False)["bulkOperation"]["id"]))
    assert ["__parentId" in one for one in found] == [False, False, True, True]


def test_an_empty_shop_gives_no_file(quick):
    told = ended(quick, start(quick)["bulkOperation"]["id"])
    assert (told["status"], told["url"], told["objectCount"]) == ("COMPLETED", None, "0")


def test_a_run_takes_its_time_and_its_end_is_told(timed_shop, receiver, later):
    timed_shop.settings(bulk_seconds=60)
    timed_shop.product(sku="A-1")
    run = start(timed_shop)["bulkOperation"]["id"]
    until(lambda: status(timed_shop, run)["status"] == "RUNNING")
    timed_shop.control("variants/sku:A-1", {"available": 1}, "PATCH")
    later(61)
    assert ended(timed_shop, run)["status"] == "COMPLETED"
    message = json.loads(until(lambda: receiver.of(timed_shop, "bulk_operations/finish"))[0][2])
    assert (message["admin_graphql_api_id"], message["status"], message["type"]) == (run, "completed", "query")


def test_five_at_once_are_the_most(timed_shop, later):
    timed_shop.settings(bulk_seconds=600)
    runs = [start(timed_shop)["bulkOperation"]["id"] for _ in range(5)]
    refused = start(timed_shop)
    assert refused["bulkOperation"] is None
    assert refused["userErrors"][0]["code"] == "OPERATION_IN_PROGRESS"
    later(601)
    assert ended(timed_shop, runs[0])["status"] == "COMPLETED"
    assert start(timed_shop)["userErrors"] == []


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ shop { id } }",
        "{ productVariants { edges { node { colour } } } }",
        "query($q: String) { productVariants(query: $q) { edges { node { id } } } }",
        "{ productVariants { nodes { id } } }",
        'mutation { bulkOperationCancel(id: "gid://shopify/BulkOperation/1") { bulkOperation { id } } }',
        "{ locations { nodes { id } } }",
    ],
)
def test_a_query_that_does_not_fit_is_refused(quick, query):
    refused = start(quick, query)
    assert (refused["bulkOperation"], refused["userErrors"][0]["code"]) == (None, "INVALID")


def test_a_run_without_the_right_and_a_run_that_breaks_fail(quick):
    quick.product(sku="A-1")
    quick.settings(scopes_granted=["read_products"])
    told = ended(quick, start(quick)["bulkOperation"]["id"])
    assert (told["status"], told["errorCode"], told["url"]) == ("FAILED", "ACCESS_DENIED", None)
    quick.settings(scopes_granted=["read_products", "read_inventory"], bulk_error="INTERNAL_SERVER_ERROR")
    told = ended(quick, start(quick)["bulkOperation"]["id"])
    assert (told["status"], told["errorCode"], told["url"]) == ("FAILED", "INTERNAL_SERVER_ERROR", None)
    assert told["partialDataUrl"]


def test_the_address_takes_no_token_and_no_guess(quick):
    quick.product(sku="A-1")
    told = ended(quick, start(quick)["bulkOperation"]["id"])
    assert quick.session.get(told["url"] + "0", timeout=5).status_code == 403
    leaked = quick.session.get(told["url"], headers={"X-Shopify-Access-Token": quick.token}, timeout=5)
    assert leaked.status_code == 400
    assert len(quick.ledger("bulk.token_sent")) == 1


def test_a_large_range_is_written_within_seconds(quick):
    quick.control("products", {"count": 5_000})
    quick.control("variants/sku:BULK-000002", {"available": 77}, "PATCH")
    told = ended(quick, start(quick)["bulkOperation"]["id"])
    assert told["objectCount"] == "10000"
    found = lines(quick, told)
    changed = next(one for one in found if one.get("sku") == "BULK-000002")
    level = next(one for one in found if one.get("__parentId") == changed["id"])
    assert level["quantities"][0]["quantity"] == 77
    untouched = next(one for one in found if one.get("sku") == "BULK-004999")
    read = quick.run("VariantsForListing", ids=[untouched["id"]])["data"]["nodes"][0]
    assert {name: untouched[name] for name in ("sku", "price", "displayName")} == {
        name: read[name] for name in ("sku", "price", "displayName")
    }
    assert untouched["product"]["id"] == read["product"]["id"]
    assert untouched["inventoryItem"]["id"] == read["inventoryItem"]["id"]
    below = [one["id"] for one in found if one.get("__parentId") == untouched["id"]]
    assert below == [one["id"] for one in read["inventoryItem"]["inventoryLevels"]["nodes"]]


def test_a_variant_that_changes_while_it_is_written_comes_as_it_is_then(tmp_path):
    with create_sandbox({"data": tmp_path}) as running:
        shop = shops_of(running.world).create({"name": "moving"})
        stock.add_range(shop, {"count": 1000, "available": 5})
        run = {"status": "CREATED", "group": True, "roots": 0, "objects": 0}
        pages = Writer(shop, Plan(AdminSchema(RESOLVERS).schema, CATALOGUE), run).pages()
        written = next(pages)
        changes.change(shop, "sku:BULK-000001", {"available": 1})
        changes.change(shop, "sku:BULK-000900", {"available": 77})
        found = [json.loads(line) for lines in (written, *pages) for line in lines]
    counts = {one["__parentId"]: one["quantities"][0]["quantity"] for one in found if "__parentId" in one}
    by_sku = {one["sku"]: counts[one["id"]] for one in found if "sku" in one}
    assert (len(by_sku), run["roots"]) == (1000, 1000)
    # The first was written before, the other after its change.
    assert (by_sku["BULK-000001"], by_sku["BULK-000900"], by_sku["BULK-000899"]) == (5, 77, 5)
