"""What Shopify is told must add up to what the marketplace said, to the minor unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplaces.data import Address, Money, Order, OrderLine, OrderState, ShippingLine, TaxLine
from marketplaces.errors import Rejected
from shopapp.orders import addresses, stored, to_shopify
from shopapp.orders.to_shopify import Making

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def eur(minor: int, currency: str = "EUR") -> Money:
    return Money(minor, currency)


def a_line(total: int, quantity: int = 1, *taxes: TaxLine, currency: str = "EUR", sku: str = "A-1") -> OrderLine:
    zero = eur(0, currency)
    return OrderLine("1", sku, "Lamp", quantity, eur(total // quantity, currency), eur(total, currency), zero, taxes)


def an_order(*lines: OrderLine, total: int | None = None, **more: Any) -> Order:
    currency = lines[0].total.currency if lines else "EUR"
    charges = more.get("charges", ())
    whole = sum(one.total.minor for one in (*lines, *charges)) if total is None else total
    told: dict[str, Any] = {
        "order_id": "302-1234567-7654321",
        "site": "A1PA6795UKMFR9",
        "state": OrderState.READY,
        "created_at": NOW - timedelta(hours=1),
        "updated_at": NOW,
        "currency": currency,
        "total": eur(whole, currency),
        "lines": lines,
    }
    return Order(**(told | more))


def making(order: Order, **more: Any) -> Making:
    told: dict[str, Any] = {
        "ref": "amazon:eu:A1:302-1234567-7654321",
        "channel": "amazon",
        "channel_name": "Amazon",
        "site_name": "Amazon.de",
        "variants": [f"gid://shopify/ProductVariant/{at}" for at, _ in enumerate(order.lines)],
        "shop_currency": "EUR",
        "rate": None,
        "backfill": False,
        "now": NOW,
    }
    return Making(**(told | more))


def made(order: Order, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = to_shopify.variables(order, making(order, **more))["order"]
    return told


def test_a_line_that_is_not_divisible_goes_in_as_two() -> None:
    told = made(an_order(a_line(1000, 3)))
    assert [(one["quantity"], one["priceSet"]["shopMoney"]["amount"]) for one in told["lineItems"]] == [
        (2, "3.33"),
        (1, "3.34"),
    ]
    assert told["transactions"][0]["amountSet"]["shopMoney"] == {"amount": "10.00", "currencyCode": "EUR"}


def test_tax_on_top_is_not_counted_twice() -> None:
    tax = TaxLine("Sales tax", eur(1000), Decimal("0.25"), channel_liable=True)
    told = made(an_order(a_line(4999, 1, tax), taxes_included=False))
    (line,) = told["lineItems"]
    assert line["priceSet"]["shopMoney"]["amount"] == "39.99"
    assert line["taxLines"][0]["channelLiable"] is True
    assert to_shopify.total_of(told) == eur(4999)


@pytest.mark.parametrize("rounding", [1, -1])
def test_the_rounding_of_the_marketplace_keeps_the_total(rounding: int) -> None:
    told = made(an_order(a_line(1000, 2), a_line(500), total=1500 + rounding, rounding=eur(rounding)))
    assert to_shopify.total_of(told).minor == 1500 + rounding
    assert ("Rounding" in [one.get("title") for one in told["lineItems"]]) == (rounding > 0)


def test_what_does_not_add_up_is_never_sent() -> None:
    with pytest.raises(Rejected) as refused:
        made(an_order(a_line(1000), total=1001))
    assert refused.value.reason == "totals_do_not_add_up"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (an_order(), "no_lines"),
        (an_order(a_line(100, currency="CUP")), "unknown_currency"),
        (an_order(a_line(-100)), "bad_amount"),
    ],
)
def test_what_shopify_cannot_hold_is_refused_with_its_reason(order: Order, reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        made(order)
    assert refused.value.reason == reason


def test_another_currency_keeps_its_own_amounts_beside_those_of_the_shop() -> None:
    order = an_order(a_line(19999, 3, currency="PLN"), a_line(1, currency="PLN"))
    told = made(order, shop_currency="SEK", rate=Decimal("2.61"))
    assert (told["currency"], told["presentmentCurrency"]) == ("SEK", "PLN")
    assert to_shopify.total_of(told) == order.total
    paid = told["transactions"][0]["amountSet"]
    assert Money.parse(paid["shopMoney"]["amount"], "SEK") == to_shopify.total_of(told, shop_side=True)
    assert paid["presentmentMoney"]["amount"] == "200.00"


def test_without_a_known_rate_the_order_goes_in_in_its_own_currency() -> None:
    told = made(an_order(a_line(500, currency="JPY")), shop_currency="EUR")
    assert told["currency"] == "JPY"
    assert told["lineItems"][0]["priceSet"] == {"shopMoney": {"amount": "500", "currencyCode": "JPY"}}


def test_a_backfill_leaves_the_stock_alone() -> None:
    order = an_order(a_line(100))
    assert to_shopify.variables(order, making(order, backfill=True))["options"]["inventoryBehaviour"] == "BYPASS"


def test_reference_tags_and_time_are_what_shopify_takes() -> None:
    order = an_order(a_line(100), created_at=NOW + timedelta(hours=1), url="https://sellercentral.example/orders/1")
    told = made(order)
    assert told["metafields"] == [
        {"namespace": "$app", "key": "marketplace_ref", "type": "id", "value": "amazon:eu:A1:302-1234567-7654321"}
    ]
    assert told["tags"] == ["mp-amazon", "mp-amazon-de"]
    assert told["processedAt"] < NOW.isoformat()
    assert told["sourceIdentifier"] == order.order_id
    assert told["sourceUrl"] == order.url


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Ada Lovelace", "Ada", "Lovelace"), ("Cher", "", "Cher"), ("Ana de la Cruz", "Ana de la", "Cruz"), ("", "", "")],
)
def test_names_are_split_at_the_last_word(name: str, first: str, last: str) -> None:
    assert addresses.split_name(name) == (first, last)


def test_an_address_holds_only_what_shopify_takes() -> None:
    told = addresses.to_shopify(Address("Ada L", "", "Street 1", "", "San Juan", "", "00901", "PR"), "")
    assert (told["countryCode"], told["provinceCode"]) == ("US", "PR")
    assert "address2" not in told
    assert "countryCode" not in addresses.to_shopify(Address("Ada L", country="QQ"), "")
    assert addresses.to_shopify(Address("A", region="Nordrhein-Westfalen", country="de"), "")["province"]
    assert addresses.to_shopify(None, "Ada") == {}


@pytest.mark.parametrize(
    ("address", "usable"),
    [("x1@marketplace.example", True), ("x@y", False), ("a b@c.de", False), ("a..b@c.de", False), ("", False)],
)
def test_an_email_that_shopify_would_refuse_is_left_out(address: str, usable: bool) -> None:
    assert addresses.usable_email(address) is usable


CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "HUF"])


@st.composite
def orders(draw: st.DrawFn) -> Order:
    currency = draw(CURRENCIES)
    included = draw(st.booleans())

    def taxes(most: int) -> tuple[TaxLine, ...]:
        amounts = draw(st.lists(st.integers(0, max(most // 3, 0)), max_size=2))
        return tuple(TaxLine("T", eur(one, currency), Decimal("0.19")) for one in amounts)

    lines = []
    for _ in range(draw(st.integers(1, 5))):
        total, quantity = draw(st.integers(0, 10**7)), draw(st.integers(1, 40))
        lines.append(replace(a_line(total, quantity, currency=currency), taxes=taxes(total)))
    charges = []
    for total in draw(st.lists(st.integers(0, 10**5), max_size=3)):
        zero = eur(0, currency)
        charges.append(ShippingLine("Shipping", eur(total, currency), eur(total, currency), zero, taxes=taxes(total)))
    dearest = max(one.total.minor - sum(tax.amount.minor for tax in one.taxes) for one in lines)
    rounding = draw(st.integers(-min(len(lines), dearest), len(lines)))
    whole = sum(one.total.minor for one in (*lines, *charges)) + rounding
    order = an_order(*lines, total=whole, charges=tuple(charges), taxes_included=included)
    return replace(order, rounding=eur(rounding, currency) if rounding else None)


@settings(max_examples=600, deadline=None)
@given(orders(), st.sampled_from([None, Decimal("11.37"), Decimal("0.0027")]))
def test_any_order_adds_up_to_the_minor_unit(order: Order, rate: Decimal | None) -> None:
    told = made(order, shop_currency="SEK" if rate else order.currency, rate=rate)
    assert to_shopify.total_of(told) == order.total
    for item in told["lineItems"]:
        assert item["quantity"] >= 1
        assert Decimal(item["priceSet"]["shopMoney"]["amount"]) >= 0
    told_taxes = sum(
        Money.parse((bag := tax["priceSet"]).get("presentmentMoney", bag["shopMoney"])["amount"], order.currency).minor
        for item in (*told["lineItems"], *told["shippingLines"])
        for tax in item["taxLines"]
    )
    assert told_taxes == sum(tax.amount.minor for one in (*order.lines, *order.charges) for tax in one.taxes)


@settings(max_examples=200, deadline=None)
@given(orders())
def test_an_order_is_kept_without_loss(order: Order) -> None:
    assert stored.unpack(stored.pack(order)) == order


def test_hostile_text_is_made_harmless_when_it_is_kept() -> None:
    order = an_order(a_line(100, sku="A\x00-1"), buyer_name="Ada\x00\ud800 \u202eL")
    kept = stored.pack(order)
    assert kept["buyer_name"] == "Ada L"
    assert "\x00" not in str(kept)
    assert stored.unpack(kept).lines[0].sku == "A -1"
