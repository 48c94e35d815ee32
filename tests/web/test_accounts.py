"""The accounts: three tables, the edit page, saving, deactivating and activating, syncing; nobody else's account is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Account, AccountSite, AccountStatus, AuditEntry
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.web.desk import HOSTILE, USER, Desk, Page, install
from tests.web.login_desk import DE, FR, LoginDesk, open_login_desk

OFFLINE_NOTICES = 2  # banners that only wait in templates for the relay script


@pytest.fixture
def seat(queue: Queue, box: Box, tmp_path: Path) -> Iterator[LoginDesk]:
    """A merchant whose marketplace answers."""
    yield from open_login_desk(queue, box, tmp_path)


def tables(page: Page) -> dict[str, str]:
    """The text of each section of the list, by its heading."""
    found = {}
    for part in page.html.split("<s-section ")[1:]:
        heading = part.partition('heading="')[2].partition('"')[0]
        found[heading] = part.partition("</s-section>")[0]
    return found


def change(account: int, **columns: Any) -> None:
    with db.writing() as s:
        row = s.get_one(Account, account)
        for name, value in columns.items():
            setattr(row, name, value)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_without_accounts_there_is_one_next_step(desk: Desk) -> None:
    page = desk.get("/accounts")
    assert page.tags("s-empty-state")
    assert page.tags("s-button", slot="primary-action", href="/accounts/new")
    assert not page.tags("s-table")


def test_each_account_is_in_exactly_one_table(desk: Desk) -> None:
    labels = {}
    for status in AccountStatus:
        worked = None if status == AccountStatus.PENDING else clock.now()
        labels[status] = f"acc-{status}"
        desk.account(label=labels[status], status=status, worked_at=worked)
    found = tables(desk.get("/accounts"))
    waiting = ("pending", "expired", "revoked", "inactive")
    for status, label in labels.items():
        places = [heading for heading, text in found.items() if label in text]
        where = {"active": "Connected", "deactivated": "Deactivated"}.get(status, "Stores pending connection")
        assert places == [where], status
    assert found["Stores pending connection"].count("Reconnect store") == len(waiting) - 1
    assert found["Stores pending connection"].count("Complete connection") == 1


def test_a_known_end_is_shown_and_an_unknown_one_is_called_unknown(desk: Desk) -> None:
    desk.account(label="known", expires_at=clock.now() + timedelta(days=100))
    desk.account(label="not told", polled_at=None)
    page = desk.get("/accounts")
    assert "unknown" in page.text
    assert f"{(clock.now() + timedelta(days=100)).year}" in page.text
    assert "3 new orders" in page.text
    assert all(one["listslot"] for one in page.tags("s-table-header"))


@pytest.mark.parametrize("status", ["expired", "revoked"])
def test_a_broken_connection_says_when_it_ended_and_promises_no_later_end(desk: Desk, status: str) -> None:
    until = clock.now() + timedelta(days=400)
    account = desk.account(status=status, expires_at=until, status_since=clock.now() - timedelta(days=2))
    shown = desk.get(f"/accounts/{account}").text
    assert "Connection ended" in shown
    assert "Connection ends" not in shown
    assert f"{until.year}" not in shown


def test_an_account_whose_import_was_never_started_leads_to_the_question(desk: Desk) -> None:
    account = desk.account(take_over_at=None)
    assert f"/accounts/{account}/import" in desk.get("/accounts").links
    assert f"/accounts/{account}/import" in desk.get(f"/accounts/{account}").links


def test_hostile_labels_and_words_stay_text(desk: Desk) -> None:
    account = desk.break_account(HOSTILE[:100], HOSTILE)
    for path in ("/accounts", f"/accounts/{account}", f"/accounts/{account}/repair", f"/accounts/{account}/manual"):
        page = desk.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.html, path
        assert len(page.tags("s-banner")) <= OFFLINE_NOTICES + 1, path


# --- foreign ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("get", path) for path in ("", "/import", "/manual", "/older", "/older/1", "/repair", "/sync", "/days")),
        *(
            ("post", path)
            for path in (
                "", "/activate", "/continue", "/deactivate", "/import", "/manual", "/older", "/older/1/stop", "/renew",
                "/sync", "/count",
            )
        ),
    ],
)  # fmt: skip
def test_another_shops_account_is_not_there(desk: Desk, method: str, path: str) -> None:
    other = install("other.myshopify.com")
    account = desk.account(shop_id=other, label="theirs")
    for number in (account, 999_999, 10**30):
        page = getattr(desk, method)(f"/accounts/{number}{path}")
        assert page.status == 404 or (number == 10**30 and page.status == 405)
        assert "theirs" not in page.html
    with db.reading() as s:
        row = s.get_one(Account, account)
        assert (row.status, row.label, row.sync_asked_at) == (AccountStatus.ACTIVE, "theirs", None)


# --- the edit page ----------------------------------------------------------------------------------------------------


def test_what_is_stored_can_be_compared_and_no_secret_is_shown(seat: LoginDesk) -> None:
    seller = seat.seller()
    token = seat.token_of(seller)
    seat.post("/accounts/new/amazon/manual", realm="eu", seller_id=seller, refresh_token=token)
    (account,) = seat.rows()
    page = seat.get(f"/accounts/{account.id}")
    assert seller in page.text
    assert token not in page.html
    assert f"••••{token[-4:]} ({len(token)} characters)" in page.text
    assert page.tags("s-button", **{"data-copy": seller})


def test_save_account_is_at_the_bottom_and_the_one_primary_action(desk: Desk) -> None:
    page = desk.get(f"/accounts/{desk.break_account()}")
    (primary,) = [one for one in page.tags("s-button", variant="primary") if one.get("slot") != "primary-action"]
    assert primary["type"] == "submit"
    assert page.html.index("Save account") > page.html.index('id="connection"')
    assert page.html.index("Save account") > page.html.index('id="trouble"')
    assert page.tags("s-checkbox", name="log_in_again")[0].get("checked") == ""


def test_log_in_again_is_ticked_beforehand_only_when_it_is_needed(desk: Desk) -> None:
    for status, ticked in ((AccountStatus.ACTIVE, False), (AccountStatus.REVOKED, True), (AccountStatus.PENDING, True)):
        page = desk.get(f"/accounts/{desk.account(status=status)}")
        assert ("checked" in page.tags("s-checkbox", name="log_in_again")[0]) is ticked, status
    assert not desk.get(f"/accounts/{desk.account(status='deactivated')}").tags("s-checkbox", name="log_in_again")


def test_a_new_name_is_saved_with_who_did_it(desk: Desk) -> None:
    account = desk.account()
    done = desk.post(f"/accounts/{account}", label="  Red mugs ")
    assert (done.status, done.goes_to) == (303, f"/accounts/{account}?done=saved")
    page = desk.get(done.goes_to)
    assert page.tags("s-page", heading="Red mugs")
    assert page.tags("meta", name="flash-toast", content="Saved")
    with db.reading() as s:
        entry = s.query(AuditEntry).filter_by(action="account_saved").one()
    assert (entry.user_id, entry.changes["label"]) == (USER, ["My Amazon", "Red mugs"])


def test_an_empty_name_is_told_at_its_field_and_nothing_is_saved(desk: Desk) -> None:
    account = desk.account()
    page = desk.post(f"/accounts/{account}", label="   ")
    assert page.status == 422
    (field,) = page.tags("s-text-field", name="label")
    assert field["error"]
    assert not page.tags("meta", name="flash-toast")
    assert desk.get(f"/accounts/{account}").tags("s-page", heading="My Amazon")


def test_unticking_sites_and_the_import_is_saved(seat: LoginDesk) -> None:
    account = seat.connect(seat.seller(DE, FR))
    assert seat.importing(account) == {DE, FR}
    seat.post(f"/accounts/{account}", label="Mine", with_sites="1", importing="1", sites=[DE])
    assert seat.importing(account) == {DE}
    assert seat.row(account).importing
    seat.post(f"/accounts/{account}", label="Mine", with_sites="1", sites=[DE])
    assert not seat.row(account).importing
    assert seat.row(account).due_at is None
    seat.post(f"/accounts/{account}", label="Mine")
    assert seat.importing(account) == {DE}, "a form without the sites changes none"


def test_a_site_that_is_out_of_use_for_now_is_not_lost_by_saving(seat: LoginDesk) -> None:
    account = seat.connect(seat.seller(DE, FR))
    with db.writing() as s:
        s.query(AccountSite).filter_by(account_id=account, site=FR).update({"active": False})
    page = seat.get(f"/accounts/{account}")
    # What the browser posts: ticked boxes that are not disabled, and hidden fields.
    posted = [one["value"] for one in page.tags("s-choice") if "selected" in one and "disabled" not in one]
    posted += [one["value"] for one in page.tags("input", type="hidden", name="sites")]
    seat.post(f"/accounts/{account}", label="Mine", with_sites="1", importing="1", sites=posted)
    assert seat.importing(account) == {DE, FR}


def test_a_site_that_another_shop_imports_is_asked_about_in_the_form(seat: LoginDesk) -> None:
    seller, other = seat.seller(), seat.neighbour()
    theirs = other.connect(seller)
    page = seat.log_in(seat.post("/accounts/new/amazon/login", realm="eu"), seller)
    seat.post("/accounts/linked/without", token=page.tags("input", name="token")[0]["value"])
    (mine,) = [one for one in seat.rows() if one.worked_at]
    form = {"label": "Mine", "with_sites": "1", "importing": "1", "sites": [DE]}
    page = seat.post(f"/accounts/{mine.id}", **form)
    assert page.status == 422
    assert page.tags("s-checkbox", name="take_over")
    assert "are imported by another shop" in page.text
    assert other.domain.removesuffix(".myshopify.com") not in page.html
    assert seat.post(f"/accounts/{mine.id}", **form, take_over="1").status == 303
    assert (seat.importing(mine.id), other.importing(theirs)) == ({DE}, set())


def test_an_account_that_leaves_its_sites_to_another_shop_says_that_nothing_is_imported(seat: LoginDesk) -> None:
    seller, other = seat.seller(), seat.neighbour()
    other.connect(seller)
    page = seat.log_in(seat.post("/accounts/new/amazon/login", realm="eu"), seller)
    done = seat.post("/accounts/linked/without", token=page.tags("input", name="token")[0]["value"])
    (mine,) = [one for one in seat.rows() if one.worked_at]
    assert done.goes_to == f"/accounts/{mine.id}?done=account_linked", "who does not import is not asked from when on"
    page = seat.get(f"/accounts/{mine.id}")
    assert "No orders of this account are imported" in page.text
    assert not page.tags("form", id="sync-form")
    assert f"/accounts/{mine.id}/import" not in page.links
    assert seat.get(f"/accounts/{mine.id}/import").goes_to == f"/accounts/{mine.id}"
    assert "Import is off" in seat.get("/accounts").text
    assert "has not been started" not in seat.get("/").text
    change(mine.id, take_over_at=clock.now(), polled_at=None)
    assert "Import is off" in seat.get("/").text, "not that the first import is under way"
    assert "Import is off" in seat.get("/accounts").text


# --- deactivate and activate ------------------------------------------------------------------------------------------


def test_deactivating_stops_it_quietly_and_the_login_brings_the_same_account_back(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = seat.connect(seller)
    assert seat.get(f"/accounts/{account}").tags("form", id="deactivate", **{"data-confirm": "sure"})
    done = seat.post(f"/accounts/{account}/deactivate")
    assert done.goes_to == f"/accounts/{account}?done=account_deactivated"
    row = seat.row(account)
    assert (row.status, row.due_at) == (AccountStatus.DEACTIVATED, None)
    assert seat.open_kinds() == set()
    page = seat.get(done.goes_to)
    assert page.tags("form", id="activate")
    assert not page.tags("form", id="sync-form")
    back = seat.log_in(seat.post(f"/accounts/{account}/activate"), seller)
    assert back.goes_to == f"/accounts/{account}?done=account_repaired"
    row = seat.row(account)
    assert row.status == AccountStatus.ACTIVE
    assert row.due_at is not None
    assert len(seat.rows()) == 1


def test_from_the_settings_one_comes_back_to_the_settings(desk: Desk) -> None:
    done = desk.post(f"/accounts/{desk.account()}/deactivate", **{"from": "settings"})
    assert done.goes_to == "/settings?done=account_deactivated"


def test_a_typed_account_that_no_longer_works_says_so_in_the_form_when_activated(seat: LoginDesk) -> None:
    seller = seat.seller()
    form = {"realm": "eu", "seller_id": seller, "refresh_token": seat.token_of(seller)}
    account = int(seat.post("/accounts/new/amazon/manual", **form).goes_to.split("/")[2])
    seat.post(f"/accounts/{account}/deactivate")
    seat.state(seller, authorisation="revoked")
    change(account, access_token="", access_expires_at=None)
    page = seat.post(f"/accounts/{account}/activate")
    assert page.status == 422
    said = page.html.partition('id="activate"')[2].partition("</form>")[0]
    assert "refused the access" in said
    assert "steps below" not in said, "there are none on the page of a deactivated account"
    assert f"/accounts/{account}/manual" in page.links, "the way on"
    assert seat.row(account).status == AccountStatus.DEACTIVATED
    assert seat.open_kinds() == set()
    form = {"seller_id": seller, "refresh_token": seat.token_of(seller)}
    assert seat.post(f"/accounts/{account}/manual", **form).goes_to.startswith(f"/accounts/{account}")
    assert seat.row(account).status == AccountStatus.ACTIVE


def test_an_activation_that_nobody_answers_is_not_said_to_be_tried_again(seat: LoginDesk) -> None:
    seller = seat.seller()
    form = {"realm": "eu", "seller_id": seller, "refresh_token": seat.token_of(seller)}
    account = int(seat.post("/accounts/new/amazon/manual", **form).goes_to.split("/")[2])
    seat.post(f"/accounts/{account}/deactivate")
    fault = {"system": "amazon", "operation": "getMarketplaceParticipations", "kind": "status", "times": None}
    made = seat.box.post("/faults", fault | {"params": {"status": 503}})
    page = seat.post(f"/accounts/{account}/activate")
    seat.box.delete(f"/faults/{made['id']}")
    said = page.html.partition('id="activate"')[2].partition("</form>")[0]
    assert page.status == 422
    assert "Try again in a few minutes" in said
    assert "by itself" not in said


# --- sync -------------------------------------------------------------------------------------------------------------


def test_sync_now_shows_queued_running_and_the_result(desk: Desk) -> None:
    account = desk.account()
    done = desk.post(f"/accounts/{account}/sync")
    assert done.goes_to == f"/accounts/{account}?done=sync_queued"
    page = desk.get(done.goes_to)
    (part,) = page.tags("div", id="sync")
    assert part["data-poll"] == f"/accounts/{account}/sync"
    assert "Queued" in page.text
    change(account, lease_until=clock.now() + timedelta(minutes=1), lease_token="t")
    assert "Running" in desk.get(part["data-poll"]).text
    change(account, lease_until=None, lease_token="", sync_asked_at=None, polled_at=clock.now(), polled_count=1)
    told = desk.get(part["data-poll"])
    assert "1 new order" in told.text
    assert "data-poll" not in told.tags("div", id="sync")[0]


def test_a_sync_that_is_due_is_not_said_to_have_been_some_time_ago(desk: Desk) -> None:
    account = desk.account()
    change(account, due_at=clock.now() + timedelta(minutes=3))
    assert "in 3 minutes" in desk.get(f"/accounts/{account}/sync").text
    change(account, due_at=clock.now() - timedelta(seconds=1))
    assert "any moment now" in desk.get(f"/accounts/{account}/sync").text


def test_a_sync_that_nobody_works_on_does_not_spin_for_ever(desk: Desk) -> None:
    account = desk.account(sync_asked_at=clock.now() - timedelta(hours=1))
    assert "data-poll" not in desk.get(f"/accounts/{account}").tags("div", id="sync")[0]


def test_trouble_of_the_last_sync_is_quoted(desk: Desk) -> None:
    account = desk.account(poll_words=f"QuotaExceeded {HOSTILE}"[:500])
    page = desk.get(f"/accounts/{account}")
    assert "tried again by itself" in page.text
    assert page.tags("blockquote")
    assert "<script>alert" not in page.html


def test_what_is_not_granted_is_named(desk: Desk) -> None:
    page = desk.get(f"/accounts/{desk.account(missing=['Direct-to-Consumer Shipping'])}")
    assert "Missing permissions: Direct-to-Consumer Shipping" in page.text
