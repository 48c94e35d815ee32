"""What channels share of an order's money: nothing is lost in uneven prices, amounts are exact or refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from marketplaces.amounts import known_currency, minor, pieces
from marketplaces.bills import by_weight, line_id, shared, split, units
from marketplaces.data import ShippedLine
from marketplaces.errors import Rejected


@pytest.mark.parametrize("price", range(60))
@pytest.mark.parametrize("quantity", range(1, 9))
def test_an_uneven_price_is_split_in_two_and_nothing_is_lost(price: int, quantity: int) -> None:
    parts = split(price, quantity)
    assert sum(count for count, _ in parts) == quantity
    assert sum(count * unit for count, unit in parts) == price
    assert len(parts) == (2 if price % quantity else 1)
    for amount in (0, 1, 7, price):
        assert sum(shared(amount, parts)) == amount


def test_three_for_ten_are_one_dearer_and_two_cheaper() -> None:
    assert split(1000, 3) == [(1, 334), (2, 333)]


def test_an_amount_is_shared_by_weight_and_by_the_first_where_nothing_weighs() -> None:
    assert by_weight(10, [1, 1, 1]) == [3, 3, 4]
    assert by_weight(10, [0, 5]) == [0, 10]
    assert by_weight(7, [0, 0]) == [7, 0]


def test_what_was_split_is_one_item_again_for_the_marketplace() -> None:
    lines = (ShippedLine("A", 1), ShippedLine(line_id("A", 1), 2), ShippedLine(line_id("B", 0), 4))
    assert units(lines) == {"A": 3, "B": 4}


@pytest.mark.parametrize("told", [True, 1.5, "", "1,5", "abc", None, [], "1.999", "9" * 30, "NaN", "١"])
def test_what_is_no_amount_is_refused_with_its_field(told: Any) -> None:
    with pytest.raises(Rejected) as caught:
        minor(told, "price", "EUR")
    assert (caught.value.reason, caught.value.field) == ("bad_amount", "price")


def test_amounts_are_exact_and_of_the_orders_currency() -> None:
    assert [minor("19.90", "p", "EUR"), minor(19, "p", "EUR"), minor("1e1", "p", "JPY")] == [1990, 1900, 10]
    assert minor("5", "p", "EUR", "EUR") == 500
    with pytest.raises(Rejected) as caught:
        minor("5", "p", "EUR", "USD")
    assert caught.value.reason == "mixed_currency"


@pytest.mark.parametrize("code", ["eur", "", None, "XXX", 7, []])
def test_a_currency_that_nobody_knows_is_refused(code: Any) -> None:
    with pytest.raises(Rejected) as caught:
        known_currency(code)
    assert caught.value.reason == "unknown_currency"


def test_quantities_are_whole_numbers_that_somebody_may_have_bought() -> None:
    assert [pieces(1), pieces(0, least=0)] == [1, 0]
    for strange in ("1", True, None, 1.0):
        with pytest.raises(TypeError):
            pieces(strange)
    for wrong in (0, -1, 1_000_001, 10**30):
        with pytest.raises(Rejected):
            pieces(wrong)
