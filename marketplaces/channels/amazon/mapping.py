"""What an Amazon order means in our nouns: state, address, flags, and (with `amounts` and `lines`) its money. Pure.

Contract: orders_2026-01-01. Only the id, the times, the sales channel and the items are required there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketplaces.amounts import MOST_PIECES, pieces
from marketplaces.bills import Bill
from marketplaces.channel import AppKeys
from marketplaces.channels.amazon import amounts, lines
from marketplaces.channels.amazon.regions import MARKETS, central_base
from marketplaces.data import Address, Order, OrderLine, OrderState
from marketplaces.errors import Rejected
from marketplaces.moments import moment
from marketplaces.money import Money, exponent
from marketplaces.text import clean

_STATES = {
    "PENDING_AVAILABILITY": OrderState.PAYMENT,
    "PENDING": OrderState.PAYMENT,
    "UNSHIPPED": OrderState.READY,
    "PARTIALLY_SHIPPED": OrderState.READY,
    "SHIPPED": OrderState.SHIPPED,
    "CANCELLED": OrderState.CANCELLED,
}
_PROGRAMS = {
    "PRIME": "prime",
    "AMAZON_EASY_SHIP": "easy_ship",
    "IN_STORE_PICK_UP": "in_store_pick_up",
    "AMAZON_BUSINESS": "business",
    "PREMIUM": "premium",
    "PREORDER": "preorder",
    "DELIVERY_BY_AMAZON": "delivery_by_amazon",
}
WORDS = {
    "fulfilled_by_amazon": "Amazon ships it from its own warehouse, so there is nothing for the shop to do.",
    "non_amazon": "It was not sold on Amazon: another shop hands it to Amazon only for shipping.",
    "prime": "Prime",
    "easy_ship": "Collected by Amazon's carrier",
    "delivery_by_amazon": "Delivered by Amazon",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order came from: our keys and region, and the sites that were asked for."""

    keys: AppKeys
    realm: str
    sites: tuple[str, ...]

    def site_of(self, raw: Mapping[str, Any]) -> str:
        """The marketplace of the order; where it names none, the only one that was asked for, else ""."""
        channel = raw.get("salesChannel")
        told = channel.get("marketplaceId") if isinstance(channel, dict) else None
        if isinstance(told, str) and told:
            return clean(told, 64)
        return self.sites[0] if len(self.sites) == 1 else ""


def order(raw: Mapping[str, Any], place: Place) -> Order:
    """The order `raw`. Rejected when its amounts are wrong; KeyError, TypeError, ValueError when its shape is unknown.

    An order that will not be imported now (not paid, cancelled, not ours, unknown) is mapped without money if need be.
    """
    site = place.site_of(raw)
    order_id = clean(raw["orderId"], 64)
    if not order_id:
        raise KeyError("orderId")
    state, reason, remote = _state(raw)
    bill = _bill(raw, site, must=state in (OrderState.READY, OrderState.SHIPPED))
    buyer, fulfillment = raw.get("buyer") or {}, raw.get("fulfillment") or {}
    ship_to = _address((raw.get("recipient") or {}).get("deliveryAddress"))
    ship_by = (fulfillment.get("shipByWindow") or {}).get("latestDateTime")
    flags = [*_flags(raw, remote), *bill.flags, *(("no_address",) if ship_to is None else ())]
    return Order(
        order_id=order_id,
        site=site,
        state=state,
        created_at=moment(raw["createdTime"]),
        updated_at=moment(raw["lastUpdatedTime"]),
        currency=bill.currency,
        total=bill.total,
        lines=bill.lines,
        charges=bill.charges,
        rounding=bill.rounding,
        taxes_included=bill.taxes_included,
        ship_to=ship_to,
        buyer_name=clean(buyer.get("buyerName"), 120),
        buyer_email=clean(buyer.get("buyerEmail"), 254),
        ship_by=moment(ship_by) if ship_by else None,
        ignore_reason=reason,
        remote_state=remote,
        url=f"{central_base(place.keys, place.realm, site)}/orders-v3/order/{order_id}",
        flags=tuple(dict.fromkeys(flags)),
        attributes=_attributes(raw),
    )


def _state(raw: Mapping[str, Any]) -> tuple[OrderState, str, str]:
    """(our state, why ignored, Amazon's own words). What we do not know is UNKNOWN: held and told, never guessed."""
    fulfillment = raw.get("fulfillment") or {}
    status, by = clean(fulfillment.get("fulfillmentStatus"), 60), clean(fulfillment.get("fulfilledBy"), 60)
    channel = clean(raw["salesChannel"]["channelName"], 60)
    if channel == "NON_AMAZON":
        return OrderState.IGNORED, "non_amazon", status
    if by == "AMAZON":
        return OrderState.IGNORED, "fulfilled_by_amazon", status
    state = _STATES.get(status, OrderState.UNKNOWN)
    if channel != "AMAZON":
        return OrderState.UNKNOWN, "", f"{channel} {status}".strip()
    if by != "MERCHANT" and state in (OrderState.READY, OrderState.SHIPPED):
        return OrderState.UNKNOWN, "", f"{status} {by}".strip()
    return state, "", status


def _bill(raw: Mapping[str, Any], site: str, *, must: bool) -> Bill:
    try:
        return _settled(raw, site)
    except Rejected:
        if must:
            raise
        return _bare(raw, site)


def _settled(raw: Mapping[str, Any], site: str) -> Bill:
    currency = amounts.order_currency(raw)
    free = amounts.is_free(raw, currency)
    items = [one for item in raw["orderItems"] if (one := _item(item, currency, free=free)) is not None]
    if not items:
        raise Rejected("the order has no items", field="items", reason="no_items")
    settled = amounts.settle(raw, [one.parts for one in items], currency)
    flags = []
    if not any(one.parts.tax_told for one in items):
        flags.append("no_tax_told")
    market = MARKETS.get(site)
    taxed = sum(one.parts.tax for one in items)
    if market and market.net_prices and settled.taxes_included and taxed:
        # Prices here never hold the tax, and the total does not either: Amazon keeps it, it is no part of this sale.
        for one in items:
            one.parts.taxes.clear()
        flags.append("tax_outside_total")
    return Bill(
        currency=currency,
        total=Money(settled.total, currency),
        lines=tuple(line for one in items for line in lines.order_lines(one, settled, currency)),
        charges=lines.charges(items, settled, currency),
        rounding=Money(settled.rest, currency) if settled.rest else None,
        taxes_included=settled.taxes_included,
        flags=tuple(flags),
    )


def _item(raw: Mapping[str, Any], currency: str, *, free: bool) -> lines.Item | None:
    """One item; None for one that was cancelled down to nothing."""
    quantity = pieces(raw["quantityOrdered"], "quantityOrdered", least=0)
    parts = amounts.item_parts(raw, quantity, currency, free=free)
    if quantity == 0:
        if parts.net or parts.tax:
            raise Rejected("an item of no pieces has a price", field="quantity", reason="bad_quantity")
        return None
    collections = (raw.get("tax") or {}).get("taxCollections") or ()
    liable = any(one.get("model") == "MARKETPLACE_FACILITATOR" for one in collections)
    return lines.Item(raw, quantity, parts, liable)


def _bare(raw: Mapping[str, Any], site: str) -> Bill:
    """Lines without money, for an order that is not to be imported now. It is asked for again when it changes."""
    told = ((raw.get("proceeds") or {}).get("grandTotal") or {}).get("currencyCode")
    currency = MARKETS[site].currency if site in MARKETS else "EUR"
    try:
        exponent(str(told))
        currency = str(told)
    except ValueError:
        pass  # the marketplace's own currency is good enough for nothing
    zero = Money.zero(currency)
    found = []
    for item in raw["orderItems"]:
        product = item["product"]
        found.append(
            OrderLine(
                line_id=clean(item["orderItemId"], 64),
                sku=clean(product.get("sellerSku"), 255, keep_spaces=True),
                title=clean(product.get("title"), 255) or clean(product.get("asin"), 64),
                quantity=min(max(int(item["quantityOrdered"]), 0), MOST_PIECES),
                unit_price=zero,
                total=zero,
                discount=zero,
            )
        )
    return Bill(currency, zero, tuple(found), flags=("no_price_yet",))


def _address(raw: Any) -> Address | None:
    """Where to ship; None when nothing of use is told (before payment, without the role, for Amazon's own orders)."""
    if not isinstance(raw, dict):
        return None
    parts = {
        name: clean(raw.get(name), 120)
        for name in ("addressLine1", "addressLine2", "addressLine3", "districtOrCounty", "municipality", "city")
    }
    first, *others = [parts[name] for name in ("addressLine1", "addressLine2", "addressLine3") if parts[name]] or [""]
    city = parts["city"] or parts["municipality"]
    others += [parts["districtOrCounty"]] if parts["districtOrCounty"] not in ("", city) else []
    country = clean(raw.get("countryCode"), 8).upper()
    if not first and not city and not clean(raw.get("postalCode"), 20):
        return None
    return Address(
        name=clean(raw.get("name"), 120),
        company=clean(raw.get("companyName"), 120),
        line1=first,
        line2=clean(", ".join(others), 255),
        city=city,
        region=clean(raw.get("stateOrRegion"), 80),
        postcode=clean(raw.get("postalCode"), 20),
        country=country if len(country) == 2 else "",
        phone=clean(raw.get("phone"), 40),
    )


def _flags(raw: Mapping[str, Any], remote: str) -> list[str]:
    flags = [_PROGRAMS[name] for name in raw.get("programs") or () if name in _PROGRAMS]
    if remote == "PARTIALLY_SHIPPED":
        flags.append("partially_shipped")
    if any("REPLACEMENT" in str(one.get("associationType")) for one in raw.get("associatedOrders") or ()):
        flags.append("replacement")
    for item in raw["orderItems"]:
        packing = (item.get("fulfillment") or {}).get("packing") or {}
        if packing.get("giftOption"):
            flags.append("gift")
        cancellation = item.get("cancellation") or {}
        if cancellation.get("cancellationRequest"):
            flags.append("cancel_requested")
        if cancellation.get("cancellationExecution") and remote != "CANCELLED":
            flags.append("partly_cancelled")
    return flags


def _attributes(raw: Mapping[str, Any]) -> dict[str, str]:
    """What helps to serve the order and has no field of its own; absent keys for what is not told."""
    buyer, fulfillment = raw.get("buyer") or {}, raw.get("fulfillment") or {}
    preference = (raw.get("recipient") or {}).get("deliveryPreference") or {}
    found = {
        "service_level": clean(fulfillment.get("fulfillmentServiceLevel"), 60),
        "buyer_company": clean(buyer.get("buyerCompanyName"), 120),
        "purchase_order": clean(buyer.get("buyerPurchaseOrderNumber"), 80),
        "delivery_instructions": clean(preference.get("addressInstruction"), 400),
        "drop_off": clean(preference.get("dropOffLocation"), 80),
    }
    messages, iossed = [], ""
    for item in raw["orderItems"]:
        handling = item.get("fulfillment") or {}
        gift = (handling.get("packing") or {}).get("giftOption") or {}
        messages.append(clean(gift.get("giftMessage"), 400))
        iossed = iossed or clean(
            ((handling.get("shipping") or {}).get("internationalShipping") or {}).get("iossNumber"), 40
        )
    found["gift_message"] = clean(" / ".join(filter(None, messages)), 1000)
    found["ioss_number"] = iossed
    return {key: value for key, value in found.items() if value}
