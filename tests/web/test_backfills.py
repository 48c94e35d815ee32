"""Older orders: asked for by a day, watched while they come, left and found again, stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import AccountStatus, Backfill, Order, OrderState
from tests.web.desk import Desk, install

DAY = timedelta(days=1)


def day(back: int) -> str:
    return (clock.now() - back * DAY).date().isoformat()


def rows() -> list[Backfill]:
    with db.reading() as s:
        return list(s.query(Backfill).order_by(Backfill.id))


def change(number: int, **columns: Any) -> None:
    with db.writing() as s:
        row = s.get_one(Backfill, number)
        for name, value in columns.items():
            setattr(row, name, value)


def test_the_page_says_what_will_happen_before_it_happens(desk: Desk) -> None:
    page = desk.get(f"/accounts/{desk.account()}/older")
    assert "looked for among the shop's own orders" in page.text
    assert "60 days" in page.text
    assert "You can leave this page" in page.text
    assert len(page.tags("s-button", variant="primary")) == 1


def test_it_is_asked_for_once_and_its_progress_stays_on_the_account(desk: Desk) -> None:
    account = desk.account()
    done = desk.post(f"/accounts/{account}/older", since=day(10))
    assert (done.status, done.goes_to) == (303, f"/accounts/{account}?done=backfill_started")
    desk.post(f"/accounts/{account}/older", since=day(5))
    (row,) = rows()
    page = desk.get(f"/accounts/{account}")
    (part,) = page.tags("div", id=f"backfill-{row.id}")
    assert part["data-poll"] == f"/accounts/{account}/older/{row.id}"
    assert page.tags("s-spinner")
    change(row.id, state="fetching", found=7)
    assert "7 orders found so far" in desk.get(part["data-poll"]).text
    change(row.id, state="done", found=1, due_at=None)
    told = desk.get(part["data-poll"])
    assert "1 order found" in told.text
    assert not told.tags("s-spinner")
    assert "data-poll" not in told.tags("div", id=f"backfill-{row.id}")[0]


def test_what_cannot_be_searched_is_said(desk: Desk) -> None:
    account = desk.account()
    desk.post(f"/accounts/{account}/older", since=day(90))
    assert "could not be searched" in desk.get(f"/accounts/{account}").text


def test_stopping_keeps_what_is_done_and_sets_the_rest_aside(desk: Desk) -> None:
    account = desk.account(take_over_at=clock.now())
    desk.post(f"/accounts/{account}/older", since=day(10))
    (row,) = rows()
    known = {"backfill": True, "remote_created_at": clock.now() - 3 * DAY, "seller_id": "A1"}
    done = desk.order(account, OrderState.IMPORTED, **known)
    waits = desk.order(account, OrderState.RECEIVED, **known, due_at=clock.now())
    answer = desk.post(f"/accounts/{account}/older/{row.id}/stop")
    assert answer.goes_to == f"/accounts/{account}?done=backfill_stopped"
    assert rows()[0].state == "stopped"
    with db.reading() as s:
        assert s.get_one(Order, done).state == OrderState.IMPORTED
        assert s.get_one(Order, waits).state in (OrderState.IGNORED, OrderState.RECEIVED)
    assert "stopped" in desk.get(f"/accounts/{account}").text


@pytest.mark.parametrize("typed", ["", "soon", "2020-01-01", "9999-12-31"])
def test_a_day_that_cannot_be_is_told_at_its_field(desk: Desk, typed: str) -> None:
    account = desk.account()
    page = desk.post(f"/accounts/{account}/older", since=typed)
    assert page.status == 422
    (field,) = page.tags("s-date-field", name="since")
    assert field["error"]
    assert field["value"] == typed
    assert rows() == []


def test_an_account_that_does_not_work_is_repaired_first(desk: Desk) -> None:
    account = desk.account(status=AccountStatus.EXPIRED)
    page = desk.post(f"/accounts/{account}/older", since=day(5))
    assert page.status == 422
    assert "must be connected first" in page.text
    assert rows() == []


def test_the_progress_of_another_account_or_shop_is_not_there(desk: Desk) -> None:
    account, second = desk.account(), desk.account()
    desk.post(f"/accounts/{account}/older", since=day(10))
    (row,) = rows()
    assert desk.get(f"/accounts/{second}/older/{row.id}").status == 404
    assert desk.post(f"/accounts/{second}/older/{row.id}/stop").status == 404
    foreign = desk.account(shop_id=install("other.myshopify.com"))
    assert desk.get(f"/accounts/{foreign}/older/{row.id}").status == 404
    assert desk.post(f"/accounts/{foreign}/older/{row.id}/stop").status == 404
    assert rows()[0].state == "scanning"
