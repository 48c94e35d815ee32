"""The merchant's rules of an account, and what they make of a variant: the price and the stock that belong there.

Pure but for `of`, which reads. Writes nothing and wishes nothing; `wish` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from shopapp.accounts.rules import row_of
from shopapp.records.models import Listing, Variant

# Why a price or a quantity is not ours to set: keys of the page's sentences.
OFF, NOT_LINKED, OTHER_CURRENCY, NO_PRICE = "off", "not_linked", "other_currency", "no_price"
BY_CHANNEL, NOT_TRACKED, NOT_READ = "by_channel", "not_tracked", "not_read"
MOST = 999_999_999  # no marketplace takes more, and no shop means it


@dataclass(frozen=True, slots=True)
class Rules:
    """What applies to an account; made of its row, or the defaults. `locations` are gids, empty for all."""

    price: bool = False
    stock: bool = False
    locations: frozenset[str] = frozenset()
    buffer: int = 0
    maximum: int | None = None
    dry_run: bool = False
    brake_percent: int = 20

    @property
    def on(self) -> bool:
        """Whether anything is pushed at all."""
        return self.price or self.stock


@dataclass(frozen=True, slots=True)
class Want:
    """What belongs there: minor units and pieces, None where it is not ours to set, with the reason as a key."""

    price_minor: int | None
    quantity: int | None
    no_price: str = ""
    no_quantity: str = ""


def of(s: Session, account_id: int) -> Rules:
    """The account's rules."""
    row = row_of(s, account_id)
    if row is None:
        return Rules()
    return Rules(
        price=row.push_price,
        stock=row.push_stock,
        locations=frozenset(map(str, row.locations or ())),
        buffer=row.buffer,
        maximum=row.maximum,
        dry_run=row.dry_run,
        brake_percent=row.brake_percent,
    )


def proposed(rules: Rules, params: dict[str, Any]) -> Rules:
    """The rules with the switches that a run of kind switch_on asks for."""
    return replace(
        rules, price=rules.price or bool(params.get("price")), stock=rules.stock or bool(params.get("stock"))
    )


def want(listing: Listing, variant: Variant | None, rules: Rules, currency: str) -> Want:
    """What the rules make of the variant for this listing. `currency` is the shop's."""
    if variant is None:
        return Want(None, None, NOT_LINKED, NOT_LINKED)
    price, no_price = _price(listing, variant, rules, currency)
    quantity, no_quantity = _quantity(listing, variant, rules)
    return Want(price, quantity, no_price, no_quantity)


def _price(listing: Listing, variant: Variant, rules: Rules, currency: str) -> tuple[int | None, str]:
    if not rules.price:
        return None, OFF
    if not currency or listing.currency != currency:
        return None, OTHER_CURRENCY
    if variant.price_minor is None or variant.price_minor <= 0 or variant.gone_at is not None:
        return None, NO_PRICE
    return variant.price_minor, ""


def _quantity(listing: Listing, variant: Variant, rules: Rules) -> tuple[int | None, str]:
    if not rules.stock:
        return None, OFF
    if listing.by_channel:
        return None, BY_CHANNEL
    if variant.gone_at is not None or not variant.active:
        return 0, ""  # what the shop no longer sells is offered nowhere
    if not variant.tracked:
        return None, NOT_TRACKED
    if not variant.levels:
        return None, NOT_READ
    return available(variant, rules), ""


def available(variant: Variant, rules: Rules) -> int:
    """How many pieces are offered: the stock of the rules' locations less the buffer, never below 0 nor over the maximum."""
    counted = [int(level) for gid, level in variant.levels.items() if not rules.locations or gid in rules.locations]
    most = MOST if rules.maximum is None else min(rules.maximum, MOST)
    return max(0, min(sum(counted) - rules.buffer, most))
