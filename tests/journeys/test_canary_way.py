"""Buyers' data are where they are marked to be, nowhere else, and gone when they are to be gone: searched by canaries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shopapp.records import db
from shopapp.records.models import InboxMessage, JournalEntry, Order, OrderState, Receipt, Shop
from tests.journeys.canaries import (
    Canary,
    Find,
    in_database,
    in_files,
    in_log,
    in_mails,
    in_queue,
    orders_like,
    whole_log,
)
from tests.journeys.life import Life, as_settings, settled

pytestmark = pytest.mark.journey


@dataclass
class World:
    """A shop with a buyer in every situation."""

    life: Life
    seller: str
    folder: Path
    log: list[str]
    account: int = 0
    buyers: dict[str, Canary] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    shopify: dict[str, str] = field(default_factory=dict)

    @property
    def tokens(self) -> dict[str, str]:
        return {token: what for one in self.buyers.values() for token, what in one.tokens.items()}

    def buys(self, what: str, change: Callable[[dict[str, Any]], Any] = lambda order: None, **wish: Any) -> None:
        """A person buys something."""
        buyer = self.buyers[what] = Canary(what)
        (order,) = orders_like(self.life, shipping="0.00", **wish)
        order = buyer.plant(order)
        change(order)
        self.life.box.post(f"/amazon/sellers/{self.seller}/orders", {"orders": [order]})
        self.ids[what] = order["orderId"]

    def states(self) -> dict[str, str]:
        found = {row.remote_order_id: row for row in self.life.orders()}
        return {what: found[number].state if number in found else "" for what, number in self.ids.items()}

    def message(self, topic: str, payload: dict[str, Any]) -> None:
        """Shopify tells something; waited for until it is here."""
        wish = {"topic": topic, "payload": {"shop_domain": self.life.domain, **payload}}
        name = self.life.box.post(f"/shops/{self.life.domain}/webhooks", wish)["webhook_id"]
        for _ in range(200):
            with db.reading() as s:
                if s.scalars(select(Receipt.id).where(Receipt.webhook_id == name)).first() is not None:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{topic} did not arrive")

    def found(self) -> set[Find]:
        """Wherever a canary is."""
        tokens = self.tokens
        found = in_database(tokens) | in_queue(tokens) | in_files(self.folder, tokens)
        return found | in_mails(self.life.box.mails(), tokens) | in_log(self.log, tokens)


@pytest.fixture
def loud() -> Iterator[list[str]]:
    """The whole log from here on."""
    with whole_log() as lines:
        yield lines


@pytest.fixture
def world(life: Life, tmp_path: Path, loud: list[str]) -> World:
    """Everything has happened that can happen to an order."""
    made = World(life, life.seller(), tmp_path, loud)
    life.tick("order_import_failed")
    for sku in ("A-1", "OLD-1"):
        life.product(sku)
    since = datetime.now(UTC) - timedelta(days=5)
    made.buys("backfilled", sku="OLD-1", created_at=since.isoformat())
    made.account = life.connect(made.seller)
    _sell_every_way(made)
    _refuse(made)
    life.work(minutes=5)
    life.box.post(f"/amazon/sellers/{made.seller}/orders/{made.ids['cancelled']}", {"status": "CANCELLED"})
    older = life.merchant.visit(f"/accounts/{made.account}/older")
    life.merchant.submit(older, "older", since=(since - timedelta(days=2)).date().isoformat())
    _hold(made)
    for _ in range(6):
        life.work(minutes=5)
    for row in life.orders():
        if row.shopify_gid:
            made.shopify[row.remote_order_id] = row.shopify_gid.rpartition("/")[2]
    return made


def _sell_every_way(made: World) -> None:
    made.buys("imported", sku="A-1")
    made.buys("cancelled", sku="A-1")
    made.buys("no such SKU", sku="NO-SUCH")
    made.buys("ignored", sku="A-1", fulfilled_by="AMAZON")
    made.buys("not paid", sku="A-1", status="PENDING")
    made.buys("not to be mapped", _wrong_total, sku="A-1")
    made.buys("hostile", _hostile, sku="A-1")


def _wrong_total(order: dict[str, Any]) -> None:
    order["proceeds"]["grandTotal"]["amount"] = "999.99"


def _hostile(order: dict[str, Any]) -> None:
    """Texts that no database likes: a NUL, marks that turn the line, a flood."""
    address = order["recipient"]["deliveryAddress"]
    address["name"] += "\x00"
    address["addressLine2"] = (address["addressLine2"] + "\u202e ") * 400
    order["orderItems"][0]["product"]["title"] = "\x00" + "Lamp " * 900


def _refuse(made: World) -> None:
    """Shopify refuses an order and quotes its buyer; of another it gives an answer that is none, and quotes too."""
    life = made.life
    life.work(minutes=5)
    made.buys("refused with a quotation", sku="A-1")
    buyer = made.buyers["refused with a quotation"]
    words = f"Zip {buyer.words['postcode']} is not valid for {buyer.words['city']}, phone +{buyer.phone} neither"
    refusal = {"field": ["order", "shippingAddress", "zip"], "message": words}
    answer = {"data": {"orderCreate": {"order": None, "userErrors": [refusal]}}}
    life.box.fault(
        "shopify", "status", "OrderCreate", match={"shop": life.domain}, times=1, params={"status": 200, "body": answer}
    )
    life.work(minutes=5)
    made.buys("unanswered with a quotation", sku="A-1")
    buyer = made.buyers["unanswered with a quotation"]
    words = f"Variable $order got a bad value: {buyer.words['line1']} 7, {buyer.email}, {buyer.words['name']}"
    life.box.fault(
        "shopify", "status", "OrderCreate", match={"shop": life.domain}, times=1,
        params={"status": 200, "body": {"errors": [{"message": words}]}},
    )  # fmt: skip
    life.work(minutes=5)


def _hold(made: World) -> None:
    made.life.work(minutes=5)
    with as_settings(PLAN_LIMITS="trial=1"):
        made.buys("held", sku="A-1")
        made.life.work(minutes=7)  # polls leave every other turn to a backfill, which ran a moment ago
        assert made.states()["held"] == OrderState.HELD


def _story(world: World) -> list[tuple[Any, ...]]:
    """What happened to the orders whose buyers are still known, for whoever has to find out why."""
    with db.reading() as s:
        told = [
            (str(row.at), row.subject, row.event) for row in s.scalars(select(JournalEntry).order_by(JournalEntry.id))
        ]
        heard = [
            (str(row.handled_at), row.topic, row.outcome) for row in s.scalars(select(Receipt).order_by(Receipt.id))
        ]
    kept = [row for row in world.life.orders() if row.payload]
    names = {f"order:{row.id}" for row in kept}
    return [*((row.id, row.state, str(row.due_at), str(row.purged_at)) for row in kept),
            *(line for line in told if line[1] in names), *heard]  # fmt: skip


@pytest.mark.both_databases
def test_buyers_are_found_only_where_they_are_marked_and_nowhere_after_their_redaction(world: World) -> None:
    life = world.life
    states = world.states()
    assert {"imported", "failed", "ignored", "held"} <= set(states.values()), states
    assert states["backfilled"] == states["unanswered with a quotation"] == states["imported"] == OrderState.IMPORTED
    assert len(life.mails()) >= 1

    before = world.found()
    assert all(one.personal for one in before), [one for one in before if not one.personal]
    assert {"order.buyer_name", "order.payload"} <= {one.place for one in before}
    assert not [one for one in before if "words" in one.place], "what a remote quoted was left out"
    known = {one.what for one in before}
    for what in ("imported", "no such SKU", "backfilled", "refused with a quotation", "held", "hostile"):
        missing = [mark for mark in world.buyers[what].tokens.values() if mark not in known]
        assert not missing, "a canary that was never kept proves nothing"

    first = world.buyers["imported"]
    customer = {"id": 1, "email": first.email, "phone": f"+{first.phone}"}
    listed = [int(number) for number in world.shopify.values()]
    world.message(
        "customers/data_request", {"customer": customer, "orders_requested": listed, "data_request": {"id": 5}}
    )
    life.work()
    with db.reading() as s:
        (asked,) = s.scalars(select(InboxMessage).where(InboxMessage.kind == "data_request_ready"))
    page = life.merchant.visit(f"/inbox/{asked.id}")
    assert first.words["line1"] not in settled(page)
    answer = life.merchant._fetch("POST", f"/inbox/{asked.id}/download")
    assert [token for token in first.tokens if token not in "".join(filter(str.isalnum, answer.text))] == []

    for buyer in world.buyers.values():
        about = {"id": 2, "email": buyer.email, "phone": f"+{buyer.phone}"}
        world.message("customers/redact", {"customer": about, "orders_to_redact": listed})
    life.work()
    found = world.found()
    waiting = {one.what.split(":")[0] for one in found}
    late = waiting - {"no such SKU", "refused with a quotation", "not paid", "not to be mapped", "hostile"}
    assert not late, ([one for one in found if one.what.split(":")[0] in late], _story(world))
    life.pass_time(days=14, hours=2)
    for _ in range(3):
        life.work(minutes=61)
    assert world.found() == set(), _story(world)
    assert len(life.orders()) == len(world.ids), "the orders themselves are still known"
    for path in ("/", "/orders", "/inbox", f"/orders/{life.orders()[0].id}"):
        settled(life.merchant.visit(path))
    with db.reading() as s:
        assert all(row.body is None for row in s.scalars(select(Receipt)))


def test_with_time_alone_every_buyer_is_forgotten(world: World) -> None:
    life = world.life
    life.pass_time(days=90, hours=7)
    life.state(world.seller, authorisation="revoked")  # nothing new comes
    for _ in range(3):
        life.work(hours=7)
    assert world.found() == set()
    assert len(life.orders()) == len(world.ids)


def test_after_the_erasure_of_a_shop_nothing_of_it_is_left_anywhere(world: World) -> None:
    life = world.life
    assert world.found()
    life.box.post(f"/shops/{life.domain}/settings", {"uninstalled": True})
    world.message("shop/redact", {"shop_id": 1})
    for _ in range(3):
        life.work(hours=1)
    with db.reading() as s:
        assert s.scalars(select(Shop)).all() == []
        assert s.scalars(select(Order)).all() == []
    marks = {life.domain: "the shop", life.email: "its owner", world.seller.casefold(): "its seller"}
    tokens = world.tokens | marks
    left = in_database(tokens) | in_files(world.folder, tokens)
    assert left <= {Find("receipt.shop_domain", "the shop")}, "only that the erasure was asked for"
    assert world.found() == set()
