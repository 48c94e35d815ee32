"""The marketplace's own example orders, served over HTTP in their own days, and its two refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, OrderState
from tests.conftest import contracts_dir
from tests.journeys.life import Life

pytestmark = [pytest.mark.journey, pytest.mark.contracts]

MODEL = "orders_2026-01-01"
BEFORE_THEM, AFTER_THEM = datetime(2024, 12, 15, 9, tzinfo=UTC), datetime(2025, 3, 16, tzinfo=UTC)


def _pairs() -> list[dict[str, Any]]:
    specs = contracts_dir()
    assert specs is not None
    pairs = json.loads((specs / "amazon" / "sandbox_pairs.json").read_text("utf-8"))
    return [pair for pair in pairs if pair["model"] == MODEL]


def _examples() -> dict[str, dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for pair in _pairs():
        if pair["status"] == 200:
            found += pair["response"].get("orders") or [pair["response"]["order"]]
    return {order["orderId"]: order for order in found}


def _of(status: str, by: str) -> list[str]:
    wanted = {"fulfillmentStatus": status, "fulfilledBy": by}
    return sorted(key for key, order in _examples().items() if wanted.items() <= order["fulfillment"].items())


def _statuses() -> set[str]:
    with db.reading() as s:
        return set(s.scalars(select(Account.status)))


def test_the_vendors_orders_arrive_in_their_days_with_their_totals_and_the_rest_waits_or_is_ignored(life: Life) -> None:
    specs = contracts_dir()
    assert specs is not None
    loaded = life.box.post("/amazon/pairs", {"path": str(specs / "amazon" / "sandbox_pairs.json")})
    life.stand_at(BEFORE_THEM)
    shop = life.another()
    shop.merchant.submit(shop.merchant.visit("/plan"), "choose-scale")
    for sku in {line["product"]["sellerSku"] for order in _examples().values() for line in order["orderItems"]}:
        shop.product(sku)
    accounts = [shop.connect(told["seller_id"], realm=region) for region, told in loaded.items()]
    days = AFTER_THEM - BEFORE_THEM
    for _ in range(7):
        shop.work(seconds=days.total_seconds() / 6)
    shop.work(minutes=5)
    _the_unshipped_are_there_to_the_minor_unit(shop)
    ignored = {row.remote_order_id: row.ignore_reason for row in shop.orders() if row.state == OrderState.IGNORED}
    assert sorted(one for one, reason in ignored.items() if reason == "already_shipped") == _of("SHIPPED", "MERCHANT")
    assert [one for one, reason in ignored.items() if reason == "fulfilled_by_amazon"] == _of("SHIPPED", "AMAZON")
    assert len(ignored) == 3
    _a_backfill_brings_the_shipped_ones(shop, accounts)


def _the_unshipped_are_there_to_the_minor_unit(shop: Life) -> None:
    unshipped = _of("UNSHIPPED", "MERCHANT")
    assert len(unshipped) == 3
    assert sorted(shop.created()) == unshipped
    examples = _examples()
    for made in shop.in_shopify():
        total = examples[made["source_identifier"]]["proceeds"]["grandTotal"]
        assert made["presentment_currency"] == total["currencyCode"]
        assert Decimal(str(made["totals"]["presentment"]["total"])) == Decimal(total["amount"])


def _a_backfill_brings_the_shipped_ones(shop: Life, accounts: list[int]) -> None:
    for account_id in accounts:
        page = shop.merchant.visit(f"/accounts/{account_id}/older")
        assert shop.merchant.submit(page, "older", since=BEFORE_THEM.date().isoformat()).status == 200
    for _ in range(5):
        shop.work(minutes=1)
    assert sorted(shop.created()) == sorted(_of("UNSHIPPED", "MERCHANT") + _of("SHIPPED", "MERCHANT"))
    assert [row.ignore_reason for row in shop.orders() if row.state == OrderState.IGNORED] == ["fulfilled_by_amazon"]
    examples = _examples()
    for made in shop.in_shopify():
        amount = examples[made["source_identifier"]]["proceeds"]["grandTotal"]["amount"]
        assert Decimal(str(made["totals"]["presentment"]["total"])) == Decimal(amount)


def test_the_vendors_two_refusals_change_neither_account_nor_orders(life: Life) -> None:
    life.product("A-1")
    seller = life.seller()
    account_id = life.connect(seller)
    first = life.sell(seller, sku="A-1", count=2)
    life.work(minutes=5)
    before = [(row.remote_order_id, row.state, row.remote_updated_at) for row in life.orders()]
    cursor = life.account(account_id).cursor_at
    refusals = [pair["response"] for pair in _pairs() if pair["status"] == 400]
    assert len(refusals) == 2
    for body in refusals:
        life.box.fault("amazon", "status", "searchOrders", times=1, params={"status": 400, "body": body})
        life.work(hours=1, minutes=1)
        assert _statuses() == {AccountStatus.ACTIVE}
        assert [(row.remote_order_id, row.state, row.remote_updated_at) for row in life.orders()] == before
        assert life.account(account_id).cursor_at == cursor
    assert [one["hits"] for one in life.box.get("/faults")] == [1, 1]
    assert not life.mails()
    assert not life.banners()
    later = life.sell(seller, sku="A-1")
    life.work_on(timedelta(hours=2), timedelta(minutes=30))
    assert sorted(life.created()) == sorted(first + later)
