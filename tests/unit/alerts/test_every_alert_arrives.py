"""Whatever happens in whatever order: every incident reaches the recipient in the time promised, or says why it does not.

The clock stops at each moment at which a mail comes due, so that each leaves when it may; what is promised is computed
here anew, from what happened and what arrived.

SHOPAPP_SEQUENCES=10000 plays ten thousand sequences of events; a fixed share of them otherwise.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from shopapp import clock
from shopapp.alerts import incidents, invariants
from shopapp.records import db
from shopapp.records.models import (
    Category,
    InboxMessage,
    Incident,
    JournalEntry,
    Mail,
    MailState,
    NotificationChoice,
    Shop,
)
from shopapp.work.claim import LEASE
from tests.unit.alerts import conftest as stage
from tests.unit.alerts.conftest import OWNER, Arrived, PostOffice

NUMBERS = st.integers(1, 4)
STEP = st.one_of(
    st.tuples(st.just("break"), NUMBERS),
    st.tuples(st.just("break"), NUMBERS),
    st.tuples(st.just("mend"), NUMBERS),
    st.tuples(st.just("fail"), NUMBERS),
    st.tuples(st.just("wait"), st.sampled_from([25, 70, 200, 1000])),
    st.tuples(st.just("wait"), st.sampled_from([1, 70, 400, 4000])),
    st.tuples(st.just("tick"), st.sampled_from([0, 1, 2, 3])),
    st.tuples(st.just("smtp"), st.sampled_from(["ok", "451", "down", "lost"])),
)


FIRST, DIGEST = timedelta(seconds=60), timedelta(minutes=15)  # what is promised
AFTER_WEATHER = timedelta(hours=1) + DIGEST  # once the mail server works again
UNSENT = (MailState.WAITING, MailState.SENDING)


@dataclass
class Story:
    """What happened and when: what arrived, what was ticked, from when until when the mail server was ill."""

    post: PostOffice
    arrivals: list[tuple[datetime, Arrived]] = field(default_factory=list)
    ticked: list[tuple[datetime, set[Category]]] = field(default_factory=list)
    ill: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    lost: int = 0

    def go_on(self, seconds: float) -> None:
        """Let time pass, standing still wherever a mail is due."""
        target = clock.now() + timedelta(seconds=seconds)
        while (due := _next_due()) is not None and due <= target:
            clock.travel(max(due, clock.now()), freeze=True)
            seen = len(self.post.arrived)
            assert stage.deliver(), "a mail is due and nobody may take it"
            self.arrivals += [(clock.now(), mail) for mail in self.post.arrived[seen:]]
        clock.travel(target, freeze=True)

    def wanted(self, category: str, since: datetime, until: datetime) -> bool:
        """Whether the checkbox was ticked all the time."""
        standing = [chosen for at, chosen in self.ticked if at <= since][-1:]
        meanwhile = [chosen for at, chosen in self.ticked if since < at <= until]
        return all(category in chosen for chosen in standing + meanwhile)


def _next_due() -> datetime | None:
    with db.reading() as s:
        return s.scalar(select(func.min(Mail.due_at)).where(Mail.state.in_(UNSENT)))


def _empty() -> None:
    with db.writing() as s:
        for model in (InboxMessage, JournalEntry, Incident, Mail, NotificationChoice):
            s.query(model).delete()
        shop = s.get_one(Shop, 1)
        shop.mail_undeliverable_at, shop.undeliverable_address = None, ""


def _weather(story: Story, now: str) -> None:
    story.post.heal()
    story.ill = [(since, until or clock.now()) for since, until in story.ill]
    if now in ("451", "down"):
        story.ill.append((clock.now(), None))
    if now == "451":
        story.post.fault("rcpt", "status", OWNER, times=None, status=451)
    elif now == "down":
        story.post.fault("connect", "reset", times=None)
    elif now == "lost":
        story.lost += 1
        story.post.fault("data", "commit_then_reset", times=1)


def _play(shop_id: int, story: Story, action: str, value: int | str) -> None:
    match action, value:
        case "break", int():
            stage.broken(shop_id, value, f"Account-{value}")
        case "fail", int():
            stage.failed(shop_id, value)
        case "mend", int():
            with db.writing() as s:
                incidents.resolve_subject(s, shop_id, f"account:{value}", "worked")
        case "wait", int():
            story.go_on(value)
        case "tick", int():
            ticked = [Category.ACCOUNT_EXPIRED] * (value & 1) + [Category.ORDER_IMPORT_FAILED] * (value >> 1)
            stage.tick(shop_id, *ticked)
            story.ticked.append((clock.now(), set(ticked)))
        case "smtp", str():
            _weather(story, value)


SEQUENCES = int(os.environ.get("SHOPAPP_SEQUENCES", "20"))
# Each must be among those played, however few: a second mail within the digest, several in one, a refusal in between.
DIGESTED = [("break", 1), ("wait", 70), ("break", 2), ("break", 3), ("break", 4), ("wait", 4000)]
UNTICKED = [("break", 1), ("wait", 25), ("tick", 2), ("fail", 1), ("tick", 3), ("fail", 2), ("break", 2), ("wait", 70)]
HELD_UP = [("smtp", "451"), ("break", 1), ("wait", 400), ("smtp", "lost"), ("break", 2), ("wait", 4000)]
UNDELIVERABLE = [("break", 1), ("smtp", "lost"), ("wait", 70), ("smtp", "lost"), ("wait", 400), ("break", 2)]
# Why an incident has no mail, as its page and the list of incidents show it.
MUTED = {"category_off", "no_address", "undeliverable", "uninstalled"}


@example(steps=DIGESTED)
@example(steps=UNTICKED)
@example(steps=HELD_UP)
@example(steps=UNDELIVERABLE)
@settings(
    max_examples=SEQUENCES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEP, min_size=10, max_size=35))
def test_every_open_incident_is_mailed_in_the_time_promised_or_says_why_not(
    shop_id: int, post: PostOffice, steps: list[tuple[str, int | str]]
) -> None:
    _empty()
    post.heal()
    post.arrived.clear()
    story = Story(post, ticked=[(stage.START, {Category.ACCOUNT_EXPIRED})])
    for action, value in steps:
        story.go_on(1)
        _play(shop_id, story, action, value)
    _weather(story, "ok")
    story.go_on(12 * 3600)  # the weather is fine again: everything leaves within its digests
    with db.reading() as s:
        assert invariants._mails(s) == []
        rows = list(s.query(Incident))
        names = {mail.uid: mail for mail in s.query(Mail)}
    assert not [mail for mail in names.values() if mail.state in UNSENT]
    for row in rows:
        _told_in_time_or_muted(story, row, names)
    ids = [mail.parsed["Message-ID"] for mail in post.arrived]
    assert len(ids) - len(set(ids)) <= story.lost  # one copy more for each lost answer, at most


def _told_in_time_or_muted(story: Story, row: Incident, mails: dict[str, Mail]) -> None:
    """Its name stands in a mail that arrived by its time, unless it is shown as muted or was over before that time."""
    if not row.category:
        return  # of a kind that is told in the app alone: our mails do not arrive
    mine = [one for one in story.arrivals if mails[_uid(one[1])].category == row.category]
    latest = row.opened_at + FIRST + LEASE * story.lost  # an answer that is lost is waited for as long as a lease
    before = [at for at, _ in mine if at <= latest]
    if before:
        latest = max(latest, before[-1] + DIGEST + LEASE * story.lost)
    for since, until in story.ill:
        if until is not None and since <= latest and until >= row.opened_at - AFTER_WEATHER:
            latest = max(latest, until + AFTER_WEATHER)
    if row.resolved_at is not None and row.resolved_at <= latest:
        return
    if row.mail_skipped:
        assert row.mail_skipped in MUTED, f"{row.kind} of {row.subject} is silent: {row.mail_skipped}"
        off = row.mail_skipped == "category_off"
        assert not off or not story.wanted(row.category, row.opened_at, latest), "muted though it was ticked"
        return
    name = row.params.get("remote_order_id", row.params["label"])
    told = [at for at, one in mine if mails[_uid(one)].id == row.mail_id and name in one.body("plain")]
    assert told, f"{row.kind} of {row.subject} reached nobody"
    assert min(told) <= latest, f"{row.kind} of {row.subject} was told {min(told) - latest} late"
    assert {address for _, one in mine for address in one.to} == {OWNER}


def _uid(mail: Arrived) -> str:
    """The row of the outbox that this mail is."""
    return str(mail.parsed["Message-ID"]).removeprefix("<").split(".")[0]
