"""The Admin API over the wire: each answer of Shopify becomes its family, nothing is sent twice."""

import secrets
from typing import Any

import pytest
import requests

from marketplaces.errors import OurFault, PermissionMissing, RateLimited, Rejected, RemoteError, Transient
from shopapp import clock
from shopapp.records import db
from shopapp.records.models import Shop
from shopapp.shopify_admin import budget, tokens
from shopapp.shopify_admin.client import Admin
from shopapp.shopify_admin.errors import ShopAuthLost, ShopFrozen
from tests.unit.shops.ground import Ground, shop_of

DEFINE = "EnsureOrderRefDefinition"  # a mutation without variables


@pytest.fixture
def shop(ground: Ground) -> Shop:
    return ground.install()


def trouble(admin: Admin, operation: str = "ShopInfo", variables: dict[str, Any] | None = None) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        admin.run(operation, variables)
    assert caught.value.call == operation
    return caught.value


def test_a_named_operation_gives_its_data(ground: Ground, shop: Shop) -> None:
    admin = tokens.line(shop.id)
    assert admin.run("ShopInfo")["shop"]["myshopifyDomain"] == shop.domain
    assert admin.domain == shop.domain
    assert "shpat" not in repr(admin)


def test_a_composed_document_gives_its_data(ground: Ground, shop: Shop) -> None:
    lookup = (
        'orderByIdentifier(identifier: {customId: {namespace: "$app", key: "marketplace_ref", value: "%s"}}) { id }'
    )
    text = "query Several { " + " ".join(f"a{n}: {lookup % n}" for n in range(3)) + " }"
    assert tokens.line(shop.id).run_text(text, "Several", {}, 3) == {"a0": None, "a1": None, "a2": None}


def test_an_unknown_operation_is_our_bug(ground: Ground, shop: Shop) -> None:
    with pytest.raises(KeyError):
        tokens.line(shop.id).run("../ShopInfo")


@pytest.mark.parametrize(
    ("kind", "params", "family"),
    [
        ("status", {"status": 402}, ShopFrozen),
        ("status", {"status": 423}, ShopFrozen),
        ("status", {"status": 429, "headers": {"Retry-After": "2.0"}}, RateLimited),
        ("status", {"status": 430}, RateLimited),
        ("status", {"status": 403}, PermissionMissing),
        ("status", {"status": 404}, Transient),
        ("status", {"status": 500}, Transient),
        ("status", {"status": 503}, Transient),
        ("status", {"status": 301, "headers": {"Location": "https://evil.test/"}}, Transient),
        ("html", {}, Transient),
        ("empty", {}, Transient),
        ("null", {}, Transient),
        ("truncate", {}, Transient),
        ("reset", {}, Transient),
        ("throttled", {}, RateLimited),
    ],
)
def test_each_answer_is_its_family_and_is_asked_once(
    ground: Ground, shop: Shop, kind: str, params: dict[str, Any], family: type[RemoteError]
) -> None:
    admin = tokens.line(shop.id)
    fault = ground.box.fault("shopify", kind, DEFINE, match={"shop": shop.domain}, times=None, params=params)
    error = trouble(admin, DEFINE)
    assert type(error) is family
    listed = [one for one in ground.box.get("/faults") if str(one["id"]) == fault]
    assert listed[0]["hits"] == 1


def test_a_wait_that_shopify_asks_for_is_kept(ground: Ground, shop: Shop) -> None:
    params = {"status": 429, "headers": {"Retry-After": "7.5"}}
    ground.box.fault("shopify", "status", "ShopInfo", match={"shop": shop.domain}, params=params)
    error = trouble(tokens.line(shop.id))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7.5


@pytest.mark.parametrize("kind", ["commit_then_status", "commit_then_reset", "html", "truncate"])
def test_a_lost_answer_to_a_mutation_may_have_been_done_and_a_lost_read_not(
    ground: Ground, shop: Shop, kind: str
) -> None:
    admin = tokens.line(shop.id)
    for operation, maybe in ((DEFINE, True), ("ShopInfo", False)):
        ground.box.fault("shopify", kind, operation, match={"shop": shop.domain})
        error = trouble(admin, operation)
        assert isinstance(error, Transient)
        assert error.maybe_done is maybe


@pytest.mark.parametrize(
    "body",
    [
        '{"errors": [{"message": "Internal error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}], "data": null}',
        '{"errors": "Not so fast"}',
        '{"data": null}',
        '{"data": {"metafieldDefinitionCreate": null}}',
        '{"data": []}',
        "[]",
        "{}",
    ],
)
def test_a_half_answer_to_a_mutation_may_have_been_done(ground: Ground, shop: Shop, body: str) -> None:
    params = {"status": 200, "body": body, "headers": {"Content-Type": "application/json"}}
    ground.box.fault("shopify", "status", DEFINE, match={"shop": shop.domain}, params=params)
    error = trouble(tokens.line(shop.id), DEFINE)
    assert isinstance(error, Transient)
    assert error.maybe_done


def test_a_missing_scope_is_named(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, scopes_granted=["read_products", "write_inventory"])
    error = trouble(tokens.line(shop.id), "OrdersOfPeriod", {"q": "x"})
    assert isinstance(error, PermissionMissing)
    assert "read_orders" in error.what


def test_a_value_that_shopify_cannot_read_is_refused_for_good(ground: Ground, shop: Shop) -> None:
    error = trouble(tokens.line(shop.id), "OrderCreate", {"order": {"currency": "NOT A CURRENCY"}})
    assert isinstance(error, Rejected)
    assert error.field == "currency"


def test_a_token_refused_before_its_time_is_replaced_and_the_call_repeated_once(ground: Ground, shop: Shop) -> None:
    admin = tokens.line(shop.id)
    ground.box.fault("shopify", "status", DEFINE, match={"shop": shop.domain}, params={"status": 401})
    assert admin.run(DEFINE)["metafieldDefinitionCreate"]["userErrors"][0]["code"] == "TAKEN"
    assert len(ground.effects(shop.domain, "token.refreshed")) == 1


def test_a_shop_that_removed_the_app_is_lost(ground: Ground, shop: Shop) -> None:
    admin = tokens.line(shop.id)
    ground.set(shop.domain, uninstalled=True)
    assert isinstance(trouble(admin_without_renewal(admin)), ShopAuthLost)
    with pytest.raises(ShopAuthLost):
        admin.run("ShopInfo")


def admin_without_renewal(admin: Admin) -> Admin:
    return Admin(admin.domain, "shpat_dead")


def test_the_network_is_never_used_inside_a_transaction(ground: Ground, shop: Shop) -> None:
    admin = tokens.line(shop.id)
    with db.reading(), pytest.raises(AssertionError, match="transaction"):
        admin.run("ShopInfo")


def test_a_spent_budget_says_when_to_come_back_before_shopify_has_to(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, bucket={"max": 100, "restore": 5})
    admin = tokens.line(shop.id)
    admin.run("ShopInfo")  # tells the plan

    def spend() -> None:
        for _ in range(30):
            admin.run(DEFINE)

    with pytest.raises(RateLimited) as caught:
        spend()
    assert caught.value.code == ""  # ours: Shopify's would say THROTTLED
    assert caught.value.retry_after is not None
    assert 1 < caught.value.retry_after < 10
    # A tenth is left for a person who waits.
    assert admin.run("ThrottleProbe", interactive=True)


def test_a_short_wait_is_waited_and_shopify_is_never_overrun(ground: Ground, shop: Shop) -> None:
    ground.set(shop.domain, bucket={"max": 60, "restore": 40})
    admin = tokens.line(shop.id)
    admin.run("ShopInfo")
    began = clock.monotonic()
    for _ in range(12):
        admin.run(DEFINE)
    assert clock.monotonic() - began > 0.5


def test_a_price_is_believed_as_shopify_states_it(ground: Ground, shop: Shop) -> None:
    budget.forget()
    tokens.line(shop.id).run("Locations")
    assert budget.estimate("Locations:", 1) == 9
    assert budget.plan_of(shop.domain) == (2000, 100)
    budget.learn(shop.domain, "x", {"throttleStatus": {"currentlyAvailable": "nonsense"}})
    budget.learn(shop.domain, "x", "nonsense")


def test_two_shops_at_once_never_see_each_other(ground: Ground) -> None:
    from concurrent.futures import ThreadPoolExecutor

    rows = [ground.install(), ground.install()]
    lines = [tokens.line(row.id) for row in rows]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: lines[n % 2].run("ShopInfo")["shop"]["myshopifyDomain"], range(60)))
    assert told == [rows[n % 2].domain for n in range(60)]


def test_a_refused_client_secret_is_our_fault_and_not_the_shops(ground: Ground, shop: Shop) -> None:
    from tests.unit.shops.ground import as_settings

    with as_settings(ground.config, SHOPIFY_API_SECRET=secrets.token_hex(24)), pytest.raises(OurFault):
        tokens._refresh(shop.domain, "shprt_any")
    assert shop_of(shop.id).status == "active"


def test_only_shops_are_reachable(ground: Ground) -> None:
    from shopapp.shopify_admin import wire

    with pytest.raises(Transient, match="allowed"):
        wire.post("https://evil.test/admin", b"{}", {}, call="x", effect=True)
    assert requests.get(f"{ground.box.url}/_sandbox/health", timeout=5).ok
