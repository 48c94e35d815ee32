"""Completeness on the pages: the last counted day on Home, the last 30 on the account's page, and why nothing was counted."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from marketplaces.errors import Transient
from shopapp import clock, verdict
from shopapp.records import db, vault
from shopapp.records.models import Account, AccountSite, AccountStatus, AuditEntry, CountRound, DayCount, DayState
from tests.web.desk import HOSTILE, Desk, Page


def today(desk: Desk) -> date:
    """The shop's calendar day."""
    return clock.now().astimezone(ZoneInfo(desk.shop().timezone)).date()


def working(desk: Desk, **columns: Any) -> int:
    """An account that imports a site."""
    account = desk.account(**columns)
    with db.writing() as s:
        row = s.get_one(Account, account)
        vault.seal_json(row, "credentials", {"refresh_token": "Atzr|example"})
        told = {"channel": row.channel, "realm": row.realm, "seller_id": row.seller_id, "importing": True}
        s.add(AccountSite(shop_id=row.shop_id, account_id=account, site="A1PA6795UKMFR9", **told))
    return account


def counted(desk: Desk, account: int, ago: int = 1, state: str = DayState.EVEN, **numbers: Any) -> date:
    """A counted day."""
    day = today(desk) - timedelta(days=ago)
    with db.writing() as s:
        row = s.get_one(Account, account)
        row.take_over_at = clock.now() - timedelta(days=40)
        s.add(
            DayCount(shop_id=row.shop_id, account_id=account, day=day, state=state, counted_at=clock.now(), **numbers)
        )
    return day


def section(desk: Desk) -> str:
    """What Home says about completeness."""
    text = desk.get("/").text
    return text.split("Is every order here?")[1].split("Orders of the last 14 days")[0] if "Is every" in text else ""


def test_yesterday_stands_on_home_as_one_equation(desk: Desk) -> None:
    account = working(desk, label=HOSTILE)
    counted(desk, account, listed=1214, in_shopify=1214)
    page = desk.get("/")
    assert "Yesterday: 1,214 on Amazon = 1,214 in Shopify" in page.text
    assert "Adds up" in page.text
    assert f"/accounts/{account}#days" in page.links
    assert HOSTILE not in page.html


def test_whatever_is_not_in_shopify_is_named_and_the_sum_is_right(desk: Desk) -> None:
    places = {
        "in_shopify": 200,
        "waiting": 1,
        "held": 3,
        "failed": 2,
        "ignored": 5,
        "cancelled": 1,
        "gone": 1,
        "missing": 1,
    }
    counted(desk, working(desk), state=DayState.LOOKING, listed=214, fetched=4, earlier=7, extra=1, **places)
    told = section(desk)
    assert (
        "214 on Amazon = 200 in Shopify + 1 waiting + 3 held + 2 failed + 5 left out on purpose "
        "+ 1 cancelled before the import + 1 missing + 1 no longer in Shopify"
    ) in told
    assert sum(places.values()) == 214
    assert "Missed by the sync and fetched by the count: 4" in told
    assert "From before the import began, not counted: 7" in told
    assert "In Shopify, but not listed by Amazon: 1" in told
    assert "Looked at again" in told


def test_the_newest_day_of_each_account_and_nothing_of_other_shops(desk: Desk) -> None:
    first, second = working(desk, label="First"), working(desk, label="Second")
    counted(desk, first, 9, listed=9, in_shopify=9)
    counted(desk, first, 3, listed=3, in_shopify=3)
    counted(desk, second, 1, listed=5, in_shopify=5)
    told = section(desk)
    assert told.index("3 on Amazon = 3") < told.index("Yesterday: 5 on Amazon = 5")
    assert "9 on Amazon" not in told
    assert "Yesterday: 3" not in told


def test_before_the_first_count_home_says_when_it_comes(desk: Desk) -> None:
    account = working(desk)
    with db.writing() as s:
        s.get_one(Account, account).take_over_at = None
    assert section(desk) == ""
    with db.writing() as s:
        s.get_one(Account, account).take_over_at = clock.now()
    assert "The first whole day is counted in the night after it." in section(desk)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": AccountStatus.REVOKED}, "the connection does not work"),
        ({"status": AccountStatus.DEACTIVATED}, "the account is deactivated"),
        ({"importing": False}, "the import of orders is off"),
    ],
)
def test_who_is_not_counted_says_why_and_never_that_something_is_missing(
    desk: Desk, change: dict[str, Any], words: str
) -> None:
    account = working(desk)
    counted(desk, account, 5, listed=5, in_shopify=5)
    with db.writing() as s:
        for name, value in change.items():
            setattr(s.get_one(Account, account), name, value)
    assert f"Not counted now: {words}." in section(desk)
    assert "missing" not in section(desk)
    page = desk.get(f"/accounts/{account}").text
    assert f"Not counted now: {words}." in page
    assert "5 on Amazon = 5 in Shopify" in page


def test_a_count_that_waits_for_the_poll_says_so(desk: Desk) -> None:
    account = working(desk)
    counted(desk, account, 5, listed=5, in_shopify=5)
    with db.writing() as s:
        row = s.get_one(Account, account)
        s.add(CountRound(shop_id=row.shop_id, account_id=account, reason="behind"))
    told = section(desk)
    assert "Not counted now: the sync has not caught up yet." in told


def test_the_account_shows_thirty_days_newest_first_with_the_ids_that_need_a_look(desk: Desk) -> None:
    account = working(desk)
    for ago in range(1, 35):
        counted(desk, account, ago, listed=100 + ago, in_shopify=100 + ago)
    with db.writing() as s:
        row = s.query(DayCount).filter_by(day=today(desk) - timedelta(days=2)).one()
        row.state, row.gone, row.in_shopify = DayState.UNEVEN, 1, 101
        row.ids = {"gone": ["302-1 <b>"]}
    page = desk.get(f"/accounts/{account}")
    days = page.text.split("Counted days")[1].split("Marketplace")[0]
    assert days.index("101 on Amazon = 101") < days.index("102 on Amazon = 101") < days.index("130 on Amazon = 130")
    assert "131 on Amazon" not in days
    assert "Does not add up" in days
    assert "/orders?q=302-1%20%3Cb%3E" in page.links
    assert "302-1 <b>" not in page.html


def test_days_that_nobody_counted_are_in_the_table_too(desk: Desk) -> None:
    account = working(desk)
    counted(desk, account, 3, listed=5, in_shopify=5)
    with db.writing() as s:
        s.get_one(Account, account).take_over_at = clock.now() - timedelta(days=4)
    days = desk.get(f"/accounts/{account}").text.split("Counted days")[1].split("Marketplace")[0]
    assert days.count("Not counted") >= 3


# --- Count now --------------------------------------------------------------------------------------------------------


def rounds(desk: Desk, account: int, **columns: Any) -> None:
    """The account's row of the count, settled until tomorrow unless said otherwise."""
    values = {"due_at": clock.now() + timedelta(hours=12)} | columns
    with db.writing() as s:
        s.add(CountRound(shop_id=desk.shop_id, account_id=account, **values))


def asked(account: int) -> tuple[list[date], int]:
    """(the days that are due again, how often it was asked for)."""
    with db.reading() as s:
        again = select(DayCount.day).where(DayCount.account_id == account, DayCount.again_at <= clock.now())
        deeds = select(AuditEntry).where(AuditEntry.action == "count_asked", AuditEntry.subject == f"account:{account}")
        return sorted(s.scalars(again)), len(s.scalars(deeds).all())


def pressable(page: Page) -> bool:
    """Whether *Count now* can be pressed."""
    (button,) = re.findall(r'id="count-now"><s-button type="submit"( disabled)?>', page.html)
    return not button


def test_count_now_counts_the_latest_days_again_once(desk: Desk) -> None:
    account = working(desk)
    rounds(desk, account)
    days = [counted(desk, account, ago=ago) for ago in (2, 3, 25, 26)]
    with db.writing() as s:
        s.execute(update(DayCount).values(counted_at=clock.now() - timedelta(hours=9)))
        open_one = update(DayCount).where(DayCount.day == days[2])
        s.execute(open_one.values(state=DayState.UNEVEN, again_at=clock.now() + timedelta(hours=3)))
    page = desk.get(f"/accounts/{account}")
    assert pressable(page)
    assert "data-poll" not in page.tags("s-section", id="days")[0]
    for _ in range(2):
        desk.post(f"/accounts/{account}/count")
    assert asked(account) == (sorted(days[:3]), 1), "not those settled long ago"
    with db.reading() as s:
        assert s.scalars(select(CountRound.due_at)).one() <= clock.now()
    page = desk.get(f"/accounts/{account}")
    assert not pressable(page)
    assert page.tags("s-section", id="days")[0]["data-poll"] == f"/accounts/{account}/days"
    assert "Queued" in desk.get(f"/accounts/{account}/days").text
    assert "Counting the days again asked for" in desk.get("/settings").text


def test_a_day_that_waits_for_its_second_look_keeps_its_time(desk: Desk) -> None:
    """Looked at sooner it could be told as uneven while the marketplace is merely late."""
    account = working(desk)
    rounds(desk, account)
    counted(desk, account, ago=2)
    with db.writing() as s:
        values = {"counted_at": clock.now() - timedelta(hours=2), "again_at": clock.now() + timedelta(hours=3)}
        s.execute(update(DayCount).values(state=DayState.LOOKING, **values))
    assert desk.post(f"/accounts/{account}/count").goes_to.endswith("done=nothing_changed")
    assert asked(account) == ([], 0)


def test_what_was_counted_a_minute_ago_is_not_counted_again(desk: Desk) -> None:
    account = working(desk)
    rounds(desk, account)
    counted(desk, account, ago=2)
    assert desk.post(f"/accounts/{account}/count").goes_to.endswith("done=nothing_changed")
    assert asked(account) == ([], 0)


@pytest.mark.parametrize("trouble", ["paused", "running", "waiting", "uncounted"])
def test_while_nothing_can_be_counted_nobody_can_ask(desk: Desk, trouble: str) -> None:
    account = working(desk)
    if trouble != "uncounted":
        under_way: dict[str, Any] = {"phase": "listing", "began_at": clock.now()}
        rounds(desk, account, **(under_way if trouble in ("running", "waiting") else {}))
    counted(desk, account, ago=2)
    with db.writing() as s:
        s.execute(update(DayCount).values(counted_at=clock.now() - timedelta(hours=9)))
        if trouble == "running":
            s.execute(update(CountRound).values(due_at=clock.now()))
    if trouble == "paused":
        desk.change(paused_at=clock.now())
    page = desk.get(f"/accounts/{account}")
    assert not pressable(page)
    desk.post(f"/accounts/{account}/count")
    assert asked(account) == ([], 0)
    said = {"paused": "Not counted now: everything is paused.", "running": "Running", "waiting": "Queued"}
    assert said.get(trouble, "") in desk.get(f"/accounts/{account}/days").text


def test_looking_at_a_page_takes_nobody_the_call_that_finds_out_whether_the_marketplace_is_back(desk: Desk) -> None:
    account = working(desk)
    counted(desk, account, listed=5, in_shopify=5)
    with db.writing() as s:
        row = s.get_one(Account, account)
        for _ in range(5):
            verdict.channel_failed(s, row, Transient("nobody there"))
    assert "the marketplace does not answer" in section(desk)
    clock.travel(by=timedelta(minutes=2))
    for page in ("/", f"/accounts/{account}"):
        assert desk.get(page).status == 200
    with db.writing() as s:
        assert verdict.breaker_open_until(s, "amazon", row.realm) is None
