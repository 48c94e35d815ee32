"""Asking a marketplace for orders: pages, cursor, crashes between pages, and orders that cannot be kept."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from marketplaces.data import Order as Sale
from marketplaces.data import OrderQuery
from marketplaces.errors import Transient
from shopapp import clock
from shopapp.keys import fresh_key
from shopapp.orders import poll, stored
from shopapp.records import db, vault
from shopapp.records.models import Account, AccountSite, AccountStatus, HeldReason, Incident, Order, OrderState
from shopapp.work import claim
from tests.unit.orders.scene import POLLS, Scene, both_databases


@both_databases
def test_every_page_is_saved_and_only_the_last_moves_the_cursor(scene: Scene) -> None:
    scene.sell(sku="A-1", count=230)
    before = scene.account().cursor_at
    assert before is None
    scene.poll()
    account = scene.account()
    assert len(scene.rows()) == 230
    assert (account.page_token, account.sweep_since, account.polled_count) == ("", None, 230)
    assert account.cursor_at is not None
    assert timedelta(minutes=9) < clock.now() - account.cursor_at < timedelta(minutes=13)
    assert account.sync_asked_at is None
    assert account.due_at is not None
    assert account.due_at > clock.now() + timedelta(seconds=100)


def test_a_sweep_cut_off_between_pages_goes_on_at_its_page(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sell(sku="A-1", count=230)
    monkeypatch.setattr(poll, "SECONDS", -1.0)
    with db.writing() as s:
        (mine,) = claim.claim(s, POLLS)
    poll.due_account(mine)
    account = scene.account()
    assert len(scene.rows()) == 100
    assert account.page_token
    assert account.cursor_at is None
    claim.drain((POLLS,), seconds=20)
    assert len(scene.rows()) == 230
    assert scene.account().cursor_at is not None


def test_an_expired_page_token_starts_the_sweep_again_at_the_cursor(scene: Scene) -> None:
    scene.sell(sku="A-1", count=130)
    with db.writing() as s:
        account = s.get_one(Account, scene.account_id)
        account.page_token, account.sweep_since = "no-such-page", clock.now() - timedelta(hours=1)
    scene.poll()
    assert len(scene.rows()) == 130
    assert scene.account().cursor_at is not None


def test_trouble_in_the_middle_keeps_what_came_and_moves_no_cursor(scene: Scene) -> None:
    scene.sell(sku="A-1", count=130)
    scene.box.fault(
        "amazon", "status", "searchOrders", after=1, times=1, match={"seller": scene.seller}, params={"status": 503}
    )
    scene.poll()
    account = scene.account()
    assert (len(scene.rows()), account.cursor_at, account.status) == (100, None, AccountStatus.ACTIVE)
    assert account.page_token
    scene.wait(120)
    claim.drain((POLLS,), seconds=20)
    assert len(scene.rows()) == 130


def test_pages_that_never_end_are_noticed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sell(sku="A-1", count=250)
    monkeypatch.setattr(poll, "PAGES", 2)
    scene.poll()
    account = scene.account()
    assert account.cursor_at is None
    assert "do not end" in account.poll_words
    assert account.page_token == ""


def test_a_page_token_seen_before_is_a_loop() -> None:
    looping = poll._Sweep(1, None, OrderQuery((), page_token="t"), poll.Sweep(), None, poll.Place("t"), {"t"})  # type: ignore[arg-type]
    with pytest.raises(Transient, match="do not end"):
        poll._ask(looping)


@both_databases
def test_orders_from_before_the_take_over_and_of_others_are_set_aside_with_their_reason(scene: Scene) -> None:
    old = (clock.now() - timedelta(hours=2)).isoformat()
    now = clock.now().isoformat()
    (before,) = scene.sell(sku="A-1", created_at=old, updated_at=now)
    (shipped,) = scene.sell(sku="A-1", status="SHIPPED")
    (fba,) = scene.sell(sku="A-1", fulfilled_by="AMAZON")
    (gone,) = scene.sell(sku="A-1", status="CANCELLED")
    (unpaid,) = scene.sell(sku="A-1", status="PENDING")
    scene.poll()
    reasons = {one: (scene.row(one).state, scene.row(one).ignore_reason) for one in (before, shipped, fba, gone)}
    assert reasons == {
        before: (OrderState.IGNORED, "before_take_over"),
        shipped: (OrderState.IGNORED, "already_shipped"),
        fba: (OrderState.IGNORED, "fulfilled_by_amazon"),
        gone: (OrderState.IGNORED, "cancelled"),
    }
    assert (scene.row(unpaid).state, scene.row(unpaid).held_reason) == (OrderState.HELD, HeldReason.PAYMENT)
    assert scene.place() == 0


def test_an_order_that_was_unpaid_is_imported_once_it_is_paid(scene: Scene) -> None:
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1", status="PENDING")
    scene.poll()
    (twin,) = scene.sell(sku="A-1")
    paid = next(one for one in scene.box.get(f"/amazon/sellers/{scene.seller}/orders") if one["orderId"] == twin)
    told = {key: paid[key] for key in ("proceeds", "orderItems", "recipient") if key in paid}
    scene.change(order_id, merge=told, status="UNSHIPPED")
    scene.poll()
    scene.place()
    assert scene.row(order_id).state == OrderState.IMPORTED
    assert len(scene.made(order_id)) == 1


@both_databases
def test_an_order_that_cannot_be_kept_does_not_take_its_page_along(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = scene.sell(sku="A-1", count=5)
    bad = ids[2]
    real = stored.pack

    def choke(order: Sale) -> dict[str, Any]:
        if order.order_id == bad:
            raise ValueError("text fields cannot contain NUL")  # what the driver of PostgreSQL says
        return real(order)

    with monkeypatch.context() as patched:
        patched.setattr(stored, "pack", choke)
        scene.poll()
    assert {row.remote_order_id for row in scene.rows()} == set(ids)
    assert [row.state for row in scene.rows()].count(OrderState.RECEIVED) == 4
    assert (scene.row(bad).state, scene.row(bad).cause) == (OrderState.FAILED, "channel_changed")
    scene.product("A-1")
    with db.writing() as s:
        s.get_one(Order, scene.row(bad).id).due_at = clock.now()
    scene.place()
    scene.place()
    assert scene.row(bad).state == OrderState.IMPORTED, "read again from the marketplace by itself"
    open_import = select(Incident).where(Incident.resolved_at.is_(None), Incident.kind == "order_import_failed")
    with db.reading() as s:
        assert s.scalars(open_import).all() == []


def test_sync_now_asked_during_a_sweep_brings_another_one(scene: Scene) -> None:
    scene.sell(sku="A-1", count=3)
    with db.writing() as s:
        (mine,) = claim.claim(s, POLLS)
    began = poll._begin(mine)
    assert began is not None
    scene.wait(1)
    with db.writing() as s:
        assert poll.sync_now(s, scene.shop_id, scene.account_id)
        assert not poll.sync_now(s, scene.shop_id + 1, scene.account_id)
    page = poll._ask(began)
    assert poll._save(mine, began, page, False) is False
    account = scene.account()
    assert account.sync_asked_at is not None
    assert account.due_at is not None
    assert account.due_at <= clock.now()


def test_a_broken_account_is_probed_and_heals_by_itself(scene: Scene) -> None:
    scene.box.post(f"/amazon/sellers/{scene.seller}/state", {"authorisation": "revoked"})
    scene.wait(4000)
    scene.poll()
    assert scene.account().status in (AccountStatus.REVOKED, AccountStatus.EXPIRED)
    scene.box.post(f"/amazon/sellers/{scene.seller}/state", {"authorisation": "ok"})
    with db.writing() as s:
        s.get_one(Account, scene.account_id).due_at = clock.now()
    claim.drain((POLLS,), seconds=20)
    account = scene.account()
    assert account.status == AccountStatus.ACTIVE
    assert account.due_at is not None
    assert account.due_at < clock.now() + timedelta(minutes=10), "healed, and polled again at once"


@pytest.mark.postgres
@pytest.mark.parametrize("scene", ["postgres"], indirect=True)
def test_an_order_that_is_being_placed_makes_no_page_fall_apart(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """A poll that met another transaction is undone and asks again: no order of its page is given up or kept as broken."""
    scene.product("A-1")
    (order_id,) = scene.sell(sku="A-1", count=1)
    scene.poll()
    row, held, cancelled = scene.row(order_id), threading.Event(), threading.Event()

    def cross() -> None:
        with db.writing() as s:
            s.get_one(Order, row.id, with_for_update={"key_share": True})
            held.set()
            cancelled.wait(10)
            time.sleep(0.5)  # the poll waits for the order by now, and holds the account
            s.get_one(Account, scene.account_id, with_for_update={"key_share": True})

    other = threading.Thread(target=cross)
    other.start()
    held.wait(10)
    scene.change(order_id, status="CANCELLED")
    cancelled.set()
    scene.poll()
    other.join(20)
    assert "work_collided" in caplog.text
    assert "order_unholdable" not in caplog.text
    scene.wait(claim.COLLISION_DELAY.total_seconds())
    claim.drain((POLLS,), seconds=30)
    assert scene.row(order_id).state == OrderState.CANCELLED


def test_access_that_no_key_opens_is_told_as_our_fault(scene: Scene) -> None:
    """Somebody took an encryption key away too early. Without a word the account would stand still for ever."""
    keys = scene.ground.config.encryption_keys
    vault.configure([fresh_key()])
    try:
        scene.poll()
        with db.reading() as s:
            incident = s.scalars(select(Incident).where(Incident.resolved_at.is_(None))).one()
        assert (incident.kind, scene.account().status) == ("our_fault", "active")
    finally:
        vault.configure(keys)
    scene.sell()
    scene.wait(1000)
    scene.poll()
    with db.reading() as s:
        assert s.scalars(select(Incident).where(Incident.resolved_at.is_(None))).all() == []
    assert scene.rows()


@both_databases
def test_an_account_whose_sites_all_rested_goes_on_when_one_is_back(scene: Scene) -> None:
    """The marketplace said so at a renewal, for example of a seller on holiday; nobody says that the holiday is over."""
    with db.writing() as s:
        s.execute(update(AccountSite).where(AccountSite.account_id == scene.account_id).values(active=False))
    scene.sell(sku="A-1")
    scene.poll()
    assert len(scene.rows()) == 1, "it was back when we looked, and polled at once"


def test_an_account_whose_sites_rest_on_is_looked_at_once_an_hour(scene: Scene) -> None:
    with db.writing() as s:
        row = s.scalars(select(AccountSite).filter_by(account_id=scene.account_id)).one()
        row.active = False
        row.site = "A13V1IB3VIYZZH"  # where the seller does not take part
    scene.sell(sku="A-1")
    scene.poll()
    account = scene.account()
    assert (account.status, account.sync_asked_at) == (AccountStatus.ACTIVE, None)
    assert account.due_at is not None
    assert timedelta(minutes=59) < account.due_at - clock.now() <= timedelta(hours=1)
    assert scene.rows() == []


def test_an_account_of_which_no_site_is_wanted_asks_nobody(scene: Scene) -> None:
    with db.writing() as s:
        s.execute(update(AccountSite).where(AccountSite.account_id == scene.account_id).values(importing=False))
    scene.poll()
    assert scene.account().due_at is None
