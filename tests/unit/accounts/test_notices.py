"""What a notice means, once it is proved: a revocation is looked at, a closed account is forgotten, a repeat does nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplaces.channels import registry
from marketplaces.data import Told
from shopapp import clock
from shopapp.accounts import notices
from shopapp.records import db
from shopapp.records.models import AccountStatus, AuditEntry, Order, OrderState
from shopapp.shops import retention
from tests.unit.accounts.steps import Stage

AMAZON = registry()["amazon"]


@pytest.fixture
def shop(stage: Stage) -> int:
    return stage.shop()


def told(stage: Stage, account_id: int, **more: object) -> Told:
    seller = stage.account(account_id).seller_id or ""
    return Told("revoked", "eu", seller_id=seller, words="REVOKED_BY_USER", at=clock.now(), **more)  # type: ignore[arg-type]


def order(shop: int, account_id: int, number: str, state: OrderState, buyer: str = "buyer-7") -> int:
    now = clock.now()
    with db.writing() as s:
        row = Order(
            shop_id=shop, account_id=account_id, channel="amazon", realm="eu", seller_id="A1", remote_order_id=number,
            state=state, remote_created_at=now, remote_updated_at=now, found_at=now, buyer_name="Mia Beispiel",
            buyer_ref=buyer, payload={"buyer_name": "Mia Beispiel"},
        )  # fmt: skip
        s.add(row)
        s.flush()
        return row.id


def known(order_id: int) -> tuple[str, str, bool]:
    with db.reading() as s:
        row = s.get_one(Order, order_id)
        return row.buyer_name, row.buyer_ref, row.purged_at is not None


def test_a_revocation_is_found_out_at_once_although_the_access_that_we_hold_still_works(
    stage: Stage, shop: int
) -> None:
    account_id = stage.linked(shop, stage.seller())
    notice = told(stage, account_id)
    stage.fault("lwa", "status", "token", params={"status": 400, "body": {"error": "invalid_grant"}}, times=None)
    notices.write(AMAZON, notice)
    account = stage.account(account_id)
    assert (account.status, account.cause) == (AccountStatus.REVOKED, "revoked")
    assert set(stage.open(shop)) == {"account_expired"}
    notices.write(AMAZON, notice)
    assert stage.open(shop)["account_expired"].count == 1


def test_a_revocation_of_access_that_still_works_or_was_given_again_changes_nothing(stage: Stage, shop: int) -> None:
    account_id = stage.linked(shop, stage.seller())
    notices.write(AMAZON, told(stage, account_id))
    assert stage.account(account_id).status == AccountStatus.ACTIVE
    stage.state(stage.account(account_id).seller_id or "", authorisation="revoked")
    late = Told("revoked", "eu", stage.account(account_id).seller_id or "", at=clock.now() - timedelta(minutes=5))
    notices.write(AMAZON, late)
    assert stage.account(account_id).status == AccountStatus.ACTIVE
    assert stage.open(shop) == {}


def test_a_revocation_is_believed_while_the_channel_does_not_answer(stage: Stage, shop: int) -> None:
    account_id = stage.linked(shop, stage.seller())
    stage.fault("lwa", "status", "token", params={"status": 503}, times=None)
    notices.write(AMAZON, told(stage, account_id))
    account = stage.account(account_id)
    assert (account.status, account.cause_words) == (AccountStatus.REVOKED, "REVOKED_BY_USER")


def test_a_closed_seller_account_keeps_nothing_of_its_login(stage: Stage, shop: int) -> None:
    account_id = stage.linked(shop, stage.seller())
    seller = stage.account(account_id).seller_id or ""
    for _ in range(2):
        notices.write(AMAZON, Told("closed", "eu", seller_id=seller, buyer=seller))
    account = stage.account(account_id)
    assert (account.status, account.due_at) == (AccountStatus.REVOKED, None)
    assert (account.credentials, account.access_token, account.seller_name, account.public) == ("", "", "", {})
    with db.reading() as s:
        assert len(list(s.scalars(select(AuditEntry).filter_by(action="account_closed_there")))) == 1


def test_a_buyer_is_forgotten_in_all_shops_and_where_he_is_needed_as_soon_as_he_is_not(stage: Stage, shop: int) -> None:
    other = stage.shop("red")
    mine, theirs = stage.linked(shop, stage.seller()), stage.linked(other, stage.seller())
    done = order(shop, mine, "1", OrderState.IMPORTED)
    elsewhere = order(other, theirs, "2", OrderState.IMPORTED)
    waiting = order(shop, mine, "3", OrderState.HELD)
    stranger = order(shop, mine, "4", OrderState.IMPORTED, "somebody-else")
    for _ in range(2):
        notices.write(AMAZON, Told("closed", "eu", buyer="buyer-7"))
    assert known(done) == known(elsewhere) == ("", "", True)
    assert known(waiting) == ("Mia Beispiel", "buyer-7", False)
    assert known(stranger) == ("Mia Beispiel", "somebody-else", False)
    with db.reading() as s:
        assert len(list(s.scalars(select(AuditEntry).filter_by(action="customer.redacted")))) == 2
    with db.writing() as s:
        s.get_one(Order, waiting).state = OrderState.IMPORTED
    retention.purge_buyers()
    assert known(waiting) == ("", "", True)
    assert known(stranger)[0] == "Mia Beispiel"


def test_a_notice_about_nobody_we_know_is_no_trouble(stage: Stage, shop: int) -> None:
    notices.write(AMAZON, Told("closed", "eu", seller_id="ANOBODY", buyer="nobody"))
    notices.write(AMAZON, Told("revoked", "eu", seller_id="ANOBODY"))
    notices.write(AMAZON, Told("closed", "eu"))
    assert stage.open(shop) == {}
