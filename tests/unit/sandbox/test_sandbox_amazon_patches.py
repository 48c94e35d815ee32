"""A listing at Amazon's stand-in: read, patched, refused, and applied only later."""

from pathlib import Path

import pytest
import requests

from tests.sandbox.server import create_sandbox
from tests.sandbox.shopify.client import until
from tests.unit.sandbox.oracle import valid
from tests.unit.sandbox.seat import DE, UK, Amazon, Json, denied, error_of, invalid_input
from tests.unit.sandbox.shelf import ITEMS, Shelf, price, stock

MODEL = "listingsItems_2021-08-01"


def until_applied(shelf: Shelf, seconds: float = 5) -> None:
    shelf.amazon.advance(seconds)
    until(lambda: shelf.look("settled")["waiting"] == 0)


def test_a_listing_shows_price_stock_and_status_of_one_site(shelf: Shelf) -> None:
    shelf.make(sku="A-1", price={DE: "19.90", UK: "17.50"}, quantity=5, title="Lamp")
    item = shelf.get("A-1").json()
    assert item["offers"][0]["price"] == {"currencyCode": "EUR", "amount": "19.90"}
    assert item["fulfillmentAvailability"] == [{"fulfillmentChannelCode": "DEFAULT", "quantity": 5}]
    assert item["summaries"][0]["status"] == ["BUYABLE", "DISCOVERABLE"]
    assert shelf.get("A-1", UK).json()["offers"][0]["price"] == {"currencyCode": "GBP", "amount": "17.50"}
    assert set(shelf.get("A-1", data="issues").json()) == {"sku", "issues"}


def test_an_accepted_patch_is_applied_only_later(shelf: Shelf) -> None:
    shelf.make(sku="A-1", price="19.90", quantity=5)
    answer = shelf.patch("A-1", stock(3), price(21.5)).json()
    assert (answer["status"], answer["issues"]) == ("ACCEPTED", [])
    assert shelf.told("A-1") == ("19.90", 5)
    until_applied(shelf)
    assert shelf.told("A-1") == ("21.5", 3)
    applied = shelf.amazon.ledger(effect="listing.applied")
    assert [(one["key"], one["body"]["quantity"], one["body"]["submission"]) for one in applied] == [
        ("A-1", 3, answer["submissionId"])
    ]
    assert [one["source"] for one in shelf.look("applied?sku=A-1")] == ["patch"]


def test_merge_keeps_what_stands_beside_and_replace_destroys_it(shelf: Shelf) -> None:
    for sku in ("A-1", "B-1"):
        shelf.make(sku=sku, b2b_price="15.00", lead_days=4, restock_date="2027-01-01")
    shelf.patch("A-1", stock(3, "merge"), price(21, "merge"))
    shelf.patch("B-1", stock(3, "replace"), price(21, "replace"))
    until_applied(shelf)
    kept, lost = (shelf.look(f"listing/{sku}")["attributes"] for sku in ("A-1", "B-1"))
    assert kept["fulfillment_availability"] == [
        {
            "fulfillment_channel_code": "DEFAULT",
            "quantity": 3,
            "lead_time_to_ship_max_days": 4,
            "restock_date": "2027-01-01",
        }
    ]
    german = [one["audience"] for one in kept["purchasable_offer"] if one["marketplace_id"] == DE]
    assert german == ["ALL", "B2B"]
    assert lost["fulfillment_availability"] == [{"fulfillment_channel_code": "DEFAULT", "quantity": 3}]
    assert [one.get("audience") for one in lost["purchasable_offer"] if one["marketplace_id"] == DE] == [None]
    # Another site's offer is not the request's to touch.
    assert [one["audience"] for one in lost["purchasable_offer"] if one["marketplace_id"] == UK] == ["ALL", "B2B"]


@pytest.mark.parametrize(
    ("patches", "code", "attribute"),
    [
        ([stock(-1)], "90226", "fulfillment_availability.quantity"),
        ([stock("3")], "90244", "fulfillment_availability.quantity"),
        ([stock(3, channel="AMAZON_EU")], "90057", "fulfillment_availability.fulfillment_channel_code"),
        ([price("12.00")], "90244", "purchasable_offer.our_price"),
        ([price(0)], "90226", "purchasable_offer.our_price"),
        ([price(1.999)], "90226", "purchasable_offer.our_price"),
        ([price(12, currency="GBP")], "90244", "purchasable_offer.currency"),
        ([price(12, site=UK)], "90244", "purchasable_offer.marketplace_id"),
        ([stock(3) | {"path": "/attributes/fulfillment_availability/0/quantity"}], "4000001", None),
    ],
)
def test_a_value_that_cannot_be_is_invalid_and_changes_nothing(shelf: Shelf, patches, code, attribute) -> None:
    shelf.make(sku="A-1", quantity=5)
    answer = shelf.patch("A-1", *patches).json()
    assert answer["status"] == "INVALID"
    assert (answer["issues"][0]["code"], answer["issues"][0]["severity"]) == (code, "ERROR")
    assert attribute in (None, answer["issues"][0]["attributeNames"][0])
    valid(MODEL, "ListingsItemSubmissionResponse", answer)
    until_applied(shelf)
    assert shelf.told("A-1") == ("19.90", 5)


def test_the_stock_of_amazons_own_warehouse_is_not_to_be_set(shelf: Shelf) -> None:
    shelf.make(sku="F-1", channel="AMAZON_EU", quantity=9)
    assert shelf.get("F-1").json()["fulfillmentAvailability"][0]["fulfillmentChannelCode"] == "AMAZON_EU"
    assert shelf.patch("F-1", stock(3)).json()["issues"][0]["code"] == "90057"
    assert shelf.patch("F-1", price(21)).json()["status"] == "ACCEPTED"


def test_a_wrong_product_type_and_an_unknown_sku_are_invalid(shelf: Shelf) -> None:
    shelf.make(sku="A-1", product_type="LUGGAGE")
    assert shelf.patch("A-1", stock(3), product_type="SHOES").json()["status"] == "INVALID"
    assert shelf.patch("A-1", stock(3), product_type="PRODUCT").json()["status"] == "ACCEPTED"
    assert shelf.patch("A-1", stock(3), product_type="LUGGAGE").json()["status"] == "ACCEPTED"
    assert shelf.patch("X-1", stock(3)).json()["issues"][0]["code"] == "13013"
    assert error_of(shelf.get("X-1"))[:3] == (404, "NOT_FOUND", f"SKU 'X-1' not found in marketplace {DE}")


def test_a_preview_says_what_would_be_and_does_nothing(shelf: Shelf) -> None:
    shelf.make(sku="A-1", quantity=5)
    good = shelf.patch("A-1", stock(3), mode="VALIDATION_PREVIEW", includedData="issues,identifiers").json()
    bad = shelf.patch("A-1", stock(-3), mode="VALIDATION_PREVIEW").json()
    assert (good["status"], bad["status"]) == ("VALID", "INVALID")
    assert good["identifiers"][0]["marketplaceId"] == DE
    until_applied(shelf)
    assert shelf.told("A-1")[1] == 5


def test_a_refused_sku_says_why_until_it_is_allowed_again(shelf: Shelf) -> None:
    shelf.make(sku="A-1", quantity=5)
    shelf.refuse(sku="A-1", field="price", code="8541", message="The price is too high.")
    assert shelf.patch("A-1", stock(3)).json()["status"] == "ACCEPTED"
    answer = shelf.patch("A-1", price(99)).json()
    assert (answer["status"], answer["issues"][0]["code"], answer["issues"][0]["message"]) == (
        "INVALID",
        "8541",
        "The price is too high.",
    )
    url = f"{shelf.amazon.url}/_sandbox/amazon/sellers/{shelf.id}/refusals"
    assert shelf.amazon.session.delete(url, params={"sku": "A-1"}, timeout=5).json() == {"removed": 1}
    assert shelf.patch("A-1", price(99)).json()["status"] == "ACCEPTED"


def test_a_late_refusal_is_accepted_and_shown_as_an_issue(shelf: Shelf) -> None:
    shelf.make(sku="A-1", quantity=5)
    shelf.refuse(sku="A-1", field="quantity", late=True, suppressed=True)
    assert shelf.patch("A-1", stock(3)).json()["status"] == "ACCEPTED"
    until_applied(shelf)
    item = shelf.get("A-1").json()
    assert item["fulfillmentAvailability"][0]["quantity"] == 5
    assert item["issues"][0]["enforcements"]["actions"] == [{"action": "LISTING_SUPPRESSED"}]
    assert item["summaries"][0]["status"] == []
    valid(MODEL, "Item", item)


def test_a_warning_refuses_nothing(shelf: Shelf) -> None:
    shelf.make(sku="A-1", quantity=5)
    shelf.refuse(sku="A-1", severity="WARNING")
    answer = shelf.patch("A-1", stock(3)).json()
    assert (answer["status"], answer["issues"][0]["severity"]) == ("ACCEPTED", "WARNING")


def test_patches_of_one_sku_are_applied_in_their_order_unless_scrambled(shelf: Shelf, seller: Json) -> None:
    shelf.make(count=20, prefix="S-", quantity=99)
    for quantity in range(5):
        shelf.patch("S-000001", stock(quantity))
    until_applied(shelf)
    assert [one["quantity"] for one in shelf.look("applied?sku=S-000001")] == [0, 1, 2, 3, 4]
    shelf.amazon.state(seller, scramble=60)
    for quantity in range(10):
        shelf.patch("S-000002", stock(quantity))
    until_applied(shelf, 120)
    shelf.told("S-000002")
    order = [one["quantity"] for one in shelf.look("applied?sku=S-000002")]
    assert sorted(order) == list(range(10))
    assert order != sorted(order)  # one chance in 3,628,800 to be in order


@pytest.mark.parametrize("sku", ["A/B", "A//B", "50%", "Größe L", "a?b#c&d=e", "x+y z", 'q"uote'])
def test_every_sku_can_stand_in_an_address(shelf: Shelf, sku: str) -> None:
    shelf.make(sku=sku, quantity=5)
    assert shelf.get(sku).json()["sku"] == sku
    assert shelf.patch(sku, stock(2)).json()["status"] == "ACCEPTED"


def test_a_slash_that_is_not_encoded_finds_nothing(shelf: Shelf) -> None:
    shelf.make(sku="A/B")
    answer = shelf.send("GET", f"{ITEMS}/{shelf.id}/A/B", params={"marketplaceIds": DE})
    assert error_of(answer) == denied("")


def test_a_body_that_is_no_patch_is_bad_input(shelf: Shelf) -> None:
    shelf.make(sku="A-1")
    path = f"{ITEMS}/{shelf.id}/A-1"
    for body in ({}, {"productType": "X", "patches": []}, {"productType": "X", "patches": [{"op": "move"}]}, []):
        assert invalid_input(shelf.send("PATCH", path, params={"marketplaceIds": DE}, json=body))
    assert invalid_input(shelf.send("PATCH", path, params={"marketplaceIds": f"{DE},{UK}"}, json={}))


def test_other_sellers_and_lost_rights_are_denied(shelf: Shelf, amazon: Amazon, seller: Json) -> None:
    shelf.make(sku="A-1")
    other = Shelf(amazon, amazon.seller(marketplaces=[DE]), shelf.token)
    assert error_of(other.get("A-1")) == denied("")
    amazon.state(seller, roles=["orders", "sellers"])
    assert error_of(shelf.patch("A-1", stock(1))) == denied("")
    amazon.state(seller, roles=["listings"], active=False)
    assert error_of(shelf.get("A-1")) == denied("")


def test_five_calls_a_second_are_allowed(shelf: Shelf, amazon: Amazon) -> None:
    amazon.control("amazon/settings", {"buckets": True})
    shelf.make(sku="A-1")
    assert [shelf.patch("A-1", stock(1)).status_code for _ in range(6)] == [200] * 5 + [429]
    assert shelf.get("A-1").headers["x-amzn-RateLimit-Limit"] == "5"


def test_a_seller_changes_a_listing_by_himself(shelf: Shelf) -> None:
    shelf.make(sku="A-1", price="19.90", quantity=5)
    shelf.change("A-1", quantity=1, price="18.00")
    assert shelf.told("A-1") == ("18.00", 1)
    shelf.change("A-1", channel="AMAZON_EU")
    assert shelf.get("A-1").json()["fulfillmentAvailability"] == [{"fulfillmentChannelCode": "AMAZON_EU"}]
    shelf.change("A-1", gone=True)
    assert shelf.get("A-1").status_code == 404


def test_listings_are_searched_by_sku_and_in_pages(shelf: Shelf) -> None:
    shelf.make(count=25, prefix="S-")
    path = f"{ITEMS}/{shelf.id}"
    found = shelf.send(
        "GET", path, params={"marketplaceIds": DE, "identifiersType": "SKU", "identifiers": "S-000003,X"}
    )
    assert [one["sku"] for one in found.json()["items"]] == ["S-000003"]
    first = shelf.send("GET", path, params={"marketplaceIds": DE, "pageSize": 20}).json()
    rest = shelf.send(
        "GET", path, params={"marketplaceIds": DE, "pageSize": 20, "pageToken": first["pagination"]["nextToken"]}
    ).json()
    skus = {one["sku"] for one in first["items"] + rest["items"]}
    assert (first["numberOfResults"], len(skus), "pagination" in rest) == (25, 25, False)
    valid(MODEL, "ItemSearchResults", first)


@pytest.mark.contracts
def test_answers_about_listings_are_valid_by_the_contract(shelf: Shelf) -> None:
    shelf.make(sku="A-1", b2b_price="15.00", price="19.99")
    everything = "summaries,attributes,issues,offers,fulfillmentAvailability,procurement,relationships,productTypes"
    valid(MODEL, "Item", shelf.get("A-1", data=everything).json())
    valid(MODEL, "ListingsItemSubmissionResponse", shelf.patch("A-1", stock(3), includedData="identifiers").json())
    valid(MODEL, "ErrorList", shelf.get("X-1").json())
    valid(MODEL, "ListingsItemPatchRequest", {"productType": "HOME", "patches": [stock(3), price(3)]})


def test_listings_and_what_waits_for_them_survive_a_restart(tmp_path: Path) -> None:
    with create_sandbox({"data": tmp_path}) as first, requests.Session() as session:
        amazon = Amazon(first, session)
        seller = amazon.state(amazon.seller(marketplaces=[DE]), delays={"patch": 3600})
        kept = Shelf(amazon, seller, amazon.access(seller["seller_id"]))
        kept.make(sku="A-1", quantity=5)
        kept.patch("A-1", stock(2))
    with create_sandbox({"data": tmp_path}) as second, requests.Session() as session:
        kept.amazon = Amazon(second, session)
        assert kept.look("settled")["waiting"] == 1
        until_applied(kept, 4000)
        assert kept.told("A-1") == ("19.90", 2)


def test_many_listings_are_made_within_seconds(shelf: Shelf) -> None:
    made = shelf.make(count=50_000, prefix="BULK-")
    assert made["count"] == 50_000
    assert made["skus"][:2] == ["BULK-000001", "BULK-000002"]
    assert shelf.told("BULK-050000") == ("19.90", 5)
