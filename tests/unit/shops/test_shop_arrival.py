"""What a page load does to a shop: first load, later loads, return, healing, and what stands in the way."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplaces.errors import OurFault, RemoteError, Transient
from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Incident, JournalEntry, Severity, Shop, ShopStatus
from shopapp.shopify_admin import tokens
from shopapp.shopify_admin.errors import IdTokenStale, ShopAuthLost
from shopapp.shops import install, upkeep
from shopapp.shops.preflight import Problem, preflight
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.unit.shops.ground import Ground, as_settings, both_databases, shop_of

SHOPS = Work("shop", Shop, upkeep.due_shop, threads=2)


def problems(shop_id: int) -> list[Problem]:
    with db.reading() as s:
        return preflight(s, s.get_one(Shop, shop_id))


def open_kinds(shop_id: int) -> set[str]:
    with db.reading() as s:
        return set(s.scalars(select(Incident.kind).where(Incident.shop_id == shop_id, Incident.resolved_at.is_(None))))


def due_now(shop_id: int, **values: object) -> None:
    with db.writing() as s:
        shop = s.get_one(Shop, shop_id)
        shop.due_at = clock.now()
        for name, value in values.items():
            setattr(shop, name, value)


@both_databases
def test_the_first_load_installs_the_shop_with_all_it_needs(ground: Ground) -> None:
    shop = ground.install(email="owner@first.test", currency="GBP", timezone="Europe/London", locale="de")
    assert (shop.status, shop.email, shop.currency, shop.timezone) == (
        "active",
        "owner@first.test",
        "GBP",
        "Europe/London",
    )
    assert (shop.locale, shop.taxes_included, shop.location_count, shop.development) == ("de", True, 1, False)
    assert shop.gid.startswith("gid://shopify/Shop/")
    assert shop.ref_definition_at is not None
    assert shop.due_at is not None
    assert shop.due_at > clock.now() + timedelta(hours=23)
    assert problems(shop.id) == []
    assert open_kinds(shop.id) == set()


@both_databases
def test_first_loads_that_arrive_together_make_one_shop(ground: Ground) -> None:
    domain = ground.new_shop()
    visitors = [ground.visitor(domain) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        rows = list(pool.map(install.arrive, visitors))
    assert len({row.id for row in rows}) == 1
    with db.reading() as s:
        assert len(s.scalars(select(Shop)).all()) == 1
        assert s.scalars(select(JournalEntry.event)).all() == ["installed"]
    assert tokens.line(rows[0].id).run("ShopInfo")


def test_later_loads_need_nothing_of_shopify(ground: Ground) -> None:
    shop = ground.install()
    ground.box.fault("shopify", "reset", None, match={"shop": shop.domain}, times=None)
    clock.travel(by=timedelta(minutes=30))
    again = install.arrive(ground.visitor(shop.domain, locale="de"))
    assert again.id == shop.id
    assert again.locale == "de"
    assert again.last_opened_at is not None
    assert shop.last_opened_at is not None
    assert again.last_opened_at - shop.last_opened_at > timedelta(minutes=29)
    assert len(ground.effects(shop.domain, "token.exchanged")) == 1


def test_a_first_load_while_shopify_is_down_stores_nothing(ground: Ground) -> None:
    domain = ground.new_shop()
    ground.box.fault("shopify", "status", "token", match={"shop": domain}, params={"status": 503})
    with pytest.raises(Transient):
        install.arrive(ground.visitor(domain))
    with db.reading() as s:
        assert install.find(s, domain) is None


def test_a_stale_id_token_is_handed_on_so_that_the_page_can_bounce(ground: Ground) -> None:
    visitor = ground.visitor(ground.new_shop())
    ground.box.fault(
        "shopify",
        "status",
        "token",
        match={"shop": visitor.shop_domain},
        params={"status": 400, "body": '{"error":"invalid_subject_token"}'},
    )
    with pytest.raises(IdTokenStale):
        install.arrive(visitor)


def test_what_fails_after_the_exchange_is_caught_up_by_upkeep(ground: Ground) -> None:
    domain = ground.new_shop()
    fault = ground.box.fault("shopify", "status", "Locations", match={"shop": domain}, times=None)
    shop = install.arrive(ground.visitor(domain))
    assert shop.ref_definition_at is None
    assert [one.key for one in problems(shop.id)] == ["not_set_up"]
    ground.box.delete(f"/faults/{fault}")
    assert claim.drain([SHOPS], seconds=5) >= 1
    assert shop_of(shop.id).ref_definition_at is not None
    assert problems(shop.id) == []


def test_a_definition_that_was_taken_away_is_there_again_after_the_daily_upkeep_and_a_return(ground: Ground) -> None:
    shop = ground.install()

    def made() -> int:
        told = ground.box.ledger(system="shopify", effect="definition.created")
        return sum(one["body"]["shop"] == shop.domain for one in told)

    ground.set(shop.domain, undefined=True)
    clock.travel(by=timedelta(hours=25))
    claim.drain([SHOPS], seconds=5)
    assert made() == 2
    ground.set(shop.domain, undefined=True)
    with db.writing() as s:
        s.get_one(Shop, shop.id).status = ShopStatus.UNINSTALLED
    install.arrive(ground.visitor(shop.domain))
    assert made() == 3


@both_databases
def test_coming_back_after_an_uninstallation_begins_anew(ground: Ground) -> None:
    shop = ground.install()
    with db.writing() as s:
        row = s.get_one(Shop, shop.id)
        row.status, row.uninstalled_at = ShopStatus.UNINSTALLED, clock.now()
        tokens.forget(row)
    clock.travel(by=timedelta(days=1))
    again = install.arrive(ground.visitor(shop.domain))
    assert again.id == shop.id
    assert (again.status, again.uninstalled_at) == ("active", None)
    assert again.installed_at - shop.installed_at >= timedelta(days=1)
    assert tokens.line(shop.id).run("ShopInfo")


def test_a_return_that_nobody_told_us_of_is_noticed_by_the_next_visit_after_an_hour(ground: Ground) -> None:
    """Removed and installed again while our webhooks were lost: the stored tokens look good and are dead."""
    shop = ground.install()
    ground.set(shop.domain, uninstalled=True)
    clock.travel(by=timedelta(hours=2))
    time.sleep(1.1)  # Shopify refuses an ID token of the very second of the removal
    install.arrive(ground.visitor(shop.domain))
    assert tokens.line(shop.id).run("ShopInfo")


def test_a_lost_access_is_healed_by_the_next_visit(ground: Ground) -> None:
    shop = ground.install()
    with db.writing() as s:
        row = s.get_one(Shop, shop.id)
        row.status = ShopStatus.NEEDS_OPENING
        tokens.forget(row)
    assert install.arrive(ground.visitor(shop.domain)).status == "active"
    assert tokens.line(shop.id).run("ShopInfo")


def test_a_refresh_token_near_its_end_is_replaced_by_a_visit(ground: Ground) -> None:
    shop = ground.install()
    due_now(shop.id, refresh_expires_at=clock.now() + timedelta(hours=3))
    again = install.arrive(ground.visitor(shop.domain))
    assert again.refresh_expires_at is not None
    assert again.refresh_expires_at > clock.now() + timedelta(days=80)


def test_a_missing_scope_is_named_on_page_and_as_incident_until_it_is_granted(ground: Ground) -> None:
    domain = ground.new_shop()
    ground.set(domain, scopes_granted=["read_products", "write_inventory", "read_locations", "read_orders"])
    shop = install.arrive(ground.visitor(domain))
    assert [one.key for one in problems(shop.id)] == ["scope_write_orders"]
    assert problems(shop.id)[0].severity is Severity.CRITICAL
    assert problems(shop.id)[0].params == {"scope": "write_orders"}
    assert open_kinds(shop.id) == {"permission_missing"}
    assert shop.due_at is not None
    assert shop.due_at > clock.now() + timedelta(hours=23)  # nothing failed: only the merchant can go on
    ground.set(domain, scopes_granted=["read_products", "write_inventory", "read_locations", "write_orders"])
    clock.travel(by=timedelta(minutes=2))
    install.arrive(ground.visitor(domain))
    assert problems(shop.id) == []
    assert open_kinds(shop.id) == set()


def test_a_shop_without_a_location_is_told_so(ground: Ground) -> None:
    shop = ground.install()
    ground.set(shop.domain, locations=[{"name": "Closed", "active": False}])
    due_now(shop.id)
    claim.drain([SHOPS], seconds=5)
    assert [one.key for one in problems(shop.id)] == ["no_location"]


def test_a_development_store_is_told_its_limit_and_not_stopped(ground: Ground) -> None:
    shop = ground.install(plan="development")
    assert [(one.key, one.severity) for one in problems(shop.id)] == [("development_store", Severity.WARNING)]


@both_databases
def test_a_frozen_shop_is_probed_hourly_and_comes_back_by_itself(ground: Ground) -> None:
    shop = ground.install()
    ground.set(shop.domain, frozen=True)
    due_now(shop.id)
    claim.drain([SHOPS], seconds=5)
    frozen = shop_of(shop.id)
    assert frozen.status == "frozen"
    assert frozen.due_at is not None
    assert timedelta(minutes=59) < frozen.due_at - clock.now() <= timedelta(hours=1)
    assert [one.key for one in problems(shop.id)] == ["shop_frozen"]
    ground.set(shop.domain, frozen=False)
    due_now(shop.id)
    claim.drain([SHOPS], seconds=5)
    assert shop_of(shop.id).status == "active"
    assert problems(shop.id) == []


def test_a_shop_whose_tokens_are_refused_waits_for_a_visit(ground: Ground) -> None:
    shop = ground.install()
    ground.set(shop.domain, uninstalled=True)
    due_now(shop.id)
    claim.drain([SHOPS], seconds=5)
    assert shop_of(shop.id).status == "needs_opening"
    assert "shop_needs_opening" in open_kinds(shop.id)
    with pytest.raises(ShopAuthLost):
        tokens.line(shop.id).run("ShopInfo")


@pytest.mark.parametrize("params", [{"status": 500}, {"status": 429}])
def test_a_bad_hour_of_shopify_changes_no_status(ground: Ground, params: dict[str, int]) -> None:
    shop = ground.install()
    ground.box.fault("shopify", "status", None, match={"shop": shop.domain}, times=None, params=params)
    due_now(shop.id)
    claim.drain([SHOPS], seconds=5)
    row = shop_of(shop.id)
    assert row.status == "active"
    assert row.due_at is not None
    assert clock.now() < row.due_at < clock.now() + timedelta(minutes=16)


def test_our_wrong_secret_stops_no_shop(ground: Ground) -> None:
    shop = ground.install()
    due_now(shop.id, access_expires_at=clock.now())
    with as_settings(ground.config, SHOPIFY_API_SECRET="another-secret-0123456789"):
        with pytest.raises(OurFault):
            tokens.line(shop.id)
        claim.drain([SHOPS], seconds=5)
    assert shop_of(shop.id).status == "active"


def test_an_idle_shop_keeps_its_tokens_for_half_a_year(ground: Ground) -> None:
    shop = ground.install()
    try:
        for _ in range(7):
            clock.travel(by=timedelta(days=29))
            ground.box.set_clock(clock.now())
            due_now(shop.id)
            claim.drain([SHOPS], seconds=5)
            assert shop_of(shop.id).status == "active"
    finally:
        ground.box.set_clock(None)
    assert len(ground.effects(shop.domain, "token.refreshed")) == 7


def test_an_uninstalled_shop_is_left_alone(ground: Ground) -> None:
    shop = ground.install()
    due_now(shop.id, status=ShopStatus.UNINSTALLED)
    claim.drain([SHOPS], seconds=5)
    assert shop_of(shop.id).due_at is None


def test_an_unclear_answer_never_reaches_the_page_as_a_crash(ground: Ground) -> None:
    domain = ground.new_shop()
    for kind in ("html", "null", "truncate", "empty"):
        ground.box.fault("shopify", kind, "token", match={"shop": domain})
        with pytest.raises(RemoteError):
            install.arrive(ground.visitor(domain))
