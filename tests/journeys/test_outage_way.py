"""A marketplace, a token endpoint or our own secret in trouble: nobody is told to reconnect, everything goes on by itself."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Incident, Order, OrderState
from tests.journeys.life import Life, settled

pytestmark = pytest.mark.journey

NO_ANSWER: dict[str, tuple[str, dict[str, Any]]] = {
    "5xx": ("status", {"status": 503}),
    "time-outs": ("timeout", {"seconds": 0.05}),
    "HTML": ("html", {}),
}
POLL = timedelta(minutes=3)
OPEN_ORDERS = int(os.environ.get("SHOPAPP_OPEN_ORDERS", "50"))  # 500 when run by hand


def _break(life: Life, how: str, *systems: str) -> None:
    kind, params = NO_ANSWER[how]
    life.box.clear_faults()
    for system in systems:
        life.box.fault(system, kind, times=None, params=params)


def _statuses() -> set[str]:
    with db.reading() as s:
        return set(s.scalars(select(Account.status)))


@pytest.mark.both_databases
def test_three_hours_of_errors_time_outs_and_html_break_no_account_and_heal_by_themselves(life: Life) -> None:
    life.product("A-1")
    shops = [life, life.another()]
    sellers = [shops[0].seller(), shops[0].seller(), shops[1].seller()]
    accounts = [shops[0].connect(sellers[0]), shops[0].connect(sellers[1]), shops[1].connect(sellers[2])]
    life.work(minutes=3)
    polled = life.account(accounts[0]).polled_at
    began = clock.now()
    for how in NO_ANSWER:
        _break(life, how, "amazon", "lwa")
        life.work_on(timedelta(hours=1), POLL)
        assert _statuses() == {AccountStatus.ACTIVE}
    for shop in shops:
        (outage,) = shop.incidents("channel_outage", all_time=True)
        assert outage.resolved_at is None
        assert outage.opened_at - began >= timedelta(minutes=30)
        assert [one.kind for one in shop.inbox()] == ["channel_outage"]
        assert not shop.banners()
        assert not shop.mails()
    _the_accounts_line_shows_it(life, accounts[0])
    assert life.account(accounts[0]).polled_at == polled
    sold = life.sell(sellers[0], sku="A-1", count=2)
    life.box.clear_faults()
    life.work_on(timedelta(minutes=15), POLL)
    assert sorted(life.created()) == sorted(sold)
    assert not [shop for shop in shops if shop.incidents("channel_outage")]
    assert not [shop for shop in shops if shop.mails()]
    for account_id in accounts:
        account = life.account(account_id)
        assert account.importing
        assert account.polled_at is not None
        assert account.polled_at > began + timedelta(hours=3)


def _the_accounts_line_shows_it(life: Life, account_id: int) -> None:
    text = settled(life.merchant.visit(f"/accounts/{account_id}"))
    assert "Last sync had trouble; it is tried again by itself" in text
    assert "Last import" in settled(life.merchant.open("/"))


@pytest.mark.parametrize("how", NO_ANSWER)
def test_an_hour_without_answers_leaves_no_switch_off_and_the_next_poll_imports(life: Life, how: str) -> None:
    """Complaint 1 of the field: one hiccup must not switch the import off in silence."""
    life.product("A-1")
    seller = life.seller()
    account_id = life.connect(seller)
    life.work(minutes=3)
    _break(life, how, "amazon")
    life.work_on(timedelta(hours=1), POLL)
    _the_accounts_line_shows_it(life, account_id)
    assert [one.kind for one in life.inbox()] == ["channel_outage"]
    assert not life.banners()
    assert not life.mails()
    life.box.clear_faults()
    sold = life.sell(seller, sku="A-1")
    account = life.account(account_id)
    assert account.due_at is not None
    assert account.due_at - clock.now() <= timedelta(minutes=15)
    life.work(minutes=15)
    life.work(minutes=1)
    assert life.created() == sold
    assert not life.account(account_id).poll_words


def test_five_bad_answers_to_a_refresh_leave_the_account_connected_and_send_no_mail(life: Life) -> None:
    """Complaint 9 of the field: a 500 of the token endpoint is not the end of an access."""
    seller = life.seller()
    account_id = life.connect(seller)
    life.work(minutes=1)
    life.pass_time(hours=2)  # the access token is over: each poll begins with a refresh
    kinds = [NO_ANSWER[how] for how in ("5xx", "time-outs", "HTML", "5xx", "HTML")]
    for kind, params in kinds:
        life.box.fault("lwa", kind, times=1, params=params)
    for _ in kinds:
        life.work(minutes=20)
        assert life.account(account_id).status == AccountStatus.ACTIVE
    assert [one["hits"] for one in life.box.get("/faults")] == [1] * 5
    life.work(minutes=20)
    account = life.account(account_id)
    assert (account.status, account.poll_words) == (AccountStatus.ACTIVE, "")
    assert not life.incidents("account_expired", all_time=True)
    assert not life.mails()


def test_our_own_expired_secret_is_told_to_us_and_never_to_merchants_as_their_fault(life: Life) -> None:
    """Complaint 11 of the field: merchants must not be sent to a login because our secret is over."""
    shops = [life, *(life.another() for _ in range(3))]
    sellers = [shop.seller() for shop in shops]
    accounts = [shop.connect(seller) for shop, seller in zip(shops, sellers, strict=True)]
    life.work(minutes=1)
    operator = len(life.box.mails("operator@shopapp.test"))
    for seller in sellers:
        life.state(seller, secret_expired=True)
    life.pass_time(hours=2)
    life.work_on(timedelta(minutes=40), timedelta(minutes=10))
    for shop, account_id in zip(shops, accounts, strict=True):
        assert life.account(account_id).status == AccountStatus.ACTIVE
        (ours,) = shop.incidents("our_fault")
        assert ours.subject == "channel:amazon:eu"
        assert not shop.mails()
        assert not shop.incidents("account_expired", all_time=True)
        assert "nothing to do for you" in settled(shop.merchant.visit("/accounts")) + settled(shop.merchant.open("/"))
    assert 1 <= len(life.box.mails("operator@shopapp.test")) - operator <= 2
    for seller in sellers:
        life.state(seller, secret_expired=False)
    life.work(minutes=20)
    life.work(minutes=1)
    with db.reading() as s:
        assert not s.scalars(select(Incident).where(Incident.kind == "our_fault", Incident.resolved_at.is_(None))).all()


def test_six_hours_without_shopify_give_no_order_up(life: Life) -> None:
    """Complaint 3 of the field: when all fail together, nothing is condemned."""
    life = life.another(plan="plus")  # its rate restores fast enough for so many tries
    life.product("A-1")
    seller = life.seller()
    life.connect(seller)
    life.work(minutes=3)
    life.box.fault("shopify", "status", times=None, params={"status": 503}, match={"shop": life.domain})
    sold = [number for _ in range(OPEN_ORDERS // 50) for number in life.sell(seller, sku="A-1", price="0.10", count=50)]
    for _ in range(6):
        life.work(hours=1)
    with db.reading() as s:
        rows = list(s.scalars(select(Order).where(Order.shop_id == life.shop_id)))
    assert len(rows) == len(sold) == OPEN_ORDERS
    assert not [row for row in rows if row.state not in (OrderState.RECEIVED, OrderState.SENDING)]
    assert not life.incidents("order_import_failed", all_time=True)
    life.box.clear_faults()
    for _ in range(8):
        life.work(minutes=10)
    assert sorted(life.created()) == sorted(sold)
