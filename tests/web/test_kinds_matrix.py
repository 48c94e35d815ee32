"""The four kinds of notification, asked of every channel: what fails, who hears of it with what words, and how it ends.

The same code for all channels; their wire says what their vectors say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from marketplaces.channels import registry
from shopapp import clock, i18n
from shopapp.records import db
from shopapp.records.models import (
    Account,
    AccountRules,
    Listing,
    Order,
    OrderLine,
    OrderState,
    Shipment,
    ShipmentState,
    Variant,
)
from shopapp.records.vault import new_uid
from tests.channels.calls import order_id, page
from tests.channels.changes import change
from tests.channels.double import as_list, of_row, vectors
from tests.stage.queue import Queue
from tests.web.clinic import Clinic, Letter, Patient, open_clinic
from tests.web.remotes import ways

KEYS = list(registry())
SHIPPING = [key for key in KEYS if registry()[key].shipping is not None]
SELLING = [key for key in KEYS if registry()[key].selling is not None]


@pytest.fixture(scope="module")
def clinic(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with open_clinic(queue, tmp_path_factory.mktemp("kinds")) as made:
        yield made


def only(patient: Patient, letters: list[Letter]) -> Letter:
    """The one mail: it names the channel, and text and HTML say the same."""
    (letter,) = letters
    assert patient.channel.name in letter.text
    assert patient.channel.name in letter.html
    return letter


@pytest.mark.parametrize("key", KEYS)
def test_an_order_that_cannot_be_imported_is_mailed_with_its_number_and_cause_once(clinic: Clinic, key: str) -> None:
    patient = clinic.patient(key)
    account_id = patient.connect("North")
    bad = next(row for row in vectors(key, "orders") if "rejected" in row["expect"])
    number = order_id(key, bad["order"])
    with db.writing() as s:
        s.get_one(Account, account_id).take_over_at = clock.now() - timedelta(days=3650)
    for _ in range(2):
        patient.hears(*page(key, [bad["order"]]))
        assert patient.drain("poll")
        assert patient.asked
        patient.wait(hours=1)
    (incident,) = patient.incidents("order_import_failed")
    assert incident.params["remote_order_id"] == number
    letter = only(patient, patient.mailed())
    assert number in letter.subject + letter.text
    assert patient.row(account_id).status == "active", "an order breaks no connection"
    listed = patient.get("/orders?state=failed")
    assert number in listed.text
    (row,) = [link for link in listed.links if link.startswith("/orders/") and link.split("/")[2].isdigit()]
    assert bad["expect"]["words"][0] in patient.get(row).text
    assert "/orders?state=failed" in " ".join(patient.get("/").links), "Home leads there"


def packed(patient: Patient, account_id: int) -> int:
    """The vectors' package, fulfilled in Shopify and waiting to be told; its order's id."""
    told = vectors(patient.key, "shipments")["package"]
    now = clock.now()
    with db.writing() as s:
        order = Order(
            uid=new_uid(), shop_id=patient.shop_id, account_id=account_id, channel=patient.key,
            realm=patient.facts["realm"], seller_id=patient.seller, remote_order_id=told["order_id"], site=told["site"],
            state=OrderState.IMPORTED, remote_created_at=datetime.fromisoformat(told["ordered_at"]),
            remote_updated_at=now, found_at=now, currency="EUR", total_minor=1990, shopify_gid="gid://shopify/Order/7",
            shopify_name="#1007",
        )  # fmt: skip
        order.lines = [
            OrderLine(
                shop_id=patient.shop_id, line_id=line_id, sku="MUG", title="Mug", quantity=quantity, total_minor=0
            )
            for line_id, quantity in told["lines"]
        ]
        s.add(order)
        s.flush()
        s.add(
            Shipment(
                shop_id=patient.shop_id, account_id=account_id, order_id=order.id, fulfillment_gid="gid://shopify/F/1",
                fulfillment_name="#1007-F1", reference=told["reference"], key="k" * 64, tracking=told["tracking"],
                carrier=told["carrier"], lines=told["lines"], shipped_at=datetime.fromisoformat(told["shipped_at"]),
                heard_at=now, due_at=now,
            )
        )  # fmt: skip
        return order.id


def shipment(patient: Patient) -> Shipment:
    """The package as it is now."""
    with db.reading() as s:
        return s.query(Shipment).filter_by(shop_id=patient.shop_id).one()


@pytest.mark.parametrize("key", SHIPPING)
def test_a_refused_shipment_is_mailed_with_its_order_and_words_and_sent_again(clinic: Clinic, key: str) -> None:
    patient = clinic.patient(key)
    order = packed(patient, patient.connect("North"))
    told = vectors(key, "shipments")
    refusal = next(row for row in told["refusals"] if row["reason"] not in ("already_shipped", "not_found"))
    patient.hears(*of_row(refusal))
    patient.drain("shipment")
    row = shipment(patient)
    assert (row.state, row.cause) == (ShipmentState.FAILED, refusal["reason"])
    letter = only(patient, patient.mailed())
    assert told["package"]["order_id"] in letter.subject + letter.text
    if row.cause_words:
        assert row.cause_words[:60] in patient.get(f"/orders/{order}").text
    patient.hears(ways=ways(key, "parcels", "confirm_shipment"))
    assert patient.post(f"/orders/{order}/shipments").status == 303
    patient.drain("shipment")
    assert shipment(patient).state == ShipmentState.SENT
    assert "fulfillment_failed" not in patient.kinds()
    assert len(patient.mailed()) == 1


def listed(patient: Patient, account_id: int) -> int:
    """The listing of the vectors' first change, with a wish that waits to be pushed; its id."""
    wish, site = change(patient.key), vectors(patient.key, "pushes")["site"]
    now = clock.now()
    with db.writing() as s:
        rules = s.query(AccountRules).filter_by(account_id=account_id).one_or_none()
        if rules is None:
            rules = AccountRules(shop_id=patient.shop_id, account_id=account_id)
            s.add(rules)
        rules.push_stock = rules.push_price = True
        variant = Variant(
            shop_id=patient.shop_id, gid="gid://shopify/ProductVariant/1", sku=wish.sku, price_minor=2490,
            levels={"gid://shopify/Location/1": 3}, read_at=now,
        )  # fmt: skip
        s.add(variant)
        s.flush()
        row = Listing(
            shop_id=patient.shop_id, account_id=account_id, site=site, sku=wish.sku, product_type=wish.product_type,
            status="pending", variant_id=variant.id, there_quantity=9, there_at=now, version=1, due_at=now, wished_at=now,
        )  # fmt: skip
        _wishes(row, wish)
        s.add(row)
        s.flush()
        return row.id


def _wishes(row: Listing, wish: Any) -> None:
    row.quantity = wish.quantity
    if wish.price is not None:
        row.price_minor, row.currency, row.there_price_minor = wish.price.minor, wish.price.currency, 1


@pytest.mark.parametrize("key", SELLING)
def test_a_refused_listing_is_mailed_with_its_sku_and_words_and_mended_by_update(clinic: Clinic, key: str) -> None:
    patient = clinic.patient(key)
    listing, wish = listed(patient, patient.connect("North")), change(key)
    refusal = next(row for row in vectors(key, "pushes")["refusals"] if row["expect"]["words"])
    patient.hears(*of_row(refusal))
    patient.drain("push", "feed", "push")  # where pushes go by file, the changes of a refused one go alone
    assert patient.asked
    with db.reading() as s:
        assert s.get_one(Listing, listing).status == "update_error"
    (incident,) = patient.incidents("listing_update_failed")
    assert incident.params["sku"] == wish.sku
    letter = only(patient, patient.mailed())
    assert wish.sku in letter.subject + letter.text
    assert refusal["expect"]["words"] in patient.get(f"/listings/{listing}").text
    patient.hears(*as_list(vectors(key, "pushes")["accepted"]))
    assert patient.drain("push") == 0, "it is left alone until somebody presses Update"
    assert patient.post(f"/listings/{listing}/update").status == 303
    patient.drain("stop", "push", "feed")
    assert patient.asked
    with db.reading() as s:
        assert s.get_one(Listing, listing).status in ("linked", "pending")
    if vectors(key, "pushes").get("verdict") == "applied":
        assert "listing_update_failed" not in patient.kinds()
    assert len(patient.mailed()) == 1


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("language", ["en", "de", "sv"])
def test_a_broken_account_is_mailed_in_the_language_of_the_shop_and_heals(
    clinic: Clinic, key: str, language: str
) -> None:
    patient = clinic.patient(key, language)
    account_id = patient.broken(label="Nord")
    letter = only(patient, patient.mailed())
    assert "Nord" in letter.subject
    for text in (letter.text, letter.html):
        assert i18n.translate(language, "What to do") in text
        assert patient.row(account_id).cause_words in unescape(text)
    assert [text for text in (letter.subject, letter.text) if i18n.translate(language, "Account") in text]
    patient.hears_all_well()
    assert patient.post(f"/accounts/{account_id}/continue").status == 303
    assert patient.kinds() == []
    assert len(patient.mailed()) == 1
