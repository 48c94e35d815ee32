"""A shop with a linked seller, made by the product's own ways, and a few things to do with them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.accounts import link
from shopapp.orders import place, poll
from shopapp.plans.entitlements import begin_trial
from shopapp.records import db
from shopapp.records.models import Account, JournalEntry, Order, Shop
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.stage import buckets
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.shops.ground import Ground, ready_ground

DE = "A1PA6795UKMFR9"
ORDERS = Work("order", Order, place.due_order, share="shop_id")
POLLS = Work("poll", Account, poll.due_account)


@dataclass
class Scene:
    """The stage of one test."""

    ground: Ground
    shop_id: int
    domain: str
    seller: str
    account_id: int

    @property
    def box(self) -> Box:
        """The sandbox."""
        return self.ground.box

    def product(self, sku: str, **wish: Any) -> dict[str, Any]:
        """A product of the shop."""
        made: dict[str, Any] = self.box.post(f"/shops/{self.domain}/products", {"sku": sku, "price": "1.00", **wish})
        return made

    def sell(self, **wish: Any) -> list[str]:
        """Orders at the marketplace; their ids."""
        wish = wish or {}
        ids: list[str] = self.box.post(f"/amazon/sellers/{self.seller}/orders", wish)["order_ids"]
        return ids

    def change(self, order_id: str, **wish: Any) -> None:
        """A new version of an order at the marketplace."""
        self.box.post(f"/amazon/sellers/{self.seller}/orders/{order_id}", wish)

    def poll(self) -> None:
        """A sweep now."""
        with db.writing() as s:
            assert poll.sync_now(s, self.shop_id, self.account_id)
        claim.drain((POLLS,), seconds=30)

    def place(self) -> int:
        """Work on the orders that are due; how many were handled."""
        return claim.drain((ORDERS,), seconds=60)

    def wait(self, seconds: float) -> None:
        """Let our time pass."""
        clock.travel(by=timedelta(seconds=seconds))
        buckets.refill()

    def row(self, order_id: str) -> Order:
        """The order as we have it, its lines loaded."""
        with db.reading() as s:
            found = s.scalars(
                select(Order).where(Order.shop_id == self.shop_id, Order.remote_order_id == order_id)
            ).one()
            assert found.lines is not None
            return found

    def rows(self) -> list[Order]:
        """All orders of the shop, oldest row first."""
        with db.reading() as s:
            return list(s.scalars(select(Order).where(Order.shop_id == self.shop_id).order_by(Order.id)))

    def account(self) -> Account:
        """The account as it is now."""
        with db.reading() as s:
            return s.get_one(Account, self.account_id)

    def events(self, row: Order) -> list[str]:
        """The order's timeline as event keys."""
        with db.reading() as s:
            found = (
                select(JournalEntry.event).where(JournalEntry.subject == f"order:{row.id}").order_by(JournalEntry.id)
            )
            return list(s.scalars(found))

    def in_shopify(self) -> list[dict[str, Any]]:
        """The shop's orders as Shopify has them."""
        orders: list[dict[str, Any]] = self.box.get(f"/shops/{self.domain}")["orders"]
        return orders

    def made(self, order_id: str) -> list[dict[str, Any]]:
        """Shopify's orders of one marketplace order."""
        return [one for one in self.in_shopify() if one["source_identifier"] == order_id]

    def set(self, **settings: Any) -> None:
        """The shop's switches."""
        self.ground.set(self.domain, **settings)

    def lose(self, kind: str, times: int = 1, **more: Any) -> None:
        """The next answers to orderCreate go wrong."""
        match = {"shop": self.domain}
        self.box.fault("shopify", kind, "OrderCreate", times=times, match=match, **more)


def furnish(
    ground: Ground, *, ago: timedelta = timedelta(hours=1), seller: str = "", realm: str = "eu", **wish: Any
) -> Scene:
    """A fresh shop with a linked seller (a new one, or the one named); orders created within `ago` are live."""
    # What is remembered is remembered by shop ids, and every test begins to count them anew.
    place.MEMORY, place.LOOKUPS = type(place.MEMORY)(), type(place.LOOKUPS)()
    box, shop = ground.box, ground.install(**wish)
    box.post(f"/shops/{shop.domain}/settings", {"index_lag_seconds": 0})
    with db.writing() as s:
        row = s.get_one(Shop, shop.id)
        row.installed_at = clock.now() - ago
        begin_trial(row)
    if not seller:
        told = {"seller_id": f"A{secrets.token_hex(6).upper()}", "marketplaces": [DE]}
        seller = str(box.post("/amazon/sellers", told)["seller_id"])
    return Scene(ground, shop.id, shop.domain, seller, link_seller(ground, shop.id, seller, realm, ago))


def link_seller(ground: Ground, shop_id: int, seller: str, realm: str, ago: timedelta) -> int:
    """Link a seller of the sandbox the typed way and take over `ago`; the account's id."""
    ground.box.post(f"/amazon/sellers/{seller}/state", {"visible_lag_seconds": 0})
    token = ground.box.post(f"/amazon/sellers/{seller}/self_authorise")["refresh_token"]
    values = {"seller_id": seller, "refresh_token": token, "label": "My Amazon"}
    outcome = link.typed(shop_id, "1", "amazon", realm, values)
    assert outcome.kind == "linked", outcome
    assert outcome.account_id is not None
    with db.writing() as s:
        account = s.get_one(Account, outcome.account_id)
        account.worked_at = clock.now() - ago
        link.set_take_over(s, account, clock.now() - ago, "1")
    return outcome.account_id


# A test with this mark runs on both databases; without it on SQLite.
both_databases = pytest.mark.parametrize(
    "scene", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def ready_scene(request: pytest.FixtureRequest, box: Box, queue: Queue, folder: Path) -> Iterator[Scene]:
    """The body of the fixture `scene`: this process on an empty database, a shop and a linked seller."""
    for ground in ready_ground(request, box, queue, folder):
        yield furnish(ground)
