"""The table of errors: only a refusal of the channel breaks an account, and success resolves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.data import Seller
from marketplaces.errors import (
    AccessStale,
    AccountInactive,
    AuthExpired,
    AuthRevoked,
    LoginDeclined,
    OurFault,
    PermissionMissing,
    RateLimited,
    Rejected,
    Transient,
    WrongSeller,
)
from shopapp import clock, verdict
from shopapp.alerts import invariants
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, JournalEntry
from shopapp.shopify_admin.errors import ShopAuthLost, ShopFrozen
from tests.unit.verdict.ward import START, account, apply, incidents, make, works

REFUSALS = (AuthExpired, AuthRevoked, AccountInactive)


FAMILIES: tuple[Exception, ...] = (
    AuthExpired("over"),
    AuthRevoked("gone"),
    AccountInactive("suspended"),
    AccessStale("stale"),
    PermissionMissing("role"),
    RateLimited(12),
    RateLimited(None, status=429),
    Transient("busy"),
    Transient("lost", maybe_done=True, status=502),
    Rejected("no", reason="wrong_region"),
    OurFault("invalid_client"),
    ShopAuthLost("401"),
    ShopFrozen("402"),
    WrongSeller("a", "b"),
    LoginDeclined("no"),
)


errors = st.one_of(
    st.sampled_from(FAMILIES),
    st.sampled_from([ValueError, KeyError, RuntimeError, TimeoutError, OSError, AssertionError]).map(
        lambda kind: kind("x")
    ),
    st.builds(Transient, st.text(max_size=20), status=st.none() | st.integers(500, 599)),
    st.builds(RateLimited, st.none() | st.floats(0, 1e6), status=st.none() | st.just(429)),
    st.builds(Rejected, st.text(max_size=20), reason=st.text(max_size=20)),
)


@given(error=errors, subject=st.sampled_from(["account", "order", "shop"]), attempt=st.integers(0, 10_000))
def test_only_a_refusal_of_the_channel_breaks_an_account_whatever_happens(error, subject, attempt) -> None:  # type: ignore[no-untyped-def]
    found = verdict.judge(error, subject, attempt)
    assert (found.account_status is not None) == (isinstance(error, REFUSALS) and subject != "shop")
    assert (found.shop_status is not None) == isinstance(error, ShopAuthLost | ShopFrozen)
    assert (found.item == "fail") == isinstance(error, Rejected)
    assert timedelta(seconds=1) <= found.delay <= timedelta(days=1)
    if isinstance(error, RateLimited | OurFault | ShopAuthLost | ShopFrozen | PermissionMissing):
        assert not found.used_attempt


@pytest.mark.parametrize(
    "error", [one for one in FAMILIES if not isinstance(one, REFUSALS)], ids=lambda e: type(e).__name__
)
def test_nothing_else_touches_the_status_of_an_account(error: Exception) -> None:
    account_id = make()
    for _ in range(20):
        apply(account_id, error)
    row = account(account_id)
    assert (row.status, row.cause) == (AccountStatus.ACTIVE, "")
    assert row.due_at is not None
    assert incidents() == []


@pytest.mark.parametrize(
    ("error", "status", "cause"),
    [
        (AuthExpired("over"), AccountStatus.EXPIRED, "expired"),
        (AuthRevoked("gone"), AccountStatus.REVOKED, "revoked"),
        (AccountInactive("suspended"), AccountStatus.INACTIVE, "inactive"),
    ],
)
def test_a_refusal_breaks_the_account_once_and_success_resolves(
    error: Exception, status: AccountStatus, cause: str
) -> None:
    account_id = make(expires_at=START + timedelta(days=90))
    for _ in range(5):
        apply(account_id, error)
    row = account(account_id)
    assert (row.status, row.cause, row.cause_call) == (status, cause, "searchOrders")
    (incident,) = incidents()
    assert (incident.count, incident.params["cause"], incident.params["label"]) == (5, cause, "Blue Amazon")
    assert (incident.params["channel"], incident.words) == ("Amazon", str(getattr(error, "words", "")))
    with db.reading() as s:
        assert s.query(JournalEntry).filter_by(event="account_broken").count() == 1
        assert invariants.check(s) == []
    assert works(account_id)
    row = account(account_id)
    assert (row.status, row.cause, row.due_at) == (AccountStatus.ACTIVE, "", START)
    assert incidents() == []
    with db.reading() as s:
        assert invariants.check(s) == []


def test_a_refusal_with_unknown_end_is_no_guess() -> None:
    unknown, typed = make("one", expires_at=None), make("two", entered_how="typed", expires_at=None)
    apply(unknown, AuthRevoked("gone"))
    apply(typed, AuthRevoked("gone"))
    assert (account(unknown).cause, account(typed).cause) == ("unknown", "credentials")


def test_probes_of_a_broken_account_are_hourly_for_two_days_then_daily() -> None:
    account_id = make()
    apply(account_id, AuthRevoked("gone"))
    waits = []
    for _ in range(52):
        due = account(account_id).due_at
        assert due is not None
        waits.append(due - clock.now())
        clock.travel(due, freeze=True)
        apply(account_id, AuthRevoked("gone"))
    assert waits[:48] == [timedelta(hours=1)] * 48
    assert waits[48:] == [timedelta(days=1)] * 4


def test_an_inactive_account_is_probed_hourly_for_as_long_as_it_takes() -> None:
    account_id = make()
    apply(account_id, AccountInactive("suspended"))
    clock.travel(START + timedelta(days=30), freeze=True)
    apply(account_id, AccountInactive("suspended"))
    assert account(account_id).due_at == clock.now() + timedelta(hours=1)


def test_trouble_while_broken_does_not_probe_more_often() -> None:
    account_id = make()
    apply(account_id, AuthRevoked("gone"))
    apply(account_id, Transient("busy", status=503))
    assert account(account_id).due_at == START + timedelta(hours=1)
    assert account(account_id).status == AccountStatus.REVOKED


def test_another_seller_answering_heals_nothing() -> None:
    account_id = make()
    apply(account_id, AuthRevoked("gone"))
    assert not works(account_id, Seller("eu", "SOMEBODY"))
    assert account(account_id).status == AccountStatus.REVOKED
    assert works(account_id, Seller("eu", account(account_id).seller_id or ""))
    assert account(account_id).status == AccountStatus.ACTIVE


def test_a_deactivated_account_raises_nothing_and_stays_so() -> None:
    account_id = make(status=AccountStatus.DEACTIVATED)
    apply(account_id, AuthRevoked("gone"))
    works(account_id)
    assert (account(account_id).status, account(account_id).due_at) == (AccountStatus.DEACTIVATED, None)
    assert incidents() == []


def test_a_refusal_before_it_ever_worked_is_pending_and_as_loud() -> None:
    account_id = make(status=AccountStatus.PENDING)
    apply(account_id, AuthRevoked("gone"))
    assert account(account_id).status == AccountStatus.PENDING
    assert incidents()[0].params["cause"] == "never_worked"
    with db.reading() as s:
        assert invariants.check(s) == []


def test_a_first_proof_alone_does_not_activate_an_account_that_has_no_sites_yet() -> None:
    account_id = make(status=AccountStatus.PENDING)
    assert not works(account_id, Seller("eu", account(account_id).seller_id or ""))
    assert account(account_id).status == AccountStatus.PENDING


def test_a_missing_permission_leaves_the_account_active_and_is_told_apart() -> None:
    account_id = make()
    apply(account_id, PermissionMissing("role", "denied"))
    assert account(account_id).status == AccountStatus.ACTIVE
    assert account(account_id).due_at == START + timedelta(hours=1)
    assert len(incidents("permission_missing")) == 1
    works(account_id)
    assert incidents("permission_missing") == []


def test_parts_left_out_stay_open_until_they_are_granted() -> None:
    account_id = make()
    for missing, expected in ((("BUYER", "RECIPIENT"), 1), (None, 1), ((), 0)):
        with db.writing() as s:
            verdict.account_works(s, s.get_one(Account, account_id), missing=missing)
        assert len(incidents("permission_missing")) == expected


def test_our_own_fault_is_never_the_merchants() -> None:
    """peers 11: an expired secret of ours mails the operator and no merchant."""
    ids = [make(f"shop{n}") for n in range(10)]
    for account_id in ids:
        apply(account_id, OurFault("invalid_client", status=401))
    assert incidents() == []
    ours = incidents("our_fault")
    assert len(ours) == 10
    assert not [one for one in ours if one.mail_id]
    for account_id in ids:
        works(account_id)
    assert incidents("our_fault") == []


@given(attempt=st.integers(-1, 10_000))
def test_the_backoff_grows_from_half_a_minute_and_ends_at_a_quarter_of_an_hour(attempt: int) -> None:
    found = verdict.delay(attempt)
    assert timedelta(seconds=22) <= found <= timedelta(minutes=15)
    if attempt <= 0:
        assert found <= timedelta(seconds=38)


def test_a_remote_limit_is_obeyed_and_our_own_bucket_is_exact() -> None:
    asked = verdict.judge(RateLimited(600, status=429), "account").delay
    absurd = verdict.judge(RateLimited(10**6, status=429), "account").delay
    eager = verdict.judge(RateLimited(0, status=429), "account").delay
    ours = verdict.judge(RateLimited(2.0), "account").delay
    assert (asked, absurd, ours) == (timedelta(minutes=10), timedelta(hours=1), timedelta(seconds=2))
    assert eager >= timedelta(seconds=3)
