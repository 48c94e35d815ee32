"""Plan: the counter against each plan, what was counted and how, changing the plan."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal

from shopapp import clock
from shopapp.plans import ledger
from shopapp.records import db
from shopapp.records.models import AuditEntry, FxRate, HeldReason, Order, UsageEntry
from tests.web.desk import Desk, install


def counted(desk: Desk, account: int, minor: int, currency: str = "EUR", **columns: object) -> int:
    """An imported order in the ledger."""
    order = desk.order(account, total_minor=minor, currency=currency, imported_at=clock.now(), **columns)
    with db.writing() as s:
        ledger.book(s, s.get_one(Order, order))
    return order


def test_the_trial_shows_its_end_and_each_plan_says_where_the_shop_would_be(desk: Desk) -> None:
    counted(desk, desk.account(), 250_000)
    page = desk.get("/plan")
    assert "€2,500.00" in page.text
    assert "of €5,000.00" in page.text
    assert "50%" in page.text
    assert "Trial until" in page.text
    assert "You would be at 25%" in page.text
    assert "You would be at 5%" in page.text
    assert page.tags("input", name="plan", value="starter")
    assert "oldest first" in page.text
    assert "Refunds do not lower the counter." in page.text
    assert not page.tags("input", name="plan", value="trial")


def test_of_the_shops_own_plan_it_is_said_where_the_shop_is(desk: Desk) -> None:
    counted(desk, desk.account(), 250_000)
    desk.post("/plan", plan="starter")
    page = desk.get("/plan")
    assert "You are at 25%" in page.text
    assert "You would be at 25%" not in page.text
    assert "You would be at 5%" in page.text


def test_near_and_over_the_limit_the_gauge_changes_its_colour_and_its_words(desk: Desk) -> None:
    account = desk.account()
    counted(desk, account, 400_000)
    page = desk.get("/plan")
    assert 'class="warn"' in page.html
    assert page.tags("s-badge", tone="warning")
    counted(desk, account, 100_000)
    page = desk.get("/plan")
    assert page.tags("s-badge", tone="critical")
    assert "100%" in page.text
    assert page.html.count("<s-banner") == 2  # the templates of the relay script


def test_the_forecast_names_the_day_and_only_when_it_comes_before_the_reset(desk: Desk) -> None:
    counted(desk, desk.account(), 100_000)
    desk.change(period_anchor=clock.now() - timedelta(days=3))
    assert "At this pace the limit is reached on" in desk.get("/plan").text
    desk.change(period_anchor=clock.now() - timedelta(days=20))
    assert "At this pace" not in desk.get("/plan").text


def test_an_ended_trial_says_so_and_holds_no_more_than_that(desk: Desk) -> None:
    desk.change(trial_ends_at=clock.now() - timedelta(days=1))
    page = desk.get("/plan")
    assert page.status == 200
    assert "The trial has ended. Choose a plan to create the waiting orders." in page.text


def test_a_chosen_plan_is_in_force_at_once_and_releases_what_waited(desk: Desk) -> None:
    order = desk.order(desk.account(), "held", held_reason=HeldReason.PLAN)
    assert desk.post("/plan", plan="growth").goes_to == "/plan?done=plan_changed"
    page = desk.get("/plan?done=plan_changed")
    assert "Your plan" in page.text
    assert not page.tags("input", name="plan", value="growth")
    assert page.tags("meta", name="flash-toast")[0]["content"] == "Plan changed"
    with db.reading() as s:
        assert s.get_one(Order, order).state == "received"
        assert s.query(AuditEntry).filter_by(action="plan.changed").one().changes == {
            "before": "trial",
            "after": "growth",
        }


def test_a_plan_that_is_not_offered_changes_nothing(desk: Desk) -> None:
    for key in ("", "trial", "unlimited"):
        page = desk.post("/plan", plan=key)
        assert page.status == 422
        assert "This plan is not offered." in page.text
    assert desk.shop().plan_key == "trial"


def test_the_ledger_shows_rate_day_credit_and_what_waits_for_a_rate(desk: Desk) -> None:
    account = desk.account()
    with db.writing() as s:
        s.add(FxRate(day=clock.now().date(), currency="GBP", per_euro=Decimal("0.8")))
    counted(desk, account, 8_000, "GBP", remote_order_id="304-gbp")
    counted(desk, account, 1_000, "SEK", remote_order_id="304-sek")
    cancelled = counted(desk, account, 5_000, remote_order_id="304-gone")
    with db.writing() as s:
        ledger.credit(s, s.get_one(Order, cancelled))
    page = desk.get("/plan")
    assert "£80.00" in page.text
    assert "€100.00" in page.text
    assert "rate of" in page.text
    assert "waits for a rate" in page.text
    assert "credited" in page.text
    assert "1 order waits for an exchange rate and is not counted yet." in page.text
    assert f"/orders/{cancelled}" in page.links


def test_the_csv_is_the_period_and_its_sum_is_the_counter(desk: Desk) -> None:
    account = desk.account()
    counted(desk, account, 1_990, remote_order_id="=HYPERLINK(1)")
    counted(desk, account, 1_010, remote_order_id="304-2")
    old = counted(desk, account, 99_999, remote_order_id="304-old")
    with db.writing() as s:
        entry = s.query(UsageEntry).filter_by(order_id=old).one()
        entry.at = clock.now() - timedelta(days=40)
        desk_before = entry.at
    assert desk_before < desk.shop().installed_at
    answer = desk.get("/plan/ledger.csv")
    rows = list(csv.DictReader(io.StringIO(answer.html)))
    assert {row["order_id"] for row in rows} == {"'=HYPERLINK(1)", "304-2"}
    assert sum(Decimal(row["counted_EUR"]) for row in rows) == Decimal("30.00")
    assert "€30.00" in desk.get("/plan").text


def test_the_ledger_of_another_shop_is_not_shown(desk: Desk) -> None:
    other = install("red.myshopify.com")
    stranger = Desk(desk.app, other, "red.myshopify.com")
    counted(stranger, desk.account(shop_id=other), 1_000, remote_order_id="304-foreign")
    assert "304-foreign" not in desk.get("/plan").text
    assert "304-foreign" not in desk.get("/plan/ledger.csv").html
    assert "304-foreign" in stranger.get("/plan").text
