"""What an error of Shopify means for the shop."""

from __future__ import annotations

from datetime import timedelta

from shopapp import verdict
from shopapp.records import db
from shopapp.records.models import Incident, Shop, ShopStatus
from shopapp.shopify_admin.errors import ShopAuthLost, ShopFrozen
from tests.unit.verdict.ward import START, incidents, make


def shop_row() -> Shop:
    """The only shop."""
    with db.reading() as s:
        return s.query(Shop).one()


def test_a_lost_token_asks_the_merchant_to_open_the_app_once() -> None:
    make()
    with db.writing() as s:
        verdict.apply_shop(s, s.query(Shop).one(), ShopAuthLost("refused", status=401))
    assert shop_row().status == ShopStatus.NEEDS_OPENING
    assert incidents("shop_needs_opening")[0].subject == "shop"
    with db.writing() as s:
        verdict.shop_works(s, s.query(Shop).one())
    assert shop_row().status == ShopStatus.ACTIVE
    assert incidents("shop_needs_opening") == []


def test_a_frozen_shop_is_paused_and_told_nothing() -> None:
    make()
    with db.writing() as s:
        verdict.apply_shop(s, s.query(Shop).one(), ShopFrozen("402", status=402))
    assert (shop_row().status, shop_row().due_at) == (ShopStatus.FROZEN, START + timedelta(hours=1))
    with db.reading() as s:
        assert s.query(Incident).count() == 0


def test_an_uninstalled_shop_stays_uninstalled() -> None:
    make()
    with db.writing() as s:
        shop = s.query(Shop).one()
        shop.status = ShopStatus.UNINSTALLED
        verdict.apply_shop(s, shop, ShopAuthLost("refused"))
        verdict.shop_works(s, shop)
    assert shop_row().status == ShopStatus.UNINSTALLED
    assert incidents("shop_needs_opening") == []
