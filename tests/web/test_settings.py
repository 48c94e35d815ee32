"""Settings: what is ticked is kept, what is wrong is said beside its field, nothing half is stored."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from shopapp import clock
from shopapp.alerts import choices
from shopapp.config import ROOT
from shopapp.records import db
from shopapp.records.models import (
    AccountStatus,
    AuditEntry,
    Category,
    HeldReason,
    Mail,
    NotificationChoice,
    Order,
)
from shopapp.skus import keep
from shopapp.web.deeds import DEEDS
from tests.web.desk import HOSTILE, Desk, Page, install

ALL = [category.value for category in Category]


def ticked(page: Page) -> list[str]:
    return [box["value"] for box in page.tags("s-checkbox", name="notify") if "checked" in box]


def wanted(shop_id: int) -> dict[str, bool]:
    with db.reading() as s:
        return {str(category): on for category, on in choices.categories(s, shop_id).items()}


def mails(kind: str) -> list[Mail]:
    with db.reading() as s:
        return s.query(Mail).filter_by(kind=kind).all()


def test_the_landing_page_holds_four_checkboxes_each_with_its_sentence(desk: Desk) -> None:
    page = desk.get("/settings")
    boxes = page.tags("s-checkbox", name="notify")
    assert [box["value"] for box in boxes] == ALL
    assert all(len(box["details"]) > 20 for box in boxes)
    assert ticked(page) == ["account_expired"]
    assert "so far" not in page.text, "every kind of message is there by now"
    [form] = page.tags("form", id="settings")
    assert "data-save-bar" in form
    assert page.tags("s-button", type="submit", variant="primary")


def test_the_shops_address_is_named_and_hides_the_field(desk: Desk) -> None:
    page = desk.get("/settings")
    [box] = page.tags("s-checkbox", name="use_shop_email")
    assert "checked" in box
    assert box["data-hides"] == "address-row"
    assert "owner@blue.test" in box["details"]
    [row] = page.tags("div", id="address-row")
    assert "hidden" in row


def test_saving_keeps_what_is_ticked_and_unticking_everything_means_none(desk: Desk) -> None:
    answer = desk.post("/settings", notify=ALL, use_shop_email="1", address="", language="")
    assert (answer.status, answer.goes_to) == (303, "/settings?done=saved")
    assert ticked(desk.get("/settings")) == ALL
    desk.post("/settings", use_shop_email="1", address="", language="")
    assert wanted(desk.shop_id) == dict.fromkeys(ALL, False)
    with db.reading() as s:
        assert [entry.user_id for entry in s.query(AuditEntry).filter_by(action="notifications_saved")] == ["71", "71"]


def test_saving_the_defaults_unchanged_is_a_choice_too(desk: Desk) -> None:
    desk.post("/settings", notify=["account_expired"], use_shop_email="1", address="", language="")
    with db.reading() as s:
        assert s.query(NotificationChoice).count() == len(ALL)
    assert "1 of 4" in desk.get("/").text


def test_a_new_address_waits_for_its_confirmation_and_the_shops_is_used_meanwhile(desk: Desk) -> None:
    desk.post("/settings", notify=ALL, address="alerts@green.test", language="")
    page = desk.get("/settings")
    assert "alerts@green.test is not confirmed yet" in page.text
    assert page.tags("form", id="confirm")
    assert ">owner@blue.test<" in page.html
    [mail] = mails("confirm_address")
    assert mail.to_address == "alerts@green.test"
    answer = desk.post("/settings/confirm")
    assert answer.goes_to == "/settings?done=confirmation_sent"
    assert len(mails("confirm_address")) == 2
    desk.change(alert_address_confirmed_at=clock.now())
    page = desk.get("/settings")
    assert ">alerts@green.test<" in page.html
    assert not page.tags("form", id="confirm")


@pytest.mark.parametrize("address", ["", "no address", "a@b", "x@y.test, z@y.test", "a@y.test\nBcc: b@y.test", HOSTILE])
def test_a_wrong_address_is_refused_beside_its_field_and_everything_typed_is_kept(desk: Desk, address: str) -> None:
    page = desk.post("/settings", notify=["order_import_failed"], address=address, language="de")
    assert page.status == 422
    [field] = page.tags("s-email-field", name="address")
    assert field["error"] == "Enter one e-mail address, or use the shop's e-mail."
    assert field["value"] == address.replace("\n", "\n")
    assert ticked(page) == ["order_import_failed"]
    assert page.tags("s-option", value="de", selected="")
    assert "hidden" not in page.tags("div", id="address-row")[0]
    assert "<script>alert" not in page.html
    assert wanted(desk.shop_id)["order_import_failed"] is False
    assert desk.shop().language == ""


def test_with_the_shops_address_the_hidden_field_is_ignored(desk: Desk) -> None:
    assert desk.post("/settings", use_shop_email="1", address="not an address", language="").status == 303
    assert desk.shop().alert_address == ""


def test_a_kind_that_does_not_exist_stores_nothing(desk: Desk) -> None:
    page = desk.post("/settings", notify=[*ALL, "everything"], use_shop_email="1", address="", language="")
    assert page.status == 422
    assert "This kind of notification does not exist." in page.text
    assert wanted(desk.shop_id)["order_import_failed"] is False


def test_too_many_confirmations_store_nothing_of_the_form(desk: Desk) -> None:
    for number in range(5):
        desk.post("/settings", address=f"a{number}@green.test", language="")
    page = desk.post("/settings", notify=ALL, address="a9@green.test", language="de")
    assert page.status == 422
    assert "Too many confirmation mails" in page.tags("s-email-field", name="address")[0]["error"]
    assert wanted(desk.shop_id) == dict.fromkeys(ALL, False)
    assert desk.shop().alert_address == "a4@green.test"
    assert desk.post("/settings/confirm").status == 422


def test_the_language_is_kept_and_an_unknown_one_refused(desk: Desk) -> None:
    desk.post("/settings", use_shop_email="1", address="", language="de")
    page = desk.get("/settings")
    assert page.tags("html", lang="de")
    assert page.tags("s-option", value="de", selected="")
    assert desk.post("/settings", use_shop_email="1", address="", language="xx").status == 422
    assert desk.shop().language == "de"
    desk.post("/settings", use_shop_email="1", address="", language="")
    assert desk.get("/settings").tags("html", lang="en")


def test_a_test_mail_is_queued_and_its_refusal_is_said_beside_the_button(desk: Desk) -> None:
    assert desk.post("/settings/test-mail").goes_to == "/settings?done=test_mail_queued"
    assert [mail.to_address for mail in mails("test")] == ["owner@blue.test"]
    desk.change(email="")
    page = desk.post("/settings/test-mail")
    assert page.status == 422
    assert "No e-mail was sent" in page.text


def test_an_address_that_refused_our_mail_says_so(desk: Desk) -> None:
    desk.change(mail_undeliverable_at=clock.now(), undeliverable_address="owner@blue.test")
    assert "Refused our last e-mail" in desk.get("/settings").text


def test_connections_stand_with_state_and_doors(desk: Desk) -> None:
    fine = desk.account(label=HOSTILE)
    broken = desk.break_account("Broken one")
    gone = desk.account(label="Gone one", status=AccountStatus.DEACTIVATED)
    page = desk.get("/settings")
    assert f"/accounts/{broken}/repair" in page.links
    assert f"/accounts/{fine}/repair" not in page.links
    assert page.tags("form", action=f"/accounts/{gone}/activate")
    assert not page.tags("form", action=f"/accounts/{gone}/deactivate")
    [form] = page.tags("form", action=f"/accounts/{fine}/deactivate")
    assert page.tags("s-modal", id=form["data-confirm"])
    assert "<script>alert" not in page.html
    assert page.html.count("<s-banner") == 2  # the templates of the relay script


def test_deactivating_from_here_comes_back_here(desk: Desk) -> None:
    account = desk.account()
    answer = desk.post(f"/accounts/{account}/deactivate", **{"from": "settings"})
    assert answer.goes_to == "/settings?done=account_deactivated"
    assert "Account deactivated" in desk.get("/settings").text


def test_pausing_and_resuming_everything_releases_what_waited(desk: Desk) -> None:
    order = desk.order(desk.account(), "held", held_reason=HeldReason.PAUSED)
    assert desk.post("/settings/pause").goes_to == "/settings?done=paused"
    page = desk.get("/settings")
    assert page.tags("form", action="/settings/resume")
    assert not page.tags("form", action="/settings/pause")
    assert desk.post("/settings/resume").goes_to == "/settings?done=resumed"
    assert desk.shop().paused_at is None
    with db.reading() as s:
        assert s.get_one(Order, order).state == "received"
    assert "Everything paused" in desk.get("/settings").text


def test_the_log_tells_who_changed_what_and_holds_fifty_lines(desk: Desk) -> None:
    account = desk.account(label="My <i>Amazon</i>")
    with db.writing() as s:
        for number in range(60):
            at = clock.now() + timedelta(seconds=number)
            s.add(
                AuditEntry(shop_id=desk.shop_id, at=at, user_id="", action="customer.redacted", changes={"orders": 2})
            )
        entry = AuditEntry(
            shop_id=desk.shop_id, at=clock.now() + timedelta(hours=1), user_id="71", action="account_saved"
        )
        entry.subject, entry.changes = f"account:{account}", {"label": ["Old", "New"]}
        s.add(entry)
        s.add(AuditEntry(shop_id=desk.shop_id, at=clock.now() + timedelta(hours=2), user_id="71", action="brand_new"))
    page = desk.get("/settings")
    assert page.html.count("<s-table-row>") == 50
    assert "Staff member 71" in page.text
    assert "My <i>Amazon</i> · Old → New" in page.text
    assert "<i>" not in page.html
    assert "brand_new" in page.text
    assert "2 orders" in page.text
    assert "The app" in page.text


def test_the_log_of_another_shop_is_not_shown(desk: Desk) -> None:
    other = install("red.myshopify.com")
    with db.writing() as s:
        s.add(AuditEntry(shop_id=other, at=clock.now(), user_id="9", action="paused"))
    assert "Everything paused" not in desk.get("/settings").text


def test_the_export_holds_the_shops_data_without_secrets_and_nobody_elses(desk: Desk) -> None:
    account = desk.account(label="Mine", access_token="sealed-thing")
    desk.order(account, remote_order_id="304-1", buyer_name="Jürgen", sku="=SUM(1)")
    desk.order(account, remote_order_id="304-2")
    other = install("red.myshopify.com")
    stranger = Desk(desk.app, other, "red.myshopify.com")
    stranger.order(desk.account(shop_id=other, label="Theirs"), remote_order_id="304-9")
    with db.writing() as s:
        keep.save(s, desk.shop_id, keep.Pair(account, "M-1", "A-1"), "1")
        keep.save(s, other, keep.Pair(None, "304-9", "A-1"), "1")
    answer = desk.post("/settings/export")
    assert answer.response.headers["Content-Disposition"] == 'attachment; filename="blue.json"'
    told = json.loads(answer.html)
    assert told["shop"]["domain"] == "blue.myshopify.com"
    assert [one["label"] for one in told["accounts"]] == ["Mine"]
    assert [one["remote_order_id"] for one in told["orders"]] == ["304-1", "304-2"]
    assert told["orders"][0]["buyer_name"] == "Jürgen"
    assert told["orders"][0]["lines"][0]["sku"] == "=SUM(1)"
    assert told["sku_mappings"] == [{"account_id": account, "marketplace_sku": "M-1", "store_sku": "A-1"}]
    for secret in ("sealed", "304-9", "Theirs", "token"):
        assert secret not in answer.html
    assert "Data of the shop downloaded" in desk.get("/settings").text


def test_an_export_of_many_orders_is_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from shopapp.web import export

    monkeypatch.setattr(export, "BATCH", 2)
    account = desk.account()
    ids = [desk.order(account) for _ in range(4)]
    assert [one["id"] for one in json.loads(desk.post("/settings/export").html)["orders"]] == ids


def test_looking_at_the_page_changes_nothing(desk: Desk) -> None:
    desk.get("/settings")
    with db.reading() as s:
        assert s.query(AuditEntry).count() == 0
        assert s.query(NotificationChoice).count() == 0
    for path in ("/settings/pause", "/settings/resume", "/settings/export", "/settings/test-mail", "/guide/dismiss"):
        assert desk.get(path).status in (404, 405)


def test_each_deed_that_is_noted_has_words() -> None:
    noted = re.compile(r"\baudit\(\s*s,\s*[\w.\[\]]+,\s*[\w.\"]+,\s*\"([a-z_.]+)\"")
    found = {key for path in (ROOT / "shopapp").rglob("*.py") for key in noted.findall(path.read_text("utf-8"))}
    assert len(found) > 20
    assert found <= set(DEEDS)
