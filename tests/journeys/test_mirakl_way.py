"""The way of a marketplace that runs on Mirakl: typed, accepted, shipped, priced by files, suspended and repaired."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Listing, OrderState
from tests.journeys.life import Life, settled
from tests.sandbox.merchant import Page
from tests.stage import buckets

pytestmark = pytest.mark.journey
NORTH, SOUTH = "nordkauf.example", "suedmarkt.example"


@dataclass
class Market:
    """One shop at one instance, as its switches show it."""

    life: Life
    instance: str = NORTH
    number: str = ""
    key: str = ""

    def open(self, **wish: Any) -> Market:
        made = self.life.box.post(
            "/mirakl/sellers", {"instance": self.instance, "shop_id": secrets.randbelow(10**9) + 10, **wish}
        )
        self.number, self.key = made["seller_id"], made["key"]
        return self

    @property
    def path(self) -> str:
        return f"/mirakl/sellers/{self.instance}/{self.number}"

    def state(self, **wish: Any) -> None:
        told = self.life.box.post(f"{self.path}/state", wish)
        self.key = told["key"]

    def sell(self, **wish: Any) -> str:
        (order_id,) = self.life.box.post(f"{self.path}/orders", {"sku": "MUG", "price": "19.90", **wish})["order_ids"]
        return str(order_id)

    def order(self, order_id: str) -> dict[str, Any]:
        (found,) = [one for one in self.life.box.get(f"{self.path}/orders") if one["order_id"] == order_id]
        return dict(found)

    def offer(self, sku: str = "MUG", **wish: Any) -> None:
        self.life.box.post(f"{self.path}/listings", {"sku": sku, "price": "19.90", "quantity": 5, **wish})

    def there(self, sku: str = "MUG") -> tuple[str, int]:
        one = self.life.box.get(f"{self.path}/listing", sku=sku)
        return one["prices"][0]["price"], one["quantity"]

    def calls(self, operation: str) -> int:
        rows = self.life.box.ledger(system="mirakl", effect=f"mirakl.{operation}")
        return sum(row["key"] == f"{self.instance}/{self.number}" for row in rows)

    def type(self, **change: str) -> Page:
        """Type address and key into the form of a new connection."""
        page = self.life.merchant.visit("/accounts/new/mirakl")
        values = {"instance_url": f"https://{self.instance}", "api_key": self.key, **change}
        return self.life.merchant.submit(page, "manual", **values)

    def connect(self, **change: str) -> int:
        back = self.type(**change)
        assert "/import" in back.url, f"{back.url}: {back.text[:400]}"
        account_id = int(back.url.split("/accounts/")[1].split("/")[0])
        assert self.life.merchant.submit(back, "import").status == 200
        return account_id


@pytest.fixture(autouse=True)
def _time_fills_these_buckets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = Life.pass_time

    def filled(life: Life, **by: float) -> None:
        passes(life, **by)
        buckets.refill("mirakl")

    monkeypatch.setattr(Life, "pass_time", filled)


@pytest.fixture
def market(life: Life) -> Market:
    return Market(life).open()


def accounts(life: Life) -> list[Account]:
    with db.reading() as s:
        return list(s.scalars(select(Account).where(Account.shop_id == life.shop_id).order_by(Account.id)))


# --- typed ------------------------------------------------------------------------------------------------------------


def test_a_typed_key_connects_the_shop_of_its_instance(life: Life, market: Market) -> None:
    account_id = market.connect(instance_url=f"{market.instance}/mmp/shop/orders ")
    account = life.account(account_id)
    assert (account.realm, account.seller_id, account.status) == (market.instance, market.number, AccountStatus.ACTIVE)
    text = settled(life.merchant.visit(f"/accounts/{account_id}"))
    assert market.instance in text
    assert market.key not in text
    assert market.key[-4:] in text
    assert "application id" not in text


def test_the_same_number_at_two_instances_is_two_sellers(life: Life) -> None:
    number = secrets.randbelow(10**9) + 10
    north, south = Market(life, NORTH).open(shop_id=number), Market(life, SOUTH).open(shop_id=number)
    first, second = north.connect(), south.connect()
    assert [life.account(one).realm for one in (first, second)] == [NORTH, SOUTH]
    life.product("MUG")
    same = "MK-SAME-A"
    for one in (north, south):
        one.sell(order_id=same)
    life.work(minutes=20)
    refs = sorted(row["key"] for row in life.box.ledger(system="shopify", effect="order.created") if same in row["key"])
    assert [ref.split(":")[1] for ref in refs if f":{number}:" in ref] == [NORTH, SOUTH]


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1", "https://10.0.0.7/", "https://[::1]", "https://2130706433", "https://0x7f.1", "http://nordkauf.example",
        "https://localhost", "https://nordkauf.example:8443", "https://seller:pw@nordkauf.example", "https://metadata.internal",
        "https://nordkäuf.example", "nordkauf", "",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_told_beside_its_field_and_leaves_nothing(
    life: Life, market: Market, address: str
) -> None:
    page = market.type(instance_url=address)
    assert page.status == 422
    assert page.form("manual").errors["instance_url"]
    assert accounts(life) == []
    assert market.calls("A01") == 0


def test_an_instance_that_is_not_there_is_told_beside_the_field(life: Life, market: Market) -> None:
    page = market.type(instance_url="https://nobody.example")
    assert page.status == 422
    assert "No marketplace answers at this address" in page.form("manual").errors["instance_url"]
    assert accounts(life) == []
    assert not life.mails()


def test_a_wrong_key_is_told_beside_its_field_and_mended_there(life: Life, market: Market) -> None:
    page = market.type(api_key="5c2e1a9f-wrong-key-wrong-key")
    assert page.status == 422
    assert "does not accept this" in page.form("manual").errors["api_key"]
    assert "Unauthorized" in page.text
    (account,) = accounts(life)
    assert account.status == AccountStatus.PENDING
    life.work(seconds=90)
    (mail,) = life.mails()
    assert market.instance in mail["text"] or "Mirakl" in mail["text"]
    form = life.merchant.visit(f"/accounts/{account.id}/manual")
    back = life.merchant.submit(form, "manual", api_key=market.key)
    assert back.status == 200, back.text[:300]
    assert life.account(account.id).status == AccountStatus.ACTIVE
    assert not life.incidents("account_expired")


def test_an_address_mistyped_at_first_is_corrected_at_the_waiting_account(life: Life, market: Market) -> None:
    south = Market(life, SOUTH)
    page = market.type(instance_url=f"https://{south.instance}")  # the key is unknown there
    assert page.status == 422
    (account,) = accounts(life)
    assert account.realm == SOUTH
    form = life.merchant.visit(f"/accounts/{account.id}/manual")
    life.merchant.submit(form, "manual", instance_url=f"https://{NORTH}")
    now = life.account(account.id)
    assert (now.realm, now.status, now.seller_id) == (NORTH, AccountStatus.ACTIVE, market.number)


def test_another_instance_is_not_typed_into_an_account_that_has_worked(life: Life, market: Market) -> None:
    account_id = market.connect()
    south = Market(life, SOUTH).open(key=market.key)
    form = life.merchant.visit(f"/accounts/{account_id}/manual")
    page = life.merchant.submit(form, "manual", instance_url=f"https://{SOUTH}", api_key=south.key)
    assert page.status == 422
    assert "belongs to another address" in page.form("manual").errors["instance_url"]
    assert life.account(account_id).realm == NORTH


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_order_is_accepted_imported_and_shipped_with_its_number(life: Life, market: Market) -> None:
    life.product("MUG")
    market.connect()
    order_id = market.sell(state="WAITING_ACCEPTANCE", tax="3.18", tax_rate="19")
    life.work(minutes=16)
    assert market.order(order_id)["order_state"] == "WAITING_DEBIT"
    row = life.order(order_id)
    assert (row.state, row.held_reason) == (OrderState.HELD, "acceptance")
    assert "Accepted at the marketplace" in settled(life.merchant.visit(f"/orders/{row.id}"))
    life.work(minutes=3)
    life.work(minutes=16)
    assert life.order(order_id).state == OrderState.IMPORTED
    (order,) = life.in_shopify()
    assert order["total"] == "24.80" if "total" in order else True
    _ship(life, order_id, "00340434161094042557", "DHL Paket")
    there = market.order(order_id)
    assert (there["order_state"], there["shipping_tracking"]) == ("SHIPPED", "00340434161094042557")
    assert there["shipping_carrier_code"] == "CARR-1"
    assert market.calls("OR24") == 1


def test_a_lost_answer_to_the_shipment_is_followed_by_a_look_and_no_repeat(life: Life, market: Market) -> None:
    life.product("MUG")
    market.connect()
    order_id = market.sell()
    life.work(minutes=16)
    life.box.fault("mirakl", "commit_then_reset", operation="OR24")
    _ship(life, order_id, "1Z999", "UPS")
    life.work(minutes=3)
    assert market.order(order_id)["order_state"] == "SHIPPED"
    assert market.calls("OR24") == 1
    text = settled(life.merchant.visit(f"/orders/{life.order(order_id).id}"))
    assert "has this shipment already" in text


def test_a_lost_answer_to_the_acceptance_accepts_once(life: Life, market: Market) -> None:
    life.product("MUG")
    market.connect()
    life.box.fault("mirakl", "commit_then_reset", operation="OR21")
    order_id = market.sell(state="WAITING_ACCEPTANCE")
    for _ in range(4):
        life.work(minutes=16)
    assert life.order(order_id).state == OrderState.IMPORTED
    assert len(life.box.ledger(system="mirakl", effect="order.accepted", key=order_id)) == 1


def test_without_the_rule_the_order_waits_for_the_merchants_word(life: Life, market: Market) -> None:
    life.product("MUG")
    account_id = market.connect()
    page = life.merchant.visit(f"/accounts/{account_id}")
    assert "Accept new orders at Mirakl by itself" in page.text
    life.merchant.submit(page, "shipping", accept_orders=None)
    order_id = market.sell(state="WAITING_ACCEPTANCE")
    life.work(minutes=16)
    assert market.order(order_id)["order_state"] == "WAITING_ACCEPTANCE"
    page = life.merchant.visit(f"/orders/{life.order(order_id).id}")
    assert "waits for your acceptance" in settled(page)
    assert life.merchant.submit(page, "accept").status == 200
    life.work(seconds=5)
    assert market.order(order_id)["order_state"] == "WAITING_DEBIT"
    life.work(minutes=20)
    assert life.order(order_id).state == OrderState.IMPORTED


def test_an_acceptance_that_is_refused_is_told_and_tried_again_on_request(life: Life, market: Market) -> None:
    life.tick("order_import_failed")
    life.product("MUG")
    market.connect()
    market.state(refuse_accept="Partial acceptance is disabled for this shop")
    order_id = market.sell(state="WAITING_ACCEPTANCE")
    life.work(minutes=16)
    row = life.order(order_id)
    assert (row.state, row.cause) == (OrderState.FAILED, "acceptance_refused")
    life.work(seconds=90)
    assert "Partial acceptance is disabled" in life.mails()[-1]["text"]
    market.state(refuse_accept=None)
    page = life.merchant.visit(f"/orders/{row.id}")
    life.merchant.submit(page, "retry")
    life.work(seconds=5)
    assert market.order(order_id)["order_state"] == "WAITING_DEBIT"
    assert not life.incidents("order_import_failed")
    life.work(minutes=20)
    assert life.created() == [order_id]


def test_a_sale_cancelled_there_before_it_was_paid_never_comes(life: Life, market: Market) -> None:
    life.product("MUG")
    market.connect()
    market.state(debit_seconds=10**6)
    order_id = market.sell(state="WAITING_ACCEPTANCE")
    life.work(minutes=16)
    life.box.post(f"{market.path}/orders/{order_id}", {"order_state": "CANCELED"})
    life.work(minutes=16)
    assert life.order(order_id).state == OrderState.CANCELLED
    assert life.created() == []


# --- price and stock --------------------------------------------------------------------------------------------------


def _switched_on(life: Life, market: Market) -> int:
    """Connected, read, linked, price and stock switched on."""
    account_id = market.connect()
    for _ in range(12):
        life.work(seconds=61)
        with db.reading() as s:
            linked = s.scalars(select(Listing.variant_id).where(Listing.account_id == account_id)).all()
        if linked and all(linked):
            break
    page = life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "pushing", stock="1", price="1")
    assert page.status == 200, page.text[:300]
    life.work(seconds=1)
    life.merchant.submit(life.merchant.visit(page.url.split("?")[0]), "yes")
    life.work_on(timedelta(minutes=6), timedelta(seconds=30))
    return account_id


def _listing(account_id: int, sku: str) -> Listing:
    with db.reading() as s:
        return s.scalars(select(Listing).where(Listing.account_id == account_id, Listing.sku == sku)).one()


def test_price_and_stock_go_by_files_and_one_bad_line_is_an_update_error(life: Life, market: Market) -> None:
    life.tick("listing_update_failed")
    for sku in ("MUG", "CUP", "TRAY"):
        life.product(sku, price="24.90", available=7)
        market.offer(sku)
    words = "The price is below the allowed minimum"
    life.box.post(f"{market.path}/refusals", {"sku": "CUP", "field": "price", "message": words})
    account_id = _switched_on(life, market)
    assert [market.there(sku) for sku in ("MUG", "TRAY")] == [("24.90", 7), ("24.90", 7)]
    assert _listing(account_id, "MUG").status == "linked"
    refused = _listing(account_id, "CUP")
    assert refused.status == "update_error"
    assert words in settled(life.merchant.visit(f"/listings/{refused.id}"))
    life.work(seconds=90)
    mail = life.mails()[-1]
    assert "CUP" in mail["subject"] + mail["text"]
    assert words in mail["text"]
    assert market.calls("STO01") <= 2
    assert market.calls("PRI01") <= 2
    life.box.post(f"{market.path}/refusals", {"sku": "CUP", "lift": True})
    life.merchant.submit(life.merchant.visit(f"/listings/{refused.id}"), "update")
    life.work_on(timedelta(minutes=6), timedelta(seconds=30))
    assert market.there("CUP") == ("24.90", 7)


def test_a_pushed_price_leaves_discounts_and_the_prices_of_other_channels(life: Life, market: Market) -> None:
    life.product("MUG", price="24.90", available=7)
    others = [
        {"price": "29.00", "channels": "FR|BE"},
        {"price": "21.00", "price-ranges": "1|21.00,10|19.00", "channels": "US"},
    ]
    market.offer("MUG", prices=others)
    _switched_on(life, market)
    offer = life.box.get(f"{market.path}/listing", sku="MUG")
    assert offer["prices"][0]["price"] == "24.90"
    kept = {one["channels"]: one for one in offer["prices"][1:]}
    assert {name: float(one["price"]) for name, one in kept.items()} == {"FR|BE": 29.0, "US": 21.0}
    assert kept["US"]["price-ranges"] == "1|21,10|19"


# --- the state of the shop --------------------------------------------------------------------------------------------


def test_a_suspended_shop_is_flagged_in_its_own_words_and_repaired_by_continue(life: Life, market: Market) -> None:
    account_id = market.connect()
    life.work(minutes=16)
    market.state(state="SUSPENDED", suspension_type="MANUAL", denied=True)
    life.work(minutes=16)
    account = life.account(account_id)
    assert (account.status, account.cause) == (AccountStatus.INACTIVE, "inactive")
    (banner,) = life.banners()
    assert banner["tone"] == "critical"
    page = life.merchant.visit(f"/accounts/{account_id}")
    assert "SUSPENDED" in page.text
    assert "suspension_type MANUAL" in page.text
    life.work(seconds=90)
    assert "SUSPENDED" in life.mails()[-1]["text"]
    told = life.merchant.submit(page, "continue")
    assert "cannot be used at the moment" in told.text
    market.state(state="OPEN", suspension_type=None, denied=False)
    assert life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "continue").status == 200
    assert life.account(account_id).status == AccountStatus.ACTIVE
    assert not life.banners()


def test_a_suspension_that_no_poll_shows_is_found_by_the_daily_look(life: Life, market: Market) -> None:
    account_id = market.connect()
    life.work(minutes=16)
    looked = market.calls("A01")
    market.state(state="SUSPENDED", suspension_type="PENDING_APPROVAL")
    life.work(minutes=16)
    assert life.account(account_id).status == AccountStatus.ACTIVE, "orders are still listed"
    life.work(hours=24)
    life.work(minutes=40)
    assert life.account(account_id).status == AccountStatus.INACTIVE
    assert "PENDING_APPROVAL" in life.account(account_id).cause_words
    assert market.calls("A01") <= looked + 3


def test_the_account_is_looked_at_once_a_day_while_all_is_well(life: Life, market: Market) -> None:
    market.connect()
    before = market.calls("A01")
    for _ in range(3 * 24):
        life.work(hours=1)
    assert market.calls("A01") - before <= 3
    assert market.calls("OR11") >= 3 * 24


def test_a_generated_key_ends_the_old_one_and_the_new_one_repairs(life: Life, market: Market) -> None:
    life.product("MUG")
    account_id = market.connect()
    life.work(minutes=16)
    market.state(new_key=True)
    life.work(minutes=16)
    account = life.account(account_id)
    assert (account.status, account.cause) == (AccountStatus.REVOKED, "credentials")
    page = life.merchant.visit(f"/accounts/{account_id}")
    assert "generate" in page.text.lower()
    life.work(hours=3)
    assert life.account(account_id).status == AccountStatus.REVOKED
    missed = market.sell()
    form = life.merchant.visit(page.link("Enter the access data again"))
    assert form.form("manual").pairs[0] == ("instance_url", f"https://{NORTH}")
    assert life.merchant.submit(form, "manual", api_key=market.key).status == 200
    life.work(minutes=1)
    assert life.account(account_id).status == AccountStatus.ACTIVE
    assert missed in life.created()


def _ship(life: Life, order_id: str, tracking: str, company: str) -> None:
    def heard() -> int:
        sent = [row["body"] for row in life.box.ledger(system="shopify", effect="webhook.sent")]
        return sum(one["shop"] == life.domain and one["status"] == 200 for one in sent)

    before = heard()
    life.box.post(f"/shops/{life.domain}/orders/{order_id}/fulfillments", {"tracking": tracking, "company": company})
    ends = time.monotonic() + 10
    while heard() == before and time.monotonic() < ends:
        time.sleep(0.05)
    life.work(seconds=5)
