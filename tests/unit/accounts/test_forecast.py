"""Notices before a known end: 30, 14, 7, 3, 1 days, each once; none after a renewal or where the end is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shopapp import clock
from shopapp.accounts import forecast, link, repair
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Incident, Shop
from tests.unit.accounts.steps import USER, Stage

START = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture
def account_id(stage: Stage) -> int:
    account_id = stage.linked(stage.shop(timezone="Pacific/Auckland"), stage.seller())
    clock.travel(START, freeze=True)
    ends(account_id, START + timedelta(days=40))
    return account_id


def ends(account_id: int, when: datetime | None) -> None:
    with db.writing() as s:
        s.execute(update(Account).where(Account.id == account_id).values(expires_at=when))


def told() -> list[int]:
    """Days named by the notices so far, oldest first."""
    with db.reading() as s:
        rows = s.query(Incident).filter_by(kind="expiry_notice").order_by(Incident.id)
        return [row.params["days"] for row in rows]


def run_until(end: datetime) -> None:
    """The chore, every six hours."""
    while clock.now() < end:
        forecast.notices()
        clock.travel(by=timedelta(hours=6), freeze=True)


def test_five_notices_come_each_once_and_in_the_shops_time_zone(account_id: int) -> None:
    run_until(START + timedelta(days=39, hours=6))
    assert told() == [30, 14, 7, 3, 1]
    with db.reading() as s:
        rows = s.query(Incident).filter_by(kind="expiry_notice").all()
        assert len([row for row in rows if row.resolved_at is None]) == 1
        assert all(row.mail_id or row.mail_skipped for row in rows)


def test_a_calendar_day_is_that_of_the_shop(stage: Stage, account_id: int) -> None:
    """At 12:00 UTC it is already the next day in Auckland."""
    row = stage.account(account_id)
    row.expires_at = START + timedelta(days=1, hours=-1)
    assert forecast.days_left(row, START) == 0
    row.shop.timezone = "UTC"
    assert forecast.days_left(row, START) == 1


def test_a_late_start_tells_only_the_step_that_is_due(account_id: int) -> None:
    clock.travel(START + timedelta(days=34), freeze=True)
    forecast.notices()
    forecast.notices()
    assert told() == [6]


def test_a_renewal_ends_the_notice_and_none_follows(stage: Stage, account_id: int) -> None:
    run_until(START + timedelta(days=12))
    assert told() == [30]
    clock.travel()
    row = stage.account(account_id)
    outcome = repair.renew(row.shop_id, USER, account_id)
    token = stage.log_in(outcome.login_url.split("ticket=")[1], row.seller_id or "")
    assert link.confirm(row.shop_id, USER, token).kind == "linked"
    assert stage.open(row.shop_id) == {}
    forecast.notices()
    assert told() == [30]


def test_an_unknown_end_gives_no_notice(account_id: int) -> None:
    ends(account_id, None)
    run_until(START + timedelta(days=3))
    assert told() == []


def test_broken_deactivated_and_left_ones_get_no_notice(stage: Stage, account_id: int) -> None:
    clock.travel(START + timedelta(days=20), freeze=True)
    for status in (AccountStatus.REVOKED, AccountStatus.DEACTIVATED, AccountStatus.PENDING):
        with db.writing() as s:
            s.execute(update(Account).values(status=status))
        forecast.notices()
    with db.writing() as s:
        s.execute(update(Account).values(status=AccountStatus.ACTIVE))
        s.execute(update(Shop).values(status="uninstalled"))
    forecast.notices()
    assert told() == []


def test_the_end_itself_closes_the_notice_and_opens_the_trouble(stage: Stage, account_id: int) -> None:
    run_until(START + timedelta(days=39, hours=12))
    row = stage.account(account_id)
    stage.state(row.seller_id or "", authorisation="expired")
    clock.travel(START + timedelta(days=41), freeze=True)
    repair.probe(account_id)
    assert set(stage.open(row.shop_id)) == {"account_expired"}
    assert stage.account(account_id).status == AccountStatus.EXPIRED
