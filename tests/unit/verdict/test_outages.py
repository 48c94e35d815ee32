"""Outages burn nothing: the breaker of a realm, its probes, and the one incident after half an hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from marketplaces.errors import AuthRevoked, Transient
from shopapp import clock, verdict
from shopapp.records import db
from shopapp.records.models import AccountStatus, ChannelOutage
from tests.unit.verdict.ward import START, account, apply, incidents, make, works


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


def test_a_breaker_that_opened_before_the_clock_was_set_back_lets_its_probe_through() -> None:
    ids = [make(f"shop{n}") for n in range(5)]
    for account_id in ids:
        apply(account_id, Transient("busy"))
    assert open_until() is not None
    clock.travel(by=-timedelta(hours=5), freeze=True)
    with db.reading() as s:
        assert verdict.closed_from(s, "amazon", "eu") is None
    assert [open_until() is None for _ in range(3)] == [True, False, False]


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
