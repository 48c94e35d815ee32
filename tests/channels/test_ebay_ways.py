"""eBay's own ways against the sandbox over HTTP: logins, a list that moves, cancellations, packages, partial answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from marketplaces.channel import AppKeys
from marketplaces.channels import registry
from marketplaces.data import ListingChange, Money, Order, OrderQuery, OrderState, PushVerdict, Shipment, ShippedLine
from marketplaces.errors import (
    AccessStale,
    AccountInactive,
    AuthExpired,
    AuthRevoked,
    LoginDeclined,
    OurFault,
    PermissionMissing,
    RateLimited,
    Rejected,
    Transient,
)
from tests.channels.calls import page, ready, search
from tests.channels.double import played
from tests.channels.ebay_seat import Seat, seated

EBAY = registry()["ebay"]


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    with seated(tmp_path) as one:
        yield one


# --- login ------------------------------------------------------------------------------------------------------------


def test_a_consent_links_the_user_with_all_sites_for_eighteen_months(seat: Seat) -> None:
    seller = seat.seller(site="EBAY_GB", business="Example Shop Ltd")
    line = seat.linked(seller)
    found = EBAY.identify(line)
    assert (found.realm, found.seller_id, found.name) == ("ebay", seller, "Example Shop Ltd")
    assert (found.sites[0].key, found.sites[0].name) == ("EBAY_GB", "eBay.co.uk")
    assert len(found.sites) > 10
    assert line.credentials.expires_at == line.credentials.authorised_at + timedelta(days=547, hours=12)  # type: ignore[operator]


def test_the_code_arrives_as_it_was_made_and_works_once_and_for_five_minutes(seat: Seat) -> None:
    seller, url = seat.seller(), EBAY.login_url(seat.request())
    back = seat.browser(url, seller=seller)
    assert "#" in back["code"]
    assert "%2B" in back["code"], "decoded once, not twice"
    EBAY.finish_login(seat.http, seat.request(), back, seat.now())
    with pytest.raises(AuthRevoked):
        EBAY.finish_login(seat.http, seat.request(), back, seat.now())
    late = seat.browser(url, seller=seller)
    seat.control("clock", advance_seconds=300)
    with pytest.raises(AuthRevoked):
        EBAY.finish_login(seat.http, seat.request(), late, seat.now())


def test_who_is_logged_in_is_taken_unless_a_login_is_asked_for(seat: Seat) -> None:
    seller = seat.seller(username="somebody_else")
    plain, forced = EBAY.login_url(seat.request()), EBAY.login_url(seat.request(force_login=True))
    seat.session.post(plain, data={"as": seller}, timeout=10)
    assert "Let this app work" in seat.session.get(plain, timeout=10).text
    assert "Choose the user" in seat.session.get(forced, timeout=10).text


def test_a_refusal_of_the_user_is_told(seat: Seat) -> None:
    back = seat.browser(EBAY.login_url(seat.request()), seller=seat.seller(), action="cancel")
    with pytest.raises(LoginDeclined, match="denied the request"):
        EBAY.finish_login(seat.http, seat.request(), back, seat.now())


def test_access_ends_after_two_hours_and_a_refresh_renews_it_with_the_same_end(seat: Seat) -> None:
    line = seat.linked(seat.seller())
    seat.control("clock", advance_seconds=7201)
    with pytest.raises(AccessStale):
        EBAY.identify(line)
    fresh = EBAY.refresh(seat.http, seat.keys, "ebay", line.credentials, seat.now())
    assert fresh.secrets == line.credentials.secrets
    assert fresh.expires_at == line.credentials.expires_at
    assert EBAY.identify(replace(line, credentials=fresh)).seller_id == line.seller_id


@pytest.mark.parametrize(("how", "days", "error"), [("revoked", 0, AuthRevoked), ("", 548, AuthExpired)])
def test_only_the_refresh_tells_that_access_has_ended(seat: Seat, how: str, days: int, error: type[Exception]) -> None:
    seller = seat.seller()
    line = seat.linked(seller)
    if how:
        seat.state(seller, authorisation=how)
    seat.control("clock", advance_seconds=days * 86_400)
    with pytest.raises(AccessStale):
        EBAY.identify(line)
    with pytest.raises(error):
        EBAY.refresh(seat.http, seat.keys, "ebay", line.credentials, seat.now())


def test_a_wrong_secret_is_our_fault_and_a_missing_scope_no_end(seat: Seat) -> None:
    seller = seat.seller()
    seat.state(seller, scopes=["https://api.ebay.com/oauth/api_scope/commerce.identity.readonly"])
    line = seat.linked(seller)
    with pytest.raises(PermissionMissing):
        EBAY.identify(line)
    keys = AppKeys({**seat.keys.values, "CLIENT_SECRET": "rotated-away"})
    with pytest.raises(OurFault):
        EBAY.refresh(seat.http, keys, "ebay", line.credentials, seat.now())


@pytest.mark.parametrize("state", [{"status": "ACCOUNTONHOLD"}, {"registered": False}])
def test_an_account_that_cannot_sell_is_inactive_not_expired(seat: Seat, state: dict[str, object]) -> None:
    seller = seat.seller()
    line = seat.linked(seller)
    seat.state(seller, **state)
    with pytest.raises(AccountInactive):
        EBAY.identify(line)


def test_the_quota_of_all_sellers_is_one(seat: Seat) -> None:
    one, other = seat.linked(seat.seller()), seat.linked(seat.seller())
    seat.control("ebay/settings", quotas={"fulfillment": 3})
    for line in (one, other, one):
        seat.poll(line)
    for line in (one, other):
        with pytest.raises(RateLimited):
            seat.poll(line)
    seat.control("clock", advance_seconds=86_400)
    fresh = EBAY.refresh(seat.http, seat.keys, "ebay", one.credentials, seat.now())
    seat.poll(replace(one, credentials=fresh))


# --- orders -----------------------------------------------------------------------------------------------------------


def _sweep(seat: Seat, line: object, between: object = None) -> list[str]:
    """All pages; `between` happens after the first."""
    found, token, pages = [], "", 0
    while True:
        page = seat.poll(line, page_token=token)  # type: ignore[arg-type]
        found += [one.order_id for one in page.orders]
        token, pages = page.next_token, pages + 1
        if pages == 1 and callable(between):
            between()
        if not token:
            assert page.until is not None
            return found
        assert pages < 20


def test_orders_of_other_sites_are_left_to_who_imports_them(seat: Seat) -> None:
    seller = seat.seller()
    (german,), (british,) = seat.orders(seller), seat.orders(seller, site="EBAY_GB")
    assert [one.order_id for one in seat.poll(seat.linked(seller, "EBAY_DE")).orders] == [german]
    assert {one.order_id for one in seat.poll(seat.linked(seller, "EBAY_DE", "EBAY_GB")).orders} == {german, british}


def test_nothing_is_missed_while_orders_leave_and_join_the_list(seat: Seat) -> None:
    seller = seat.seller()
    ids = [*seat.orders(seller, count=230), *seat.orders(seller, count=200)]
    line = seat.linked(seller)

    def moves() -> None:
        # Sold and changed between two pages: some leave the period, one shows up late with its old time.
        seat.control("clock", advance_seconds=2)
        for order_id in ids[-7:]:
            seat.change(seller, order_id, paid="PAID")
        seat.orders(seller)

    assert set(_sweep(seat, line, moves)) >= set(ids)


def test_a_period_is_asked_for_by_creation_and_never_beyond_now_or_two_years(seat: Seat) -> None:
    seller = seat.seller()
    (old,) = seat.orders(seller, created_at=(seat.now() - timedelta(days=5)).isoformat())
    seat.orders(seller)
    line, now = seat.linked(seller), seat.now()
    query = OrderQuery(line.sites, created_since=now - timedelta(days=900), created_until=now - timedelta(days=1))
    assert [one.order_id for one in EBAY.search_orders(line, query).orders] == [old]
    ahead = OrderQuery(line.sites, created_since=now - timedelta(days=1), created_until=now + timedelta(days=1))
    assert len(EBAY.search_orders(line, ahead).orders) == 1
    later = OrderQuery(line.sites, created_since=now + timedelta(days=1), created_until=now + timedelta(days=2))
    assert EBAY.search_orders(line, later).orders == ()


def test_what_became_of_a_cancellation_is_looked_up_where_the_page_cannot_tell(seat: Seat) -> None:
    seller = seat.seller()
    plain, asked, rejected, done = seat.orders(seller, count=4)
    for order_id, how in ((asked, "asked"), (rejected, "rejected"), (done, "done")):
        seat.change(seller, order_id, cancel=how)
    found = {one.order_id: one for one in seat.poll(seat.linked(seller)).orders if isinstance(one, Order)}
    assert "cancel_requested" in found[asked].flags
    assert not [one for one in (plain, rejected) if "cancel_requested" in found[one].flags]
    assert {found[one].state for one in (plain, asked, rejected)} == {OrderState.READY}
    assert found[done].state is OrderState.CANCELLED
    alone = [one.path for one in seat.exchanges if one.path.startswith("/sell/fulfillment/v1/order/")]
    assert {path.rpartition("/")[2] for path in alone} == {asked, rejected}, "no others are asked for"


@pytest.mark.parametrize("told", [{}, {"orderId": "99-99999-99999"}])
def test_an_order_is_not_lost_where_the_look_at_its_cancellation_tells_of_none_or_of_another(
    told: dict[str, str],
) -> None:
    asked = {**ready("ebay")[0], "cancelStatus": {"cancelState": "IN_PROGRESS", "cancelRequests": []}}
    with played("ebay", *page("ebay", [asked]), {"body": told}) as play:
        (found,) = search(play).orders
    assert isinstance(found, Order)
    assert (found.order_id, found.state) == (asked["orderId"], OrderState.READY)
    assert "cancel_requested" in found.flags


def test_a_list_of_several_pages_is_read_to_its_end_while_our_clock_is_fast(seat: Seat) -> None:
    seller = seat.seller()
    ids = seat.orders(seller, count=230)
    line = replace(seat.linked(seller), now=lambda: seat.now() + timedelta(hours=1))
    assert set(_sweep(seat, line)) == set(ids)


def test_a_free_item_takes_no_part_of_a_discount_of_the_whole_order() -> None:
    sold = ready("ebay")[0]
    (item,) = sold["lineItems"]
    paid, off = (Money.parse(item["lineItemCost"]["value"], "EUR"), Money.parse("10.00", "EUR"))
    gift = {**item, "lineItemId": "2", "lineItemCost": {"value": "0.0", "currency": "EUR"}}
    total = Money.parse(sold["pricingSummary"]["total"]["value"], "EUR") - off
    pricing = {
        **sold["pricingSummary"],
        "priceDiscount": {"value": "-10.00", "currency": "EUR"},
        "total": {"value": str(total.decimal), "currency": "EUR"},
    }
    with played("ebay", *page("ebay", [{**sold, "lineItems": [item, gift], "pricingSummary": pricing}])) as play:
        (found,) = search(play).orders
    assert isinstance(found, Order)
    assert [(line.total, line.discount) for line in found.lines] == [(paid - off, off), (off - off, off - off)]
    assert found.total == total


def test_an_american_order_holds_ebays_tax_apart(seat: Seat) -> None:
    seller = seat.seller(site="EBAY_US")
    seat.orders(seller, price="100.00", tax="8.25", shipping="4.99")
    (order,) = seat.poll(seat.linked(seller, "EBAY_US")).orders
    assert isinstance(order, Order)
    assert (str(order.total), order.taxes_included) == ("113.24 USD", False)
    (tax,) = order.lines[0].taxes
    assert (str(tax.amount), tax.channel_liable) == ("8.25 USD", True)


# --- shipments --------------------------------------------------------------------------------------------------------


def _package(seat: Seat, order: Order, tracking: str = "TRACK 1-2") -> Shipment:
    lines = tuple(ShippedLine(one.line_id, one.quantity) for one in order.lines)
    return Shipment(order.order_id, order.site, 101, "DHL", tracking, seat.now(), order.created_at, lines)


def test_a_package_is_told_once_whoever_repeats_it(seat: Seat) -> None:
    seller = seat.seller()
    (order_id,) = seat.orders(seller, quantity=3, price="3.33")
    line = seat.linked(seller)
    order = EBAY.get_order(line, order_id, "EBAY_DE")
    for _ in range(2):
        EBAY.confirm_shipment(line, _package(seat, order))
    (parcel,) = EBAY.parcels(line, order_id, "EBAY_DE")
    assert (parcel.tracking, parcel.lines[0].quantity) == ("TRACK12", 3)
    assert EBAY.get_order(line, order_id, "EBAY_DE").state is OrderState.SHIPPED


def test_a_package_without_a_number_is_told_once_too(seat: Seat) -> None:
    seller = seat.seller()
    (order_id,) = seat.orders(seller)
    line = seat.linked(seller)
    order = EBAY.get_order(line, order_id, "EBAY_DE")
    for _ in range(2):
        EBAY.confirm_shipment(line, _package(seat, order, ""))
    assert len(EBAY.parcels(line, order_id, "EBAY_DE")) == 1


def test_a_suspended_seller_is_told_by_the_package(seat: Seat) -> None:
    seller = seat.seller()
    (order_id,) = seat.orders(seller)
    line = seat.linked(seller)
    order = EBAY.get_order(line, order_id, "EBAY_DE")
    seat.state(seller, suspended=True)
    with pytest.raises(AccountInactive):
        EBAY.confirm_shipment(line, _package(seat, order))
    with pytest.raises(Rejected) as caught:
        EBAY.confirm_shipment(line, _package(seat, order, "---"))
    assert caught.value.reason == "tracking_refused"


# --- listings ---------------------------------------------------------------------------------------------------------


def test_all_items_are_read_in_parts_and_a_site_without_policies_costs_one_call(seat: Seat) -> None:
    seller = seat.seller()
    for number in range(53):
        seat.listing(seller, f"SKU-{number:03d}")
    line = seat.linked(seller)
    found, ticket, parts = [], "", 0
    while ticket or not parts:
        part = EBAY.read_listings(line, "EBAY_DE", ticket)
        assert part is not None
        found += [row.sku for row in part.rows]
        ticket, parts = part.next, parts + 1
    assert (len(set(found)), parts) == (53, 2)
    before = len(seat.exchanges)
    empty = EBAY.read_listings(line, "EBAY_FR", "")
    assert empty is not None
    assert (tuple(empty.rows), empty.next) == ((), "")
    assert len(seat.exchanges) == before + 1


def test_a_list_of_items_does_not_end_at_a_page_that_hides_them() -> None:
    with played("ebay", {"body": {"inventoryItems": [], "total": 51}}) as play, pytest.raises(Transient):
        play.channel.read_listings(play.line(), "EBAY_DE", "1")


@pytest.mark.parametrize("one_sku", [False, True])
def test_many_changes_are_told_at_once_or_alone_where_that_is_refused(seat: Seat, one_sku: bool) -> None:
    seller = seat.seller()
    offers = {sku: seat.listing(seller, sku) for sku in ("A", "B", "C")}
    seat.control(f"ebay/sellers/{seller}/refusals", sku="B", message="Any reason.", code=25002)
    seat.control("ebay/settings", one_sku=one_sku)
    line = seat.linked(seller)
    price = Money.parse("24.90", "EUR")
    changes = [ListingChange(sku, sku, offer, price, 3) for sku, offer in offers.items()]
    told = EBAY.push_document(line, "EBAY_DE", changes)
    assert isinstance(told, tuple)
    assert {one.key: one.verdict for one in told} == {
        "A": PushVerdict.APPLIED,
        "B": PushVerdict.REFUSED,
        "C": PushVerdict.APPLIED,
    }
    statuses = [one.status for one in seat.exchanges if one.path.endswith("bulk_update_price_quantity")]
    assert statuses == ([400, 200, 207, 200] if one_sku else [207])
    there = EBAY.get_listing(line, "EBAY_DE", "A")
    assert (str(there.price), there.quantity) == ("24.90 EUR", 3)


def test_a_quota_that_was_granted_counts() -> None:
    assert EBAY.limits_of(AppKeys({})) == EBAY.limits
    (granted,) = [
        one for one in EBAY.limits_of(AppKeys({"FULFILLMENT_A_DAY": "2500000"})) if one.operation == EBAY.search_call
    ]
    assert float(granted.rate) * 86_400 + granted.burst == pytest.approx(2_500_000, abs=1)
    for odd in ("", "soon", "-5", "7"):
        assert EBAY.limits_of(AppKeys({"FULFILLMENT_A_DAY": odd})) == EBAY.limits


def test_there_is_no_typed_way() -> None:
    with played("ebay", b"") as play, pytest.raises(ValueError, match="logging in"):
        EBAY.typed({"refresh_token": "x"}, play.http.now())
