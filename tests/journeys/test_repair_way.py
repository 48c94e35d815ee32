"""An access that the marketplace refuses: told once, everywhere, within a minute, and repaired by every door."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shopapp.records.models import AccountStatus
from tests.journeys.life import Life, settled

pytestmark = pytest.mark.journey


def _save(life: Life, account_id: int, seller: str) -> None:
    home = life.merchant.open("/")
    life.merchant.clicks = 0
    page = life.merchant.visit(home.link("Confirm connection"))
    life.merchant.leave(life.merchant.submit(page, "account"), seller)
    assert life.merchant.clicks == 1  # and one for the banner's button: two to the login


def _deactivate_and_activate(life: Life, account_id: int, seller: str) -> None:
    page = life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "deactivate")
    assert not life.banners()
    assert life.account(account_id).status == AccountStatus.DEACTIVATED
    life.merchant.leave(life.merchant.submit(page, "activate"), seller)


def _reconnect_store(life: Life, account_id: int, seller: str) -> None:
    page = life.merchant.visit(life.merchant.visit("/accounts").link("Reconnect store"))
    assert "Reconnect your store" in settled(page)
    life.merchant.leave(life.merchant.submit(page, "continue"), seller)


def _reconnect_manually(life: Life, account_id: int, seller: str) -> None:
    page = life.merchant.visit(life.merchant.visit("/accounts").link("Reconnect store"))
    form = life.merchant.visit(f"/accounts/{account_id}/manual")
    assert f"/accounts/{account_id}/manual" in page.links.values()
    token = life.box.post(f"/amazon/sellers/{seller}/self_authorise")["refresh_token"]
    assert life.merchant.submit(form, "manual", seller_id=seller, refresh_token=token).status == 200


DOORS = {
    "save_account": _save,
    "deactivate_then_activate": _deactivate_and_activate,
    "reconnect_store": _reconnect_store,
    "reconnect_manually": _reconnect_manually,
}


@pytest.mark.parametrize("door", DOORS)
def test_a_refused_access_is_told_once_everywhere_and_every_door_repairs_it(life: Life, door: str) -> None:
    open_door: Callable[[Life, int, str], None] = DOORS[door]
    life.product("A-1")
    seller, healthy = life.seller(name="Blue Lamp GmbH"), life.seller(name="Red Lamp GmbH")
    account, other = life.connect(seller), life.connect(healthy)
    life.work(minutes=1)
    before = life.searches(seller)
    life.state(seller, authorisation="revoked")
    life.pass_time(hours=2)  # the hour's access token is over, the next poll must refresh it
    life.work()
    assert life.account(account).status == AccountStatus.REVOKED
    assert len(life.incidents("account_expired")) == 1
    (banner,) = life.banners()
    assert banner["tone"] == "critical"
    assert [one.kind for one in life.inbox()] == ["account_expired"]
    _told_within_a_minute(life, account)
    _left_alone(life, seller, healthy, account, other)
    missed = life.sell(seller, sku="A-1", count=2)
    open_door(life, account, seller)
    life.work()
    repaired = life.account(account)
    assert (repaired.id, repaired.status) == (account, AccountStatus.ACTIVE)
    assert not life.banners()
    assert not life.incidents("account_expired")
    assert "Reconnect store" not in life.merchant.visit("/accounts").text
    assert sorted(missed) == sorted(set(missed) & set(life.created()))
    assert life.searches(seller) > before
    assert len(life.incidents("account_expired", all_time=True)) == 1
    assert len(life.mails()) == 1


def _told_within_a_minute(life: Life, account: int) -> None:
    life.work(seconds=60)
    (mail,) = life.mails()
    assert "Blue Lamp GmbH" in mail["subject"] + mail["text"]
    assert "Amazon" in mail["text"]
    assert "Red Lamp" not in mail["text"]
    assert "Save account" in mail["text"]
    assert f"/accounts/{account}" in mail["text"]
    assert f"/accounts/{account}" in mail["html"]


def _left_alone(life: Life, seller: str, healthy: str, account: int, other: int) -> None:
    """Polling of the broken one has stopped, the other goes on."""
    at = life.searches(seller), life.searches(healthy)
    for _ in range(4):
        life.work(minutes=10)
    assert life.searches(seller) == at[0]
    assert life.searches(healthy) >= at[1] + 4
    assert life.account(account).status == AccountStatus.REVOKED
    assert life.account(other).status == AccountStatus.ACTIVE
