"""Amounts and quantities on the wire, read in one way for all channels: exact, or refused with the reason. Pure."""

from __future__ import annotations

import re
from typing import Any

from marketplaces.errors import Rejected
from marketplaces.money import Money, exponent
from marketplaces.text import clean

MOST_PIECES = 1_000_000
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?", re.ASCII)


def minor(told: Any, where: str, currency: str, stated: str = "") -> int:
    """Minor units of `currency` from text or an exact number; `stated` is the currency that the wire names, if any.

    Rejected "mixed_currency" or "bad_amount", naming the field `where`.
    """
    if stated != currency and stated:
        words = f"{where} is in {clean(stated, 8)}, the order in {currency}"
        raise Rejected(words, field=where, reason="mixed_currency")
    if isinstance(told, (bool, float)) or not _NUMBER.fullmatch(str(told).strip()):
        raise Rejected(f"{where} is no amount: {clean(str(told), 40)}", field=where, reason="bad_amount")
    try:
        return Money.parse(str(told), currency).minor
    except ValueError as error:
        raise Rejected(f"{where}: {error}", field=where, reason="bad_amount") from error


def known_currency(code: Any) -> str:
    """The ISO 4217 code of an order. Rejected "unknown_currency"."""
    try:
        exponent(code)
    except (ValueError, TypeError) as error:
        words = f"currency {clean(str(code), 8)} is not known"
        raise Rejected(words, field="currency", reason="unknown_currency") from error
    return str(code)


def pieces(told: Any, where: str = "quantity", least: int = 1) -> int:
    """A quantity. Rejected "bad_quantity" below `least` and beyond what anybody sells; TypeError when it is no number."""
    if isinstance(told, bool) or not isinstance(told, int):
        raise TypeError(where)
    if not least <= told <= MOST_PIECES:
        words = f"a quantity of {clean(str(told), 40)} cannot be right"
        raise Rejected(words, field="quantity", reason="bad_quantity")
    return told
