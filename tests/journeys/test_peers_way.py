"""What users of other connectors complain about, lived through here: one test for each row of the list of complaints."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from shopapp import clock, jobs
from shopapp.plans import ledger
from shopapp.records import db
from shopapp.records.models import AccountSite, AccountStatus, OrderState, Shop, UsageEntry
from tests.journeys.life import Life, as_settings, first_start, settled

pytestmark = pytest.mark.journey

PL = "A1C3SOZRARQ6R3"


def _settings_of(life: Life, account_id: int) -> tuple[Any, ...]:
    account = life.account(account_id)
    with db.reading() as s:
        sites = s.execute(select(AccountSite.site, AccountSite.importing).where(AccountSite.account_id == account_id))
        told = sorted(tuple(row) for row in sites)
        shop = s.get_one(Shop, life.shop_id)
        chosen = (shop.use_shop_email, shop.alert_address, shop.language, shop.plan_key, shop.period_anchor)
    return account.id, account.label, account.importing, account.take_over_at, account.seller_id, told, chosen


def test_a_reconnected_seller_brings_the_missed_days_once_and_nothing_is_set_anew(life: Life) -> None:
    """Complaint 5 of the field: reconnecting must not import everything again."""
    life.product("A-1")
    seller = life.seller()
    account_id = life.connect(seller)
    page = life.merchant.visit(f"/accounts/{account_id}")
    life.merchant.submit(page, "account", label="The blue shop")
    sold = life.sell(seller, sku="A-1", count=5)
    life.work(minutes=5)
    assert sorted(life.created()) == sorted(sold)
    before = _settings_of(life, account_id)
    life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "deactivate")
    asked = life.searches(seller)
    for _ in range(3):
        life.work(hours=23)
        life.pass_time(hours=1)
        sold += life.sell(seller, sku="A-1", count=2)
    assert life.searches(seller) == asked
    assert not life.banners()
    life.merchant.leave(life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "activate"), seller)
    life.work(minutes=1)
    life.work(minutes=10)
    assert sorted(life.created()) == sorted(sold)
    assert len(life.in_shopify()) == len(sold) == 11
    assert _settings_of(life, account_id) == before


def test_a_login_as_another_seller_is_refused_and_the_page_names_both(life: Life) -> None:
    """Complaint 6 of the field: "you integrate the same store twice"."""
    right, wrong = life.seller(), life.seller()
    account_id = life.connect(right)
    life.work(minutes=1)
    before = life.account(account_id)
    page = life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "account", log_in_again="1")
    told = life.merchant.leave(page, wrong)
    assert right in told.text
    assert wrong in told.text
    assert "Nothing was changed" in told.text
    after = life.account(account_id)
    assert (after.credentials, after.seller_id, after.status) == (before.credentials, right, AccountStatus.ACTIVE)
    sold = life.sell(right, sku="A-1")
    life.work(minutes=5)
    assert [row.remote_order_id for row in life.orders()] == sold


def test_an_access_that_dies_before_its_date_is_revoked_within_one_poll_and_probed_once_an_hour(life: Life) -> None:
    """Complaint 8 of the field: a changed password ends the access long before its date."""
    seller = life.seller()
    account_id = life.connect(seller)
    life.work(minutes=1)
    life.work(days=3)
    life.work(minutes=5)
    assert life.account(account_id).status == AccountStatus.ACTIVE
    life.state(seller, authorisation="revoked")
    life.pass_time(hours=1)
    life.work()
    account = life.account(account_id)
    assert account.status == AccountStatus.REVOKED
    assert account.expires_at is not None
    assert account.expires_at > clock.now() + timedelta(days=300)
    text = settled(life.merchant.visit(f"/accounts/{account_id}/repair"))
    assert "What to do" in text
    assert "invalid_grant" in text
    assert "beyond that we do not know why" in text
    refused = len(life.box.ledger(system="lwa", effect="lwa.refused", key=seller))
    for _ in range(6 * 6):
        life.work(minutes=10)
    probes = len(life.box.ledger(system="lwa", effect="lwa.refused", key=seller)) - refused
    assert 5 <= probes <= 6
    assert len(life.incidents("account_expired", all_time=True)) == 1
    assert len(life.mails()) == 1


NIGHTS = {
    "Asia/Kolkata": ("2027-03-28T01:00", "2027-10-31T01:00"),
    "America/St_Johns": ("2027-03-14T05:30", "2027-11-07T04:30"),
    "Pacific/Auckland": ("2027-04-03T14:00", "2027-09-25T14:00"),
}
if os.environ.get("SHOPAPP_ZONES") == "all":
    NIGHTS |= dict.fromkeys(("UTC", "Europe/Stockholm"), ("2027-03-28T01:00", "2027-10-31T01:00"))


@pytest.fixture
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """This process stands in that zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize("zone", NIGHTS, indirect=True)
def test_in_every_zone_the_nights_of_the_clock_change_bring_the_same_orders(zone: str, life: Life) -> None:
    """Complaint 22 of the field: orders lost by an offset, or a crash on the night of the change."""
    shop = life.another(timezone=zone)
    shop.product("A-1")
    with db.reading() as s:
        assert s.get_one(Shop, shop.shop_id).timezone == zone
    nights = [datetime.fromisoformat(night).replace(tzinfo=UTC) for night in NIGHTS[zone]]
    if zone not in ("UTC", "Asia/Kolkata"):  # these two never change
        for night in nights:
            around = [(night + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).utcoffset() for hours in (-1, 1)]
            assert around[0] != around[1]
    sold: list[str] = []
    for night in nights:
        shop.stand_at(night - timedelta(hours=2))
        seller = shop.seller()
        shop.connect(seller)
        if night is nights[0]:
            shop.merchant.submit(shop.merchant.visit("/plan"), "choose-growth")
        for _ in range(5):
            shop.work(minutes=45)
            sold += shop.sell(seller, sku="A-1")
        shop.work(minutes=15)
        shop.work(minutes=1)
    assert sorted(shop.created()) == sorted(sold)
    assert len(sold) == 10
    assert {row.state for row in shop.orders()} == {OrderState.IMPORTED}
    assert settled(shop.merchant.visit("/orders"))


def test_a_foreign_currency_is_kept_and_counted_at_the_dated_rate_stored_with_it(life: Life) -> None:
    """Complaint 25 of the field: a PLN order in a SEK shop keeps PLN; a month counted again gives the same number."""
    shop = life.another(currency="SEK", country="SE")
    shop.product("A-1")
    first_start()
    shop.work()  # the chores fetch the day's rates
    seller = shop.seller(marketplaces=[PL])
    shop.connect(seller)
    (order_id,) = shop.sell(seller, sku="A-1", price="123.45", marketplace=PL)
    shop.work(minutes=5)
    shop.work(minutes=1)
    row = shop.order(order_id)
    assert (row.state, row.currency, row.total_minor) == (OrderState.IMPORTED, "PLN", 12_345)
    (made,) = shop.in_shopify()
    assert (made["currency"], made["presentment_currency"]) == ("SEK", "PLN")
    assert str(made["totals"]["presentment"]["total"]) == "123.45"
    with db.reading() as s:
        (entry,) = s.scalars(select(UsageEntry).where(UsageEntry.shop_id == shop.shop_id))
        first = ledger.usage(s, s.get_one(Shop, shop.shop_id)).used.minor
    assert entry.rate is not None
    assert entry.rate_day is not None
    assert entry.gmv_minor == first == int((Decimal(12_345) * entry.rate).quantize(Decimal(1)))
    shop.work(days=10)  # other days, other rates
    with db.reading() as s:
        assert ledger.usage(s, s.get_one(Shop, shop.shop_id)).used.minor == first


def test_sync_now_shows_queued_then_running_then_the_result(life: Life) -> None:
    """Complaint 36 of the field: nobody could tell whether it runs."""
    life.product("A-1")
    seller = life.seller()
    account_id = life.connect(seller)
    life.work(minutes=1)
    life.sell(seller, sku="A-1", count=2)
    life.pass_time(seconds=30)
    page = life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "sync-form")
    assert "Queued" in page.text
    assert f'data-poll="/accounts/{account_id}/sync"' in page.html
    life.box.fault("amazon", "slow", "searchOrders", params={"seconds": 1.5})
    worker = threading.Thread(target=jobs.drain, args=("now",))
    began = time.monotonic()
    worker.start()
    time.sleep(0.7)
    assert "Running" in life.merchant.visit(f"/accounts/{account_id}/sync").text
    worker.join()
    done = life.merchant.visit(f"/accounts/{account_id}/sync")
    assert time.monotonic() - began < 5
    assert "2 new orders" in done.text
    assert "data-poll" not in done.html
    rest = settled(life.merchant.visit(f"/accounts/{account_id}"))
    assert "Last sync" in rest
    assert "Next sync in 3 minutes" in rest
    with as_settings(PLAN_LIMITS="trial=1"):
        life.sell(seller, sku="A-1", count=3)
        life.work(minutes=5)
        assert "3 orders wait" in settled(life.merchant.visit(f"/accounts/{account_id}"))
