"""The plan by the clock: trial end, near, over, upgrade while held, period turn, both nights of the clock change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.plans import gate, ledger, rates
from shopapp.records import db
from shopapp.records.models import HeldReason, Incident, Order, OrderState, Shop, UsageEntry
from tests.unit.plans.conftest import START

Sale = Callable[..., int]


def open_kinds() -> set[str]:
    with db.reading() as s:
        return set(s.scalars(select(Incident.kind).where(Incident.resolved_at.is_(None))))


def opened(kind: str) -> int:
    with db.reading() as s:
        return len(s.scalars(select(Incident.id).where(Incident.kind == kind)).all())


def allowed() -> bool:
    with db.writing() as s:
        return gate.allows(s, gate.locked(s, 1))


def states() -> list[str]:
    with db.reading() as s:
        return list(s.scalars(select(Order.state).order_by(Order.id)))


def test_the_notice_comes_at_eighty_percent_once_and_goes_over_at_the_limit(sale: Sale) -> None:
    sale(1, 79_900)
    assert open_kinds() == set()
    sale(2, 100)
    assert open_kinds() == {"plan_near"}
    sale(3, 10_000)
    assert opened("plan_near") == 1
    assert allowed()
    sale(4, 10_000)
    assert open_kinds() == {"plan_over"}
    assert not allowed()
    assert (opened("plan_near"), opened("plan_over")) == (1, 1)


def test_a_cent_below_a_mark_is_below_it(sale: Sale) -> None:
    sale(1, 79_999)
    assert open_kinds() == set()
    sale(2, 1)
    assert open_kinds() == {"plan_near"}
    sale(3, 19_999)
    assert allowed()
    assert open_kinds() == {"plan_near"}
    sale(4, 1)
    assert not allowed()


def test_an_order_counts_once_even_when_it_is_booked_again(sale: Sale) -> None:
    order_id = sale(1, 50_000)
    with db.writing() as s:
        assert not ledger.book(s, s.get_one(Order, order_id))
        assert ledger.usage(s, s.get_one(Shop, 1)).used.minor == 50_000


def test_a_bigger_plan_releases_what_was_held_oldest_first_and_once(sale: Sale) -> None:
    sale(1, 100_000)
    held = [sale(n, 1_000, imported=False, held=HeldReason.PLAN) for n in (4, 2, 3)]
    assert gate.choose_plan(1, "starter", "user-7") == ""
    assert open_kinds() == set()
    with db.reading() as s:
        rows = s.scalars(select(Order).where(Order.id.in_(held)).order_by(Order.due_at)).all()
        assert [row.remote_order_id for row in rows] == ["o2", "o3", "o4"]
        assert {row.state for row in rows} == {OrderState.RECEIVED}
        due = [row.due_at for row in rows]
    with db.writing() as s:
        gate.refresh(s, s.get_one(Shop, 1))
    with db.reading() as s:
        assert [row.due_at for row in s.scalars(select(Order).where(Order.id.in_(held)).order_by(Order.due_at))] == due


def test_other_reasons_for_waiting_are_not_released_by_a_plan_change(sale: Sale) -> None:
    sale(1, 1_000, imported=False, held=HeldReason.PAYMENT)
    sale(2, 1_000, imported=False, held=HeldReason.UNKNOWN)
    gate.choose_plan(1, "starter", "")
    assert states() == [OrderState.HELD, OrderState.HELD]


def test_a_new_period_counts_from_nothing_and_releases_by_itself(sale: Sale) -> None:
    gate.choose_plan(1, "starter", "")
    sale(1, 200_000)
    sale(2, 1_000, imported=False, held=HeldReason.PLAN)
    clock.travel(START + timedelta(days=30) - timedelta(seconds=1), freeze=True)
    gate.turn()
    assert open_kinds() == {"plan_over"}
    assert states()[1] == OrderState.HELD
    clock.travel(START + timedelta(days=30), freeze=True)
    gate.turn()
    assert open_kinds() == set()
    assert states()[1] == OrderState.RECEIVED
    with db.reading() as s:
        now = ledger.usage(s, s.get_one(Shop, 1))
    assert (now.used.minor, now.reset_at) == (0, START + timedelta(days=60))


def test_at_the_end_of_the_trial_orders_wait_until_a_plan_is_chosen(sale: Sale) -> None:
    clock.travel(START + timedelta(days=30) - timedelta(seconds=1), freeze=True)
    assert allowed()
    clock.travel(START + timedelta(days=30), freeze=True)
    gate.turn()
    assert not allowed()
    with db.reading() as s:
        incident = s.scalars(select(Incident).where(Incident.resolved_at.is_(None))).one()
        assert (incident.kind, incident.params["trial_ended"]) == ("plan_over", True)
    sale(1, 1_000, imported=False, held=HeldReason.PLAN)
    gate.choose_plan(1, "starter", "")
    assert open_kinds() == set()
    assert states() == [OrderState.RECEIVED]


def test_however_many_shops_are_at_their_end_each_is_looked_at_when_its_period_turns(sale: Sale) -> None:
    """Trials that ended long ago stay so for ever; whoever is left without a plan must keep nobody else waiting."""
    with db.writing() as s:
        for number in range(12):
            s.add(
                Shop(domain=f"s{number}.myshopify.com", installed_at=START - timedelta(days=90), plan_key="trial",
                     period_anchor=START - timedelta(days=90), trial_ends_at=START - timedelta(days=60))
            )  # fmt: skip
        last = Shop(domain="last.myshopify.com", installed_at=START, plan_key="starter", period_anchor=START)
        s.add(last)
        s.flush()
        moment = {"remote_created_at": START, "remote_updated_at": START, "found_at": START}
        waiting = Order(shop_id=last.id, account_id=1, channel="amazon", realm="eu", seller_id="S2", remote_order_id="w",
                        state=OrderState.HELD, held_reason=HeldReason.PLAN, currency="EUR", total_minor=1, **moment)  # fmt: skip
        s.add(waiting)
    for _ in range(3):
        gate.turn(at_once=5)
    assert states() == [OrderState.RECEIVED]


@pytest.mark.parametrize("night", [datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2027, 3, 28, 1, tzinfo=UTC)])
def test_the_nights_of_the_clock_change_neither_shorten_nor_lengthen_a_period(night: datetime, sale: Sale) -> None:
    with db.writing() as s:
        shop = s.get_one(Shop, 1)
        shop.period_anchor, shop.timezone, shop.plan_key = night - timedelta(days=15), "Europe/Berlin", "starter"
    for hours in (-2, -1, 0, 1, 2, 24):
        clock.travel(night + timedelta(hours=hours), freeze=True)
        with db.reading() as s:
            now = ledger.usage(s, s.get_one(Shop, 1))
        assert now.since == night - timedelta(days=15)
        assert now.reset_at - now.since == timedelta(days=30)
    clock.travel(night + timedelta(days=15) - timedelta(seconds=1), freeze=True)
    sale(1, 5_000)
    clock.travel(night + timedelta(days=15), freeze=True)
    sale(2, 7_000)
    with db.reading() as s:
        assert ledger.usage(s, s.get_one(Shop, 1)).used.minor == 7_000


def test_a_cancelled_order_is_credited_once_and_makes_room(sale: Sale) -> None:
    order_id = sale(1, 100_000)
    assert open_kinds() == {"plan_over"}
    with db.writing() as s:
        assert ledger.credit(s, s.get_one(Order, order_id))
        assert not ledger.credit(s, s.get_one(Order, order_id))
        gate.refresh(s, s.get_one(Shop, 1))
    assert open_kinds() == set()
    assert allowed()


def test_orders_being_sent_count_already_so_that_the_gate_is_not_overrun(sale: Sale) -> None:
    sale(1, 95_000)
    sending = sale(2, 6_000, imported=False)
    assert allowed()
    with db.writing() as s:
        s.get_one(Order, sending).state = OrderState.SENDING
    assert not allowed()
    with db.writing() as s:
        assert gate.allows(s, gate.locked(s, 1), s.get_one(Order, sending))


def test_a_foreign_currency_counts_at_the_dated_rate_and_keeps_it(sale: Sale) -> None:
    with db.writing() as s:
        rates.store(s, START.date() - timedelta(days=1), {"SEK": Decimal("11.20"), "JPY": Decimal(160)})
    sale(1, 112_000, currency="SEK")
    sale(2, 16_000, currency="JPY")
    with db.writing() as s:
        rates.store(s, START.date() + timedelta(days=1), {"SEK": Decimal("20")})
        entry = s.scalars(select(UsageEntry)).first()
        assert entry is not None
        assert (entry.gmv_minor, entry.rate_day) == (10_000, START.date() - timedelta(days=1))
        assert ledger.usage(s, s.get_one(Shop, 1)).used.minor == 20_000


def test_without_any_rate_the_entry_waits_and_the_order_does_not(sale: Sale) -> None:
    sale(1, 50_000, currency="PLN")
    with db.writing() as s:
        now = ledger.usage(s, s.get_one(Shop, 1))
        assert (now.used.minor, now.waiting_for_rate) == (0, 1)
        rates.store(s, START.date(), {"PLN": Decimal("4.25")})
        assert ledger.value_waiting(s) == {1}
        assert ledger.usage(s, s.get_one(Shop, 1)).used.minor == 11_765


def test_entries_of_a_currency_that_is_never_quoted_hold_up_no_others(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "VALUED_AT_ONCE", 3)
    for number in range(5):
        sale(number, 10_000, currency="AED")
    for number in range(5, 12):
        sale(number, 4_250, currency="PLN")
    with db.writing() as s:
        rates.store(s, START.date(), {"PLN": Decimal("4.25")})
        assert ledger.value_waiting(s) == {1}
        now = ledger.usage(s, s.get_one(Shop, 1))
        assert (now.used.minor, now.waiting_for_rate) == (7_000, 5)


def test_the_counter_is_always_the_sum_of_the_ledger(sale: Sale) -> None:
    for number in range(20):
        sale(number, 1_337 + number)
    with db.reading() as s:
        entries = s.scalars(select(UsageEntry)).all()
        assert ledger.usage(s, s.get_one(Shop, 1)).used.minor == sum(entry.gmv_minor or 0 for entry in entries)


def test_the_forecast_names_the_day_the_limit_is_reached_or_nothing(sale: Sale) -> None:
    clock.travel(START + timedelta(days=10), freeze=True)
    sale(1, 50_000)
    with db.reading() as s:
        assert ledger.usage(s, s.get_one(Shop, 1)).forecast_at == START + timedelta(days=20)
    clock.travel(START + timedelta(days=20), freeze=True)
    with db.reading() as s:
        assert ledger.usage(s, s.get_one(Shop, 1)).forecast_at is None


def test_pausing_everything_releases_only_its_own_when_resumed(sale: Sale) -> None:
    sale(1, 1_000, imported=False, held=HeldReason.PAUSED)
    sale(2, 1_000, imported=False, held=HeldReason.PAYMENT)
    with db.writing() as s:
        gate.pause(s, s.get_one(Shop, 1), "u")
        gate.refresh(s, s.get_one(Shop, 1))
    assert states() == [OrderState.HELD, OrderState.HELD]
    with db.writing() as s:
        gate.resume(s, s.get_one(Shop, 1), "u")
    assert states() == [OrderState.RECEIVED, OrderState.HELD]


@pytest.mark.parametrize("text", ["", "<html>", "<Cube time='2026-11-20'><Cube currency='USD' rate='abc'/></Cube>"])
def test_a_file_that_is_no_list_of_rates_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a daily file"):
        rates.parse(text)


def test_a_shop_that_sold_next_to_nothing_has_no_forecast_and_no_trouble(sale: Sale) -> None:
    """At that pace the limit would be reached after the last year of the calendar."""
    clock.travel(START + timedelta(days=29), freeze=True)
    with db.writing() as s:
        s.get_one(Shop, 1).plan_key = "starter"
    sale(1, 1)
    with db.reading() as s:
        usage = ledger.usage(s, s.get_one(Shop, 1), START + timedelta(days=29))
    assert (usage.used.minor, usage.forecast_at) == (1, None)
