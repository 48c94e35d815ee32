"""A marketplace that runs on Mirakl: typed, suspended, with a new key, and repaired."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import Account, AccountStatus
from tests.journeys.life import Life, settled
from tests.journeys.mirakl.market import NORTH, SOUTH, Market

pytestmark = pytest.mark.journey


def accounts(life: Life) -> list[Account]:
    with db.reading() as s:
        return list(s.scalars(select(Account).where(Account.shop_id == life.shop_id).order_by(Account.id)))


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
    page = life.merchant.submit(form, "manual", instance_url=f"https://{NORTH}")
    assert page.status == 422
    assert "typed again" in page.form("manual").errors["api_key"], "whoever may not read the key sends it nowhere else"
    assert market.calls("A01") == 0
    life.merchant.submit(page, "manual", instance_url=f"https://{NORTH}", api_key=market.key)
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


@pytest.mark.one_database
def test_the_account_is_looked_at_once_a_day_while_all_is_well(life: Life, market: Market) -> None:
    market.connect()
    before = market.calls("A01")
    for _ in range(2 * 24):
        life.work(hours=1)
    assert 1 <= market.calls("A01") - before <= 2
    assert market.calls("OR11") >= 2 * 24


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
