"""Repairing: every door ends in the same state, proved by a live call as the same seller; nothing else is touched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from marketplaces.errors import OurFault, Transient
from shopapp import clock
from shopapp.accounts import link, repair
from shopapp.accounts.outcome import Outcome
from shopapp.alerts import invariants
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, AuditEntry, InboxMessage, LoginDoor, Mail
from shopapp.verdict import apply_account
from tests.unit.accounts.steps import DE, FR, UK, USER, Stage


@pytest.fixture
def shop(stage: Stage) -> int:
    return stage.shop()


@pytest.fixture
def account_id(stage: Stage, shop: int) -> int:
    account_id = stage.linked(shop, stage.seller(DE, UK), label="My Amazon")
    with db.writing() as s:
        link.set_take_over(s, s.get_one(Account, account_id), clock.now(), USER)
    return account_id


def seller_of(stage: Stage, account_id: int) -> str:
    return stage.account(account_id).seller_id or ""


def break_(stage: Stage, account_id: int) -> None:
    """Amazon ends the authorisation and the next call hears of it."""
    stage.state(seller_of(stage, account_id), authorisation="revoked")
    assert repair.probe(account_id) is not None
    assert stage.account(account_id).status == AccountStatus.REVOKED


def through_login(stage: Stage, shop: int, account_id: int, outcome: Outcome) -> Outcome:
    """Follow the way that an outcome offers."""
    assert outcome.kind == "needs_login"
    token = stage.log_in(outcome.login_url.split("ticket=")[1], seller_of(stage, account_id))
    return link.confirm(shop, USER, token)


def deactivate(account_id: int) -> None:
    with db.writing() as s:
        repair.deactivate(s, s.get_one(Account, account_id), USER)


DOORS = ("save", "deactivate and activate", "continue", "create again")


@pytest.mark.parametrize("door", DOORS)
def test_every_door_repairs_an_expired_account_to_the_same_state(
    stage: Stage, shop: int, account_id: int, door: str
) -> None:
    other = stage.linked(shop, stage.seller())
    kept = stage.account(account_id)
    break_(stage, account_id)
    assert stage.open(shop)["account_expired"].subject == f"account:{account_id}"
    match door:
        case "save":
            outcome = through_login(stage, shop, account_id, repair.save(shop, USER, account_id, {}))
        case "deactivate and activate":
            deactivate(account_id)
            assert stage.open(shop) == {}, "a deactivated account raises nothing"
            outcome = through_login(stage, shop, account_id, repair.activate(shop, USER, account_id))
        case "continue":
            outcome = through_login(stage, shop, account_id, repair.continue_(shop, USER, account_id))
        case _:
            outcome = stage.link(shop, seller_of(stage, account_id))
    assert (outcome.kind, outcome.account_id) == ("linked", account_id)
    row = stage.account(account_id)
    assert (row.status, row.cause, row.label, row.take_over_at) == (
        AccountStatus.ACTIVE,
        "",
        "My Amazon",
        kept.take_over_at,
    )
    assert row.due_at is not None
    assert row.due_at <= clock.now()
    assert row.cursor_at == kept.cursor_at
    assert stage.importing(account_id) == {DE, UK}
    assert stage.open(shop) == {}
    assert stage.account(other).status == AccountStatus.ACTIVE
    with db.reading() as s:
        assert invariants.check(s) == []


def test_a_broken_account_is_one_incident_one_mail_one_message(stage: Stage, shop: int, account_id: int) -> None:
    break_(stage, account_id)
    for _ in range(4):
        repair.probe(account_id)
    incident = stage.open(shop)["account_expired"]
    assert incident.count == 5
    assert incident.mail_id is not None
    assert "revoked" in incident.words, "the channel's own words"
    with db.reading() as s:
        assert s.query(Mail).filter_by(shop_id=shop).count() == 1
        assert s.query(InboxMessage).filter_by(shop_id=shop, kind="account_expired").count() == 1


def test_continue_tests_what_is_stored_first_and_needs_no_login_when_it_works(
    stage: Stage, shop: int, account_id: int
) -> None:
    break_(stage, account_id)
    stage.state(seller_of(stage, account_id), authorisation="ok")
    outcome = repair.continue_(shop, USER, account_id)
    assert (outcome.kind, outcome.login_url) == ("linked", "")
    assert stage.account(account_id).status == AccountStatus.ACTIVE


def test_continue_does_not_send_an_inactive_seller_to_a_login(stage: Stage, shop: int, account_id: int) -> None:
    stage.state(seller_of(stage, account_id), active=False)
    outcome = repair.continue_(shop, USER, account_id)
    assert (outcome.kind, outcome.cause, outcome.login_url) == ("failed", "inactive", "")
    assert stage.account(account_id).status == AccountStatus.INACTIVE
    assert stage.account(account_id).credentials, "kept, and tested again"


def test_continue_tells_that_the_channel_did_not_answer(stage: Stage, shop: int, account_id: int) -> None:
    seller = seller_of(stage, account_id)
    stage.fault("amazon", "status", "getMarketplaceParticipations", times=1, match={"seller": seller})
    assert repair.continue_(shop, USER, account_id).cause == "later"
    assert stage.account(account_id).status == AccountStatus.ACTIVE


def test_a_broken_account_heals_by_itself_when_the_seller_repairs_it_there(
    stage: Stage, shop: int, account_id: int
) -> None:
    break_(stage, account_id)
    stage.state(seller_of(stage, account_id), authorisation="ok")
    assert repair.probe(account_id) is None
    assert stage.open(shop) == {}


def test_dying_before_its_date_is_revoked_and_past_its_date_expired(stage: Stage, shop: int, account_id: int) -> None:
    """peers 8: day 3 of 365 is no expiry."""
    clock.travel(by=timedelta(days=3))
    stage.state(seller_of(stage, account_id), authorisation="revoked")
    repair.probe(account_id)
    row = stage.account(account_id)
    assert (row.status, row.cause) == (AccountStatus.REVOKED, "revoked")
    clock.travel(by=timedelta(days=363))
    repair.probe(account_id)
    row = stage.account(account_id)
    assert (row.status, row.cause) == (AccountStatus.EXPIRED, "expired")


def test_saving_a_healthy_account_stays_unless_a_new_login_is_asked_for(
    stage: Stage, shop: int, account_id: int
) -> None:
    assert repair.save(shop, USER, account_id, {"label": " New  "}).kind == "saved"
    assert stage.account(account_id).label == "New"
    assert repair.save(shop, USER, account_id, {"log_in_again": True}).kind == "needs_login"
    assert repair.save(shop, USER, account_id, {"label": "  "}).field == "label"
    assert repair.needs_login(stage.account(account_id)) is False


def test_unticked_sites_stop_importing_and_are_free_for_others(stage: Stage, shop: int, account_id: int) -> None:
    assert repair.save(shop, USER, account_id, {"sites": [DE]}).kind == "saved"
    assert stage.importing(account_id) == {DE}
    other = stage.shop("red")
    theirs = stage.linked(other, seller_of(stage, account_id), sites=[UK])
    taken = repair.save(shop, USER, account_id, {"sites": [DE, UK]})
    assert (taken.kind, taken.sites) == ("taken", ("Amazon.co.uk",))
    assert stage.importing(account_id) == {DE}
    assert repair.save(shop, USER, account_id, {"sites": [DE, UK], "take_over": True}).kind == "saved"
    assert (stage.importing(account_id), stage.importing(theirs)) == ({DE, UK}, set())
    assert "import_taken_over" in stage.open(other)


def test_a_site_taken_back_is_polled_again_from_where_the_other_stopped(
    stage: Stage, shop: int, account_id: int
) -> None:
    other, site = stage.shop("red"), next(iter(stage.importing(account_id)))
    repair.save(shop, USER, account_id, {"sites": []})
    theirs = stage.linked(other, seller_of(stage, account_id))
    looked = clock.now() - timedelta(minutes=3)
    with db.writing() as s:
        s.get_one(Account, account_id).due_at = None  # as a poll without sites leaves it
        row = s.get_one(Account, theirs)
        row.take_over_at, row.cursor_at = looked, looked - timedelta(minutes=10)
    everything = sorted(stage.importing(theirs))
    assert site in everything
    assert repair.save(shop, USER, account_id, {"sites": everything, "take_over": True}).kind == "saved"
    mine = stage.account(account_id)
    assert mine.due_at is not None
    assert mine.take_over_at == looked


def test_the_switch_importing_stops_and_starts_the_polling(stage: Stage, shop: int, account_id: int) -> None:
    repair.save(shop, USER, account_id, {"importing": False})
    assert stage.account(account_id).due_at is None
    repair.save(shop, USER, account_id, {"importing": True})
    assert stage.account(account_id).due_at is not None


def test_deactivating_stops_all_work_and_keeps_everything(stage: Stage, shop: int, account_id: int) -> None:
    with db.writing() as s:
        row = s.get_one(Account, account_id)
        row.lease_token, row.lease_until, row.cursor_at = "poll-under-way", clock.now(), clock.now()
        cursor = row.cursor_at
    deactivate(account_id)
    row = stage.account(account_id)
    assert (row.status, row.due_at, row.lease_token) == (AccountStatus.DEACTIVATED, None, "")
    assert (row.label, row.cursor_at, bool(row.credentials)) == ("My Amazon", cursor, True)
    assert repair.save(shop, USER, account_id, {"label": "Renamed"}).kind == "saved"
    repair.probe(account_id)
    assert stage.account(account_id).status == AccountStatus.DEACTIVATED


@pytest.mark.parametrize("trouble", [Transient("gone for good"), OurFault("our secret ended")])
def test_what_is_open_about_a_marketplace_goes_with_the_last_account_there(
    stage: Stage, shop: int, account_id: int, trouble: Exception
) -> None:
    """Nobody asks there any more, so no answer would ever close it."""
    other = stage.linked(shop, stage.seller())
    for _ in range(2):
        with db.writing() as s:
            apply_account(s, s.get_one(Account, account_id), trouble)
        clock.travel(by=timedelta(minutes=31))
    assert len(stage.open(shop)) == 1
    deactivate(account_id)
    assert len(stage.open(shop)) == 1, "the other account is still asked"
    deactivate(other)
    assert stage.open(shop) == {}


def test_accounts_of_another_shop_cannot_be_touched(stage: Stage, account_id: int) -> None:
    stranger = stage.shop("red")
    doors: list[Any] = [repair.continue_, repair.activate, repair.renew]
    for door in doors:
        with pytest.raises(LookupError):
            door(stranger, USER, account_id)
    with pytest.raises(LookupError):
        repair.save(stranger, USER, account_id, {"label": "Mine"})
    with pytest.raises(LookupError):
        link.typed(stranger, USER, "amazon", "eu", {}, account_id)


def test_every_change_names_the_user_in_the_audit_log(stage: Stage, shop: int, account_id: int) -> None:
    repair.save(shop, USER, account_id, {"label": "New"})
    deactivate(account_id)
    with db.reading() as s:
        rows = s.query(AuditEntry).filter_by(shop_id=shop).all()
    assert {row.user_id for row in rows} == {USER}
    assert {"login_begun", "account_linked", "take_over_set", "account_saved", "account_deactivated"} <= {
        row.action for row in rows
    }
    assert "Atz" not in str([row.changes for row in rows])


# --- the manual way ---------------------------------------------------------------------------------------------------


def typed(stage: Stage, shop: int, seller: str, token: str, account_id: int | None = None) -> Outcome:
    return link.typed(shop, USER, "amazon", "eu", {"seller_id": seller, "refresh_token": token}, account_id)


def copied(stage: Stage, seller: str) -> str:
    """The refresh token that the seller copies by hand."""
    return str(stage.box.post(f"/amazon/sellers/{seller}/self_authorise")["refresh_token"])


def test_typed_credentials_link_after_a_live_check(stage: Stage, shop: int) -> None:
    seller = stage.seller(DE, FR)
    outcome = typed(stage, shop, seller + " ", f" {copied(stage, seller)}\n")
    assert (outcome.kind, set(outcome.trimmed)) == ("linked", {"seller_id", "refresh_token"})
    row = stage.account(outcome.account_id or 0)
    assert (row.status, row.entered_how, row.expires_at) == (AccountStatus.ACTIVE, "typed", None)
    assert stage.importing(row.id) == {DE, FR}
    shown = {one.field.key: one.shown for one in repair.entered(row)}
    assert shown["seller_id"] == seller
    assert shown["refresh_token"].startswith("••••")
    assert len(shown["refresh_token"]) == 8


def test_the_manual_way_repairs_the_same_account(stage: Stage, shop: int, account_id: int) -> None:
    break_(stage, account_id)
    seller = seller_of(stage, account_id)
    outcome = typed(stage, shop, seller, copied(stage, seller), account_id)
    assert (outcome.kind, outcome.account_id) == ("linked", account_id)
    assert stage.open(shop) == {}


def test_one_field_can_be_corrected_without_retyping_the_secret(stage: Stage, shop: int) -> None:
    seller = stage.seller()
    token = copied(stage, seller)
    outcome = typed(stage, shop, "AWRONG12345", token)
    assert outcome.kind == "failed"
    again = typed(stage, shop, seller, token, outcome.account_id)
    assert again.kind == "linked"
    assert typed(stage, shop, seller, "", outcome.account_id).kind == "linked"


def test_a_dead_token_typed_first_is_pending_mailed_and_shown(stage: Stage, shop: int) -> None:
    seller = stage.seller()
    token = copied(stage, seller)
    stage.state(seller, authorisation="revoked")
    outcome = typed(stage, shop, seller, token)
    assert (outcome.kind, outcome.cause) == ("failed", "credentials")
    row = stage.account(outcome.account_id or 0)
    assert (row.status, row.cause) == (AccountStatus.PENDING, "credentials")
    incident = stage.open(shop)["account_expired"]
    assert incident.params["cause"] == "never_worked"
    assert incident.mail_id is not None
    with db.reading() as s:
        assert invariants.check(s) == []
    assert repair.steps(row)[0].text


def test_a_token_of_another_seller_is_refused_and_names_the_typed_id(stage: Stage, shop: int) -> None:
    mine, theirs = stage.seller(), stage.seller()
    outcome = typed(stage, shop, mine, copied(stage, theirs))
    assert (outcome.kind, outcome.field) == ("failed", "seller_id")
    assert mine in outcome.words
    assert stage.account(outcome.account_id or 0).credentials == "", "nothing is stored"


def test_typed_credentials_of_another_seller_do_not_replace_a_linked_one(
    stage: Stage, shop: int, account_id: int
) -> None:
    other = stage.seller()
    before = stage.account(account_id).credentials
    outcome = typed(stage, shop, other, copied(stage, other), account_id)
    assert (outcome.kind, outcome.actual) == ("wrong_seller", other)
    assert stage.account(account_id).credentials == before


def test_a_failed_correction_keeps_what_works(stage: Stage, shop: int, account_id: int) -> None:
    before = stage.account(account_id)
    outcome = typed(stage, shop, seller_of(stage, account_id), "Atzr|IwEBmade-up-token-that-never-was", account_id)
    assert (outcome.kind, outcome.cause) == ("failed", "credentials")
    after = stage.account(account_id)
    assert (after.credentials, after.status) == (before.credentials, AccountStatus.ACTIVE)
    assert stage.open(shop) == {}


def test_an_mws_token_is_refused_with_a_reason(stage: Stage, shop: int) -> None:
    outcome = typed(stage, shop, "A1EXAMPLE", "amzn.mws.00000000-0000")
    assert (outcome.kind, outcome.field) == ("invalid", "refresh_token")
    assert "MWS" in outcome.words
    assert stage.accounts(shop) == []


def test_activating_a_typed_account_tests_it_at_once(stage: Stage, shop: int) -> None:
    seller = stage.seller()
    account_id = typed(stage, shop, seller, copied(stage, seller)).account_id or 0
    deactivate(account_id)
    assert repair.activate(shop, USER, account_id).kind == "linked"
    assert stage.account(account_id).status == AccountStatus.ACTIVE


def test_steps_differ_by_cause_and_an_unknown_one_tells_both(stage: Stage, shop: int, account_id: int) -> None:
    texts = {}
    for cause in ("expired", "revoked", "inactive", "credentials", "unknown", ""):
        row = stage.account(account_id)
        row.cause = cause
        texts[cause] = tuple(step.text for step in repair.steps(row))
        assert texts[cause]
    assert len(set(texts.values())) == 5
    assert texts[""] == texts["unknown"]
    assert any(step.link.startswith("http") for step in repair.steps(stage.account(account_id)))
    name, app_id = repair.our_app(stage.account(account_id))
    assert name
    assert app_id == "amzn1.sp.solution.sandbox"


def test_renewing_a_healthy_account_goes_to_the_login_and_moves_its_end(
    stage: Stage, shop: int, account_id: int
) -> None:
    clock.travel(by=timedelta(days=350))
    stage.box.set_clock(clock.now())
    try:
        outcome = through_login(stage, shop, account_id, repair.renew(shop, USER, account_id))
    finally:
        stage.box.set_clock(None)
    assert outcome.kind == "linked"
    end = stage.account(account_id).expires_at
    assert end is not None
    assert end - clock.now() > timedelta(days=364)


def test_the_ticket_of_a_repair_is_for_that_account_only(stage: Stage, shop: int, account_id: int) -> None:
    other = stage.linked(shop, stage.seller())
    ticket = stage.begin(shop, account_id, LoginDoor.CONTINUE)
    outcome = link.confirm(shop, USER, stage.log_in(ticket, seller_of(stage, other)))
    assert outcome.kind == "wrong_seller"
    assert not outcome.can_link_new, "that seller is linked already"
