"""The table of all listings at Amazon's stand-in: asked for, waited for, fetched, read."""

import gzip
from typing import Any

import pytest
import requests

from tests.sandbox.shopify.client import until
from tests.unit.sandbox.oracle import valid
from tests.unit.sandbox.seat import DE, UK, Amazon, Json, denied, error_of, invalid_input
from tests.unit.sandbox.shelf import Shelf, price, stock

BASE = "/reports/2021-06-30"
TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
MODEL = "reports_2021-06-30"


def ask(shelf: Shelf, site: str = DE, **more: Any) -> requests.Response:
    return shelf.send("POST", f"{BASE}/reports", json={"reportType": TYPE, "marketplaceIds": [site], **more})


def state(shelf: Shelf, report: str) -> Json:
    told: Json = shelf.send("GET", f"{BASE}/reports/{report}").json()
    return told


def done(shelf: Shelf, site: str = DE) -> Json:
    """The report's document, after its time."""
    report = ask(shelf, site).json()["reportId"]
    shelf.amazon.advance(100)
    told = until(lambda: one if (one := state(shelf, report))["processingStatus"] == "DONE" else None)
    document: Json = shelf.send("GET", f"{BASE}/documents/{told['reportDocumentId']}").json()
    return document


def rows(shelf: Shelf, site: str = DE) -> list[dict[str, str]]:
    document = done(shelf, site)
    answer = shelf.amazon.session.get(document["url"], timeout=10)
    assert answer.status_code == 200, answer.text
    charset = answer.headers["Content-Type"].split("charset=")[1]
    lines = gzip.decompress(answer.content).decode(charset).split("\n")
    assert lines.pop() == ""
    columns = lines[0].split("\t")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:]]


def test_a_report_waits_is_worked_on_and_then_there(shelf: Shelf) -> None:
    shelf.make(sku="A-1")
    made = ask(shelf)
    assert made.status_code == 202
    report = made.json()["reportId"]
    assert state(shelf, report)["processingStatus"] == "IN_QUEUE"
    shelf.amazon.advance(11)
    assert state(shelf, report)["processingStatus"] == "IN_PROGRESS"
    shelf.amazon.advance(21)
    told = until(lambda: one if (one := state(shelf, report))["processingStatus"] == "DONE" else None)
    assert told["reportDocumentId"]
    assert [one["body"]["state"] for one in shelf.amazon.ledger(effect="report.ended")] == ["DONE"]
    assert shelf.amazon.ledger(effect="report.ended")[0]["body"]["rows"] == 1


def test_the_table_says_what_each_listing_is(shelf: Shelf) -> None:
    shelf.make(sku="A-1", title='Größe 24" \t„Café“', price="19.90", quantity=5, asin="B000000001")
    shelf.make(sku="F-1", channel="AMAZON_EU", quantity=9)
    shelf.make(sku="Z-1", quantity=0)
    shelf.make(sku="UK-1", sites=[UK])
    found = {one["seller-sku"]: one for one in rows(shelf)}
    assert list(found) == ["A-1", "F-1", "Z-1"]
    first = found["A-1"]
    assert first["item-name"] == 'Größe 24"  „Café“'
    assert (first["price"], first["quantity"], first["asin1"]) == ("19.90", "5", "B000000001")
    assert (first["fulfillment-channel"], first["status"]) == ("DEFAULT", "Active")
    assert (found["F-1"]["fulfillment-channel"], found["F-1"]["quantity"]) == ("AMAZON_EU", "")
    assert (found["Z-1"]["quantity"], found["Z-1"]["status"]) == ("0", "Inactive")


@pytest.mark.parametrize(("charset", "held"), [("UTF-8", "Ž"), ("Cp1252", "Ž"), ("ISO-8859-1", "?")])
def test_the_table_comes_in_the_sites_character_set(shelf: Shelf, seller: Json, charset: str, held: str) -> None:
    shelf.make(sku="A-1", title="Žö")
    shelf.amazon.state(seller, report_charset=charset)
    assert rows(shelf)[0]["item-name"] == f"{held}ö"


def test_the_table_is_of_the_moment_it_was_written(shelf: Shelf) -> None:
    shelf.make(sku="A-1", quantity=5)
    document = done(shelf)
    shelf.patch("A-1", stock(1), price(3))
    shelf.amazon.advance(60)
    assert shelf.told("A-1") == ("3", 1)
    url = shelf.send("GET", f"{BASE}/documents/{document['reportDocumentId']}").json()["url"]
    text = gzip.decompress(shelf.amazon.session.get(url, timeout=5).content).decode("cp1252")
    assert "\t19.90\t5\t" in text


def test_an_address_ends_after_five_minutes_and_takes_no_token(shelf: Shelf) -> None:
    shelf.make(sku="A-1")
    document = done(shelf)
    session = shelf.amazon.session
    with_token = session.get(document["url"], headers={"x-amz-access-token": shelf.token}, timeout=5)
    assert with_token.status_code == 400
    assert len(shelf.amazon.ledger(effect="document.token_sent")) == 1
    assert session.get(document["url"] + "0", timeout=5).status_code == 403
    assert session.put(document["url"], data=b"x", timeout=5).status_code == 403
    shelf.amazon.advance(301)
    late = session.get(document["url"], timeout=5)
    assert (late.status_code, "Request has expired" in late.text) == (403, True)


def test_a_report_that_fails_or_is_cancelled_says_so(shelf: Shelf, seller: Json) -> None:
    shelf.make(sku="A-1")
    for outcome in ("FATAL", "CANCELLED"):
        shelf.amazon.state(seller, outcomes={"report": outcome})
        report = ask(shelf).json()["reportId"]
        shelf.amazon.advance(100)
        told = until(lambda key=report: one if "processingEndTime" in (one := state(shelf, key)) else None)
        assert (told["processingStatus"], "reportDocumentId" in told) == (outcome, False)
    report = ask(shelf).json()["reportId"]
    assert shelf.send("DELETE", f"{BASE}/reports/{report}").status_code == 200
    assert state(shelf, report)["processingStatus"] == "CANCELLED"


def test_nonsense_and_others_reports_are_refused(shelf: Shelf, amazon: Amazon) -> None:
    assert invalid_input(ask(shelf, reportType="GET_NOTHING"))
    assert invalid_input(ask(shelf, marketplaceIds=[DE, UK]))
    assert invalid_input(ask(shelf, marketplaceIds=["nowhere"]))
    assert invalid_input(ask(shelf, colour="red"))
    report = ask(shelf).json()["reportId"]
    other = amazon.seller(marketplaces=[DE])
    stranger = Shelf(amazon, other, amazon.access(other["seller_id"]))
    assert stranger.send("GET", f"{BASE}/reports/{report}").status_code == 404
    amazon.state(other, roles=["orders"])
    assert error_of(stranger.send("GET", f"{BASE}/reports/{report}")) == denied("")


def test_reports_have_the_vendors_usage_plans(shelf: Shelf, amazon: Amazon) -> None:
    amazon.control("amazon/settings", {"buckets": True})
    assert [ask(shelf).status_code for _ in range(16)] == [202] * 15 + [429]
    amazon.advance(60)
    assert ask(shelf).headers["x-amzn-RateLimit-Limit"] == "0.0167"


@pytest.mark.contracts
def test_answers_about_reports_are_valid_by_the_contract(shelf: Shelf) -> None:
    shelf.make(sku="A-1")
    made = ask(shelf)
    valid(MODEL, "CreateReportResponse", made.json())
    valid(MODEL, "Report", state(shelf, made.json()["reportId"]))
    document = done(shelf)
    valid(MODEL, "ReportDocument", document)
    valid(MODEL, "ErrorList", ask(shelf, marketplaceIds=[]).json())


def test_many_listings_are_written_within_seconds(shelf: Shelf) -> None:
    shelf.make(count=20_000, prefix="BULK-")
    found = rows(shelf)
    assert (len(found), found[-1]["seller-sku"]) == (20_000, "BULK-020000")
