"""Buyers who are to be forgotten, at whatever moment of their order: nothing is kept, no order is lost or doubled."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from shopapp import clock
from shopapp.alerts import invariants
from shopapp.orders import retry, stored
from shopapp.records import db
from shopapp.records.models import Order, OrderState, Receipt
from shopapp.shopify_admin.webhooks import Delivery
from shopapp.shops import intake, receipts, retention
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.unit.orders.scene import ORDERS, Scene, both_databases

RECEIPTS = Work("receipt", Receipt, receipts.handle, threads=1)
BUYER = {
    "buyer_name": "Brigitta Canarini",
    "buyer_email": "relay-7@marketplace.test",
    "ship_to": {"name": "Brigitta Canarini", "line1": "Elmweg 17", "line2": "", "city": "Quellstadt", "region": "",
                "postcode": "98765", "country": "DE", "company": "", "phone": "+49 (30) 987-65432"},
    "attributes": {"gift_message": "Love from Aunt Pia"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Zip 98765 is not valid for Quellstadt", "Zip […] is not valid for […]"),
        ("Phone +49 (30) 987-65432 is invalid", "Phone […] is invalid"),
        ("phone 0049 30 98765432 is invalid", "phone […] is invalid"),
        ("No such customer: BRIGITTA CANARINI", "No such customer: […]"),
        ("Canarini, Brigitta cannot be reached at elmweg 17", "[…], […] cannot be reached at […]"),
        ("Note 'Love from Aunt Pia' is too long", "Note '[…]' is too long"),
        ("relay-7@marketplace.test", "[…]"),
        ("Line items is invalid, order 304-8812345-2217755", "Line items is invalid, order 304-8812345-2217755"),
        ("Country DE is not delivered to", "Country DE is not delivered to"),
        ("", ""),
    ],
)
def test_what_a_remote_quotes_of_the_buyer_is_left_out(said: str, kept: str) -> None:
    assert stored.without_buyer(said, BUYER) == kept


@pytest.mark.parametrize("nothing", [{}, {"ship_to": None}, {"lines": []}])
def test_without_a_buyer_words_stay_as_they_are(nothing: dict[str, Any]) -> None:
    assert stored.without_buyer("Zip 98765 is not valid", nothing) == "Zip 98765 is not valid"


# --- on the way -------------------------------------------------------------------------------------------------------


def _ask(scene: Scene, *listed: str, email: str = "", phone: str = "", webhook_id: str = "") -> None:
    payload = {
        "shop_domain": scene.domain,
        "customer": {"id": 1, "email": email or None, "phone": phone or None},
        "orders_to_redact": [int(gid.rpartition("/")[2]) for gid in listed],
    }
    body = json.dumps(payload).encode()
    name = webhook_id or secrets.token_hex(8)
    intake.take_in(Delivery(scene.domain, "customers/redact", name, clock.now(), body))


def _hear(scene: Scene) -> list[str]:
    claim.drain([RECEIPTS], seconds=10)
    with db.reading() as s:
        asked = select(Receipt).where(Receipt.topic == "customers/redact")
        return [row.outcome for row in s.scalars(asked.order_by(Receipt.id))]


def _forgotten(row: Order) -> bool:
    assert (row.payload == {}) == (row.buyer_name == "") == (row.purged_at is not None)
    return row.payload == {}


def _email(row: Order) -> str:
    return str(row.payload["buyer_email"])


@both_databases
def test_a_redaction_while_the_order_is_being_sent_waits_for_the_answer(scene: Scene) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.lose("commit_then_reset")
    scene.poll()
    scene.place()
    assert scene.row(order_id).state == OrderState.SENDING
    (there,) = scene.made(order_id)
    _ask(scene, there["id"])
    assert _hear(scene) == [""]
    assert not _forgotten(scene.row(order_id))
    scene.wait(301)
    scene.place()
    assert _hear(scene) == ["redacted_1"]
    row = scene.row(order_id)
    assert (row.state, row.shopify_gid) == (OrderState.IMPORTED, there["id"])
    assert _forgotten(row)
    scene.poll()
    scene.place()
    assert _forgotten(scene.row(order_id))
    assert len(scene.made(order_id)) == 1


@both_databases
def test_an_order_of_the_customer_that_only_the_marketplace_knows_is_forgotten_once_it_is_done(scene: Scene) -> None:
    scene.product("A-1")
    (good,), (bad,), (other,) = scene.sell(sku="A-1"), scene.sell(sku="NO-SUCH"), scene.sell(sku="A-1")
    scene.poll()
    scene.place()
    same = _email(scene.row(good))
    with db.writing() as s:
        for row in s.scalars(select(Order).where(Order.remote_order_id == bad)):
            row.payload = {**row.payload, "buyer_email": same.upper()}
    _ask(scene, email=same, webhook_id="once")
    assert _hear(scene) == [""]
    assert _forgotten(scene.row(good))
    assert not _forgotten(scene.row(bad)), "it is still to be imported"
    assert not _forgotten(scene.row(other))
    scene.product("NO-SUCH")
    with db.writing() as s:
        retry.retry_all(s, scene.shop_id, "1")
    scene.place()
    assert scene.row(bad).state == OrderState.IMPORTED
    scene.wait(3700)
    assert _hear(scene) == ["redacted_1"]
    assert _forgotten(scene.row(bad))
    assert not _forgotten(scene.row(other))
    _ask(scene, email=same, webhook_id="once")
    assert _hear(scene) == ["redacted_1"], "the same delivery counts once"


def test_a_redaction_before_the_import_lets_the_order_go_out_first(scene: Scene) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    row = scene.row(order_id)
    _ask(scene, phone="0049 " + row.payload["ship_to"]["phone"].removeprefix("+49"))
    assert _hear(scene) == [""]
    scene.place()
    (made,) = scene.made(order_id)
    scene.wait(3700)
    assert _hear(scene) == ["redacted_1"]
    assert _forgotten(scene.row(order_id))
    assert made["id"] == scene.row(order_id).shopify_gid


def test_what_never_gets_ready_is_forgotten_all_the_same_and_a_person_may_still_fetch_it(scene: Scene) -> None:
    (order_id,) = scene.sell(sku="NO-SUCH")
    scene.poll()
    scene.place()
    row = scene.row(order_id)
    _ask(scene, email=_email(row))
    assert _hear(scene) == [""]
    clock.travel(by=timedelta(days=14, hours=1))
    with db.writing() as s:
        s.execute(update(Order).values(due_at=None))
    assert _hear(scene) == ["redacted_1"]
    row = scene.row(order_id)
    assert _forgotten(row)
    assert (row.state, row.due_at) == (OrderState.FAILED, None), "trying by itself would fetch the buyer again"
    with db.reading() as s:
        assert invariants.check(s) == []
    clock.travel()
    scene.product("NO-SUCH")
    with db.writing() as s:
        retry.retry_all(s, scene.shop_id, "1")
    scene.place()
    scene.place()
    assert scene.row(order_id).state == OrderState.IMPORTED
    assert len(scene.made(order_id)) == 1
    assert not _forgotten(scene.row(order_id)), "needed again, and forgotten in its time"


# --- by time ----------------------------------------------------------------------------------------------------------


def _grow_old(days: int = 100) -> None:
    then = clock.now() - timedelta(days=days)
    with db.writing() as s:
        s.execute(update(Order).values(remote_created_at=then, found_at=then))
    assert retention.purge_buyers()


def test_a_new_version_of_an_order_that_is_none_of_ours_brings_its_buyer_not_back(scene: Scene) -> None:
    (order_id,) = scene.sell(sku="A-1", fulfilled_by="AMAZON")
    scene.poll()
    assert scene.row(order_id).state == OrderState.IGNORED
    _grow_old()
    scene.change(order_id, status="SHIPPED")
    scene.poll()
    row = scene.row(order_id)
    assert row.remote_state == "SHIPPED"
    assert _forgotten(row)


@both_databases
def test_a_failed_order_whose_buyer_is_forgotten_is_imported_when_its_product_comes(scene: Scene) -> None:
    (order_id,) = scene.sell(sku="LATE-1")
    scene.poll()
    scene.place()
    _grow_old()
    scene.wait(86_400 + 60)
    assert scene.place() == 0, "it is not fetched again every day for nothing"
    clock.travel()
    scene.product("LATE-1")
    retry.product_changed(scene.shop_id)
    for _ in range(3):
        scene.wait(60)
        scene.place()
    row = scene.row(order_id)
    assert row.state == OrderState.IMPORTED
    assert len(scene.made(order_id)) == 1
    assert not _forgotten(row)
    _grow_old()
    assert _forgotten(scene.row(order_id))


def test_a_cancellation_is_passed_on_after_the_buyer_is_forgotten(scene: Scene) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    scene.place()
    _grow_old()
    scene.change(order_id, status="CANCELLED")
    scene.poll()
    scene.place()
    row = scene.row(order_id)
    assert row.cancel_mirrored_at is not None
    assert "cancelled_in_shopify" in scene.events(row)
    assert _forgotten(row)


def test_an_order_that_waits_in_vain_is_fetched_again_when_its_turn_comes(scene: Scene) -> None:
    """Held for so long that its buyer was forgotten: the marketplace is asked once more, and one order is created."""
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1")
    scene.poll()
    with db.writing() as s:
        s.execute(update(Order).values(state=OrderState.HELD, held_reason="paused", due_at=None))
    _grow_old()
    assert _forgotten(scene.row(order_id))
    with db.writing() as s:
        s.execute(update(Order).values(state=OrderState.RECEIVED, held_reason="", due_at=clock.now()))
    for _ in range(3):
        claim.drain((ORDERS,), seconds=20)
    row = scene.row(order_id)
    assert row.state == OrderState.IMPORTED
    assert row.buyer_name
    assert len(scene.made(order_id)) == 1
