"""What Shopify's messages do to a shop: in any order, any number of times, late or with nonsense."""

import json
import secrets
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import InboxMessage, Receipt, Shop, ShopStatus
from shopapp.shopify_admin import tokens
from shopapp.shopify_admin.webhooks import Delivery
from shopapp.shops import hooks, install, intake, receipts
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.unit.shops.ground import Ground, both_databases, shop_of

RECEIPTS = Work("receipt", Receipt, receipts.handle, threads=4)


@pytest.fixture
def shop(ground: Ground) -> Shop:
    return ground.install()


def deliver(
    domain: str, topic: str, payload: Any = None, triggered_at: datetime | None = None, webhook_id: str = ""
) -> None:
    body = payload if isinstance(payload, bytes) else json.dumps(payload or {}).encode()
    when = triggered_at or clock.now()
    intake.take_in(Delivery(domain, topic, webhook_id or secrets.token_hex(8), when, body))


def outcomes() -> list[str]:
    claim.drain([RECEIPTS], seconds=10)
    with db.reading() as s:
        rows = s.scalars(select(Receipt).order_by(Receipt.id)).all()
    assert all(row.body is None for row in rows if row.handled_at)
    return [row.outcome for row in rows]


def test_an_uninstallation_deletes_the_tokens_and_stops_the_shop(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, uninstalled=True)
    deliver(shop.domain, "app/uninstalled")
    assert outcomes() == ["done"]
    row = shop_of(shop.id)
    assert row.status == "uninstalled"
    assert row.uninstalled_at is not None
    assert (row.access_token, row.refresh_token, row.due_at) == ("", "", None)


def test_a_late_uninstallation_after_a_new_installation_is_ignored(ground: Ground, shop: Shop) -> None:
    deliver(shop.domain, "app/uninstalled", triggered_at=shop.installed_at - timedelta(seconds=1))
    assert outcomes() == ["late"]
    assert shop_of(shop.id).status == "active"


@pytest.mark.parametrize("days", [-300, 0, 300])
def test_whether_the_app_is_gone_is_asked_of_shopify_whatever_the_unsigned_headers_say(
    ground: Ground, shop: Shop, days: int
) -> None:
    """Only the body is signed: any message of this shop can be given out as a removal, of any time."""
    deliver(shop.domain, "app/uninstalled", triggered_at=clock.now() + timedelta(days=days))
    assert outcomes() == ["late"]
    assert shop_of(shop.id).status == "active"
    assert tokens.line(shop.id).run("ShopInfo")


@pytest.mark.parametrize("trouble", ["down", "frozen"])
def test_a_removal_waits_for_an_answer_of_shopify(ground: Ground, shop: Shop, trouble: str) -> None:
    fault = ground.box.fault("shopify", "status", None, match={"shop": shop.domain}, times=None)
    if trouble == "frozen":
        ground.box.delete(f"/faults/{fault}")
        ground.set(shop.domain, frozen=True)
    for topic in ("app/uninstalled", "shop/redact"):
        deliver(shop.domain, topic)
    assert outcomes() == ["", ""]
    assert shop_of(shop.id).refresh_token
    with db.reading() as s:
        assert all(row.body is not None and row.due_at is not None for row in s.scalars(select(Receipt)))
    ground.box.clear_faults()
    ground.set(shop.domain, frozen=False)
    ground.set(shop.domain, uninstalled=True)
    for _ in range(2):  # of two that ask Shopify at the same time one comes back later
        clock.travel(by=timedelta(hours=2))
        told = outcomes()
    assert "" not in told
    with db.reading() as s:
        assert s.scalars(select(Shop)).all() == []


def test_a_new_installation_while_shopify_is_asked_is_not_undone(
    ground: Ground, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.set(shop.domain, uninstalled=True)
    deliver(shop.domain, "app/uninstalled")
    asked = hooks.tokens.line

    def installed_meanwhile(shop_id: int) -> Any:
        monkeypatch.setattr(hooks.tokens, "line", asked)
        try:
            return asked(shop_id).run("ThrottleProbe")
        finally:
            time.sleep(1.1)  # Shopify refuses an ID token of the very second of the removal
            with db.writing() as s:
                s.get_one(Shop, shop.id).status = ShopStatus.NEEDS_OPENING
            install.arrive(ground.visitor(shop.domain))

    monkeypatch.setattr(hooks.tokens, "line", installed_meanwhile)
    assert outcomes() == [""]
    clock.travel(by=timedelta(minutes=16))
    assert outcomes() == ["late"]
    assert shop_of(shop.id).status == "active"


@both_databases
def test_the_same_delivery_counts_once(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, uninstalled=True)
    deliver(shop.domain, "app/uninstalled", webhook_id="same")
    deliver(shop.domain, "app/uninstalled", webhook_id="same")
    deliver(shop.domain, "app/uninstalled")
    outcomes()
    clock.travel(by=timedelta(minutes=16))  # of two that ask Shopify at the same time one comes back later
    assert sorted(outcomes()) == ["done", "repeated"]


def test_changed_scopes_are_read_from_shopify_not_from_the_message(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, scopes_granted=["read_products", "read_orders"])
    deliver(shop.domain, "app/scopes_update", {"current": ["write_orders", "write_everything"]})
    assert outcomes() == ["done"]
    assert shop_of(shop.id).scopes == "read_orders,read_products"


def test_a_changed_shop_is_read_from_shopify_not_from_the_message(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, email="new@owner.test", timezone="America/New_York")
    deliver(shop.domain, "shop/update", {"email": "forged@evil.test"})
    assert outcomes() == ["done"]
    row = shop_of(shop.id)
    assert (row.email, row.timezone) == ("new@owner.test", "America/New_York")


def test_a_message_waits_while_shopify_does_not_answer(ground: Ground, shop: Shop) -> None:
    fault = ground.box.fault("shopify", "status", None, match={"shop": shop.domain}, times=None)
    deliver(shop.domain, "shop/update")
    assert outcomes() == [""]
    with db.reading() as s:
        row = s.scalars(select(Receipt)).one()
    assert row.body is not None
    assert row.attempt == 1
    assert row.due_at is not None
    assert row.due_at > clock.now()
    ground.box.delete(f"/faults/{fault}")
    clock.travel(by=timedelta(minutes=16))
    assert outcomes() == ["done"]


def test_a_message_of_a_shop_that_is_out_of_reach_is_not_asked_for_ever(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, frozen=True)
    deliver(shop.domain, "shop/update")
    assert outcomes() == ["shop_unreachable"]
    assert shop_of(shop.id).status == "frozen"


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"null", b'{"orders_to_redact": "all"}', b"\xff"])
def test_nonsense_in_a_body_is_noted_and_harms_nothing(ground: Ground, shop: Shop, body: bytes) -> None:
    for topic in hooks.HANDLERS:
        if topic.startswith("customers/"):
            deliver(shop.domain, topic, body)
    assert all(outcome in ("unreadable", "redacted_0", "found_0") for outcome in outcomes())
    assert shop_of(shop.id).status == "active"


def test_messages_of_strangers_and_of_unknown_topics_are_noted(ground: Ground, shop: Shop) -> None:
    deliver("never-seen.myshopify.com", "app/uninstalled")
    deliver(shop.domain, "orders/paid")
    assert outcomes() == ["unknown_shop", "unknown_topic"]


def test_topics_of_other_packages_hear_whose_shop_it_is_and_what_was_told(ground: Ground, shop: Shop) -> None:
    heard: list[hooks.Heard] = []
    receipts.configure({**hooks.HANDLERS, "products/update": heard.append})
    try:
        deliver(shop.domain, "products/update", {"id": 1})
        deliver(shop.domain, "shop/update")
        assert sorted(outcomes()) == ["done", "done"]
    finally:
        receipts.configure({})
    assert [(one.shop, one.topic, dict(one.payload)) for one in heard] == [(shop.id, "products/update", {"id": 1})]


@both_databases
def test_a_whole_life_of_installation_and_removal_ends_as_it_should(ground: Ground, shop: Shop) -> None:
    """Uninstalled, installed again, and only then the first message arrives."""
    ground.set(shop.domain, uninstalled=True)
    removed_at = clock.now()
    clock.travel(by=timedelta(minutes=5))
    deliver(shop.domain, "shop/update")
    assert outcomes() == ["shop_unreachable"]
    assert shop_of(shop.id).status == "needs_opening"
    time.sleep(1.1)  # Shopify refuses an ID token of the very second of the removal
    install.arrive(ground.visitor(shop.domain))
    deliver(shop.domain, "app/uninstalled", triggered_at=removed_at)
    assert outcomes()[-1] == "late"
    assert shop_of(shop.id).status == "active"
    assert tokens.line(shop.id).run("ShopInfo")


def test_after_a_visit_shopify_decides_what_a_removal_means(ground: Ground, shop: Shop) -> None:
    doubtful = clock.now()
    clock.travel(by=timedelta(minutes=5))
    install.arrive(ground.visitor(shop.domain))
    deliver(shop.domain, "app/uninstalled", triggered_at=doubtful)
    assert outcomes() == ["late"]
    ground.set(shop.domain, uninstalled=True)
    deliver(shop.domain, "app/uninstalled", triggered_at=doubtful)
    assert outcomes()[-1] == "done"
    assert shop_of(shop.id).status == "uninstalled"


def test_a_data_request_becomes_an_inbox_message_without_personal_data(ground: Ground, shop: Shop) -> None:
    payload = {"orders_requested": [1, 2], "customer": {"email": "buyer@canary.test"}, "data_request": {"id": 99}}
    deliver(shop.domain, "customers/data_request", payload)
    assert outcomes() == ["found_0"]
    with db.reading() as s:
        message = s.scalars(select(InboxMessage)).one()
    assert (message.kind, message.subject) == ("data_request_ready", "request:99")
    assert message.params == {"request": "99", "orders": ["1", "2"], "own": [], "found": 0}


@both_databases
@pytest.mark.parametrize("number", ["7\x00", "\ud800", "9" * 400, None, {"a": 1}], ids=ascii)
def test_a_data_request_with_an_odd_number_is_answered_all_the_same(ground: Ground, number: Any) -> None:
    shop = ground.install()
    deliver(shop.domain, "customers/data_request", {"orders_requested": [1], "data_request": {"id": number}})
    assert outcomes() == ["found_0"]


@both_databases
def test_the_order_to_erase_a_shop_waits_until_it_is_really_gone(ground: Ground, shop: Shop) -> None:
    deliver(shop.domain, "shop/redact")
    assert outcomes() == ["installed"]
    assert shop_of(shop.id).status == "active"
    with db.writing() as s:
        s.get_one(Shop, shop.id).status = ShopStatus.UNINSTALLED
    deliver(shop.domain, "shop/redact")
    assert outcomes() == ["done"]
    with db.reading() as s:
        assert s.scalars(select(Shop)).all() == []


def test_a_removed_shop_is_erased_even_when_its_removal_was_never_heard(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, uninstalled=True)
    deliver(shop.domain, "shop/redact")
    assert outcomes() == ["done"]
    with db.reading() as s:
        assert s.scalars(select(Shop)).all() == []
