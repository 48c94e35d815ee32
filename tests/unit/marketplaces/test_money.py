"""Money in minor units: exact in, exact out, and nothing that is no amount."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.money import Money, exponent

CURRENCIES = st.sampled_from(["EUR", "JPY", "ISK", "KWD", "HUF", "CLF"])


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("19.90", "EUR", 1990),
        ("5980", "JPY", 5980),
        ("5980.00", "JPY", 5980),
        ("1.234", "KWD", 1234),
        ("7990", "HUF", 799000),
        ("-3.5", "SEK", -350),
        ("0.00000000", "EUR", 0),
        ("999999999999999.99", "EUR", 99999999999999999),
        ("99999999999999.9999", "CLF", 999999999999999999),
        (12, "EUR", 1200),
        (Decimal("0.01"), "EUR", 1),
    ],
)
def test_decimal_text_becomes_minor_units(text: str | int | Decimal, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1,234.56", "EUR"),
        ("1 234,56", "EUR"),
        ("34.116425", "EUR"),
        ("0.5", "JPY"),
        ("", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("1e400", "EUR"),
        ("1e9999999", "EUR"),
        ("-1e9999999", "EUR"),
        ("0e9999999", "EUR"),
        ("1e-9999999", "EUR"),
        ("1000000000000000", "EUR"),
        ("999999999999999", "CLF"),
        (True, "EUR"),
        (19.9, "EUR"),
        (None, "EUR"),
        ("1", "XQQ"),
        ("1", "eur"),
    ],
)
def test_what_is_no_amount_is_refused(text: object, currency: str) -> None:
    with pytest.raises(ValueError, match=r"amount|currency|digits"):
        Money.parse(text, currency)  # type: ignore[arg-type]


@given(st.integers(-(10**12), 10**12), CURRENCIES)
def test_minor_units_survive_the_way_to_text_and_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(str(money.decimal), currency) == money
    assert -money.decimal.as_tuple().exponent == exponent(currency)  # type: ignore[operator]


def test_mixed_currencies_do_not_add() -> None:
    with pytest.raises(ValueError, match="mixed"):
        Money(1, "EUR") + Money(1, "SEK")


def test_a_conversion_rounds_half_up_to_the_other_currency() -> None:
    assert Money(1001, "EUR").converted(Decimal("161.5"), "JPY") == Money(1617, "JPY")
    assert Money(1, "EUR").converted(Decimal("0.5"), "USD") == Money(1, "USD")
