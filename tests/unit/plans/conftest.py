"""A shop on an empty SQLite database, and orders to book; no network is needed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from shopapp import clock, runtime
from shopapp.config import Config
from shopapp.plans import entitlements, gate, ledger
from shopapp.records import db
from shopapp.records.models import Account, Order, OrderState, Shop
from tests.stage import tables

START = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def shop_id(tmp_path: Path) -> Iterator[int]:
    """A shop installed on 1 September 2026 with one account, the clock standing there."""
    runtime.setup(Config.load({"PLAN_LIMITS": "trial=1000,starter=2000"}, serving=False))
    engine = create_engine(f"sqlite:///{tmp_path}/p.db")
    db.use(engine)
    tables.make(engine)
    clock.travel(START, freeze=True)
    with db.writing() as s:
        shop = Shop(
            domain="blue.myshopify.com", installed_at=START, currency="EUR", email="owner@blue.test", locale="en"
        )
        entitlements.begin_trial(shop)
        s.add(shop)
        s.flush()
        s.add(Account(shop_id=shop.id, channel="amazon", realm="eu", seller_id="S1", label="A", status="active",
                      status_since=START, created_at=START))  # fmt: skip
    yield 1
    engine.dispose()


@pytest.fixture
def sale() -> Callable[..., int]:
    """Makes an order; `imported` books it too. Its id."""

    def make(number: int, minor: int, *, imported: bool = True, held: str = "", currency: str = "EUR") -> int:
        now = clock.now()
        state = OrderState.IMPORTED if imported else OrderState.HELD if held else OrderState.RECEIVED
        with db.writing() as s:
            order = Order(
                shop_id=1, account_id=1, channel="amazon", realm="eu", seller_id="S1", remote_order_id=f"o{number}",
                state=state, held_reason=held, remote_created_at=now + timedelta(seconds=number), remote_updated_at=now,
                found_at=now, currency=currency, total_minor=minor, imported_at=now if imported else None,
            )  # fmt: skip
            s.add(order)
            s.flush()
            if imported:
                ledger.book(s, order)
                gate.refresh(s, s.get_one(Shop, 1))
            return order.id

    return make
