"""When an account is polled next: from the limits and from who shares them; it keeps its place, and a crowd spreads out."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import event, select, update

from marketplaces.channel import Limit
from marketplaces.channels.amazon import Amazon
from shopapp import clock
from shopapp.orders import cadence as rhythm
from shopapp.orders import poll
from shopapp.orders.cadence import cadence, interval, next_time, shares
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, HeldReason, Order, OrderState, Shop
from shopapp.work.turns import Turn
from tests.unit.orders.scene import Scene


class Crowded(Amazon):
    """A channel whose searches are counted over all accounts: four a minute, of which polls take three and a fifth."""

    limits = (Limit("searchOrders", "0.0666666667", 20, shared=True),)
    poll_seconds = 60


CROWDED = Crowded()
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)


def test_an_account_that_is_polled_in_time_keeps_its_place_in_the_interval() -> None:
    due = NOW - timedelta(seconds=3)
    for turn in range(1, 20):
        at = due + timedelta(seconds=turn % 7)
        assert next_time(due, at, EVERY) == due + EVERY
        due += EVERY


def test_ten_thousand_accounts_that_are_due_at_once_after_an_outage_spread_over_half_the_interval() -> None:
    due = [next_time(NOW - timedelta(hours=3), NOW, EVERY) for _ in range(10_000)]
    assert min(due) >= NOW + EVERY / 2
    assert max(due) <= NOW + EVERY
    seconds = [0] * 150
    for one in due:
        seconds[min(149, int((one - NOW - EVERY / 2).total_seconds()))] += 1
    assert max(seconds) < 3 * 10_000 / 150


def test_the_first_poll_of_an_account_waits_no_longer_than_the_interval() -> None:
    assert next_time(None, NOW, EVERY) <= NOW + EVERY


@given(
    accounts=some.integers(0, 20_000),
    part=some.fractions(0, 1),
    daily=some.integers(20, 5_000_000),
    least=some.integers(1, 3600),
)
def test_polls_never_take_more_than_their_part_and_a_quiet_account_waits_twice_as_long_at_most(
    accounts: int, part: Fraction, daily: int, least: int
) -> None:
    busy, rate = int(accounts * part), Fraction(daily, 86_400)
    busy_every, quiet_every = shares(accounts, busy, rate, Fraction(least))
    assert least <= busy_every <= quiet_every
    assert busy / busy_every + (accounts - busy) / quiet_every <= rate
    alike = max(Fraction(least), accounts / rate)
    assert quiet_every <= 2 * alike
    assert busy_every <= alike


@pytest.fixture
def account(scene: Scene) -> Account:
    forget()
    return scene.account()


def forget() -> None:
    rhythm._crowds.drop("")


def crowd(of: Account, count: int, **values: object) -> None:
    """So many more accounts of the same shop, like this one."""
    batch = secrets.token_hex(4)
    with db.writing() as s:
        shop = s.get_one(Shop, of.shop_id)
        for number in range(count):
            row = Account(
                shop_id=shop.id, channel=of.channel, realm="eu", seller_id=f"C{batch}-{number}", label="One of many",
                status=AccountStatus.ACTIVE, status_since=clock.now(), created_at=clock.now(), take_over_at=clock.now(),
            )  # fmt: skip
            for name, value in values.items():
                setattr(row, name, value)
            s.add(row)
    forget()


def seconds(of: Account) -> float:
    with db.reading() as s:
        return interval(s, CROWDED, s.get_one(Account, of.id)).total_seconds()


def test_accounts_that_share_a_limit_are_polled_less_often_the_more_they_are(account: Account) -> None:
    assert seconds(account) == 60
    crowd(account, 3)
    assert seconds(account) == pytest.approx(75, abs=1), "four of them, at 3.2 a minute"
    crowd(account, 16)
    assert seconds(account) == pytest.approx(375, abs=1)
    with db.reading() as s:
        told = cadence(s, CROWDED)
    assert (told.accounts, told.busy) == (20, 0)
    assert float(told.polls) == pytest.approx(0.8)


def test_only_accounts_that_are_polled_count(account: Account) -> None:
    crowd(account, 5, status=AccountStatus.EXPIRED)
    crowd(account, 5, importing=False)
    crowd(account, 5, take_over_at=None)
    with db.reading() as s:
        assert cadence(s, CROWDED).accounts == 1
    with db.writing() as s:
        s.execute(update(Shop).values(paused_at=clock.now()))
    forget()
    with db.reading() as s:
        assert cadence(s, CROWDED).accounts == 0


def test_where_something_goes_on_it_is_polled_twice_as_often(account: Account) -> None:
    crowd(account, 9)
    crowd(account, 10, imported_at=clock.now() - timedelta(minutes=90))
    quiet = seconds(account)
    assert quiet == pytest.approx(30 / 3.2 * 60, abs=1), "ten ones and ten twos"
    for change in ({"polled_count": 2}, {"polled_count": 0, "imported_at": clock.now() - timedelta(hours=1)}):
        with db.writing() as s:
            s.execute(update(Account).where(Account.id == account.id).values(**change))
        assert seconds(account) == pytest.approx(quiet / 2, abs=1)
    with db.writing() as s:
        s.execute(update(Account).where(Account.id == account.id).values(imported_at=clock.now() - timedelta(hours=3)))
    assert seconds(account) == quiet


@pytest.mark.parametrize(("reason", "urgent"), [(HeldReason.PAYMENT, True), (HeldReason.PLAN, False)])
def test_an_order_that_waits_for_the_marketplace_makes_its_account_busy(
    scene: Scene, account: Account, reason: HeldReason, urgent: bool
) -> None:
    crowd(account, 19)
    quiet = seconds(account)
    (order_id,) = scene.sell()
    scene.poll()
    with db.writing() as s:
        row = s.scalars(select(Order).where(Order.remote_order_id == order_id)).one()
        row.state, row.held_reason = OrderState.HELD, reason
        s.execute(update(Account).where(Account.id == account.id).values(polled_count=0, imported_at=None))
    forget()
    with db.reading() as s:
        assert cadence(s, CROWDED).busy == urgent
    assert (seconds(account) < quiet) == urgent


def test_accounts_are_counted_once_for_many_that_ask_and_never_where_each_has_its_own_limit(account: Account) -> None:
    crowd(account, 3)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    with db.reading() as s:
        mine = s.get_one(Account, account.id)
        for _ in range(50):
            interval(s, CROWDED, mine)
        counted = [one for one in asked if "count(" in one]
        assert len(counted) == 1
        forget()
        asked.clear()
        assert interval(s, Amazon(), mine) == timedelta(seconds=Amazon.poll_seconds)
        assert asked == []
    event.remove(db.engine(), "before_cursor_execute", note)


def test_who_asks_for_a_sync_goes_first_but_does_not_take_the_share_of_two(account: Account) -> None:
    crowd(account, 19)  # a poll of each in 375 s
    now = clock.now()
    for asked, polled, turn in (
        (None, None, Turn.SALES),
        (now, None, Turn.ASKED),
        (now, now - timedelta(seconds=300), Turn.ASKED),
        (now, now - timedelta(seconds=30), Turn.SALES),
    ):
        with db.writing() as s:
            row = s.get_one(Account, account.id)
            row.sync_asked_at, row.polled_at = asked, polled
            assert poll._turn(s, row, CROWDED, now) is turn, (asked, polled)
            assert poll._turn(s, row, Amazon(), now) is Turn.SALES, "nobody else draws from its bucket"
