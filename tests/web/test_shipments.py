"""The packages of an order on its page, sending them again, the account's rules, the question about the stock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from shopapp import clock
from shopapp.accounts import rules
from shopapp.alerts import incidents
from shopapp.orders import mirror
from shopapp.records import db
from shopapp.records.models import AccountRules, AuditEntry, Incident, Order, Restock, Shipment, ShipmentState
from shopapp.shipments import outcome
from tests.web.desk import HOSTILE, Desk, install


def package(desk: Desk, order_id: int, state: str = ShipmentState.SENT, **columns: Any) -> int:
    values: dict[str, Any] = {
        "fulfillment_gid": "gid://shopify/Fulfillment/1",
        "fulfillment_name": "#1001-F1",
        "reference": 101,
        "key": f"{state}{columns}"[:64],
        "tracking": "1Z999",
        "carrier": "ups",
        "lines": [["1", 1]],
        "shipped_at": clock.now(),
        "heard_at": clock.now(),
        "state": state,
    } | columns
    with db.writing() as s:
        order = s.get_one(Order, order_id)
        row = Shipment(shop_id=order.shop_id, account_id=order.account_id, order_id=order_id, **values)
        s.add(row)
        s.flush()
        return row.id


def refused(desk: Desk, cause: str = "tracking_refused", words: str = "", **columns: Any) -> tuple[int, int]:
    """An order whose package was refused; both ids."""
    ship_by = clock.now() + timedelta(days=1)
    order_id = desk.order(desk.account(), remote_order_id="304-1", ship_by=ship_by, **columns)
    package_id = package(desk, order_id, ShipmentState.WAITING)
    with db.writing() as s:
        outcome.fail(s, s.get_one(Shipment, package_id), s.get_one(Order, order_id), cause, words)
    return order_id, package_id


def test_an_accepted_package_shows_its_number_and_the_carrier_as_it_is_called_there(desk: Desk) -> None:
    order_id = desk.order(desk.account())
    package(desk, order_id, carrier="PUROLATOR", confirmed_at=clock.now(), confirmed_how="sent")
    package(desk, order_id, carrier="Foo Cargo", tracking="X-2", lines=[["1", 2]])
    page = desk.get(f"/orders/{order_id}")
    assert "PUROLATOR → Purolator, 1 unit" in page.text
    assert "Foo Cargo → Other (Foo Cargo), 2 units" in page.text
    assert "Accepted by Amazon" in page.text
    assert page.tags("s-button", **{"data-copy": "1Z999"})
    assert not desk.get(f"/orders/{desk.order(desk.account())}").tags("s-section", id="shipments")


def test_a_refused_package_says_why_what_to_do_and_by_when_and_is_sent_again(desk: Desk) -> None:
    order_id, package_id = refused(desk, words=f"TrackingNumber: is invalid {HOSTILE}")
    page = desk.get(f"/orders/{order_id}")
    assert "The tracking number is not accepted" in page.text
    assert "correct it at the fulfillment in Shopify" in page.text
    assert page.text.count("Ship by") == 2, "beside the cause, and among the facts"
    assert page.tags("blockquote")
    assert "<script>alert" not in page.html
    assert "/help/shipments" in page.links
    assert desk.get("/help/shipments").status == 200
    done = desk.post(f"/orders/{order_id}/shipments")
    assert (done.status, done.goes_to) == (303, f"/orders/{order_id}?done=tracking_queued")
    live = desk.get(f"/orders/{order_id}")
    assert live.tags("s-stack", id="order")[0]["data-poll"] == f"/orders/{order_id}/live"
    with db.reading() as s:
        row = s.get_one(Shipment, package_id)
        assert row.due_at is not None
        assert row.due_at <= clock.now()
        assert s.scalars(select(AuditEntry.action)).all() == ["shipments_resent"]


def test_refused_shipments_need_attention_and_are_found_by_the_filter(desk: Desk) -> None:
    order_id, _ = refused(desk)
    other = desk.order(desk.account(), remote_order_id="304-2")
    package(desk, other)
    home = desk.get("/")
    assert "Shipments that the marketplace did not accept" in home.text
    assert "/orders?shipment=failed" in home.links
    listed = desk.get("/orders?shipment=failed")
    assert f"/orders/{order_id}" in listed.links
    assert f"/orders/{other}" not in listed.links
    assert "Imported 1" in listed.text
    assert desk.get("/orders?shipment=nonsense").status == 200


def test_packages_of_another_shop_are_neither_shown_nor_sent(desk: Desk) -> None:
    mine, theirs = desk.shop_id, install("red.myshopify.com", gid="gid://shopify/Shop/2")
    desk.shop_id = theirs
    order_id, _ = refused(desk)
    desk.shop_id = mine
    assert desk.get(f"/orders/{order_id}").status == 404
    assert desk.post(f"/orders/{order_id}/shipments").status == 404
    assert desk.post(f"/orders/{order_id}/restock", restock="yes").status == 404
    assert "did not accept" not in desk.get("/").text
    assert desk.get("/orders?shipment=failed").text.count("304-1") == 0


def test_steps_that_cannot_be_passed_on_are_shown(desk: Desk) -> None:
    order_id = desk.order(desk.account())
    with db.writing() as s:
        outcome.note(s, s.get_one(Order, order_id), "refunded_in_shop", refund="gid://shopify/Refund/1")
    page = desk.get(f"/orders/{order_id}")
    assert "Left to do at Amazon" in page.text
    assert "refund the buyer at Amazon as well" in page.text


def test_the_rules_of_an_account_are_saved_and_nothing_else_is_accepted(desk: Desk) -> None:
    account_id = desk.account()
    page = desk.get(f"/accounts/{account_id}")
    assert page.tags("s-checkbox", name="send_shipments")[0].keys() >= {"checked"}
    assert "checked" not in page.tags("s-checkbox", name="by_channel")[0]
    assert desk.post(f"/accounts/{account_id}/shipping", restock="ask", by_channel="1").status == 303
    with db.reading() as s:
        assert rules.of(s, account_id) == rules.Rules(send_shipments=False, restock=Restock.ASK, by_channel=True)
        assert "rules_saved" in s.scalars(select(AuditEntry.action)).all()
    page = desk.get(f"/accounts/{account_id}")
    assert "checked" not in page.tags("s-checkbox", name="send_shipments")[0]
    assert page.tags("s-choice", value="ask")[0].keys() >= {"selected"}
    assert desk.post(f"/accounts/{account_id}/shipping", restock="maybe").status == 422
    assert desk.post("/accounts/9999/shipping", restock="yes").status == 404
    with db.reading() as s:
        assert len(s.scalars(select(AccountRules)).all()) == 1


def test_the_question_about_the_stock_is_answered_once_on_the_orders_page(desk: Desk) -> None:
    order_id = desk.order(desk.account(), cancelled_at=clock.now(), restock=Restock.ASK)
    with db.writing() as s:
        row = s.get_one(Order, order_id)
        incidents.open_(
            s, row.shop_id, mirror.ASKED, f"order:{row.id}", {"order_id": row.id, "remote_order_id": "304-1"}
        )
    page = desk.get(f"/orders/{order_id}")
    assert page.tags("form", id="restock-yes")
    assert "waits for your answer" in page.text
    assert "waiting for your answer about the stock" in desk.get("/").text
    assert "put its stock back?" in desk.get("/inbox").text
    assert desk.post(f"/orders/{order_id}/restock", restock="perhaps").status == 409
    assert desk.post(f"/orders/{order_id}/restock", restock="no").status == 303
    assert desk.post(f"/orders/{order_id}/restock", restock="yes").status == 409
    with db.reading() as s:
        row = s.get_one(Order, order_id)
        assert row.restock == Restock.NO
        assert row.due_at is not None
        assert s.scalars(select(Incident).where(Incident.resolved_at.is_(None))).all() == []
    assert not desk.get(f"/orders/{order_id}").tags("form", id="restock-yes")
