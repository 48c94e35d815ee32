"""Home: one banner, everything open is readable, what needs attention, activity, the set-up guide."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, AuditEntry, Incident, NotificationChoice, Order
from tests.web.desk import HOSTILE, Desk, install


def test_a_new_shop_sees_its_next_step_and_no_banner(desk: Desk) -> None:
    page = desk.get("/")
    assert page.status == 200
    assert not page.tags("s-banner", id="banner")
    assert "0 of 4" in page.text
    assert "/accounts/new" in page.links
    assert "No marketplace is connected yet." in page.text
    assert page.tags("s-button", slot="primary-action") == [
        {"slot": "primary-action", "variant": "primary", "href": "/accounts/new"}
    ]


def test_a_shop_where_all_is_well_sees_no_banner_and_nothing_that_needs_attention(desk: Desk) -> None:
    account = desk.account()
    desk.order(account, variant_gid="gid://shopify/ProductVariant/1")
    page = desk.get("/")
    assert not page.tags("s-banner", id="banner")
    assert "Nothing. What fails, and what to do about it, is listed here." in page.text
    assert not page.tags("s-button", slot="primary-action")


def test_an_expired_account_raises_the_banner_that_leads_to_it(desk: Desk) -> None:
    account = desk.break_account("Blue <b>Amazon</b>", "Token is expired & gone")
    page = desk.get("/")
    [banner] = page.tags("s-banner", id="banner")
    assert banner["tone"] == "critical"
    assert banner["heading"] == "Account 'Blue <b>Amazon</b>' has expired"
    assert "dismissible" not in banner
    assert "<b>Amazon</b>" not in page.html
    assert "Confirm connection" in page.text
    assert {"slot": "secondary-actions", "href": f"/accounts/{account}"} in page.tags("s-button")
    assert "Amazon reported: “Token is expired & gone”" in page.text


STATES = list(itertools.product((False, True), repeat=4))


@pytest.mark.parametrize(("over", "near", "expired", "second"), STATES)
def test_there_is_at_most_one_banner_and_every_open_thing_is_readable(
    desk: Desk, over: bool, near: bool, expired: bool, second: bool
) -> None:
    told = []
    if near:
        desk.incident("plan_near", "plan", plan="trial")
        told.append("You have almost reached the limit of your plan")
    if expired:
        desk.break_account("First")
        told.append("Account 'First' has expired")
    if second:
        desk.break_account("Second")
        told.append("Account 'Second' has expired")
    if over:
        desk.incident("plan_over", "plan", plan="trial")
        told.append("Orders are not created in Shopify, because the limit of your plan is exceeded")
    page = desk.get("/")
    banners = page.tags("s-banner", id="banner")
    assert len(banners) == bool(told)
    for text in told:
        assert text in page.text
    if over:
        assert "limit of your plan is exceeded" in banners[0]["heading"]
    elif expired or second:
        assert "has expired" in banners[0]["heading"]
    # The two others in the page are templates of the relay script, which shows one in place of another.
    assert page.html.count("<s-banner") == len(banners) + page.html.count("<template")


def test_what_deserves_no_banner_is_a_line_below_when_there_is_none(desk: Desk) -> None:
    desk.incident("channel_outage", "channel:amazon:eu", channel="amazon")
    page = desk.get("/")
    assert not page.tags("s-banner", id="banner")
    assert "Amazon does not answer" in page.text


def test_the_near_limit_banner_stays_away_once_dismissed_until_it_opens_anew(desk: Desk) -> None:
    incident = desk.incident("plan_near", "plan", plan="trial")
    [banner] = desk.get("/").tags("s-banner", id="banner")
    assert banner["data-dismiss"] == f"/banner/{incident}/dismiss"
    assert desk.post(banner["data-dismiss"]).status == 303
    assert not desk.get("/").tags("s-banner", id="banner")
    desk.resolve(incident)
    desk.incident("plan_near", "plan", plan="trial")
    assert desk.get("/").tags("s-banner", id="banner")


def test_a_broken_account_cannot_be_dismissed_and_neither_can_another_shops_banner(desk: Desk) -> None:
    desk.break_account()
    other = install("red.myshopify.com")
    with db.writing() as s:
        mine = s.query(Incident).one().id
        foreign = Incident(shop_id=other, kind="plan_near", subject="plan", opened_at=clock.now(), seen_at=clock.now())
        s.add(foreign)
        s.flush()
        theirs = foreign.id
    for incident in (mine, theirs, 9999):
        assert desk.post(f"/banner/{incident}/dismiss").status == 404
    with db.reading() as s:
        assert {row.dismissed_at for row in s.query(Incident)} == {None}


def test_failed_orders_are_counted_by_cause_and_lead_to_their_list(desk: Desk) -> None:
    account = desk.account()
    for _ in range(3):
        desk.order(account, "failed", cause="sku_unknown", cause_params={"skus": [HOSTILE]})
    desk.order(account, "failed", cause="no_sku")
    desk.order(account, "failed", cause="something_of_a_newer_version")
    page = desk.get("/")
    assert "3 orders</s-badge> <s-link href=" in page.text
    assert "/orders?state=failed&cause=sku_unknown" in page.links
    assert "Give a product in Shopify exactly this SKU" in page.text
    assert "/listings/skus" in page.links
    assert "Enter a SKU for the offer at Amazon." in page.text
    assert "/orders?state=failed&cause=something_of_a_newer_version" in page.links
    assert "<script>alert" not in page.html


def test_orders_in_a_strange_state_and_other_totals_are_lines_of_their_own(desk: Desk) -> None:
    desk.incident("order_held_unknown", "order:1", remote_order_id="1", channel="amazon")
    desk.incident("totals_differ", "order:2", remote_order_id="2", channel="amazon")
    desk.incident("totals_differ", "order:3", remote_order_id="3", channel="amazon")
    page = desk.get("/")
    assert "Held, because the marketplace gives them a state that we do not know" in page.text
    assert "/orders?held=unknown" in page.links
    assert '2 orders</s-badge> <s-link href="/orders?state=imported">Created with another total' in page.text


def test_a_pause_a_missing_scope_and_an_unstarted_import_need_attention(desk: Desk) -> None:
    account = desk.account(take_over_at=None, label="Waiting one")
    desk.change(paused_at=clock.now(), scopes="read_products", last_opened_at=clock.now())
    page = desk.get("/")
    assert "Everything is paused" in page.text
    assert "The access write_orders is missing" in page.text
    assert "/preflight" in page.links
    assert "The import of 'Waiting one' has not been started" in page.text
    assert f"/accounts/{account}/import" in page.links


def test_the_counter_says_used_limit_reset_and_share(desk: Desk) -> None:
    page = desk.get("/")
    assert "€0.00" in page.text
    assert "of €5,000.00" in page.text
    assert "0 orders counted" in page.text
    assert "Resets on" in page.text


def test_each_account_tells_its_last_import_and_its_day(desk: Desk) -> None:
    desk.account(label="Fine one", polled_count=1)
    broken = desk.break_account("Broken one")
    with db.writing() as s:
        row = s.query(Incident).one()
        row.opened_at = clock.now() - timedelta(hours=5)
    desk.account(label="New one", worked_at=None, status=AccountStatus.PENDING, polled_at=None)
    desk.account(label="Gone one", status=AccountStatus.DEACTIVATED)
    page = desk.get("/")
    assert "2 minutes ago" in page.text
    assert "1 new order" in page.text
    health = page.text[page.text.index("Connections, last 24 hours") :]
    assert "Gone one" not in health
    assert "Never worked yet" in health
    assert "Last 24 hours: 12 of 12 blocks without trouble" in health
    assert "Last 24 hours: 9 of 12 blocks without trouble" in health
    assert "Last 24 hours: 0 of 12 blocks without trouble" in health
    assert f"/accounts/{broken}" in page.links


def test_an_outage_of_the_channel_shows_in_its_accounts_and_ends_as_works_again(desk: Desk) -> None:
    desk.account()
    outage = desk.incident("channel_outage", "channel:amazon:eu", channel="amazon")
    assert "In trouble" in desk.get("/").text
    desk.resolve(outage)
    assert "Works again" in desk.get("/").text


def test_days_of_orders_are_those_of_the_shops_zone(desk: Desk) -> None:
    desk.travel(datetime(2026, 11, 12, 12, tzinfo=UTC))
    account = desk.account()
    berlin_midnight = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)  # 11 November in Berlin
    desk.order(account, "imported", remote_created_at=berlin_midnight)
    desk.order(account, "failed", cause="other", remote_created_at=berlin_midnight)
    desk.order(account, "held", held_reason="payment", remote_created_at=berlin_midnight - timedelta(hours=1))
    desk.order(account, "ignored", remote_created_at=berlin_midnight)
    desk.order(account, "imported", remote_created_at=datetime(2026, 10, 28, 12, tzinfo=UTC))
    page = desk.get("/")
    assert "3 orders in 14 days" in page.text
    assert "Nov 11, 2026: 2 orders, 1 failed" in page.text
    assert "Nov 10, 2026: 1 order<" in page.text
    assert "Oct 30, 2026" in page.text
    assert "Oct 29, 2026" not in page.text
    assert "Show as table" in page.text


def test_the_guide_ticks_itself_from_what_is_there_and_goes_when_done(desk: Desk) -> None:
    account = desk.account()
    assert "1 of 4" in desk.get("/").text
    order = desk.order(account, "failed", cause="sku_unknown")
    assert desk.get("/").links.count("/listings/skus") == 2, "the step leads there, and so does what needs attention"
    with db.writing() as s:
        row = s.get_one(Order, order)
        row.state, row.cause = "imported", ""
        row.lines[0].variant_gid = "gid://shopify/ProductVariant/1"
    assert "3 of 4" in desk.get("/").text
    with db.writing() as s:
        s.add(NotificationChoice(shop_id=desk.shop_id, category="account_expired", enabled=True))
    page = desk.get("/")
    assert not page.tags("s-section", id="guide")
    assert page.tags("s-section", id="counter")


def test_an_account_without_a_start_of_its_import_is_no_finished_step(desk: Desk) -> None:
    account = desk.account(take_over_at=None)
    page = desk.get("/")
    assert "0 of 4" in page.text
    assert f"/accounts/{account}/import" in page.links


def test_the_guide_stays_away_once_put_away(desk: Desk) -> None:
    answer = desk.post("/guide/dismiss")
    assert (answer.status, answer.goes_to) == (303, "/?done=dismissed")
    page = desk.get("/?done=dismissed")
    assert page.tags("meta", name="flash-toast") == [{"name": "flash-toast", "content": "Dismissed"}]
    assert not page.tags("s-section", id="guide")
    with db.reading() as s:
        assert s.query(AuditEntry).one().action == "guide_dismissed"


def test_what_belongs_to_another_shop_is_not_on_the_page(desk: Desk) -> None:
    other = install("red.myshopify.com")
    desk.account(shop_id=other, label="Foreign account")
    with db.writing() as s:
        foreign = s.query(Account).one()
    desk_of_other = Desk(desk.app, other, "red.myshopify.com")
    desk_of_other.order(foreign.id, "failed", cause="no_lines")
    page = desk.get("/")
    assert "Foreign account" not in page.text
    assert "An order without positions" not in page.text
    assert "An order without positions" in desk_of_other.get("/").text


def test_the_preflight_page_names_what_is_missing_with_the_way_to_it(desk: Desk) -> None:
    assert "Everything is ready" in desk.get("/preflight").text
    desk.change(location_count=0, development=True)
    page = desk.get("/preflight")
    assert "Your shop has no active location" in page.text
    assert "Stops imports" in page.text
    assert "This is a development store" in page.text
    [button] = page.tags("s-button", target="_top")
    assert button["href"].endswith("/store/blue/settings/locations")


def test_home_speaks_the_merchants_language(desk: Desk) -> None:
    desk.language = "de-DE"
    page = desk.get("/")
    assert page.tags("html", lang="de")
    assert "0,00 €" in page.text
