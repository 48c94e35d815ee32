"""An order as it is kept: `marketplaces.data.Order` to JSON and back, without loss. Knows neither table nor remote.

Every text is made harmless on the way in, because a NUL that SQLite takes would be refused by PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketplaces.data import Address, Money, Order, OrderLine, OrderState, ShippingLine, TaxLine
from marketplaces.text import clean

LONG = 2000  # characters kept of any one text


def pack(order: Order) -> dict[str, Any]:
    """The order as JSON: money as [minor units, currency], times as ISO 8601, rates as decimal text."""
    return {
        "order_id": _text(order.order_id),
        "site": _text(order.site),
        "state": order.state.value,
        "created_at": order.created_at.isoformat(),
        "updated_at": order.updated_at.isoformat(),
        "currency": _text(order.currency),
        "total": _money(order.total),
        "lines": [_line(line) for line in order.lines],
        "charges": [_charge(charge) for charge in order.charges],
        "rounding": None if order.rounding is None else _money(order.rounding),
        "taxes_included": order.taxes_included,
        "ship_to": None if order.ship_to is None else _address(order.ship_to),
        "buyer_name": _text(order.buyer_name),
        "buyer_email": _text(order.buyer_email),
        **({"buyer_id": _text(order.buyer_id)} if order.buyer_id else {}),
        "ship_by": None if order.ship_by is None else order.ship_by.isoformat(),
        "ignore_reason": _text(order.ignore_reason),
        "remote_state": _text(order.remote_state),
        "url": _text(order.url),
        "flags": [_text(flag) for flag in order.flags],
        "attributes": {_text(key): _text(value) for key, value in order.attributes.items()},
    }


def unpack(kept: Mapping[str, Any]) -> Order:
    """The order that `pack` made this of. KeyError or ValueError when it is no such JSON (for example purged)."""
    return Order(
        order_id=kept["order_id"],
        site=kept["site"],
        state=OrderState(kept["state"]),
        created_at=datetime.fromisoformat(kept["created_at"]),
        updated_at=datetime.fromisoformat(kept["updated_at"]),
        currency=kept["currency"],
        total=Money(*kept["total"]),
        lines=tuple(_unpack_line(line) for line in kept["lines"]),
        charges=tuple(_unpack_charge(charge) for charge in kept["charges"]),
        rounding=None if kept["rounding"] is None else Money(*kept["rounding"]),
        taxes_included=kept["taxes_included"],
        ship_to=None if kept["ship_to"] is None else Address(**kept["ship_to"]),
        buyer_name=kept["buyer_name"],
        buyer_email=kept["buyer_email"],
        buyer_id=kept.get("buyer_id", ""),
        ship_by=None if kept["ship_by"] is None else datetime.fromisoformat(kept["ship_by"]),
        ignore_reason=kept["ignore_reason"],
        remote_state=kept["remote_state"],
        url=kept["url"],
        flags=tuple(kept["flags"]),
        attributes=dict(kept["attributes"]),
    )


def without_buyer(words: str, kept: Mapping[str, Any]) -> str:
    """A remote's words without what they quote of this order's buyer: names, address, telephone, e-mail, notes."""
    if not words or not kept:
        return words
    told = {str(value).strip() for value in _of_buyer(kept)}
    for one in sorted((one for one in told if len(one) >= LEAST_QUOTED), key=len, reverse=True):
        words = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", QUOTED, words, flags=re.IGNORECASE)
    digits = re.sub(r"\D", "", str((kept.get("ship_to") or {}).get("phone", "")))[-7:]
    return _NUMBER.sub(lambda found: _unless_it_ends_with(digits, found[0]), words) if len(digits) == 7 else words


LEAST_QUOTED = 3  # characters; shorter ones are found in everything
QUOTED = "[…]"
_NUMBER = re.compile(r"\+?\d[\d ()./-]{5,}\d")


def _unless_it_ends_with(digits: str, number: str) -> str:
    return QUOTED if re.sub(r"\D", "", number).endswith(digits) else number


def _of_buyer(kept: Mapping[str, Any]) -> Iterator[Any]:
    yield from (kept.get("buyer_name", ""), kept.get("buyer_email", ""), kept.get("buyer_id", ""))
    for name, value in (kept.get("ship_to") or {}).items():
        if name != "country":
            yield value
            yield from (part for part in str(value).split() if name in ("name", "line1", "line2") and len(part) > 3)
    yield from (kept.get("attributes") or {}).values()


def _text(value: str) -> str:
    return clean(value, LONG)


def _sku(value: str) -> str:
    return clean(value, 255, keep_spaces=True)


def _money(money: Money) -> list[Any]:
    return [money.minor, money.currency]


def _tax(tax: TaxLine) -> dict[str, Any]:
    return {
        "title": _text(tax.title),
        "amount": _money(tax.amount),
        "rate": format(tax.rate, "f"),
        "derived": tax.derived,
        "channel_liable": tax.channel_liable,
    }


def _unpack_tax(kept: Mapping[str, Any]) -> TaxLine:
    return TaxLine(
        title=kept["title"],
        amount=Money(*kept["amount"]),
        rate=Decimal(kept["rate"]),
        derived=kept["derived"],
        channel_liable=kept["channel_liable"],
    )


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "line_id": _text(line.line_id),
        "sku": _sku(line.sku),
        "title": _text(line.title),
        "quantity": line.quantity,
        "unit_price": _money(line.unit_price),
        "total": _money(line.total),
        "discount": _money(line.discount),
        "taxes": [_tax(tax) for tax in line.taxes],
        "cancel_requested": line.cancel_requested,
    }


def _unpack_line(kept: Mapping[str, Any]) -> OrderLine:
    return OrderLine(
        line_id=kept["line_id"],
        sku=kept["sku"],
        title=kept["title"],
        quantity=kept["quantity"],
        unit_price=Money(*kept["unit_price"]),
        total=Money(*kept["total"]),
        discount=Money(*kept["discount"]),
        taxes=tuple(_unpack_tax(tax) for tax in kept["taxes"]),
        cancel_requested=kept["cancel_requested"],
    )


def _charge(charge: ShippingLine) -> dict[str, Any]:
    return {
        "title": _text(charge.title),
        "price": _money(charge.price),
        "total": _money(charge.total),
        "discount": _money(charge.discount),
        "code": _text(charge.code),
        "taxes": [_tax(tax) for tax in charge.taxes],
    }


def _unpack_charge(kept: Mapping[str, Any]) -> ShippingLine:
    return ShippingLine(
        title=kept["title"],
        price=Money(*kept["price"]),
        total=Money(*kept["total"]),
        discount=Money(*kept["discount"]),
        code=kept["code"],
        taxes=tuple(_unpack_tax(tax) for tax in kept["taxes"]),
    )


def _address(address: Address) -> dict[str, str]:
    return {
        "name": _text(address.name),
        "company": _text(address.company),
        "line1": _text(address.line1),
        "line2": _text(address.line2),
        "city": _text(address.city),
        "region": _text(address.region),
        "postcode": _text(address.postcode),
        "country": _text(address.country),
        "phone": _text(address.phone),
    }
