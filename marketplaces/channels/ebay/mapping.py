"""What an eBay order means in our nouns: state, address, flags, and (with `amounts` and `lines`) its money. Pure.

Contract: sell/fulfillment v1, Order. Only completed checkouts are told; a position counts as shipped as soon as one piece of
it has, so that an order of one position is never shipped in part there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marketplaces.amounts import pieces
from marketplaces.bills import Bill
from marketplaces.channel import AppKeys
from marketplaces.channels.ebay import amounts, lines
from marketplaces.channels.ebay.sites import MARKETS, site_base, site_of
from marketplaces.data import Address, Order, OrderLine, OrderState
from marketplaces.errors import Rejected
from marketplaces.moments import moment
from marketplaces.money import Money, exponent
from marketplaces.text import clean

_SHIPPED = {"NOT_STARTED": OrderState.READY, "IN_PROGRESS": OrderState.READY, "FULFILLED": OrderState.SHIPPED}
_PAID = ("PAID", "PARTIALLY_REFUNDED")
_WAITING = ("PENDING", "FAILED")
_TO_SHIP = ("SHIP_TO", "SELLER_DEFINED", "PREPARE_FOR_PICKUP", "DIGITAL")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order came from: our keys, and the sites that were asked for."""

    keys: AppKeys
    sites: tuple[str, ...]

    def site_of(self, raw: Mapping[str, Any]) -> str:
        """The marketplace where the first position was listed; where none is told, the only one asked for, else ""."""
        items = raw.get("lineItems")
        first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
        told = first.get("listingMarketplaceId")
        if isinstance(told, str) and told:
            return clean(site_of(told), 64)
        return self.sites[0] if len(self.sites) == 1 else ""


def may_be_cancelled(raw: Any) -> bool:
    """Whether the row of a page asks to be looked at: a cancellation is under way, and nothing has shipped."""
    known = raw if isinstance(raw, dict) else {}
    told = known.get("cancelStatus")
    under_way = isinstance(told, dict) and told.get("cancelState") == "IN_PROGRESS"
    return under_way and known.get("orderFulfillmentStatus") != "FULFILLED" and isinstance(known.get("orderId"), str)


def order(raw: Mapping[str, Any], place: Place) -> Order:
    """The order `raw`. Rejected when its amounts are wrong; KeyError, TypeError, ValueError when its shape is unknown.

    An order that will not be imported now (not paid, cancelled, not ours, unknown) is mapped without money if need be.
    """
    order_id = clean(raw["orderId"], 64)
    if not order_id:
        raise KeyError("orderId")
    site, instruction = place.site_of(raw), _instruction(raw)
    state, reason, remote = _state(raw, instruction)
    bill = _bill(raw, site, must=state in (OrderState.READY, OrderState.SHIPPED))
    step, buyer = instruction.get("shippingStep") or {}, raw.get("buyer") or {}
    to, registered = step.get("shipTo") or {}, buyer.get("buyerRegistrationAddress") or {}
    ship_to = _address(to, clean(step.get("shipToReferenceId"), 60))
    flags = [*_flags(raw, instruction), *bill.flags, *(("no_address",) if ship_to is None else ())]
    return Order(
        order_id=order_id,
        site=site,
        state=state,
        created_at=moment(raw["creationDate"]),
        updated_at=moment(raw["lastModifiedDate"]),
        currency=bill.currency,
        total=bill.total,
        lines=bill.lines,
        charges=bill.charges,
        rounding=bill.rounding,
        taxes_included=bill.taxes_included,
        ship_to=ship_to,
        buyer_name=clean(registered.get("fullName") or to.get("fullName") or buyer.get("username"), 120),
        buyer_email=clean(to.get("email") or registered.get("email"), 254),
        buyer_id=clean(buyer.get("username"), 120),
        ship_by=_ship_by(raw),
        ignore_reason=reason,
        remote_state=remote,
        url=f"{site_base(place.keys, site)}/mesh/ord/details?orderid={order_id}",
        flags=tuple(dict.fromkeys(flags)),
        attributes=_attributes(raw, step),
    )


def _instruction(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the order is to be delivered: eBay gives one instruction for an order."""
    rows = raw.get("fulfillmentStartInstructions") or [{}]
    first = rows[0]
    return first if isinstance(first, dict) else {}


def _state(raw: Mapping[str, Any], instruction: Mapping[str, Any]) -> tuple[OrderState, str, str]:
    """(our state, why ignored, eBay's own word). What we do not know is UNKNOWN: held and told, never guessed."""
    paid = clean(raw["orderPaymentStatus"], 60)
    shipped = clean(raw["orderFulfillmentStatus"], 60)
    cancelled = clean(raw["cancelStatus"]["cancelState"], 60)
    kind = clean(instruction.get("fulfillmentInstructionsType"), 60)
    program = (raw.get("program") or {}).get("fulfillmentProgram") or {}
    if kind == "FULFILLED_BY_EBAY" or program.get("fulfilledBy") == "EBAY":
        return OrderState.IGNORED, "fulfilled_by_channel", shipped
    if cancelled == "CANCELED":
        return OrderState.CANCELLED, "", cancelled
    if cancelled not in ("NONE_REQUESTED", "IN_PROGRESS"):
        return OrderState.UNKNOWN, "", cancelled
    if paid in _WAITING:
        return OrderState.PAYMENT, "", paid
    state = _SHIPPED.get(shipped, OrderState.UNKNOWN)
    if state != OrderState.SHIPPED and (paid not in _PAID or (kind and kind not in _TO_SHIP)):
        # Refunded in full and never shipped, or delivered in a way that we do not know: a person decides.
        return OrderState.UNKNOWN, "", f"{paid if paid not in _PAID else kind} {shipped}"
    return state, "", shipped


def _bill(raw: Mapping[str, Any], site: str, *, must: bool) -> Bill:
    try:
        return _settled(raw)
    except Rejected:
        if must:
            raise
        return _bare(raw, site)


def _settled(raw: Mapping[str, Any]) -> Bill:
    currency = amounts.order_currency(raw)
    items = [lines.Item(item, pieces(item["quantity"]), amounts.parts_of(item, currency)) for item in raw["lineItems"]]
    if not items:
        raise Rejected("the order has no items", field="items", reason="no_items")
    told = any(one.parts.tax for one in items)
    settled = amounts.settle(raw, [one.parts for one in items], currency)
    return Bill(
        currency=currency,
        total=Money(settled.total, currency),
        lines=tuple(line for one in items for line in lines.order_lines(one, settled, currency)),
        charges=lines.charges(settled, currency),
        rounding=Money(settled.rest, currency) if settled.rest else None,
        taxes_included=settled.taxes_included,
        flags=("tax_outside_total",) if settled.outside else () if told else ("no_tax_told",),
    )


def _bare(raw: Mapping[str, Any], site: str) -> Bill:
    """Lines without money, for an order that is not to be imported now. It is asked for again when it changes."""
    told = ((raw.get("pricingSummary") or {}).get("total") or {}).get("currency")
    currency = MARKETS[site].currency if site in MARKETS else "EUR"
    try:
        exponent(str(told))
        currency = str(told)
    except (ValueError, TypeError):
        pass
    nothing = Money.zero(currency)
    rows = raw.get("lineItems") or ()
    bare = tuple(
        OrderLine(
            clean(item.get("lineItemId"), 64),
            lines.sku_of(item),
            clean(item.get("title"), 255),
            pieces(item["quantity"]),
            nothing,
            nothing,
            nothing,
        )
        for item in rows
    )
    return Bill(currency, nothing, bare, flags=("no_price_yet",))


def _address(raw: Mapping[str, Any], reference: str) -> Address | None:
    """Where the package goes: for orders that eBay sends abroad its hub, with the number that must stand on the label."""
    where = raw.get("contactAddress") or {}
    first, city = clean(where.get("addressLine1"), 255), clean(where.get("city"), 100)
    if not first and not city and not clean(where.get("postalCode"), 20):
        return None
    country = clean(where.get("countryCode"), 8)
    second = clean(where.get("addressLine2"), 200)
    if reference and reference not in f"{first} {second}":
        second = f"{second}, {reference}" if second else reference
    phone = raw.get("primaryPhone") or {}
    return Address(
        name=clean(raw.get("fullName"), 120),
        company=clean(raw.get("companyName"), 120),
        line1=first,
        line2=second,
        city=city,
        region=clean(where.get("stateOrProvince") or where.get("county"), 80),
        postcode=clean(where.get("postalCode"), 20),
        country=country if len(country) == 2 else "",
        phone=clean(phone.get("phoneNumber"), 40),
    )


def _flags(raw: Mapping[str, Any], instruction: Mapping[str, Any]) -> list[str]:
    program = raw.get("program") or {}
    wanted = {
        "partially_shipped": raw["orderFulfillmentStatus"] == "IN_PROGRESS",
        "partially_refunded": raw["orderPaymentStatus"] == "PARTIALLY_REFUNDED",
        "cancel_requested": _asks_to_cancel(raw["cancelStatus"]),
        "authenticity_check": bool(program.get("authenticityVerification")),
        "ships_to_hub": bool(instruction.get("ebaySupportedFulfillment")),
        "in_store_pick_up": instruction.get("fulfillmentInstructionsType") == "PREPARE_FOR_PICKUP",
        "digital": instruction.get("fulfillmentInstructionsType") == "DIGITAL",
        "gift": any(item.get("giftDetails") for item in raw["lineItems"]),
    }
    return [name for name, holds in wanted.items() if holds]


def _asks_to_cancel(told: Mapping[str, Any]) -> bool:
    """A request that was rejected is none any more; a page never tells the requests, only the state."""
    requests = told.get("cancelRequests") or ()
    rejected = requests and all(one.get("cancelRequestState") == "REJECTED" for one in requests)
    return told["cancelState"] == "IN_PROGRESS" and not rejected


def _ship_by(raw: Mapping[str, Any]) -> datetime | None:
    told = [(item.get("lineItemFulfillmentInstructions") or {}).get("shipByDate") for item in raw["lineItems"]]
    return min((moment(one) for one in told if one), default=None)


def _attributes(raw: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, str]:
    """What helps to serve the order and has no field of its own; absent keys for what is not told."""
    found = {
        "service_level": clean(step.get("shippingServiceCode"), 60),
        "buyer_note": clean(raw.get("buyerCheckoutNotes"), 400),
        "ship_to_reference": clean(step.get("shipToReferenceId"), 60),
        "sales_record": clean(raw.get("salesRecordReference"), 40),
    }
    messages = [clean((item.get("giftDetails") or {}).get("message"), 400) for item in raw["lineItems"]]
    found["gift_message"] = clean(" / ".join(filter(None, messages)), 1000)
    return {key: value for key, value in found.items() if value}
