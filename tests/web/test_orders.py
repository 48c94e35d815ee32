"""The list of orders: finding one, narrowing, paging, trying many again, taking them away as CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.orders import outcome
from shopapp.records import db
from shopapp.records.models import Order, OrderState
from tests.web.desk import HOSTILE, Desk, Page, install

FAILED = {"state": OrderState.FAILED, "cause": "sku_unknown", "cause_params": {"skus": ["SKU-1"]}}


def ids(page: Page) -> list[str]:
    """The marketplace ids of the rows shown."""
    return [one["id"].removeprefix("order-") for one in page.tags("s-link") if one.get("id", "").startswith("order-")]


def numbers(desk: Desk, page: Page) -> list[str]:
    """The rows shown as marketplace ids, in order."""
    with db.reading() as s:
        found = {row.id: row.remote_order_id for row in s.scalars(select(Order))}
    return [found[int(one)] for one in ids(page)]


def row(order_id: int) -> Order:
    with db.reading() as s:
        return s.get_one(Order, order_id)


# --- states of the page -----------------------------------------------------------------------------------------------


def test_an_empty_list_names_the_one_next_step(desk: Desk) -> None:
    page = desk.get("/orders")
    assert page.tags("s-empty-state", heading="No orders yet")
    assert "/accounts/new" in page.links
    assert not page.tags("s-table")
    desk.account()
    page = desk.get("/orders")
    assert "/accounts/new" not in page.links
    assert "by themselves" in page.text


def test_a_row_shows_what_a_person_looks_for(desk: Desk) -> None:
    account = desk.account(label="Blue mugs")
    order = desk.order(account, remote_order_id="304-1", shopify_name="#1001", total_minor=123456)
    page = desk.get("/orders")
    assert f"/orders/{order}" in page.links
    for said in ("304-1", "Blue mugs", "€1,234.56", "Imported", "#1001"):
        assert said in page.text
    slots = [one["listslot"] for one in page.tags("s-table-header")]
    assert slots.count("primary") == 1
    assert all(slots)
    assert not page.tags("s-banner", id="banner")


def test_no_hits_keep_the_filter_and_offer_to_clear_it(desk: Desk) -> None:
    desk.order(desk.account())
    page = desk.get("/orders?q=nothing-like-it&state=failed&since=2026-01-01")
    assert page.status == 200
    assert page.tags("s-empty-state", heading="Nothing matches")
    assert "/orders" in page.links
    assert page.tags("s-search-field", value="nothing-like-it")
    assert page.tags("s-date-field", name="since", value="2026-01-01")
    assert page.tags("input", name="state", value="failed")
    assert not page.tags("s-table")


def test_hostile_text_stays_text(desk: Desk) -> None:
    account = desk.account(label=HOSTILE)
    desk.order(account, remote_order_id=HOSTILE[:60], sku=HOSTILE, shopify_name="<b>")
    for path in ("/orders", f"/orders?q={quote(HOSTILE)}", f"/orders?cause={quote(HOSTILE)}&since={quote(HOSTILE)}"):
        page = desk.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.html
        assert "<b>" not in page.html


# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("304-8812345-2217755", ["304-8812345-2217755"]),
        ("304-88", ["304-8812345-2217755", "304-8812345-0000001"]),
        ("#1007", ["304-8812345-2217755"]),
        ("1007", ["304-8812345-2217755"]),
        ("MUG  RED", ["302-1"]),
        ("mug", []),
        ("erik", ["304-8812345-2217755"]),
        ("Österberg", ["302-1"]),
        ("%", []),
        ("_", []),
        ("\x00", ["304-8812345-2217755", "304-8812345-0000001", "302-1"]),
    ],
)
def test_one_box_finds_id_name_sku_and_buyer(desk: Desk, typed: str, found: list[str]) -> None:
    account, now = desk.account(), clock.now()
    shown = {"shopify_name": "#1007", "buyer_name": "Erika Muster"}
    desk.order(account, remote_order_id="304-8812345-2217755", remote_created_at=now, **shown)
    desk.order(account, remote_order_id="304-8812345-0000001", remote_created_at=now - timedelta(hours=1))
    desk.order(
        account, remote_order_id="302-1", sku="MUG  RED", buyer_name="Österberg AB",
        remote_created_at=now - timedelta(hours=2),
    )  # fmt: skip
    assert numbers(desk, desk.get(f"/orders?q={quote(typed)}")) == found


def test_another_shops_orders_are_never_found(desk: Desk) -> None:
    other = install("other.myshopify.com")
    account = desk.account(shop_id=other)
    mine, desk.shop_id = desk.shop_id, other
    desk.order(account, remote_order_id="304-other", **FAILED)
    desk.shop_id = mine
    assert not ids(desk.get("/orders?q=304-other"))
    assert "304-other" not in desk.get("/orders/export.csv").html
    desk.post("/orders/retry")
    with db.reading() as s:
        assert s.query(Order.due_at).scalar() is None


def test_filters_narrow_by_account_state_cause_and_the_shops_days(desk: Desk) -> None:
    one, two = desk.account(label="One"), desk.account(label="Two")
    late = datetime(2026, 3, 1, 22, 59, tzinfo=UTC)  # 23:59 in Berlin
    desk.order(one, remote_order_id="a", remote_created_at=late)
    desk.order(one, remote_order_id="b", remote_created_at=late + timedelta(minutes=1))
    desk.order(two, remote_order_id="c", remote_created_at=late + timedelta(days=3), **FAILED)
    assert numbers(desk, desk.get(f"/orders?account={one}")) == ["b", "a"]
    assert numbers(desk, desk.get("/orders?state=failed")) == ["c"]
    assert numbers(desk, desk.get("/orders?cause=sku_unknown")) == ["c"]
    assert numbers(desk, desk.get("/orders?until=2026-03-01")) == ["a"]
    assert numbers(desk, desk.get("/orders?since=2026-03-02&until=2026-03-02")) == ["b"]
    assert numbers(desk, desk.get("/orders?state=nonsense&held=y")) == ["c", "b", "a"]
    assert numbers(desk, desk.get(f"/orders?account={10**30}")) == []


def test_a_day_that_cannot_be_is_told_at_its_field(desk: Desk) -> None:
    desk.order(desk.account())
    page = desk.get("/orders?since=soon&until=2026-02-30")
    assert page.status == 200
    assert all(one["error"] for one in page.tags("s-date-field"))
    assert ids(page)


def test_the_counts_of_the_states_follow_the_search(desk: Desk) -> None:
    account = desk.account()
    for count in range(3):
        desk.order(account, remote_order_id=f"304-{count}")
    desk.order(account, remote_order_id="304-9", **FAILED)
    desk.order(account, remote_order_id="999", **FAILED)
    assert [f"All {n}" in desk.get("/orders").text for n in (5, 4)] == [True, False]
    page = desk.get("/orders?q=304")
    for said in ("All 4", "Failed 1", "Imported 3"):
        assert said in page.text


# --- pages ------------------------------------------------------------------------------------------------------------


def test_pages_of_fifty_show_every_order_once_forth_and_back(desk: Desk) -> None:
    account, now = desk.account(), clock.now()
    for count in range(120):
        # Many of the same moment: the id decides.
        desk.order(account, remote_order_id=f"n{count:03}", remote_created_at=now - timedelta(hours=count // 40))
    page = desk.get("/orders?q=n")
    seen, pages = [], [ids(page)]
    while next_page := page.tags("s-table")[0].get("data-next"):
        page = desk.get(next_page)
        pages.append(ids(page))
    seen = [one for shown in pages for one in shown]
    assert [len(shown) for shown in pages] == [50, 50, 20]
    assert len(set(seen)) == 120
    back = page.tags("s-table")[0]["data-previous"]
    assert ids(desk.get(back)) == pages[1]
    first = desk.get(back).tags("s-table")[0]["data-previous"]
    assert ids(desk.get(first)) == pages[0]
    assert "data-previous" not in desk.get(first).tags("s-table")[0]


def test_a_short_list_has_no_pages_and_a_strange_cursor_starts_anew(desk: Desk) -> None:
    desk.order(desk.account())
    assert "paginate" not in desk.get("/orders").tags("s-table")[0]
    for cursor in (
        "x",
        "2026-01-01~1",
        "~",
        "9999-99-99T00:00:00+00:00~1",
        f"2026-01-01T00:00:00%2B00:00~{10**30}",
        "%00",
    ):
        assert ids(desk.get(f"/orders?after={cursor}&trail=first+x"))


# --- many at once -----------------------------------------------------------------------------------------------------


def test_all_failed_orders_are_tried_again_and_the_page_says_what_became_of_them(desk: Desk) -> None:
    account = desk.account()
    orders = [desk.order(account, **FAILED, due_at=clock.now() + timedelta(days=1)) for _ in range(3)]
    fine = desk.order(account)
    page = desk.get("/orders?state=failed")
    assert "Retry 3 orders" in page.text
    done = desk.post("/orders/retry", state="failed")
    assert done.status == 303
    assert {"done": ["retry_queued"], "state": ["failed"]}.items() <= parse_qs(urlsplit(done.goes_to).query).items()
    assert all(row(one).due_at <= clock.now() for one in orders)
    assert row(fine).due_at is None
    page = desk.get(done.goes_to)
    (live,) = page.tags("s-section", id="tries")
    assert "3 orders were queued" in page.text
    assert "3 waiting" in page.text
    with db.writing() as s:
        s.get_one(Order, orders[0]).state = OrderState.IMPORTED
        outcome.fail(s, s.get_one(Order, orders[1]), "sku_unknown", skus=["SKU-1"])
        outcome.fail(s, s.get_one(Order, orders[2]), "sku_unknown", skus=["SKU-1"])
    told = desk.get(live["data-poll"])
    assert "1 imported" in told.text
    assert "2 not imported" in told.text
    assert not told.tags("s-section", id="tries")[0].get("data-poll"), "all are settled: no more questions"


def test_only_the_orders_that_the_filters_leave_are_tried(desk: Desk) -> None:
    one, two = desk.account(), desk.account()
    mine = desk.order(one, **FAILED)
    refused = desk.order(one, state=OrderState.FAILED, cause="rejected_by_shopify")
    theirs = desk.order(two, **FAILED)
    desk.post("/orders/retry", cause="sku_unknown", account=str(one))
    assert [row(order).due_at is not None for order in (mine, refused, theirs)] == [True, False, False]
    desk.post("/orders/retry", cause="sku_unknown")
    assert [row(order).due_at is not None for order in (mine, refused, theirs)] == [True, False, True]


def test_retrying_nothing_is_no_error_and_no_promise(desk: Desk) -> None:
    desk.order(desk.account())
    done = desk.post("/orders/retry", state="failed")
    assert (done.status, done.goes_to) == (303, "/orders?state=failed")
    assert desk.get("/orders/retried").status == 200
    assert desk.get("/orders/retried?since=99999999999999999999").status == 200


# --- CSV --------------------------------------------------------------------------------------------------------------


def test_the_csv_holds_what_the_filters_leave_and_no_formula(desk: Desk) -> None:
    account = desk.account(label="=cmd()")
    for count in range(60):
        desk.order(account, remote_order_id=f"304-{count}", remote_created_at=clock.now() - timedelta(minutes=count))
    desk.order(account, remote_order_id="@evil", buyer_name="Erika Muster", **FAILED)
    answer = desk.get("/orders/export.csv")
    assert answer.response.mimetype == "text/csv"
    assert 'filename="orders.csv"' in answer.response.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.html)))
    assert len(rows) == 62
    assert not [cell for line in rows for cell in line if cell.startswith(("=", "+", "-", "@"))]
    assert "Erika" not in answer.html
    narrowed = list(csv.reader(io.StringIO(desk.get("/orders/export.csv?state=failed").html)))
    assert [line[0] for line in narrowed[1:]] == ["'@evil"]
