"""What is open about connections, in the list of accounts: whatever else is open, and the most severe of each."""

from __future__ import annotations

from shopapp.records import db
from shopapp.records.models import Category, Incident
from tests.web.desk import Desk


def notice(desk: Desk, kind: str, account: int) -> None:
    desk.incident(
        kind, f"account:{account}", account_id=account, label="North", channel="amazon", sites="Amazon.de", days=3
    )


def test_an_accounts_notice_is_not_crowded_out_by_failed_orders(desk: Desk) -> None:
    account = desk.account(label="North")
    with db.writing() as s:
        for number in range(201):
            row = {"shop_id": desk.shop_id, "kind": "order_import_failed", "subject": f"order:{number}"}
            now = desk.shop().installed_at
            s.add(Incident(**row, category=Category.ORDER_IMPORT_FAILED, severity="critical", params={},
                           opened_at=now, seen_at=now))  # fmt: skip
    notice(desk, "expiry_notice", account)
    assert "expires soon" in desk.get("/accounts").text


def test_of_two_notices_the_more_severe_one_is_shown(desk: Desk) -> None:
    account = desk.account(label="North")
    notice(desk, "import_taken_over", account)
    notice(desk, "expiry_notice", account)
    assert "no longer imports orders" in desk.get("/accounts").text
