"""From a fulfillment in Shopify to a package at the marketplace: once each, corrected in place, told when refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shopapp import clock
from shopapp.accounts import rules
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Order, Restock, Shipment, ShipmentState
from shopapp.shipments import again
from tests.unit.shipments.parcels import CONFIRMED, EDITED, Packing, both_databases


def states(packing: Packing, order_id: str) -> list[tuple[str, str]]:
    return [(row.state, row.cause) for row in packing.rows(order_id)]


def told_events(packing: Packing, order_id: str) -> list[str]:
    events = packing.scene.events(packing.scene.row(order_id))
    return [one for one in events if one.startswith("shipment")]


@both_databases
def test_a_fulfillment_becomes_one_package_at_the_marketplace(packing: Packing) -> None:
    order_id = packing.sold(quantity=2)
    packing.ship(order_id)
    for _ in range(2):
        packing.told(order_id)
    (row,) = packing.rows(order_id)
    assert (row.state, row.confirmed_how, row.due_at) == (ShipmentState.SENT, "sent", None)
    (package,) = packing.effects(CONFIRMED, order_id)
    assert (package["carrier"], package["trackingNumber"]) == ("UPS", "1Z999AA10123456784")
    assert [one["quantity"] for one in package["packageItems"]] == [2]
    assert packing.effects(EDITED, order_id) == []
    assert packing.state_there(order_id) == "SHIPPED"
    assert told_events(packing, order_id) == ["shipment_heard", "shipment_sending", "shipment_sent"]


def test_parts_go_as_packages_of_their_own_and_never_hold_more_than_was_ordered(packing: Packing) -> None:
    packing.scene.product("B-2", available=9)
    packing.scene.product("A-1", available=50)
    # 10.00 for three pieces: in Shopify these are two positions, at the marketplace it is one.
    wish = {"lines": [{"sku": "A-1", "quantity": 3, "price": "3.33", "tax": "0.01"}, {"sku": "B-2", "quantity": 2}]}
    order_id = packing.sold(known=True, **wish)
    packing.ship(order_id, "TRACK-1", "Royal Mail", lines=[{"sku": "B-2", "quantity": 1}])
    packing.told(order_id)
    assert packing.state_there(order_id) == "PARTIALLY_SHIPPED"
    packing.ship(order_id, "TRACK-2", "royal-mail")
    packing.told(order_id)
    packages = {one["trackingNumber"]: one for one in packing.there(order_id)}
    assert {one["carrier"] for one in packages.values()} == {"Royal Mail"}
    units = {number: sorted(part["quantity"] for part in one["packageItems"]) for number, one in packages.items()}
    assert units == {"TRACK-1": [1], "TRACK-2": [1, 3]}
    assert packing.state_there(order_id) == "SHIPPED"
    assert len({one["packageReferenceId"] for one in packages.values()}) == 2


@pytest.mark.parametrize(("kind", "confirmed"), [("commit_then_status", 1), ("reset", 0)])
def test_a_lost_answer_is_looked_up_and_never_reported_twice(packing: Packing, kind: str, confirmed: int) -> None:
    order_id = packing.sold()
    packing.ship(order_id)
    packing.fault(kind)
    packing.told(order_id)
    assert len(packing.effects(CONFIRMED, order_id)) == confirmed
    assert states(packing, order_id) in ([(ShipmentState.SENDING, "")], [(ShipmentState.SENT, "")])
    packing.send()
    assert len(packing.effects(CONFIRMED, order_id)) == confirmed, "nothing is sent before it had time to arrive"
    packing.scene.wait(100)
    packing.send()
    (row,) = packing.rows(order_id)
    assert row.state == ShipmentState.SENT
    assert row.confirmed_how == ("found" if kind.startswith("commit") else "sent")
    assert (len(packing.effects(CONFIRMED, order_id)), packing.effects(EDITED, order_id)) == (1, [])


def test_a_corrected_number_edits_the_package_and_the_last_word_counts(packing: Packing) -> None:
    order_id = packing.sold()
    packing.ship(order_id, "WRONG-1")
    packing.told(order_id)
    for number in ("RIGHT-2", "WRONG-1", "RIGHT-3"):
        packing.change(order_id, tracking=number)
        packing.told(order_id)
    packing.change(order_id, company="PUROLATOR")
    packing.told(order_id)
    (package,) = packing.there(order_id)
    assert (package["trackingNumber"], package["carrier"]) == ("RIGHT-3", "Purolator")
    assert len(packing.effects(CONFIRMED, order_id)) == 1
    live = [row for row in packing.rows(order_id) if row.state != ShipmentState.SUPERSEDED]
    assert [(row.tracking, row.state, row.reference) for row in live] == [("RIGHT-3", ShipmentState.SENT, 101)]


def test_a_number_corrected_while_the_first_is_on_its_way_arrives_after_it(packing: Packing) -> None:
    order_id = packing.sold()
    packing.ship(order_id, "WRONG-1")
    packing.fault("reset")
    packing.told(order_id)  # no answer: it may arrive within the settle time
    packing.change(order_id, tracking="RIGHT-2")
    packing.told(order_id)
    assert packing.there(order_id) == []
    packing.scene.wait(100)
    packing.send()
    assert [one["trackingNumber"] for one in packing.there(order_id)] == ["RIGHT-2"]


def test_a_cancelled_fulfillment_is_taken_back_before_and_corrected_after_it_was_reported(packing: Packing) -> None:
    order_id = packing.sold()
    packing.ship(order_id, "FIRST-1")
    packing.hear(order_id)
    packing.cancel(order_id)
    packing.told(order_id)
    assert states(packing, order_id) == [(ShipmentState.WITHDRAWN, "fulfillment_cancelled")]
    packing.ship(order_id, "SECOND-2")
    packing.told(order_id)
    packing.cancel(order_id, 2)
    for _ in range(2):
        packing.told(order_id)
    assert told_events(packing, order_id).count("shipment_cancelled_there") == 1
    packing.ship(order_id, "THIRD-3")
    packing.told(order_id)
    (package,) = packing.there(order_id)
    assert package["trackingNumber"] == "THIRD-3"
    assert len(packing.effects(CONFIRMED, order_id)) == 1, "the marketplace gets an edit, not a second package"


def test_a_missing_number_is_flagged_before_anything_is_sent_and_sent_once_it_is_there(packing: Packing) -> None:
    order_id = packing.sold()
    packing.ship(order_id, None, None)
    packing.told(order_id)
    assert packing.incidents() == [], "it is often added a little later"
    packing.scene.wait(601)
    packing.send()
    assert states(packing, order_id) == [(ShipmentState.FAILED, "tracking_missing")]
    (incident,) = packing.incidents()
    assert incident.params["remote_order_id"] == order_id
    assert incident.params["ship_by"]
    assert packing.scene.box.ledger(effect="amazon.confirmShipment", key=packing.scene.seller) == []
    packing.change(order_id, tracking="LATER-1", company="DHL Paket")
    packing.told(order_id)
    assert packing.incidents() == []
    assert [one["carrier"] for one in packing.there(order_id)] == ["DHL"]


def test_a_refusal_is_told_once_and_sent_again_by_hand(packing: Packing) -> None:
    order_id = packing.sold()
    packing.ship(order_id, "??")
    packing.told(order_id)
    assert states(packing, order_id) == [(ShipmentState.FAILED, "tracking_refused")]
    (incident,) = packing.incidents()
    assert "TrackingNumber" in incident.words
    with db.writing() as s:
        assert again.send_again(s, packing.scene.shop_id, packing.scene.row(order_id).id, "1") == 1
        assert again.send_again(s, packing.scene.shop_id + 1, packing.scene.row(order_id).id, "1") == 0
    packing.send()
    (incident,) = packing.incidents()
    assert incident.count == 2
    packing.change(order_id, tracking="GOOD-1")
    packing.told(order_id)
    assert (packing.incidents(), packing.state_there(order_id)) == ([], "SHIPPED")
    with db.writing() as s:  # what is there is not sent a second time, however often it is asked for
        again.send_again(s, packing.scene.shop_id, packing.scene.row(order_id).id, "1")
    packing.send()
    assert (len(packing.effects(CONFIRMED, order_id)), packing.effects(EDITED, order_id)) == (1, [])


def test_what_somebody_shipped_at_the_marketplace_by_hand_is_success(packing: Packing) -> None:
    order_id = packing.sold()
    package = {
        "packageReferenceId": "1",
        "trackingNumber": "BY-HAND",
        "packageItems": [{"orderItemId": packing.scene.row(order_id).lines[0].line_id, "quantity": 1}],
    }
    packing.scene.change(order_id, status="SHIPPED", merge={"packages": [package]})
    packing.ship(order_id, "OURS-1")
    packing.told(order_id)
    (row,) = packing.rows(order_id)
    assert (row.state, row.confirmed_how) == (ShipmentState.SENT, "found")
    assert [one["trackingNumber"] for one in packing.there(order_id)] == ["BY-HAND"]


def _change(packing: Packing, **values: Any) -> None:
    with db.writing() as s:
        account = s.get_one(Account, packing.scene.account_id)
        for name, value in values.items():
            setattr(account, name, value)


def test_nothing_is_sent_for_accounts_that_are_broken_switched_off_or_of_another_app(packing: Packing) -> None:
    first, second, third = packing.sold(), packing.sold(known=True), packing.sold(known=True)
    _change(packing, status=AccountStatus.REVOKED)
    packing.ship(first)
    packing.told(first)
    assert states(packing, first) == [(ShipmentState.WAITING, "")]
    _change(packing, status=AccountStatus.ACTIVE)
    packing.due(first)
    packing.send()
    assert packing.state_there(first) == "SHIPPED"
    with db.writing() as s:
        account = s.get_one(Account, packing.scene.account_id)
        assert rules.save(s, account, "1", rules.Rules(send_shipments=False, restock=Restock.NO))
        s.get_one(Order, packing.scene.row(third).id).bound_how = "prior"
    packing.ship(second)
    packing.told(second)
    assert states(packing, second) == [(ShipmentState.WITHDRAWN, "switched_off")]
    packing.ship(third)
    packing.told(third)
    assert states(packing, third) == []
    assert [packing.state_there(one) for one in (second, third)] == ["UNSHIPPED", "UNSHIPPED"]


def test_a_revoked_access_stops_the_account_and_keeps_the_package(packing: Packing) -> None:
    order_id = packing.sold()
    packing.scene.box.post(f"/amazon/sellers/{packing.scene.seller}/state", {"authorisation": "revoked"})
    packing.ship(order_id)
    packing.told(order_id)
    assert states(packing, order_id) == [(ShipmentState.WAITING, "")]
    assert packing.scene.account().status in (AccountStatus.REVOKED, AccountStatus.EXPIRED)
    assert packing.incidents() == [], "it is the account's trouble, not the shipment's"
    assert packing.rows(order_id)[0].sends == 0


def test_an_older_answer_of_shopify_never_overwrites_a_newer_one(packing: Packing) -> None:
    order_id = packing.sold()
    packing.ship(order_id, "NEW-2")
    packing.told(order_id)
    with db.writing() as s:
        row = s.get_one(Shipment, packing.rows(order_id)[0].id)
        row.heard_at = clock.now() + timedelta(hours=1)  # what was taken in is of later than what is read now
    packing.change(order_id, tracking="OLD-1")
    packing.told(order_id)
    assert [one["trackingNumber"] for one in packing.there(order_id)] == ["NEW-2"]


def test_what_is_cancelled_or_refunded_in_the_shop_is_a_step_to_take_said_once(packing: Packing) -> None:
    order_id = packing.sold()
    table = f"/shops/{packing.scene.domain}/orders/{order_id}"
    packing.scene.box.post(f"{table}/refunds", {"amount": "5.00"})
    for _ in range(2):
        packing.hear(order_id)
    packing.scene.box.post(f"{table}/refunds", {"amount": "2.00"})
    number = packing.scene.row(order_id).shopify_gid.rsplit("/", 1)[-1]
    packing.scene.box.post(f"/shops/{packing.scene.domain}/orders/{number}/cancel")
    for _ in range(2):
        packing.hear(order_id)
    events = packing.scene.events(packing.scene.row(order_id))
    assert (events.count("refunded_in_shop"), events.count("cancelled_in_shop")) == (2, 1)
