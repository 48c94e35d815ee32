"""Repairing a connection: two clicks from the banner to the login, and every door ends in the same state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shopapp.accounts import repair
from shopapp.accounts.line import stored
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.web.desk import Desk, Page
from tests.web.login_desk import DE, LoginDesk, open_login_desk


@pytest.fixture
def seat(queue: Queue, box: Box, tmp_path: Path) -> Iterator[LoginDesk]:
    """A merchant whose marketplace answers."""
    yield from open_login_desk(queue, box, tmp_path)


def forget_access(account_id: int) -> None:
    with db.writing() as s:
        row = s.get_one(Account, account_id)
        row.access_token, row.access_expires_at = "", None


def broken(seat: LoginDesk, seller: str, state: str = "revoked") -> int:
    """A connection that worked, and whose access the marketplace refuses now."""
    account = seat.connect(seller)
    seat.state(seller, authorisation=state)
    forget_access(account)
    assert repair.probe(account) is not None
    assert seat.row(account).status in (AccountStatus.REVOKED, AccountStatus.EXPIRED)
    assert "account_expired" in seat.open_kinds()
    return account


def is_well(seat: LoginDesk, account: int) -> None:
    row = seat.row(account)
    assert (row.status, row.cause) == (AccountStatus.ACTIVE, "")
    assert row.due_at is not None
    assert "account_expired" not in seat.open_kinds()
    assert not seat.get("/").tags("s-banner", id="banner")
    assert [one.id for one in seat.rows()] == [account]
    assert seat.importing(account) == {DE}


def restored(seat: LoginDesk, seller: str) -> None:
    seat.state(seller, authorisation="ok")


def save(seat: LoginDesk, account: int) -> Page:
    """Press *Save account* as the page stands."""
    page = seat.get(f"/accounts/{account}")
    form = {
        "label": page.tags("s-text-field", name="label")[0]["value"],
        "with_sites": "1",
        "importing": "1",
        "sites": [one["value"] for one in page.tags("s-choice") if "selected" in one],
    }
    if "checked" in page.tags("s-checkbox", name="log_in_again")[0]:
        form["log_in_again"] = "1"
    return seat.post(f"/accounts/{account}", **form)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_a_broken_account_shows_above_all_what_was_said_and_the_steps(desk: Desk) -> None:
    account = desk.break_account(words="Access to requested resource is denied.", cause_call="searchOrders")
    for path in (f"/accounts/{account}", f"/accounts/{account}/repair"):
        page = desk.get(path)
        assert "Amazon reported:" in page.text
        assert "Access to requested resource is denied." in page.text
        assert "on the call searchOrders" in page.text
        assert "we do not know why" in page.text
        assert page.tags("s-ordered-list")
        assert len(page.tags("s-list-item")) >= 3
        assert "amzn1.sp.solution.sandbox" in page.text
        assert page.tags("form", id="continue", action=f"/accounts/{account}/continue")
        assert f"/accounts/{account}/manual" in page.links
        assert "/help/connections" in page.links


@pytest.mark.parametrize("status", ["expired", "revoked"])
def test_the_steps_are_those_of_the_cause(desk: Desk, status: str) -> None:
    account = desk.account(status=status, cause=status)
    steps = desk.get(f"/accounts/{account}/repair").tags("s-link", target="_blank")
    assert steps, "a step links to the marketplace"
    text = {
        one: desk.get(f"/accounts/{desk.account(status=one, cause=one)}/repair").text for one in ("expired", "revoked")
    }
    assert text["expired"] != text["revoked"]


def test_a_store_that_never_worked_is_called_so(desk: Desk) -> None:
    account = desk.account(status=AccountStatus.PENDING, worked_at=None, seller_id=None, take_over_at=None)
    assert desk.get(f"/accounts/{account}/repair").tags("s-page", heading="Complete connection")
    page = desk.get(f"/accounts/{account}")
    assert page.tags("s-section", heading="This connection is not complete yet")
    assert page.tags("form", id="continue")
    account = desk.account(status=AccountStatus.EXPIRED)
    assert desk.get(f"/accounts/{account}/repair").tags("s-page", heading="Reconnect your store")


# --- the doors --------------------------------------------------------------------------------------------------------


def test_two_clicks_lead_from_the_banner_to_the_login_and_all_is_well(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = broken(seat, seller)
    home = seat.get("/")
    assert f"/accounts/{account}" in [one.get("href") for one in home.tags("s-button", slot="secondary-actions")], (
        "click one: the banner's button"
    )
    answer = save(seat, account)
    assert "X-Relay-Top" in answer.response.headers, "click two: Save account"
    restored(seat, seller)
    back = seat.log_in(answer, seller)
    assert back.goes_to == f"/accounts/{account}?done=account_repaired"
    assert seat.get(back.goes_to).tags("meta", name="flash-toast", content="Connection works again")
    is_well(seat, account)


def test_deactivating_and_activating_ends_in_the_same_state(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = broken(seat, seller)
    seat.post(f"/accounts/{account}/deactivate")
    restored(seat, seller)
    seat.log_in(seat.post(f"/accounts/{account}/activate"), seller)
    is_well(seat, account)


def test_continue_heals_without_a_login_when_the_access_works_again(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = broken(seat, seller, "expired")
    restored(seat, seller)
    kept = stored(seat.row(account)).secrets
    done = seat.post(f"/accounts/{account}/continue")
    assert (done.status, done.goes_to) == (303, f"/accounts/{account}?done=account_repaired")
    assert stored(seat.row(account)).secrets == kept
    is_well(seat, account)


def test_continue_goes_to_the_login_when_the_access_is_still_refused(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = broken(seat, seller)
    answer = seat.post(f"/accounts/{account}/continue")
    assert "X-Relay-Top" in answer.response.headers
    restored(seat, seller)
    assert seat.log_in(answer, seller).status == 302
    is_well(seat, account)


def test_continue_during_an_outage_says_so_in_the_form_and_changes_nothing(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = broken(seat, seller)
    seat.box.fault("lwa", "status", params={"status": 503})
    page = seat.post(f"/accounts/{account}/continue")
    assert page.status == 422
    said = page.html.partition('id="continue"')[2].partition("</form>")[0]
    assert "did not give a usable answer" in said
    assert seat.row(account).status == AccountStatus.REVOKED
    assert seat.get(f"/accounts/{account}/continue").goes_to == f"/accounts/{account}/repair"


def test_continue_with_an_inactive_seller_account_tells_to_activate_it_there(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = seat.connect(seller)
    seat.state(seller, active=False)
    page = seat.post(f"/accounts/{account}/continue")
    assert page.status == 422
    assert "Activate it there" in page.text
    assert seat.row(account).status == AccountStatus.INACTIVE
    seat.state(seller, active=True)
    assert seat.post(f"/accounts/{account}/continue").status == 303
    is_well(seat, account)


def test_reconnecting_manually_ends_in_the_same_state(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = broken(seat, seller)
    page = seat.get(f"/accounts/{account}/manual")
    assert page.tags("s-text-field", name="seller_id")[0]["value"] == seller
    assert "value" not in page.tags("s-password-field", name="refresh_token")[0]
    restored(seat, seller)
    form = {"seller_id": seller, "refresh_token": seat.token_of(seller)}
    done = seat.post(f"/accounts/{account}/manual", **form)
    assert (done.status, done.goes_to) == (303, f"/accounts/{account}?done=account_repaired")
    is_well(seat, account)


def test_a_wrong_token_typed_is_told_in_the_form_and_keeps_the_seller_id(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = broken(seat, seller)
    page = seat.post(f"/accounts/{account}/manual", seller_id=seller, refresh_token="Atzr|IwEBINobodyHasThisOne")
    assert page.status == 422
    said = page.html.partition("data-form-error")[2].partition("</form>")[0]
    assert "refused the access" in said
    assert page.tags("s-text-field", name="seller_id")[0]["value"] == seller
    assert "IwEBINobodyHasThisOne" not in page.html


# --- the wrong seller -------------------------------------------------------------------------------------------------


def test_a_login_as_another_seller_changes_nothing_and_names_both(seat: LoginDesk) -> None:
    seller, wrong = seat.seller(), seat.seller()
    account = broken(seat, seller)
    before = seat.row(account)
    page = seat.log_in(save(seat, account), wrong)
    assert page.status == 200
    assert seller in page.text
    assert wrong in page.text
    after = seat.row(account)
    assert (after.seller_id, after.credentials, after.status) == (before.seller_id, before.credentials, before.status)
    assert f"/accounts/{account}" in page.links
    done = seat.post("/accounts/linked/new", token=page.tags("input", name="token")[0]["value"])
    assert done.status == 303
    assert {one.seller_id for one in seat.rows()} == {seller, wrong}


def test_typing_another_sellers_access_names_both_too(seat: LoginDesk) -> None:
    seller, wrong = seat.seller(), seat.seller()
    account = broken(seat, seller)
    page = seat.post(f"/accounts/{account}/manual", seller_id=wrong, refresh_token=seat.token_of(wrong))
    assert page.status == 200
    assert seller in page.text
    assert wrong in page.text
    assert seat.row(account).seller_id == seller


# --- renewal of a healthy one -----------------------------------------------------------------------------------------


def test_a_healthy_connection_is_renewed_by_a_login(seat: LoginDesk) -> None:
    seller = seat.seller()
    account = seat.connect(seller)
    before = seat.row(account).credentials
    back = seat.log_in(seat.post(f"/accounts/{account}/renew"), seller)
    assert back.goes_to == f"/accounts/{account}?done=account_repaired"
    assert seat.row(account).credentials != before
    is_well(seat, account)
