"""What a Tradera order means in our nouns: payment, address, money. Pure. Contract: `SellerOrder` of the REST API v4.

Tradera tells no state. An order without a payment waits for one: auctions are orders before anybody has paid. Amounts
are whole kronor; the item prices hold the tax, of which only the rate is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from marketplaces.amounts import pieces
from marketplaces.channels.tradera.market import CURRENCY, SITE
from marketplaces.channels.tradera.places import country
from marketplaces.data import Address, Order, OrderLine, OrderState, ShippingLine, TaxLine
from marketplaces.errors import Rejected
from marketplaces.moments import moment
from marketplaces.money import Money
from marketplaces.text import clean

MOST_KRONOR = 10**12
NOTHING = Money.zero(CURRENCY)
# Tradera's kinds of items, as the merchant may need to know them of a line without a SKU.
KINDS = {1: "auction", 3: "buy now", 4: "shop item", 5: "contact only"}
PAID, UNPAID = "Betald", "Obetald"  # as Tradera calls it on its own pages; its API has no word for it


def order(raw: Mapping[str, Any]) -> Order:
    """The order `raw`. Rejected when its amounts are wrong; KeyError, TypeError, ValueError when its shape is unknown.

    An order that is not paid is mapped without money if need be: it is asked for again when it changes.
    """
    order_id = _id(raw["orderId"])
    payments = _rows(raw.get("sellerOrderPayments"))
    state = OrderState.READY if payments else OrderState.PAYMENT
    lines, charges, total, flags = _bill(raw, must=bool(payments))
    buyer = raw.get("buyer") or {}
    ship_to = _address(raw.get("shipTo"), buyer)
    return Order(
        order_id=order_id,
        site=SITE.key,
        state=state,
        created_at=moment(raw["createdDate"]),
        updated_at=moment(raw["lastUpdatedDate"]),
        currency=CURRENCY,
        total=total,
        lines=lines,
        charges=charges,
        ship_to=ship_to,
        buyer_name=_name(buyer),
        buyer_email=clean(buyer.get("email"), 254),
        buyer_id=_id(buyer["userId"]) if buyer.get("userId") else "",
        remote_state=PAID if payments else UNPAID,
        flags=(*flags, *(("no_address",) if ship_to is None else ())),
        attributes=_attributes(raw, buyer, payments),
    )


def _bill(
    raw: Mapping[str, Any], *, must: bool
) -> tuple[tuple[OrderLine, ...], tuple[ShippingLine, ...], Money, tuple[str, ...]]:
    """(lines, charges, total, flags); bare lines where the amounts are wrong and need not be right yet."""
    items = _rows(raw["items"])
    try:
        return _settled(raw, items)
    except Rejected:
        if must:
            raise
    return tuple(_line(item, NOTHING) for item in items), (), NOTHING, ("no_price_yet",)


def _settled(
    raw: Mapping[str, Any], items: list[Mapping[str, Any]]
) -> tuple[tuple[OrderLine, ...], tuple[ShippingLine, ...], Money, tuple[str, ...]]:
    if not items:
        raise Rejected("the order has no items", field="items", reason="no_items")
    lines = tuple(_line(item, amount(item["unitPrice"], "unitPrice")) for item in items)
    parts = sum((line.total.minor for line in lines), 0)
    stated = amount(raw["subTotal"], "subTotal")
    if parts != stated.minor:
        ours = Money(parts, CURRENCY)
        words = f"The items make {ours}, but Tradera states {stated} for them"
        raise Rejected(words, field="subTotal", reason="totals_do_not_add_up")
    cost = amount(raw.get("shippingCost") or 0, "shippingCost")
    charges = (ShippingLine("Shipping", cost, cost, NOTHING, "SHIPPING"),) if cost.minor else ()
    flags = ("no_tax_told",) if all(item.get("vatRate") is None for item in items) else ()
    return lines, charges, stated + cost, flags


def amount(raw: Any, where: str) -> Money:
    """Kronor, which Tradera states as whole numbers. Rejected with the reason otherwise."""
    if isinstance(raw, Decimal) and raw == raw.to_integral_value() and abs(raw) < MOST_KRONOR:
        raw = int(raw)  # 120.0 is as whole as 120
    if isinstance(raw, bool) or not isinstance(raw, int) or abs(raw) >= MOST_KRONOR:
        raise Rejected(f"{where} is no amount: {clean(str(raw), 40)}", field=where, reason="bad_amount")
    if raw < 0:
        raise Rejected(f"{where} is below zero", field=where, reason="negative_amount")
    return Money.parse(raw, CURRENCY)


def _line(item: Mapping[str, Any], price: Money) -> OrderLine:
    quantity = pieces(item["quantity"])
    total = price.times(quantity)
    return OrderLine(
        line_id=_id(item["itemId"]),
        sku=sku_of(item),
        title=clean(item.get("title"), 255),
        quantity=quantity,
        unit_price=price,
        total=total,
        discount=NOTHING,
        taxes=_taxes(item.get("vatRate"), total),
    )


def sku_of(item: Mapping[str, Any]) -> str:
    """The seller's own reference of an item, "" where he gave none (often at auctions)."""
    own = item.get("ownReferences") or ()
    first = own[0] if isinstance(own, list) and own else None
    return clean(first or item.get("merchantPartNumber"), 255, keep_spaces=True)


def _taxes(raw: Any, total: Money) -> tuple[TaxLine, ...]:
    """The tax inside a line, reckoned from the rate that Tradera states (25: a fifth of what is paid)."""
    if raw is None or raw == 0 or not total.minor:
        return ()
    if isinstance(raw, bool) or not isinstance(raw, (int, Decimal)) or not 0 < raw < 100:
        raise Rejected(f"a tax rate of {clean(str(raw), 40)} cannot be right", field="vatRate", reason="bad_amount")
    rate = Decimal(raw) / 100
    inside = (Decimal(total.minor) * rate / (1 + rate)).to_integral_value(rounding=ROUND_HALF_UP)
    return (TaxLine("Tax", Money(int(inside), CURRENCY), rate, True),)


def _address(raw: Any, buyer: Mapping[str, Any]) -> Address | None:
    """Where to ship; None when nothing of use is told."""
    if not isinstance(raw, dict):
        return None
    line1, city = clean(raw.get("addressLine1"), 120), clean(raw.get("city"), 80)
    postcode = clean(raw.get("zipCode"), 20)
    if not line1 and not city and not postcode:
        return None
    return Address(
        name=clean(raw.get("name"), 120) or _name(buyer),
        line1=line1,
        line2=clean(raw.get("addressLine2"), 120),
        city=city,
        postcode=postcode,
        country=country(clean(raw.get("countryName"), 80)),
        phone=clean(buyer.get("phone"), 40),
    )


def _name(buyer: Mapping[str, Any]) -> str:
    names = [clean(buyer.get(part), 60) for part in ("firstName", "lastName")]
    return " ".join(filter(None, names)) or clean(buyer.get("alias"), 120)


def _attributes(raw: Mapping[str, Any], buyer: Mapping[str, Any], payments: list[Mapping[str, Any]]) -> dict[str, str]:
    """What helps to serve the order and has no field of its own; absent keys for what is not told."""
    kinds = {text for item in _rows(raw["items"]) for kind, text in KINDS.items() if item.get("type") == kind}
    ship_to = raw.get("shipTo")
    named = clean(ship_to.get("countryName"), 80) if isinstance(ship_to, dict) else ""
    found = {
        "buyer_alias": clean(buyer.get("alias"), 80),
        "item_kinds": ", ".join(sorted(kinds)),
        "payment": ", ".join(dict.fromkeys(filter(None, (clean(one.get("paymentType"), 40) for one in payments)))),
        "purchase_order": clean(raw.get("purchaseOrderId"), 80),
        "service_level": clean(raw.get("shippingType"), 60),
        "country": named if named and not country(named) else "",
    }
    return {key: value for key, value in found.items() if value}


def _rows(raw: Any) -> list[Mapping[str, Any]]:
    """A list of objects; none for null. TypeError for anything else."""
    if raw is None:
        return []
    if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
        raise TypeError("a list of objects expected")
    return raw


def _id(raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 < raw < 10**18:
        raise TypeError("an id expected")
    return str(raw)
