"""Mails come together: soon for the first, then a digest; nothing is dropped on the way."""

from __future__ import annotations

import csv
import io

from shopapp import clock
from shopapp.alerts import incidents, mails
from shopapp.records import db
from shopapp.records.models import Category, MailState, Shop
from tests.unit.alerts import conftest as stage
from tests.unit.alerts.conftest import PostOffice


def test_a_broken_account_is_mailed_within_a_minute_though_nobody_ticked_anything(
    shop_id: int, post: PostOffice
) -> None:
    stage.broken(shop_id, 1, "My Amazon", words="invalid_grant")
    assert stage.deliver() == 0  # it waits for more of its kind
    stage.pass_time(59)
    stage.deliver()
    assert [mail.to for mail in post.arrived] == [[stage.OWNER]]
    assert post.subjects == ["Account 'My Amazon' has expired (Amazon)"]
    assert "Amazon reported: “invalid_grant”" in post.arrived[0].body("plain")


def test_a_failing_call_repeated_a_thousand_times_is_one_mail(shop_id: int, post: PostOffice) -> None:
    first = {stage.broken(shop_id, 1) for _ in range(1000)}
    stage.pass_time(60)
    stage.deliver()
    for _ in range(3):
        stage.broken(shop_id, 1)
        stage.pass_time(hours=1)
        stage.deliver()
    assert len(post.arrived) == 1
    assert len(first) == 1
    assert stage.incident(first.pop()).count == 1003


def test_broken_anew_after_a_repair_is_a_new_mail(shop_id: int, post: PostOffice) -> None:
    for _ in range(2):
        stage.broken(shop_id, 1)
        stage.pass_time(minutes=16)
        stage.deliver()
        with db.writing() as s:
            assert incidents.resolve(s, shop_id, "account_expired", "account:1", "worked")
    assert len(post.arrived) == 2


def test_two_broken_accounts_are_told_apart_in_one_mail_and_in_two(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1, "Nordic")
    stage.broken(shop_id, 2, "Outlet")
    stage.pass_time(60)
    stage.deliver()
    stage.broken(shop_id, 3, "Spares")
    stage.pass_time(minutes=15)
    stage.deliver()
    assert post.subjects == [
        "2 accounts need you: Nordic (Amazon), Outlet (Amazon)",
        "Account 'Spares' has expired (Amazon)",
    ]
    for kind in ("plain", "html"):
        body = post.arrived[0].body(kind)
        assert "Nordic" in body
        assert "Outlet" in body
        assert "/store/blue/apps/relay/accounts/1" in body
        assert "/store/blue/apps/relay/accounts/2" in body


def test_a_thousand_failures_are_two_mails_at_most_and_every_id_is_in_them(shop_id: int, post: PostOffice) -> None:
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED, Category.ACCOUNT_EXPIRED)
    for number in range(1000):
        stage.failed(shop_id, number, words="=1+1")
        if number % 10 == 0:
            stage.pass_time(4)
            stage.deliver()
    stage.pass_time(minutes=15)
    stage.deliver()
    assert len(post.arrived) == 2
    told = ""
    for mail in post.arrived:
        told += mail.body("plain")
        for part in mail.parsed.iter_attachments():
            table = part.get_content()
            told += table.decode() if isinstance(table, bytes) else table
    assert all(f"304-{number:07d}" in told for number in range(1000))


def test_beyond_two_hundred_a_file_holds_all_and_no_cell_is_a_formula(shop_id: int, post: PostOffice) -> None:
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED)
    for number in range(201):
        stage.failed(shop_id, number, label='=HYPERLINK("http://evil.test")', cause="other")
    stage.pass_time(60)
    stage.deliver()
    [mail] = post.arrived
    [file] = mail.parsed.iter_attachments()
    rows = list(csv.reader(io.StringIO(file.get_payload(decode=True).decode("utf-8-sig"))))  # type: ignore[union-attr]
    assert len(rows) == 202
    assert rows[1][:3] == ["304-0000000", "Amazon", '\'=HYPERLINK("http://evil.test")']
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert mail.subject == "201 orders were not imported"
    assert mail.body("plain").count("304-0000") == 200
    assert "And 1 more" in mail.body("html")


def test_two_hundred_fit_into_the_mail_itself(shop_id: int, post: PostOffice) -> None:
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED)
    for number in range(200):
        stage.failed(shop_id, number)
    stage.pass_time(60)
    stage.deliver()
    assert not list(post.arrived[0].parsed.iter_attachments())
    body = post.arrived[0].body("html")
    assert all(f"304-{number:07d}" in body for number in range(200))


def test_what_was_mended_meanwhile_is_left_out_and_the_journal_says_so(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1, "Nordic")
    mended = stage.broken(shop_id, 2, "Outlet")
    with db.writing() as s:
        incidents.resolve_subject(s, shop_id, "account:2", "worked")
    stage.pass_time(60)
    stage.deliver()
    assert post.subjects == ["Account 'Nordic' has expired (Amazon)"]
    assert stage.incident(mended).mail_skipped == "resolved"


def test_nothing_left_to_tell_cancels_the_mail(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1)
    with db.writing() as s:
        incidents.resolve_subject(s, shop_id, "account:1", "worked")
    stage.pass_time(60)
    stage.deliver()
    assert not post.arrived
    assert [(mail.state, mail.last_error, mail.due_at) for mail in stage.mails()] == [("cancelled", "resolved", None)]


def test_categories_do_not_wait_for_each_other(shop_id: int, post: PostOffice) -> None:
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED, Category.ACCOUNT_EXPIRED)
    stage.failed(shop_id, 1)
    stage.pass_time(60)
    stage.deliver()
    stage.broken(shop_id, 1)
    stage.pass_time(60)
    stage.deliver()
    assert len(post.arrived) == 2


def test_twenty_mails_a_day_and_some_kept_for_dead_connections(shop_id: int, post: PostOffice) -> None:
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED, Category.ACCOUNT_EXPIRED)
    for number in range(40):
        stage.failed(shop_id, number)
        stage.pass_time(minutes=16)
        stage.deliver()
    assert len(post.arrived) == mails.DAILY - mails.RESERVED
    stage.broken(shop_id, 1)
    stage.pass_time(60)
    stage.deliver()
    assert post.subjects[-1].startswith("Account")
    stage.pass_time(hours=24)
    stage.deliver()
    assert post.subjects[-1] == "25 orders were not imported"  # the rest, in one digest


def test_two_first_mails_of_the_same_moment_become_one(shop_id: int, post: PostOffice) -> None:
    """Two processes can both find no waiting mail and make one each."""
    stage.broken(shop_id, 1, "Nordic")
    second = stage.broken(shop_id, 2, "Outlet")
    with db.writing() as s:
        extra = mails.queue(s, s.get_one(Shop, shop_id), "alert", category="account_expired", due_at=clock.now())
        s.get_one(incidents.Incident, second).mail_id = extra.id
    stage.pass_time(60)
    stage.deliver()
    assert post.subjects == ["2 accounts need you: Nordic (Amazon), Outlet (Amazon)"]
    assert sorted(mail.state for mail in stage.mails()) == [MailState.CANCELLED, MailState.SENT]


def _told(mails: list[stage.Arrived]) -> str:
    """What mails say, and what is attached to them."""
    told = ""
    for mail in mails:
        told += mail.body("plain")
        for part in mail.parsed.iter_attachments():
            table = part.get_content()
            told += table.decode() if isinstance(table, bytes) else table
    return told


def test_five_hundred_failures_of_one_cause_in_ten_minutes_are_one_mail_at_once_and_one_digest(
    shop_id: int, post: PostOffice
) -> None:
    """And however long it goes on: at most four mails an hour, and every order reachable from one of them."""
    stage.tick(shop_id, Category.ORDER_IMPORT_FAILED)
    sent: list[float] = []

    def go_on(seconds: float) -> None:
        stage.pass_time(seconds)
        stage.deliver()
        sent.extend([(clock.now() - stage.START).total_seconds()] * (len(post.arrived) - len(sent)))

    for number in range(500):
        stage.failed(shop_id, number)
        go_on(1.2)
    assert len(post.arrived) == 1
    assert sent[0] <= 60
    for _ in range(15):
        go_on(60)
    assert len(post.arrived) == 2
    told = _told(post.arrived)
    assert [number for number in range(500) if f"304-{number:07d}" not in told] == []
    assert all("/orders" in mail.body(kind) for mail in post.arrived for kind in ("plain", "html"))
    for number in range(500, 680):  # three hours more of it
        stage.failed(shop_id, number)
        go_on(60)
    for _ in range(16):
        go_on(60)
    told = _told(post.arrived)
    assert [number for number in range(680) if f"304-{number:07d}" not in told] == []
    assert max(sum(begin <= at < begin + 3600 for at in sent) for begin in sent) <= 4
