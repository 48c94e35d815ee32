"""The changes of a channel's vectors. Knows no channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplaces.data import ListingChange, Money
from tests.channels.double import vectors


def change(key: str, told: Mapping[str, Any] | None = None) -> ListingChange:
    """A change of the vectors, the first one unless told."""
    told = told or vectors(key, "pushes")["changes"][0]["change"]
    amount, _, currency = str(told["price"] or "").partition(" ")
    price = Money.parse(amount, currency) if currency else None
    return ListingChange(told["key"], told["sku"], told["product_type"], price, told["quantity"])
