"""The table of errors: only a refusal of the channel breaks an account, success resolves, outages burn nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select

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
from shopapp import clock, runtime, verdict
from shopapp.alerts import invariants
from shopapp.config import Config
from shopapp.records import db
from shopapp.records.models import (
    Account,
    AccountStatus,
    ChannelOutage,
    Incident,
    JournalEntry,
    Shop,
    ShopStatus,
)
from shopapp.shopify_admin.errors import ShopAuthLost, ShopFrozen
from tests.stage import tables

START = datetime(2026, 9, 1, 12, tzinfo=UTC)
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


@pytest.fixture(autouse=True)
def _database(tmp_path: Path) -> Iterator[None]:
    runtime.setup(Config.load({"APP_URL": "https://app.test", "SECRET_KEY": "k" * 40}, serving=False))
    engine = create_engine(f"sqlite:///{tmp_path}/v.db")
    db.use(engine)
    tables.make(engine)
    clock.travel(START, freeze=True)
    yield
    engine.dispose()


def make(name: str = "blue", status: AccountStatus = AccountStatus.ACTIVE, **values: object) -> int:
    """A shop with one account; the account's id."""
    with db.writing() as s:
        shop = s.scalars(select(Shop).filter_by(domain=f"{name}.myshopify.com")).one_or_none()
        if shop is None:
            shop = Shop(domain=f"{name}.myshopify.com", installed_at=START, email=f"owner@{name}.test")
            s.add(shop)
            s.flush()
        row: dict[str, object] = {
            "channel": "amazon",
            "realm": "eu",
            "seller_id": f"S{len(name)}{name}",
            "label": "Blue Amazon",
            "status": status,
            "status_since": START,
            "created_at": START,
            "worked_at": None if status == AccountStatus.PENDING else START,
            "take_over_at": START,
            "credentials": "sealed",
            "due_at": START,
        }
        account = Account(shop_id=shop.id, **{**row, **values})
        s.add(account)
        s.flush()
        return account.id


def apply(account_id: int, error: Exception, call: str = "searchOrders") -> verdict.Verdict:
    """One failed call."""
    with db.writing() as s:
        return verdict.apply_account(s, s.get_one(Account, account_id), error, call)


def works(account_id: int, seller: Seller | None = None) -> bool:
    """One successful call."""
    with db.writing() as s:
        return verdict.account_works(s, s.get_one(Account, account_id), seller)


def account(account_id: int) -> Account:
    """The row as it is now."""
    with db.reading() as s:
        return s.get_one(Account, account_id)


def incidents(kind: str = "account_expired", *, resolved: bool = False) -> list[Incident]:
    """Open (or resolved) incidents of a kind, over all shops."""
    with db.reading() as s:
        wanted = select(Incident).filter_by(kind=kind)
        end = Incident.resolved_at.is_not(None) if resolved else Incident.resolved_at.is_(None)
        return list(s.scalars(wanted.where(end).order_by(Incident.id)))


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


# --- outages ----------------------------------------------------------------------------------------------------------


def open_until() -> datetime | None:
    """What a caller is told."""
    with db.writing() as s:
        return verdict.breaker_open_until(s, "amazon", "eu")


def test_five_failures_within_a_minute_open_the_breaker_for_that_realm_only() -> None:
    ids = [make(f"shop{n}") for n in range(5)]
    for account_id in ids[:4]:
        apply(account_id, Transient("busy", status=503))
    assert open_until() is None
    apply(ids[4], Transient("busy", status=503))
    closed = open_until()
    assert closed is not None
    assert timedelta(seconds=30) <= closed - START <= timedelta(seconds=60)
    with db.writing() as s:
        assert verdict.breaker_open_until(s, "amazon", "na") is None


def test_failures_spread_over_time_open_nothing() -> None:
    ids = [make(f"shop{n}") for n in range(6)]
    for account_id in ids:
        apply(account_id, Transient("busy", status=503))
        clock.travel(by=timedelta(seconds=31), freeze=True)
    assert open_until() is None


def test_one_account_failing_over_and_over_opens_it() -> None:
    account_id = make()
    for _ in range(6):
        apply(account_id, Transient("busy"))
        clock.travel(by=timedelta(minutes=5), freeze=True)
    with db.reading() as s:
        assert s.query(ChannelOutage).one().open_until is not None


def test_while_it_is_open_no_attempt_is_used_and_one_probe_goes_through() -> None:
    ids = [make(f"shop{n}") for n in range(6)]
    for account_id in ids[:5]:
        apply(account_id, Transient("busy"))
    for _ in range(20):
        apply(ids[5], Transient("busy"))
    assert account(ids[5]).attempt == 0
    clock.travel(by=timedelta(seconds=61), freeze=True)
    assert [open_until() is None for _ in range(4)] == [True, False, False, False]
    works(ids[0])
    assert [open_until() for _ in range(2)] == [None, None]


def test_an_outage_of_six_hours_condemns_nothing_and_is_one_incident_a_shop() -> None:
    """peers 1, 3: nothing is given up, nothing switched off; the first answer ends it for all."""
    ids = [make(f"shop{n}") for n in range(4)]
    while clock.now() < START + timedelta(hours=6):
        for account_id in ids:
            apply(account_id, Transient("busy", status=503))
        clock.travel(by=timedelta(minutes=4), freeze=True)
    rows = [account(account_id) for account_id in ids]
    assert {row.status for row in rows} == {AccountStatus.ACTIVE}
    assert all(row.due_at is not None for row in rows)
    assert max(row.attempt for row in rows) <= 5
    assert all(row.poll_words == "busy" for row in rows), "the account's line shows it"
    told = incidents("channel_outage")
    assert sorted(one.shop_id for one in told) == sorted(row.shop_id for row in rows)
    assert not [one for one in told if one.mail_id]
    assert incidents() == []
    works(ids[0])
    assert incidents("channel_outage") == []
    assert len(incidents("channel_outage", resolved=True)) == 4


def test_nobody_hears_of_an_outage_before_half_an_hour() -> None:
    account_id = make()
    while clock.now() < START + timedelta(minutes=29):
        apply(account_id, Transient("busy"))
        clock.travel(by=timedelta(minutes=4), freeze=True)
    assert incidents("channel_outage") == []


def test_a_refusal_is_an_answer_and_ends_an_outage() -> None:
    ids = [make(f"shop{n}") for n in range(5)]
    for account_id in ids:
        apply(account_id, Transient("busy"))
    apply(ids[0], AuthRevoked("gone", status=400))
    assert open_until() is None


# --- shops ------------------------------------------------------------------------------------------------------------


def shop_row() -> Shop:
    """The only shop."""
    with db.reading() as s:
        return s.query(Shop).one()


def test_a_lost_token_asks_the_merchant_to_open_the_app_once() -> None:
    make()
    with db.writing() as s:
        verdict.apply_shop(s, s.query(Shop).one(), ShopAuthLost("refused", status=401))
    assert shop_row().status == ShopStatus.NEEDS_OPENING
    assert incidents("shop_needs_opening")[0].subject == "shop"
    with db.writing() as s:
        verdict.shop_works(s, s.query(Shop).one())
    assert shop_row().status == ShopStatus.ACTIVE
    assert incidents("shop_needs_opening") == []


def test_a_frozen_shop_is_paused_and_told_nothing() -> None:
    make()
    with db.writing() as s:
        verdict.apply_shop(s, s.query(Shop).one(), ShopFrozen("402", status=402))
    assert (shop_row().status, shop_row().due_at) == (ShopStatus.FROZEN, START + timedelta(hours=1))
    with db.reading() as s:
        assert s.query(Incident).count() == 0


def test_an_uninstalled_shop_stays_uninstalled() -> None:
    make()
    with db.writing() as s:
        shop = s.query(Shop).one()
        shop.status = ShopStatus.UNINSTALLED
        verdict.apply_shop(s, shop, ShopAuthLost("refused"))
        verdict.shop_works(s, shop)
    assert shop_row().status == ShopStatus.UNINSTALLED
    assert incidents("shop_needs_opening") == []
