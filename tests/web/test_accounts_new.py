"""Creating a connection, step by step in a browser's terms: choose, log in or type, come back, start the import."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from marketplaces.channels import registry
from shopapp import clock
from shopapp.records import db
from shopapp.records.models import AccountStatus, Backfill
from shopapp.web import accounts_new
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.web.desk import HOSTILE, Desk
from tests.web.login_desk import DE, FR, LoginDesk, open_login_desk


@pytest.fixture
def seat(queue: Queue, box: Box, tmp_path: Path) -> Iterator[LoginDesk]:
    """A merchant whose marketplace answers."""
    yield from open_login_desk(queue, box, tmp_path)


def login(seat: LoginDesk, seller: str) -> str:
    return seat.come_back(seat.post("/accounts/new/amazon/login", realm="eu"), seller)


# --- before the login -------------------------------------------------------------------------------------------------


@pytest.fixture
def _amazon_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator has set up one marketplace, and those that need no setting up are not there."""
    monkeypatch.setattr(accounts_new, "registry", lambda: {"amazon": registry()["amazon"]})


@pytest.mark.usefixtures("_amazon_alone")
def test_with_one_marketplace_there_is_nothing_to_choose(desk: Desk) -> None:
    assert desk.get("/accounts/new").goes_to == "/accounts/new/amazon"


def test_with_several_marketplaces_each_says_what_account_it_needs(seat: LoginDesk) -> None:
    page, offered = seat.get("/accounts/new"), accounts_new.offered()
    assert len(offered) > 1
    for channel in offered:
        assert f"/accounts/new/{channel.key}" in page.links
        assert channel.account_needed in page.text


def test_the_page_says_which_account_is_needed_before_anything_is_typed(desk: Desk) -> None:
    page = desk.get("/accounts/new/amazon")
    assert "You need an Amazon seller account" in page.text
    assert "amzn1.sp.solution.sandbox" in page.text
    assert len(page.tags("s-button", variant="primary")) == 1
    assert [one["value"] for one in page.tags("s-option")] == ["eu", "na", "fe"]
    assert not page.tags("s-password-field")


def test_a_marketplace_that_is_not_offered_is_not_found(desk: Desk) -> None:
    for path in ("/accounts/new/nowhere", "/accounts/new/" + "x" * 300):
        assert desk.get(path).status == 404
    assert desk.post("/accounts/new/nowhere/login").status == 404
    assert desk.post("/accounts/new/nowhere/manual").status == 404


def test_a_region_that_does_not_exist_is_refused(desk: Desk) -> None:
    assert desk.post("/accounts/new/amazon/login", realm="mars").status == 400


# --- the login --------------------------------------------------------------------------------------------------------


def test_from_nothing_to_an_import_in_four_steps_without_typing(seat: LoginDesk) -> None:
    seller = seat.seller()
    page = seat.log_in(seat.post("/accounts/new/amazon/login", realm="eu"), seller)
    (account,) = seat.rows()
    assert account.status == AccountStatus.ACTIVE
    assert account.seller_id == seller
    assert account.take_over_at is None
    assert page.goes_to == f"/accounts/{account.id}/import?done=account_linked"
    asked = seat.get(page.goes_to)
    assert "Has another app imported these orders until now?" in asked.text
    assert 'content="Account connected"' in asked.html
    before = clock.now()
    done = seat.post(f"/accounts/{account.id}/import")
    assert (done.status, done.goes_to) == (303, f"/accounts/{account.id}?done=import_started")
    account = seat.row(account.id)
    assert account.take_over_at is not None
    assert account.take_over_at >= before - timedelta(seconds=1)
    assert account.due_at is not None


def test_loading_the_return_again_changes_nothing_and_says_the_same(seat: LoginDesk) -> None:
    back = login(seat, seat.seller())
    assert seat.get(back).status == 302
    (account,) = seat.rows()
    assert f"/accounts/{account.id}" in seat.get(back).goes_to
    assert len(seat.rows()) == 1


def test_a_return_link_in_another_shops_hands_links_nothing(seat: LoginDesk) -> None:
    back = login(seat, seat.seller())
    thief = seat.neighbour()
    page = thief.get(back)
    assert page.status == 200
    assert "This login is over" in page.text
    assert not [one for one in thief.rows() if one.worked_at]
    assert not [one for one in seat.rows() if one.worked_at]


def test_a_made_up_return_is_a_page_and_links_nothing(seat: LoginDesk) -> None:
    for path in ("/accounts/linked", "/accounts/linked?return=", "/accounts/linked?return=%00%ff'"):
        page = seat.get(path)
        assert page.status == 200
        assert "/accounts" in page.links
    assert seat.rows() == []


def test_a_login_that_is_given_up_leaves_a_store_that_can_be_completed(seat: LoginDesk) -> None:
    seat.consent_page(seat.post("/accounts/new/amazon/login", realm="eu"))
    accounts = seat.get("/accounts")
    for account in seat.rows():
        assert account.status == AccountStatus.PENDING
        assert f"/accounts/{account.id}/repair" in accounts.links
        assert "Complete connection" in accounts.text


def test_a_login_without_answer_is_kept_as_pending_and_completed_by_continue(seat: LoginDesk) -> None:
    seller = seat.seller()
    back = login(seat, seller)
    fault = seat.box.fault("amazon", "status", "getMarketplaceParticipations", params={"status": 503})
    page = seat.get(back)
    assert page.status == 200
    (account,) = seat.rows()
    assert account.status == AccountStatus.PENDING
    assert "did not give a usable answer" in page.text
    assert page.tags("form", id="continue")
    seat.box.delete(f"/faults/{fault}")
    done = seat.post(f"/accounts/{account.id}/continue")
    assert done.status == 303
    assert done.goes_to == f"/accounts/{account.id}/import?done=account_repaired"
    assert seat.row(account.id).status == AccountStatus.ACTIVE


def test_the_first_check_refused_is_told_and_listed_as_never_worked(seat: LoginDesk) -> None:
    seller = seat.seller()
    seat.state(seller, active=False)
    page = seat.get(login(seat, seller))
    (account,) = seat.rows()
    assert account.status == AccountStatus.PENDING
    assert "account_expired" in seat.open_kinds()
    assert "says that the seller account cannot be used" in page.text
    listed = seat.get("/accounts")
    assert "Stores pending connection" in listed.text
    assert "Never worked yet" in listed.text
    assert "Complete connection" in listed.text
    assert "Reconnect store" not in listed.text


# --- another shop has it ----------------------------------------------------------------------------------------------


def test_a_seller_that_another_shop_imports_is_taken_over_only_when_asked_for(seat: LoginDesk) -> None:
    seller, other = seat.seller(), seat.neighbour()
    theirs = other.connect(seller)
    page = seat.log_in(seat.post("/accounts/new/amazon/login", realm="eu"), seller)
    assert page.status == 200
    assert "are imported by another shop" in page.text
    assert "Amazon.de" in page.text
    assert other.domain.removesuffix(".myshopify.com") not in page.html
    assert other.importing(theirs) == {DE}
    token = page.tags("input", name="token")[0]["value"]
    done = seat.post("/accounts/linked/take-over", token=token)
    assert done.status == 303
    (mine,) = [one for one in seat.rows() if one.worked_at]
    assert (seat.importing(mine.id), other.importing(theirs)) == ({DE}, set())
    assert "import_taken_over" in other.open_kinds()
    shown = other.get(f"/accounts/{theirs}").html + other.get("/").html
    assert seat.domain.removesuffix(".myshopify.com") not in shown


def test_a_seller_that_another_shop_imports_is_linked_without_importing(seat: LoginDesk) -> None:
    seller, other = seat.seller(DE, FR), seat.neighbour()
    theirs = other.connect(seller)
    page = seat.log_in(seat.post("/accounts/new/amazon/login", realm="eu"), seller)
    token = page.tags("input", name="token")[0]["value"]
    assert seat.post("/accounts/linked/without", token=token).status == 303
    (mine,) = [one for one in seat.rows() if one.worked_at]
    assert (seat.importing(mine.id), other.importing(theirs)) == (set(), {DE, FR})
    used = seat.post("/accounts/linked/take-over", token=token)
    assert "This login is over" in used.text
    assert other.importing(theirs) == {DE, FR}


def test_an_answer_that_does_not_exist_is_not_found_and_a_reload_leads_to_the_list(seat: LoginDesk) -> None:
    assert seat.post("/accounts/linked/whatever", token="x").status == 404
    assert seat.get("/accounts/linked/take-over").goes_to == "/accounts"
    assert seat.get("/accounts/new/amazon/manual").goes_to == "/accounts/new/amazon"


# --- the typed way ----------------------------------------------------------------------------------------------------


def test_typed_access_that_works_is_a_connection_at_once(seat: LoginDesk) -> None:
    seller = seat.seller()
    form = {"realm": "eu", "seller_id": f" {seller} ", "refresh_token": seat.token_of(seller)}
    done = seat.post("/accounts/new/amazon/manual", **form)
    (account,) = seat.rows()
    assert (done.status, done.goes_to) == (303, f"/accounts/{account.id}/import?done=account_linked")
    assert account.status == AccountStatus.ACTIVE


def test_typed_access_that_is_no_access_names_the_field_and_keeps_what_was_typed(seat: LoginDesk) -> None:
    for token, said in (("", "refresh_token"), ("amzn.mws.4ea38b7b-f563-7709-4bae-87aea8f07e4c", "refresh_token")):
        page = seat.post("/accounts/new/amazon/manual", realm="eu", seller_id="A2Q3Y263D00KWC", refresh_token=token)
        assert page.status == 422
        (field,) = page.tags("s-password-field", name=said)
        assert field["error"]
        assert page.tags("s-text-field", name="seller_id")[0]["value"] == "A2Q3Y263D00KWC"
        assert not token or token not in page.html
    assert seat.rows() == []


def test_typed_access_that_is_refused_is_told_in_the_form_and_kept_as_pending(seat: LoginDesk) -> None:
    seller = seat.seller()
    form = {"realm": "eu", "seller_id": seller, "refresh_token": "Atzr|IwEBIA-nobody-has-this-one"}
    page = seat.post("/accounts/new/amazon/manual", **form)
    assert page.status == 422
    assert "refused the access" in page.text
    (account,) = seat.rows()
    assert account.status == AccountStatus.PENDING
    assert f"/accounts/{account.id}/repair" in page.links
    assert form["refresh_token"] not in page.html
    done = seat.post("/accounts/new/amazon/manual", **form | {"refresh_token": seat.token_of(seller)})
    assert done.status == 303
    assert [one.id for one in seat.rows()] == [account.id]


def test_what_was_typed_is_escaped(seat: LoginDesk) -> None:
    page = seat.post("/accounts/new/amazon/manual", realm="eu", seller_id=HOSTILE, refresh_token="x")
    assert page.status == 422
    assert "<script>alert" not in page.html


# --- from when on -----------------------------------------------------------------------------------------------------


def test_older_orders_are_asked_for_with_a_day_of_the_shops_zone(desk: Desk) -> None:
    account = desk.account(take_over_at=None)
    day = (clock.now() - timedelta(days=20)).date().isoformat()
    done = desk.post(f"/accounts/{account}/import", older="1", since=day)
    assert done.goes_to == f"/accounts/{account}?done=import_started"
    with db.reading() as s:
        (row,) = s.query(Backfill).filter_by(account_id=account)
    assert row.since.strftime("%H:%M") in ("22:00", "23:00"), "midnight in Berlin"


@pytest.mark.parametrize("day", ["", "yesterday", "2026-13-01", "0001-01-01", "9999-12-31", "2019-01-01"])
def test_a_day_that_cannot_be_is_told_at_the_field_and_nothing_is_stored(desk: Desk, day: str) -> None:
    account = desk.account(take_over_at=None)
    page = desk.post(f"/accounts/{account}/import", older="1", since=day)
    assert page.status == 422
    (field,) = page.tags("s-date-field", name="since")
    assert field["error"]
    assert field["value"] == day
    assert page.tags("s-checkbox", name="older")[0].get("checked") == ""
    with db.reading() as s:
        assert s.query(Backfill).count() == 0


def test_the_question_is_asked_once_and_only_of_a_connection_that_works(desk: Desk) -> None:
    begun, pending = desk.account(), desk.account(status=AccountStatus.PENDING, take_over_at=None, worked_at=None)
    for account in (begun, pending):
        assert desk.get(f"/accounts/{account}/import").goes_to == f"/accounts/{account}"
