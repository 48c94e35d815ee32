"""Offline tokens: exchanged, sealed, refreshed by one of many, and never lost in between."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from marketplaces.errors import OurFault, RateLimited, Transient
from shopapp import clock
from shopapp.records import db, vault
from shopapp.records.models import Shop
from shopapp.shopify_admin import tokens
from shopapp.shopify_admin.errors import IdTokenStale, ShopAuthLost, ShopFrozen
from tests.unit.shops.ground import Ground, both_databases, shop_of


@pytest.fixture
def shop(ground: Ground) -> Shop:
    return ground.install()


def expire(shop: Shop, left: timedelta = timedelta(minutes=1)) -> None:
    with db.writing() as s:
        s.get_one(Shop, shop.id).access_expires_at = clock.now() + left


def refreshed(ground: Ground, shop: Shop) -> int:
    return len(ground.effects(shop.domain, "token.refreshed"))


def test_an_exchange_gives_an_expiring_pair_for_our_clock(ground: Ground) -> None:
    domain = ground.new_shop()
    given = tokens.exchange(domain, ground.id_token(domain)["id_token"])
    assert abs(given.access_expires_at - clock.now() - timedelta(hours=1)) < timedelta(seconds=5)
    assert abs(given.refresh_expires_at - clock.now() - timedelta(days=90)) < timedelta(seconds=5)
    assert given.access not in repr(given)
    assert "write_orders" in given.scopes


def test_a_stale_id_token_asks_for_a_fresh_one(ground: Ground) -> None:
    domain = ground.new_shop()
    old = ground.id_token(domain, claims={"exp": 1700000000, "iat": 1699999940, "nbf": 1699999940})["id_token"]
    with pytest.raises(IdTokenStale):
        tokens.exchange(domain, old)


@both_databases
def test_tokens_lie_sealed_in_their_row(ground: Ground, shop: Shop) -> None:
    row = shop_of(shop.id)
    assert "shpat" not in row.access_token
    assert vault.unseal(row, "access_token").startswith("shpat_")
    other = ground.install()
    with db.writing() as s:
        s.get_one(Shop, other.id).access_token = row.access_token
    with pytest.raises(OurFault):
        tokens.line(other.id)


def test_a_token_with_time_left_is_not_refreshed(ground: Ground, shop: Shop) -> None:
    tokens.line(shop.id)
    expire(shop, timedelta(minutes=6))
    tokens.line(shop.id)
    assert refreshed(ground, shop) == 0


@both_databases
def test_eight_threads_at_expiry_refresh_once(ground: Ground, shop: Shop) -> None:
    expire(shop, timedelta(seconds=-1))

    def ask(_: int) -> str:
        for _ in range(100):
            try:
                return str(tokens.line(shop.id).run("ShopInfo")["shop"]["myshopifyDomain"])
            except RateLimited:
                time.sleep(0.02)
        raise AssertionError("never got a line")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [shop.domain] * 8
    assert refreshed(ground, shop) == 1


def test_who_meets_a_refresh_uses_the_token_that_is_still_good(ground: Ground, shop: Shop) -> None:
    with db.writing() as s:
        row = s.get_one(Shop, shop.id)
        row.access_expires_at = clock.now() + timedelta(minutes=2)
        row.token_lease_until = clock.now() + timedelta(seconds=30)
    assert tokens.line(shop.id).run("ShopInfo")
    expire(shop, timedelta(seconds=5))
    with pytest.raises(RateLimited):
        tokens.line(shop.id)
    assert refreshed(ground, shop) == 0


@pytest.mark.parametrize("ends", [timedelta(seconds=-1), timedelta(hours=5)], ids=["ended", "before-clock-set-back"])
def test_a_lease_left_by_a_dead_process_runs_out(ground: Ground, shop: Shop, ends: timedelta) -> None:
    expire(shop)
    with db.writing() as s:
        s.get_one(Shop, shop.id).token_lease_until = clock.now() + ends
    assert tokens.line(shop.id).run("ShopInfo")
    assert refreshed(ground, shop) == 1


def test_a_lost_answer_to_a_refresh_is_survived(ground: Ground, shop: Shop) -> None:
    """Shopify rotated, we never heard: the old refresh token still works, and the fault is nobody's account."""
    expire(shop)
    ground.box.fault("shopify", "commit_then_reset", "token", match={"shop": shop.domain})
    with pytest.raises(Transient) as caught:
        tokens.line(shop.id)
    assert caught.value.maybe_done
    assert tokens.line(shop.id).run("ShopInfo")
    clock.travel(by=tokens.COOLING + timedelta(seconds=1))
    assert tokens.line(shop.id).run("ShopInfo")
    assert shop_of(shop.id).token_lease_until is None


def test_an_endpoint_in_trouble_is_left_alone_for_a_while_whoever_waits(ground: Ground, shop: Shop) -> None:
    """Thousands of orders may wait for one token: each would ask again every two seconds."""
    expire(shop, timedelta(seconds=-1))
    ground.box.fault("shopify", "status", "token", times=None, params={"status": 503}, match={"shop": shop.domain})
    with pytest.raises(Transient):
        tokens.line(shop.id)
    with pytest.raises(RateLimited) as told:
        tokens.line(shop.id)
    assert told.value.retry_after is not None
    assert tokens.COOLING.total_seconds() - 5 < told.value.retry_after <= tokens.COOLING.total_seconds()
    clock.travel(by=tokens.COOLING + timedelta(seconds=1))
    with pytest.raises(Transient):
        tokens.line(shop.id)
    assert [fault["hits"] for fault in ground.box.get("/faults")] == [2]


def test_a_server_error_is_met_once_and_not_repeated_by_the_library(ground: Ground, shop: Shop) -> None:
    expire(shop)
    ground.box.fault("shopify", "status", "token", match={"shop": shop.domain}, params={"status": 503})
    with pytest.raises(Transient):
        tokens.line(shop.id)
    assert refreshed(ground, shop) == 0
    assert tokens.line(shop.id)


@pytest.mark.parametrize(("status", "family"), [(402, ShopFrozen), (429, RateLimited)])
def test_a_paused_shop_and_a_full_house_are_told_apart(
    ground: Ground, shop: Shop, status: int, family: type[Exception]
) -> None:
    expire(shop)
    ground.box.fault("shopify", "status", "token", match={"shop": shop.domain}, params={"status": status})
    with pytest.raises(family):
        tokens.line(shop.id)


def test_a_refused_refresh_token_loses_the_shop_until_it_is_opened(ground: Ground, shop: Shop) -> None:
    expire(shop)
    body = '{"error": "invalid_grant"}'
    params = {"status": 400, "body": body, "headers": {"Content-Type": "application/json"}}
    ground.box.fault("shopify", "status", "token", match={"shop": shop.domain}, params=params)
    with pytest.raises(ShopAuthLost):
        tokens.line(shop.id)
    assert shop_of(shop.id).token_lease_until is None


@both_databases
def test_a_refused_refresh_is_no_loss_when_another_process_saved_a_newer_pair(ground: Ground, shop: Shop) -> None:
    seen = tokens._read(shop.id)
    expire(shop)
    with db.writing() as s:
        row = s.get_one(Shop, shop.id)
        vault.seal(row, "refresh_token", "shprt_dead")
    domain = shop.domain
    fresh = tokens.exchange(domain, ground.id_token(domain)["id_token"])
    original = tokens._refresh

    def meanwhile(shop_domain: str, refresh_token: str) -> tokens.TokenSet:
        with db.writing() as s:
            tokens.store(s, s.get_one(Shop, shop.id), fresh)
        return original(shop_domain, refresh_token)

    tokens._refresh = meanwhile  # the moment between the call and its answer cannot be reached otherwise
    try:
        assert tokens._renewed(shop.id, seen) == fresh.access
    finally:
        tokens._refresh = original


def test_a_removed_shop_is_not_asked(ground: Ground, shop: Shop) -> None:
    with db.writing() as s:
        tokens.forget(s.get_one(Shop, shop.id))
    with pytest.raises(ShopAuthLost):
        tokens.line(shop.id)
    with pytest.raises(ShopAuthLost):
        tokens.line(987654)
