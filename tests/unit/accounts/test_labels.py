"""What an account is called that nobody has named: two of one shop are never called the same, so that mails tell them apart."""

from __future__ import annotations

import pytest

from marketplaces.data import Credentials, Seller, Site
from shopapp.accounts import link, settle
from shopapp.accounts.way import Login
from shopapp.alerts import letters
from shopapp.records import db
from shopapp.records.models import Category, Incident, LoginDoor, Shop
from tests.unit.accounts.steps import USER, Stage


@pytest.fixture
def shop(stage: Stage) -> int:
    return stage.shop()


def proved(shop: int, realm: str, seller_id: str, name: str, channel: str = "amazon", **params: str) -> str:
    """The label of an account that a login has just linked."""
    login = Login(shop, USER, channel, realm, None, Credentials({}), "login", LoginDoor.CREATE, params)
    with db.writing() as s:
        return settle.write(s, login, Seller(realm, seller_id, name, (Site(f"x-{realm}", realm),)), "without").label


def test_a_seller_with_one_name_in_two_regions_has_two_labels(shop: int) -> None:
    assert proved(shop, "eu", "A1", "Blue Things") == "Amazon Blue Things"
    assert proved(shop, "na", "A1", "Blue Things") == "Amazon Blue Things (na)"


def test_two_sellers_who_call_themselves_the_same_have_two_labels(shop: int) -> None:
    labels = [proved(shop, "eu", f"A{number}", "Blue Things") for number in range(3)]
    assert labels == ["Amazon Blue Things", "Amazon Blue Things (A1)", "Amazon Blue Things (A2)"]


def test_a_name_of_any_length_leaves_room_for_what_tells_it_apart(shop: int) -> None:
    labels = {proved(shop, "eu", f"A{number}", "x" * 100) for number in range(2)}
    assert len(labels) == 2
    assert all(len(label) <= 100 for label in labels)


def test_another_shops_label_is_no_matter(stage: Stage, shop: int) -> None:
    other = stage.shop("red")
    assert proved(shop, "eu", "A1", "Blue Things") == proved(other, "eu", "A2", "Blue Things")


def test_a_typed_label_stays_as_it_was_typed(shop: int) -> None:
    assert proved(shop, "eu", "A1", "Blue Things", label="Mine") == "Mine"
    assert proved(shop, "eu", "A1", "Other Things") == "Mine"


def test_two_accounts_that_never_worked_are_told_apart_in_one_mail(stage: Stage, shop: int) -> None:
    ids = []
    for number in range(2):
        typed = {"seller_id": f"A1234567890SELLE{number}", "refresh_token": f"Atzr|dead-{number}-0123456789"}
        ids.append(link.typed(shop, USER, "amazon", "eu", typed).account_id)
    labels = [stage.account(one or 0).label for one in ids]
    assert labels == ["Amazon A1234567890SELLE0", "Amazon A1234567890SELLE1"]
    with db.reading() as s:
        about = s.query(Incident).filter_by(shop_id=shop).order_by(Incident.id).all()
        subject = letters.alert(s.get_one(Shop, shop), Category.ACCOUNT_EXPIRED, about).subject
    assert subject == "2 accounts need you: Amazon A1234567890SELLE0 (Amazon), Amazon A1234567890SELLE1 (Amazon)"


def test_what_it_was_called_before_it_worked_gives_way_to_the_sellers_name(stage: Stage, shop: int) -> None:
    typed = {"seller_id": "A1234567890SELLER", "refresh_token": "Atzr|dead-0123456789"}
    account_id = link.typed(shop, USER, "amazon", "eu", typed).account_id
    assert proved(shop, "eu", "A1234567890SELLER", "Blue Things") == "Amazon Blue Things"
    assert stage.account(account_id or 0).label == "Amazon Blue Things"


def test_logins_begun_in_two_regions_and_left_have_two_labels(stage: Stage, shop: int) -> None:
    for realm in ("eu", "na", "na"):
        link.begin(shop, USER, "amazon", realm, None, LoginDoor.CREATE)
    assert [one.label for one in stage.accounts(shop)] == ["Amazon", "Amazon (na)"]
