"""Whatever happens in whatever order: every incident that stays open reaches the recipient, or says why it does not.

SHOPAPP_SEQUENCES=10000 plays ten thousand sequences of events; a fixed share of them otherwise.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopapp.alerts import incidents, invariants
from shopapp.records import db
from shopapp.records.models import Category, InboxMessage, Incident, JournalEntry, Mail, NotificationChoice, Shop
from tests.unit.alerts import conftest as stage
from tests.unit.alerts.conftest import OWNER, PostOffice

NUMBERS = st.integers(1, 4)
STEP = st.one_of(
    st.tuples(st.just("break"), NUMBERS),
    st.tuples(st.just("mend"), NUMBERS),
    st.tuples(st.just("fail"), NUMBERS),
    st.tuples(st.just("wait"), st.sampled_from([1, 25, 400, 1000, 4000])),
    st.tuples(st.just("tick"), st.sampled_from([0, 1, 2, 3])),
    st.tuples(st.just("smtp"), st.sampled_from(["ok", "451", "down", "lost"])),
)


def _empty() -> None:
    with db.writing() as s:
        for model in (InboxMessage, JournalEntry, Incident, Mail, NotificationChoice):
            s.query(model).delete()
        shop = s.get_one(Shop, 1)
        shop.mail_undeliverable_at, shop.undeliverable_address = None, ""


def _weather(post: PostOffice, now: str) -> None:
    post.heal()
    if now == "451":
        post.fault("rcpt", "status", OWNER, times=None, status=451)
    elif now == "down":
        post.fault("connect", "reset", times=None)
    elif now == "lost":
        post.fault("data", "commit_then_reset", times=1)


def _play(shop_id: int, post: PostOffice, action: str, value: int | str) -> None:
    match action, value:
        case "break", int():
            stage.broken(shop_id, value, f"Account-{value}")
        case "fail", int():
            stage.failed(shop_id, value)
        case "mend", int():
            with db.writing() as s:
                incidents.resolve_subject(s, shop_id, f"account:{value}", "worked")
        case "wait", int():
            stage.pass_time(value)
            stage.deliver()
        case "tick", int():
            ticked = [Category.ACCOUNT_EXPIRED] * (value & 1) + [Category.ORDER_IMPORT_FAILED] * (value >> 1)
            stage.tick(shop_id, *ticked)
        case "smtp", str():
            _weather(post, value)


SEQUENCES = int(os.environ.get("SHOPAPP_SEQUENCES", "60"))
# Why an incident has no mail, as its page and the list of incidents show it.
MUTED = {"category_off", "no_address", "undeliverable", "uninstalled"}


@settings(
    max_examples=SEQUENCES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEP, min_size=3, max_size=25))
def test_every_open_incident_is_mailed_or_says_why_not(
    shop_id: int, post: PostOffice, steps: list[tuple[str, int | str]]
) -> None:
    _empty()
    post.heal()
    post.arrived.clear()
    for action, value in steps:
        _play(shop_id, post, action, value)
    post.heal()
    for _ in range(12):  # the weather is fine again: everything leaves within its digests
        stage.pass_time(3600)
        stage.deliver()
    with db.reading() as s:
        assert invariants._mails(s) == []
        rows = list(s.query(Incident))
        unsent = s.query(Mail).filter(Mail.state.in_(("waiting", "sending"))).count()
    assert unsent == 0
    for row in rows:
        over = row.mail_skipped == "resolved" and row.resolved_at is not None  # before a mail of it could leave
        assert not row.mail_skipped or row.mail_skipped in MUTED or over, row.mail_skipped
        _resolved_is_told_or_was_too_short(row, post)
        if row.resolved_at is None and row.category and not row.mail_skipped:
            told = [mail for mail in post.arrived if stage_id(row, mail.parsed["Message-ID"])]
            assert told, f"{row.kind} of {row.subject} reached nobody"
            name = row.params.get("remote_order_id", row.params["label"])
            assert name in told[-1].body("plain")
    ids = [mail.parsed["Message-ID"] for mail in post.arrived]
    lost = sum(1 for action, value in steps if (action, value) == ("smtp", "lost"))
    assert len(ids) - len(set(ids)) <= lost  # one copy more for each lost answer, at most


def _resolved_is_told_or_was_too_short(row: Incident, post: PostOffice) -> None:
    """One that was mended again was told too, unless it was over before its mail could leave or was muted meanwhile."""
    if row.resolved_at is None or row.mail_id is None:
        return
    with db.reading() as s:
        mail = s.get_one(Mail, row.mail_id)
    if mail.state != "sent" or mail.sent_at is None or row.resolved_at < mail.sent_at:
        return
    name = row.params.get("remote_order_id", row.params["label"])
    told = [one for one in post.arrived if stage_id(row, one.parsed["Message-ID"])]
    assert any(name in one.body("plain") for one in told), f"{row.kind} of {row.subject} reached nobody"


def stage_id(row: Incident, message_id: str) -> bool:
    """Whether the mail of this id is the incident's."""
    with db.reading() as s:
        return s.get_one(Mail, row.mail_id).uid == message_id.removeprefix("<").split(".")[0]
