"""One trouble is one row: opening, counting, resolving, sweeping; banner, inbox, reminders, invariants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import inbox, incidents, invariants, remind, wording
from shopapp.records import db
from shopapp.records.models import Account, Category, InboxMessage, Incident, Shop
from tests.stage import tables
from tests.stage.postgres import Postgres
from tests.unit.alerts import conftest as stage
from tests.unit.alerts.conftest import PostOffice


def _opened(shop_id: int, *kinds: str) -> None:
    with db.writing() as s:
        for number, kind in enumerate(kinds):
            incidents.open_(s, shop_id, kind, f"account:{number}", {"label": kind, "channel": "amazon"})


def test_an_unknown_kind_is_our_bug(shop_id: int) -> None:
    with pytest.raises(KeyError):
        _opened(shop_id, "nonsense")


def test_every_kind_with_a_category_has_a_mail_or_a_reason(shop_id: int) -> None:
    _opened(shop_id, *incidents.KINDS)
    with db.reading() as s:
        for row in s.query(Incident):
            assert bool(row.category) == bool(row.mail_id or row.mail_skipped), row.kind


def test_the_newest_cause_and_words_are_shown(shop_id: int) -> None:
    number = stage.broken(shop_id, 1, cause="expired", words="first")
    stage.broken(shop_id, 1, cause="revoked", words="second")
    stage.broken(shop_id, 1, cause="revoked")
    assert stage.incident(number).params["cause"] == "revoked"
    assert stage.incident(number).words == "second"


def test_secrets_and_control_marks_never_reach_the_stored_words(shop_id: int) -> None:
    row = stage.incident(stage.broken(shop_id, 1, words="refused\x00 Atzr|IwEBIsecretsecret for a@b.de\r\n"))
    assert row.words == "refused [token] for [e-mail]"


def test_a_sweep_resolves_what_is_gone_and_only_in_its_scope(shop_id: int) -> None:
    _opened(shop_id, "permission_missing", "permission_missing", "permission_missing")
    with db.writing() as s:
        incidents.open_(s, shop_id, "permission_missing", "shop", {})
        with incidents.sweep(s, shop_id, "permission_missing", "account:"):
            incidents.open_(s, shop_id, "permission_missing", "account:1", {})
    with db.reading() as s:
        assert {row.subject for row in incidents.open_incidents(s, shop_id)} == {"account:1", "shop"}


def test_a_sweep_that_fails_resolves_nothing(shop_id: int) -> None:
    _opened(shop_id, "permission_missing", "permission_missing")
    with db.writing() as s, pytest.raises(ValueError, match="half way"):  # noqa: SIM117
        with incidents.sweep(s, shop_id, "permission_missing", "account:"):
            raise ValueError("half way")
    with db.reading() as s:
        assert len(incidents.open_incidents(s, shop_id)) == 2


def test_another_shops_trouble_is_left_alone(shop_id: int) -> None:
    with db.writing() as s:
        other = stage.make_shop("red")
        s.add(other)
        s.flush()
        incidents.open_(s, other.id, "account_expired", "account:1", {})
        incidents.open_(s, shop_id, "account_expired", "account:1", {})
        assert incidents.resolve(s, shop_id, "account_expired", "account:1", "worked")
        assert not incidents.resolve(s, shop_id, "account_expired", "account:1", "worked")
        assert len(incidents.open_incidents(s, other.id)) == 1
        assert inbox.unread(s, other.id) == 1


def test_one_banner_the_most_severe_first_and_none_without_reason(shop_id: int) -> None:
    with db.reading() as s:
        assert incidents.banner(s, shop_id) == (None, [])
    _opened(shop_id, "channel_outage")
    with db.reading() as s:
        assert incidents.banner(s, shop_id)[0] is None
    _opened(shop_id, "plan_near", "account_expired", "plan_over", "mail_undeliverable")
    stage.failed(shop_id, 9)
    with db.reading() as s:
        first, others = incidents.banner(s, shop_id)
        assert first is not None
        assert [first.kind, *(row.kind for row in others)] == [
            "plan_over", "account_expired", "plan_near", "mail_undeliverable", "channel_outage",
        ]  # fmt: skip


def test_a_broken_account_puts_one_message_with_steps_into_the_inbox(shop_id: int) -> None:
    stage.broken(shop_id, 1, "Tools")
    stage.broken(shop_id, 1, "Tools")
    stage.failed(shop_id, 2)
    with db.writing() as s:
        page = inbox.messages(s, shop_id)
        [message] = page.rows
        told = wording.of_message("en", message)
        assert "Tools" in told.steps[0]
        assert told.link == "/accounts/1"
        assert (inbox.unread(s, shop_id), page.newer, page.older) == (1, "", "")
        assert inbox.mark_read(s, shop_id, message.id) == 1
        assert inbox.unread(s, shop_id) == 0
        assert inbox.mark_read(s, shop_id + 1, message.id, read=False) == 0
        assert inbox.message(s, shop_id + 1, message.id) is None


def _all_down(s: Session, shop_id: int) -> list[inbox.Page]:
    """The pages from the newest to the last, by *Older*."""
    pages = [inbox.messages(s, shop_id)]
    while pages[-1].older:
        pages.append(inbox.messages(s, shop_id, after=pages[-1].older))
    return pages


def test_the_inbox_has_pages_down_and_up_with_each_message_once(shop_id: int) -> None:
    """Many of the messages come in the same moment: then their numbers decide."""
    with db.writing() as s:
        for number in range(inbox.PER_PAGE * 2 + 10):
            inbox.tell(s, shop_id, "data_request_ready", "shop", {"n": number})
            if number % 40 == 39:
                stage.pass_time(1)
        down = _all_down(s, shop_id)
        numbers = [row.params["n"] for page in down for row in page.rows]
        assert numbers == list(range(inbox.PER_PAGE * 2 + 10))[::-1]
        assert [len(page.rows) for page in down] == [inbox.PER_PAGE, inbox.PER_PAGE, 10]
        middle = inbox.messages(s, shop_id, before=down[2].newer)
        assert [row.id for row in middle.rows] == [row.id for row in down[1].rows]
        assert inbox.messages(s, shop_id, before=middle.newer) == down[0]
        assert not down[0].newer
        assert inbox.mark_read(s, shop_id) == inbox.PER_PAGE * 2 + 10


def test_a_message_that_comes_while_somebody_reads_shifts_no_page(shop_id: int) -> None:
    with db.writing() as s:
        for number in range(inbox.PER_PAGE + 5):
            inbox.tell(s, shop_id, "data_request_ready", "shop", {"n": number})
        first = inbox.messages(s, shop_id)
        for number in range(100, 103):
            inbox.tell(s, shop_id, "data_request_ready", "shop", {"n": number})
        second = inbox.messages(s, shop_id, after=first.older)
        assert [row.params["n"] for row in second.rows] == [4, 3, 2, 1, 0]
        assert inbox.messages(s, shop_id, before=second.newer).rows[-1].params["n"] == 5


def test_reminders_come_after_one_and_three_days_a_week_and_then_weekly(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1, "Nordic")
    reminded = []
    for hour in range(24 * 23):
        clock.travel(stage.START + timedelta(hours=hour), freeze=True)
        remind.due()
        stage.deliver()
        stage.pass_time(60)
        if stage.deliver() and hour:
            reminded.append(hour)
    assert reminded == [24, 72, 168, 336, 504]
    assert len(post.arrived) == 6
    assert post.subjects[1] == "Reminder: Account 'Nordic' has expired (Amazon)"


def test_a_repaired_account_is_never_reminded_of(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1)
    stage.pass_time(60)
    stage.deliver()
    stage.pass_time(hours=24)
    assert remind.due() == 1
    with db.writing() as s:
        incidents.resolve(s, shop_id, "account_expired", "account:1", "worked")
    stage.pass_time(minutes=20)
    stage.deliver()
    stage.pass_time(days=30)
    assert remind.due() == 0
    assert len(post.arrived) == 1


def test_missed_reminders_are_not_made_up(shop_id: int, post: PostOffice) -> None:
    stage.broken(shop_id, 1)
    stage.pass_time(60)
    stage.deliver()
    stage.pass_time(days=10)
    assert (remind.due(), remind.due()) == (1, 0)


def test_who_switched_the_mails_off_is_not_reminded(shop_id: int) -> None:
    stage.broken(shop_id, 1)
    stage.tick(shop_id)
    stage.pass_time(days=2)
    assert remind.due() == 0


@pytest.mark.parametrize(
    ("status", "cause", "opened", "fine"),
    [
        ("active", "", False, True),
        ("expired", "expired", True, True),
        ("expired", "expired", False, False),
        ("active", "", True, False),
        ("pending", "", False, True),
        ("pending", "credentials", False, False),
        ("pending", "credentials", True, True),
        ("deactivated", "expired", False, True),
        ("deactivated", "expired", True, False),
    ],
)
def test_the_invariants_see_what_does_not_fit(shop_id: int, status: str, cause: str, opened: bool, fine: bool) -> None:
    now = clock.now()
    with db.writing() as s:
        account = Account(
            shop_id=shop_id, channel="amazon", realm="eu", label="A", status=status, cause=cause,
            status_since=now, created_at=now,
        )  # fmt: skip
        s.add(account)
        s.flush()
        if opened:
            incidents.open_(s, shop_id, "account_expired", f"account:{account.id}", {})
        assert (invariants.check(s) == []) is fine


@pytest.fixture
def on_postgres(shop_id: int, postgres: Postgres) -> Iterator[int]:
    """The same shop on PostgreSQL, where transactions really run side by side."""
    with postgres.database(tables=True) as url:
        engine = create_engine(url, pool_size=20)
        db.use(engine)
        tables.make(engine)
        with db.writing() as s:
            shop = stage.make_shop("blue")
            s.add(shop)
            s.flush()
            number = shop.id
        yield number
        engine.dispose()


@pytest.mark.postgres
def test_the_same_trouble_seen_by_sixteen_threads_is_one_incident_and_one_mail(
    on_postgres: int, post: PostOffice
) -> None:
    gate = threading.Barrier(16)
    troubles: list[BaseException] = []

    def see(thread: int) -> None:
        try:
            for number in range(10):
                gate.wait()
                stage.broken(on_postgres, number)
                stage.broken(on_postgres, 100 + thread * 10 + number)
        except BaseException as error:
            troubles.append(error)
            gate.abort()

    threads = [threading.Thread(target=see, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    stage.pass_time(60)
    while stage.deliver():
        pass
    with db.reading() as s:
        assert s.query(Incident).count() == 10 + 160
        assert s.query(InboxMessage).count() == 10 + 160
        assert invariants._mails(s) == []
        assert s.get_one(Shop, on_postgres).mail_undeliverable_at is None
    assert post.subjects[0].startswith("170 accounts need you")
    assert len(post.arrived) == 1


def test_categories_are_the_words_of_the_checkboxes() -> None:
    assert {kind.category for kind in incidents.KINDS.values()} - {""} <= set(Category)
