"""Many changes as one document at Amazon's stand-in: uploaded, worked on, reported message by message."""

import gzip
import json
from typing import Any

import pytest
import requests

from tests.sandbox.shopify.client import until
from tests.unit.sandbox.oracle import valid
from tests.unit.sandbox.seat import DE, UK, Amazon, Json, denied, error_of, invalid_input
from tests.unit.sandbox.shelf import Shelf, price, stock

BASE = "/feeds/2021-06-30"
KIND = "application/json; charset=UTF-8"
MODEL = "feeds_2021-06-30"


def message(number: int, sku: str, *patches: Json, **more: Any) -> Json:
    told = {"messageId": number, "sku": sku, "operationType": "PATCH", "productType": "HOME"}
    return told | {"patches": list(patches)} | more


def document(shelf: Shelf, *messages: Json, **header: Any) -> Json:
    return {"header": {"sellerId": shelf.id, "version": "2.0", **header}, "messages": list(messages)}


def upload(shelf: Shelf, content: bytes, kind: str = KIND) -> str:
    made = shelf.send("POST", f"{BASE}/documents", json={"contentType": KIND})
    assert made.status_code == 201, made.text
    sent = shelf.amazon.session.put(made.json()["url"], data=content, headers={"Content-Type": kind}, timeout=10)
    assert sent.status_code == 200, sent.text
    return str(made.json()["feedDocumentId"])


def start(shelf: Shelf, document_id: str, **more: Any) -> requests.Response:
    body = {"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [DE], "inputFeedDocumentId": document_id, **more}
    return shelf.send("POST", f"{BASE}/feeds", json=body)


def state(shelf: Shelf, feed: str) -> Json:
    told: Json = shelf.send("GET", f"{BASE}/feeds/{feed}").json()
    return told


def ended(shelf: Shelf, feed: str) -> Json:
    shelf.amazon.advance(200)
    return until(lambda: one if "processingEndTime" in (one := state(shelf, feed)) else None, 20)


def report(shelf: Shelf, told: Json) -> Json:
    """The processing report of an ended feed."""
    found = shelf.send("GET", f"{BASE}/documents/{told['resultFeedDocumentId']}").json()
    assert found["compressionAlgorithm"] == "GZIP"
    answer = shelf.amazon.session.get(found["url"], timeout=10)
    body: Json = json.loads(gzip.decompress(answer.content))
    return body


def fed(shelf: Shelf, *messages: Json, **header: Any) -> Json:
    text = json.dumps(document(shelf, *messages, **header)).encode()
    return report(shelf, ended(shelf, start(shelf, upload(shelf, text)).json()["feedId"]))


def test_a_feed_waits_is_worked_on_and_changes_the_listings(shelf: Shelf) -> None:
    shelf.make(count=3, prefix="S-", quantity=5)
    text = json.dumps(document(shelf, message(1, "S-000001", stock(3)), message(2, "S-000002", price(9.5)))).encode()
    feed = start(shelf, upload(shelf, text)).json()["feedId"]
    assert state(shelf, feed)["processingStatus"] == "IN_QUEUE"
    shelf.amazon.advance(16)
    assert state(shelf, feed)["processingStatus"] == "IN_PROGRESS"
    assert shelf.told("S-000003") == ("19.90", 5)
    told = report(shelf, ended(shelf, feed))
    assert told["header"]["feedId"] == feed
    assert told["issues"] == []
    assert (told["summary"]["messagesProcessed"], told["summary"]["messagesAccepted"]) == (2, 2)
    assert (shelf.told("S-000001"), shelf.told("S-000002")) == (("19.90", 3), ("9.5", 5))
    assert {one["source"] for one in shelf.look("applied")} == {"feed"}
    assert shelf.amazon.ledger(effect="feed.ended")[0]["body"]["messagesAccepted"] == 2


def test_the_report_names_every_message_that_was_refused(shelf: Shelf) -> None:
    shelf.make(count=5, prefix="S-", quantity=5)
    shelf.refuse(sku="S-000002", field="price", code="8541", message="The price is too high.")
    shelf.refuse(sku="S-000004", severity="WARNING")
    told = fed(
        shelf,
        message(1, "S-000001", stock(3)),
        message(2, "S-000002", price(99)),
        message(3, "X-1", stock(3)),
        message(4, "S-000004", stock(3)),
        message(5, "S-000005", stock(-3)),
        message(5, "S-000003", stock(3)),
        message(6, "S-000003", stock(3), productType="SHOES"),
        {"messageId": 7, "sku": "S-000003", "operationType": "PATCH", "productType": "HOME"},
    )
    refused = {(one.get("messageId"), one["sku"], one["code"], one["severity"]) for one in told["issues"]}
    assert refused == {
        (2, "S-000002", "8541", "ERROR"),
        (3, "X-1", "13013", "ERROR"),
        (4, "S-000004", "8105", "WARNING"),
        (5, "S-000005", "90226", "ERROR"),
        (5, "S-000003", "4000002", "ERROR"),
        (6, "S-000003", "90000901", "ERROR"),
        (7, "S-000003", "4000002", "ERROR"),
    }
    counts = {name: told["summary"][name] for name in ("errors", "warnings", "messagesAccepted", "messagesInvalid")}
    assert counts == {"errors": 6, "warnings": 1, "messagesAccepted": 2, "messagesInvalid": 6}
    assert [shelf.told(f"S-00000{number}")[1] for number in range(1, 6)] == [3, 5, 5, 3, 5]
    valid("schemas/listings-feed-processing-report-schema-v2", "", told)


def test_the_report_shows_the_items_when_asked_and_late_refusals_there(shelf: Shelf) -> None:
    shelf.make(count=2, prefix="S-", quantity=5)
    shelf.refuse(sku="S-000002", late=True, code="5000")
    wish = {"includedData": ["issues"], "apiVersion": "2021-08-01"}
    told = fed(shelf, message(1, "S-000001", stock(3)), message(2, "S-000002", stock(3)), report=wish)
    assert {one["sku"]: [issue["code"] for issue in one["issues"]] for one in told["items"]} == {
        "S-000001": [],
        "S-000002": ["5000"],
    }
    assert told["summary"]["itemSummary"] == {"items": 2, "errors": 1, "warnings": 0}
    assert told["summary"]["messagesAccepted"] == 2
    assert shelf.told("S-000002")[1] == 5
    valid("schemas/listings-feed-processing-report-schema-v2", "", told)


def test_a_partial_update_destroys_what_stands_beside(shelf: Shelf) -> None:
    shelf.make(sku="A-1", lead_days=4)
    value = {"fulfillment_availability": [{"fulfillment_channel_code": "DEFAULT", "quantity": 1}]}
    wish = {"messageId": 1, "sku": "A-1", "operationType": "PARTIAL_UPDATE", "productType": "HOME"}
    fed(shelf, wish | {"attributes": value})
    assert shelf.look("listing/A-1")["attributes"]["fulfillment_availability"] == value["fulfillment_availability"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"header": {}, "messages": []}'])
def test_a_document_that_is_no_feed_is_refused_as_a_whole(shelf: Shelf, text: bytes) -> None:
    told = report(shelf, ended(shelf, start(shelf, upload(shelf, text)).json()["feedId"]))
    assert (told["issues"][0]["severity"], "messageId" in told["issues"][0]) == ("ERROR", False)
    assert told["summary"]["messagesProcessed"] == 0
    valid("schemas/listings-feed-processing-report-schema-v2", "", told)


def test_more_than_25_000_messages_and_another_sellers_header_are_refused(shelf: Shelf) -> None:
    many = [message(number, "A", stock(1)) for number in range(1, 25_002)]
    for text in (document(shelf, *many), document(shelf, many[0], sellerId="SOMEBODY")):
        feed = start(shelf, upload(shelf, json.dumps(text, separators=(",", ":")).encode())).json()["feedId"]
        assert report(shelf, ended(shelf, feed))["summary"]["messagesProcessed"] == 0


def test_an_upload_must_carry_the_content_type_it_was_announced_with(shelf: Shelf) -> None:
    made = shelf.send("POST", f"{BASE}/documents", json={"contentType": KIND}).json()
    session = shelf.amazon.session
    assert session.put(made["url"], data=b"{}", headers={"Content-Type": "text/plain"}, timeout=5).status_code == 403
    leaked = {"Content-Type": KIND, "x-amz-access-token": shelf.token}
    assert session.put(made["url"], data=b"{}", headers=leaked, timeout=5).status_code == 400
    shelf.amazon.advance(301)
    assert session.put(made["url"], data=b"{}", headers={"Content-Type": KIND}, timeout=5).status_code == 403


def test_a_feed_can_fail_and_be_cancelled(shelf: Shelf, seller: Json) -> None:
    shelf.make(sku="A-1", quantity=5)
    text = json.dumps(document(shelf, message(1, "A-1", stock(3)))).encode()
    shelf.amazon.state(seller, outcomes={"feed": "FATAL"})
    told = ended(shelf, start(shelf, upload(shelf, text)).json()["feedId"])
    assert (told["processingStatus"], "resultFeedDocumentId" in told) == ("FATAL", False)
    shelf.amazon.state(seller, outcomes={})
    feed = start(shelf, upload(shelf, text)).json()["feedId"]
    assert shelf.send("DELETE", f"{BASE}/feeds/{feed}").status_code == 200
    shelf.amazon.advance(200)
    assert state(shelf, feed)["processingStatus"] == "CANCELLED"
    assert shelf.told("A-1")[1] == 5


def test_a_queued_feed_can_overtake_or_be_overtaken_by_a_patch(shelf: Shelf) -> None:
    shelf.make(sku="A-1", quantity=5)
    feed = start(shelf, upload(shelf, json.dumps(document(shelf, message(1, "A-1", stock(3)))).encode())).json()[
        "feedId"
    ]
    shelf.patch("A-1", stock(1))  # the newer value
    ended(shelf, feed)
    until(lambda: shelf.look("settled")["waiting"] == 0)
    assert [(one["source"], one["quantity"]) for one in shelf.look("applied")] == [("patch", 1), ("feed", 3)]


def test_five_feeds_in_five_minutes_are_the_most(shelf: Shelf, amazon: Amazon) -> None:
    documents = [upload(shelf, b"{}") for _ in range(6)]
    amazon.control("amazon/settings", {"buckets": True})
    assert [start(shelf, one).status_code for one in documents] == [202] * 5 + [429]
    amazon.advance(301)
    assert start(shelf, documents[5]).status_code == 202


def test_nonsense_and_others_feeds_are_refused(shelf: Shelf, amazon: Amazon) -> None:
    document_id = upload(shelf, b"{}")
    assert invalid_input(shelf.send("POST", f"{BASE}/documents", json={"contentType": "text/xml"}))
    assert invalid_input(start(shelf, "amzn1.nothing"))
    assert invalid_input(start(shelf, document_id, marketplaceIds=[DE, UK]))
    assert invalid_input(start(shelf, document_id, feedType="POST_PRODUCT_PRICING_DATA"))
    feed = start(shelf, document_id).json()["feedId"]
    assert invalid_input(start(shelf, document_id))
    other = amazon.seller(marketplaces=[DE])
    stranger = Shelf(amazon, other, amazon.access(other["seller_id"]))
    assert stranger.send("GET", f"{BASE}/feeds/{feed}").status_code == 404
    assert invalid_input(start(stranger, document_id))
    amazon.state(other, roles=["orders"])
    assert error_of(stranger.send("GET", f"{BASE}/feeds/{feed}")) == denied("")


@pytest.mark.contracts
def test_answers_about_feeds_are_valid_by_the_contract(shelf: Shelf) -> None:
    shelf.make(sku="A-1")
    body = document(shelf, message(1, "A-1", stock(3)))
    valid("schemas/listings-feed-schema-v2", "", body)
    made = shelf.send("POST", f"{BASE}/documents", json={"contentType": KIND})
    valid(MODEL, "CreateFeedDocumentResponse", made.json())
    feed = start(shelf, upload(shelf, json.dumps(body).encode()))
    valid(MODEL, "CreateFeedResponse", feed.json())
    valid(MODEL, "Feed", state(shelf, feed.json()["feedId"]))
    told = ended(shelf, feed.json()["feedId"])
    valid(MODEL, "Feed", told)
    found = shelf.send("GET", f"{BASE}/documents/{told['resultFeedDocumentId']}").json()
    valid(MODEL, "FeedDocument", found)
    valid(MODEL, "ErrorList", start(shelf, "x").json())


def test_the_stand_in_takes_the_vendors_example_feed(shelf: Shelf) -> None:
    from tests.unit.sandbox.oracle import model

    body = model("schemas/listings-feed-schema-v2.example")
    body["header"]["sellerId"] = shelf.id
    feed = start(shelf, upload(shelf, json.dumps(body).encode())).json()["feedId"]
    told = report(shelf, ended(shelf, feed))
    assert {one["code"] for one in told["issues"]} == {"13013"}  # of the form nothing is said
    assert told["summary"]["messagesProcessed"] == 5
