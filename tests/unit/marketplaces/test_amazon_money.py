"""Amazon's amounts: whatever the parts, the order comes to the total, to the minor unit of its currency."""

from __future__ import annotations

import os
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplaces.channel import AppKeys
from marketplaces.channels.amazon import mapping
from marketplaces.channels.amazon.regions import MARKETS
from marketplaces.data import Order
from marketplaces.errors import Rejected
from marketplaces.money import Money, derived_rate, exponent

PLACE = mapping.Place(AppKeys({}), "eu", ("A1PA6795UKMFR9",))
KINDS = ("SHIPPING", "GIFT_WRAP", "COD_FEE", "OTHER")


def money(minor: int, currency: str) -> dict[str, str]:
    return {"amount": str(Money(minor, currency).decimal), "currencyCode": currency}


def made_item(number: int, parts: dict[str, Any], currency: str, *, on_top: bool, facilitated: bool) -> dict[str, Any]:
    """An item whose own total follows from its parts."""
    total = parts["ITEM"] + sum(parts["charges"].values()) - parts["DISCOUNT"] + (parts["TAX"] if on_top else 0)
    rows = [{"type": "ITEM", "subtotal": money(parts["ITEM"], currency)}]
    rows += [{"type": kind, "subtotal": money(value, currency)} for kind, value in parts["charges"].items()]
    rows.append({"type": "DISCOUNT", "subtotal": money(-parts["DISCOUNT"], currency)})
    rows.append({"type": "TAX", "subtotal": money(parts["TAX"], currency)})
    item: dict[str, Any] = {
        "orderItemId": str(number),
        "quantityOrdered": parts["quantity"],
        "product": {"sellerSku": f"S{number}", "title": "x"},
        "proceeds": {"proceedsTotal": money(total, currency), "breakdowns": rows},
    }
    if facilitated:
        item["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
    return item | {"_total": total}


def made_order(items: list[dict[str, Any]], currency: str, *, tip: int = 0, off: int = 0) -> dict[str, Any]:
    total = sum(item.pop("_total") for item in items) + tip + off
    return {
        "orderId": "302-0000001-0000001",
        "createdTime": "2026-11-20T08:00:00Z",
        "lastUpdatedTime": "2026-11-20T08:00:00Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "proceeds": {
            "grandTotal": money(total, currency),
            "breakdowns": [{"type": "DELIVERY_TIP", "subtotal": money(tip, currency)}],
        },
        "orderItems": items,
    }


@st.composite
def orders(draw: st.DrawFn) -> tuple[dict[str, Any], bool]:
    currency = draw(st.sampled_from(["EUR", "USD", "JPY", "HUF", "KWD", "SEK"]))
    on_top = draw(st.booleans())
    items = []
    for number in range(draw(st.integers(1, 5))):
        price = draw(st.integers(0, 10_000_00))
        charges = {kind: draw(st.integers(0, 99_99)) for kind in draw(st.sets(st.sampled_from(KINDS)))}
        whole = price + sum(charges.values())
        parts = {
            "ITEM": price,
            "charges": charges,
            "DISCOUNT": draw(st.integers(0, whole)),
            "TAX": draw(st.integers(0, whole // 4)),
            "quantity": draw(st.integers(1, 13)),
        }
        items.append(made_item(number, parts, currency, on_top=on_top, facilitated=draw(st.booleans())))
    # With tax, a cent may decide which reading of it is true; the rounding then has tests of its own.
    taxed = any(Decimal(item["proceeds"]["breakdowns"][-1]["subtotal"]["amount"]) for item in items)
    off = 0 if taxed else draw(st.integers(-len(items), len(items)))
    tip = draw(st.sampled_from([0, 0, 150]))
    raw = made_order(items, currency, tip=tip, off=off)
    if Decimal(raw["proceeds"]["grandTotal"]["amount"]) < 0:
        raw["proceeds"]["grandTotal"]["amount"] = str(Money.zero(currency).decimal)
    return raw, on_top


def check(order: Order, raw: dict[str, Any]) -> None:
    currency = order.currency
    minor = order.rounding.minor if order.rounding else 0
    assert abs(minor) <= len(raw["orderItems"])
    taxes = 0
    for line in order.lines:
        assert line.quantity > 0
        tax = sum(one.amount.minor for one in line.taxes)
        part = line.unit_price.minor * line.quantity - line.discount.minor + (0 if order.taxes_included else tax)
        assert line.total.minor == part >= 0
        minor, taxes = minor + part, taxes + tax
    for charge in order.charges:
        tax = sum(one.amount.minor for one in charge.taxes)
        part = charge.price.minor - charge.discount.minor + (0 if order.taxes_included else tax)
        assert charge.total.minor == part >= 0
        minor, taxes = minor + part, taxes + tax
    assert minor == order.total.minor
    assert order.total == Money.parse(raw["proceeds"]["grandTotal"]["amount"], currency)
    told = sum(
        Money.parse(row["subtotal"]["amount"], currency).minor
        for item in raw["orderItems"]
        for row in item["proceeds"]["breakdowns"]
        if row["type"] == "TAX"
    )
    assert taxes == told
    assert {i["orderItemId"]: i["quantityOrdered"] for i in raw["orderItems"]} == pieces(order)


def pieces(order: Order) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in order.lines:
        key = line.line_id.partition(":")[0]
        found[key] = found.get(key, 0) + line.quantity
    return found


@settings(max_examples=int(os.environ.get("RANDOM_ORDERS", "500")), deadline=None)
@given(orders())
def test_random_orders_come_to_their_total(made: tuple[dict[str, Any], bool]) -> None:
    raw, on_top = made
    order = mapping.order(raw, PLACE)
    check(order, raw)
    taxed = any(line.taxes for line in (*order.lines, *order.charges))
    assert order.taxes_included == (not (on_top and taxed))


@settings(max_examples=100, deadline=None)
@given(orders(), st.integers(1, 10**9))
def test_a_wrong_total_is_never_guessed_away(made: tuple[dict[str, Any], bool], more: int) -> None:
    raw, _ = made
    currency = raw["proceeds"]["grandTotal"]["currencyCode"]
    total = Money.parse(raw["proceeds"]["grandTotal"]["amount"], currency)
    tax = sum(
        Money.parse(item["proceeds"]["breakdowns"][-1]["subtotal"]["amount"], currency).minor
        for item in raw["orderItems"]
    )
    wrong = total.minor + tax + 200 + 2 * len(raw["orderItems"]) + more
    raw["proceeds"]["grandTotal"]["amount"] = str(Money(wrong, currency).decimal)
    with pytest.raises(Rejected) as caught:
        mapping.order(raw, PLACE)
    assert caught.value.reason == "totals_do_not_add_up"
    assert str(Money(wrong, currency)) in caught.value.words


def test_cents_that_only_fit_the_other_reading_of_tax_do_not_slip_through() -> None:
    # 10.00 with 0.02 tax: 10.02 is exact on top, and must not become 10.00 with the tax inside and rounding.
    parts = {"ITEM": 1000, "charges": {}, "DISCOUNT": 0, "TAX": 2, "quantity": 1}
    raw = made_order([made_item(1, parts, "EUR", on_top=True, facilitated=False)], "EUR")
    order = mapping.order(raw, PLACE)
    assert (order.taxes_included, order.rounding) == (False, None)


@pytest.mark.parametrize(
    ("tax", "base", "found"),
    [
        (1900, 10000, "0.1900"),
        (318, 1672, "0.1902"),
        (0, 100, "0.0000"),
        (5, 0, "0"),
        (1, 3, "0.3333"),
        (123_456_789, 999_999_999, "0.123457"),
    ],
)
def test_a_rate_has_the_fewest_digits_that_give_the_tax_again(tax: int, base: int, found: str) -> None:
    assert str(derived_rate(tax, base)) == found


@settings(max_examples=200)
@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_rate_of_usual_amounts_gives_the_tax_again(tax: int, base: int) -> None:
    assert abs(derived_rate(tax, base) * base - tax) <= Decimal("0.5") or base > 10**5


def test_the_order_of_items_changes_nothing() -> None:
    source = random.Random(7)
    for _ in range(50):
        items = []
        for number in range(4):
            parts = {
                "ITEM": source.randrange(1, 50_000),
                "charges": {"SHIPPING": source.randrange(500)},
                "DISCOUNT": 0,
                "TAX": source.randrange(900),
                "quantity": source.randrange(1, 9),
            }
            items.append(made_item(number, parts, "EUR", on_top=True, facilitated=number == 2))
        raw = made_order([dict(item) for item in items], "EUR")
        turned = {**raw, "orderItems": raw["orderItems"][::-1]}
        one, other = mapping.order(raw, PLACE), mapping.order(turned, PLACE)
        assert (one.total, one.charges, pieces(one)) == (other.total, other.charges, pieces(other))


def test_every_currency_of_the_marketplaces_is_known() -> None:
    assert all(exponent(market.currency) in (0, 2) for market in MARKETS.values())


def one_line(minor: int, *, off: int = 0) -> dict[str, Any]:
    parts = {"ITEM": minor, "charges": {}, "DISCOUNT": 0, "TAX": 0, "quantity": 1}
    return made_order([made_item(1, parts, "EUR", on_top=False, facilitated=False)], "EUR", off=off)


def test_one_cent_off_is_a_rounding_line_of_its_own() -> None:
    """15.84 by the lines, 15.85 paid."""
    order = mapping.order(one_line(1584, off=1), PLACE)
    assert (str(order.total), str(order.lines[0].total), str(order.rounding)) == ("15.85 EUR", "15.84 EUR", "0.01 EUR")


@pytest.mark.parametrize("paid", [717_869, 718_080])
def test_one_euro_off_is_refused_with_both_numbers(paid: int) -> None:
    """7,179.70 by the lines; 7,178.69 or 7,180.80 paid."""
    with pytest.raises(Rejected) as refused:
        mapping.order(one_line(717_970, off=paid - 717_970), PLACE)
    assert refused.value.reason == "totals_do_not_add_up"
    assert str(Money(paid, "EUR").decimal) in refused.value.words
    assert "7179.70" in refused.value.words


def test_more_digits_than_the_currency_has_are_refused_not_cut() -> None:
    """34.116425 euro."""
    raw = one_line(3411)
    raw["orderItems"][0]["proceeds"]["breakdowns"][0]["subtotal"]["amount"] = "34.116425"
    with pytest.raises(Rejected) as refused:
        mapping.order(raw, PLACE)
    assert refused.value.reason == "bad_amount"
