"""Inbox: messages with repair instructions, read and unread, linked to what they are about."""

from __future__ import annotations

import json

from shopapp.alerts import inbox
from shopapp.records import db
from shopapp.records.models import AuditEntry, InboxMessage
from shopapp.shops import privacy
from tests.web.desk import HOSTILE, Desk, install


def message_ids() -> list[int]:
    with db.reading() as s:
        return [row.id for row in s.query(InboxMessage).order_by(InboxMessage.id)]


def test_an_empty_inbox_says_what_will_come(desk: Desk) -> None:
    page = desk.get("/inbox")
    assert page.tags("s-empty-state", heading="No messages")
    assert not page.tags("s-table")


def test_a_broken_account_left_one_message_with_steps_and_the_way_to_it(desk: Desk) -> None:
    account = desk.break_account("Blue one", "invalid_grant & <gone>")
    [message] = message_ids()
    page = desk.get("/inbox")
    assert "1 unread message" in page.text
    assert f"/inbox/{message}" in page.links
    page = desk.get(f"/inbox/{message}")
    assert page.status == 200
    assert "Account 'Blue one' has expired" in page.text
    assert "Press Save account at the bottom of the page." in page.text
    assert "Open Apps & Services, then Manage Your Apps." in page.text
    assert "application id amzn1.sp.solution.sandbox, region Europe" in page.text
    assert "invalid_grant & <gone>" in page.text
    assert "<gone>" not in page.html
    assert f"/accounts/{account}" in page.links
    assert "/help/connections" in page.links


def test_a_message_whose_trouble_is_over_says_so(desk: Desk) -> None:
    account = desk.account()
    incident = desk.incident("expiry_notice", f"account:{account}", label="Blue one", channel="amazon", days=14)
    [message] = message_ids()
    assert "Solved" not in desk.get(f"/inbox/{message}").text
    desk.resolve(incident)
    assert "Solved" in desk.get(f"/inbox/{message}").text


def test_messages_are_marked_read_and_unread_and_only_by_asking(desk: Desk) -> None:
    desk.break_account("One")
    desk.break_account("Two")
    first, _second = message_ids()
    desk.get(f"/inbox/{first}")
    assert "2 unread messages" in desk.get("/inbox").text
    assert desk.post(f"/inbox/{first}/read", read="1").goes_to == "/inbox?done=marked"
    assert "1 unread message" in desk.get("/inbox").text
    assert "Mark as unread" in desk.get(f"/inbox/{first}").text
    desk.post(f"/inbox/{first}/read", read="0")
    assert "2 unread messages" in desk.get("/inbox").text
    desk.post("/inbox/read")
    page = desk.get("/inbox")
    assert "0 unread messages" in page.text
    assert not page.tags("form", id="read-all")


def test_messages_of_another_shop_are_not_there(desk: Desk) -> None:
    other = install("red.myshopify.com")
    stranger = Desk(desk.app, other, "red.myshopify.com")
    stranger.incident("plan_near", "plan")
    with db.writing() as s:
        foreign = inbox.tell(s, other, privacy.DATA_REQUEST, "request:1", {"orders": []}).id
    assert desk.get(f"/inbox/{foreign}").status == 404
    assert desk.post(f"/inbox/{foreign}/read", read="1").status == 404
    assert desk.post(f"/inbox/{foreign}/download").status == 404
    assert desk.get("/inbox/9999").status == 404
    assert desk.get("/inbox/first").status == 404
    assert stranger.get(f"/inbox/{foreign}").status == 200


def test_the_account_of_a_message_may_belong_to_nobody_any_more(desk: Desk) -> None:
    desk.incident("account_expired", "account:777", label=HOSTILE, channel="amazon", cause="revoked")
    [message] = message_ids()
    page = desk.get(f"/inbox/{message}")
    assert page.status == 200
    assert "<script>alert" not in page.html


def test_a_customers_request_offers_its_data_once_asked_for(desk: Desk) -> None:
    gid = "gid://shopify/Order/55"
    desk.order(desk.account(), remote_order_id="304-1", shopify_gid=gid, buyer_name="Erika Muster")
    with db.writing() as s:
        shop = desk.shop()
        privacy.answer_request(s, shop, {"orders_requested": [55], "data_request": {"id": 9}})
    [message] = message_ids()
    page = desk.get(f"/inbox/{message}")
    assert "A customer's data are ready" in page.text
    assert "Erika" not in page.text
    assert "A customer's data are ready" in desk.get("/inbox").text
    answer = desk.post(f"/inbox/{message}/download")
    assert "attachment" in answer.response.headers["Content-Disposition"]
    assert json.loads(answer.html)["tables"]["order"][0]["buyer_name"] == "Erika Muster"
    with db.reading() as s:
        assert s.query(AuditEntry).filter_by(action="customer.data_exported").one().user_id == "71"


def test_an_ordinary_message_offers_no_download(desk: Desk) -> None:
    desk.break_account()
    [message] = message_ids()
    assert not desk.get(f"/inbox/{message}").tags("form", id="download")
    assert desk.post(f"/inbox/{message}/download").status == 404


def test_more_than_a_page_is_reached_by_older_and_newer(desk: Desk) -> None:
    with db.writing() as s:
        for number in range(inbox.PER_PAGE + 1):
            inbox.tell(s, desk.shop_id, "plan_near", f"plan:{number}", {})
    first = desk.get("/inbox")
    (older,) = [link for link in first.links if link.startswith("/inbox?after=")]
    second = desk.get(older)
    assert second.html.count("<s-table-row ") == 1
    (newer,) = [link for link in second.links if link.startswith("/inbox?before=")]
    assert desk.get(newer).html.count("<s-table-row ") == inbox.PER_PAGE
    for cursor in ("nonsense", "2026-01-01~1", "2026-01-01T00:00:00+00:00~x", "9" * 40):
        for way in ("after", "before"):
            assert desk.get(f"/inbox?{way}={cursor}").html.count("<s-table-row ") == inbox.PER_PAGE
