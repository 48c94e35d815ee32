"""What an order means in our nouns: state, address, flags, and (with `amounts`) its money. Pure.

Contract: OR11. The address is complete only from SHIPPING on, so nothing before that is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from marketplaces.amounts import MOST_PIECES
from marketplaces.bills import Bill
from marketplaces.channel import AppKeys
from marketplaces.channels.mirakl import amounts
from marketplaces.channels.mirakl.account import SITE
from marketplaces.channels.mirakl.calls import base
from marketplaces.channels.mirakl.places import country
from marketplaces.data import Address, Order, OrderLine, OrderState
from marketplaces.errors import Rejected
from marketplaces.moments import moment
from marketplaces.money import Money, exponent
from marketplaces.strange import STRANGE
from marketplaces.text import clean

OWN_CENTER = "DEFAULT"
STATES = {
    "STAGING": OrderState.PAYMENT,
    "WAITING_ACCEPTANCE": OrderState.ACCEPTANCE,
    "WAITING_DEBIT": OrderState.PAYMENT,
    "WAITING_DEBIT_PAYMENT": OrderState.PAYMENT,
    "SHIPPING": OrderState.READY,
    "SHIPPED": OrderState.SHIPPED,
    "TO_COLLECT": OrderState.SHIPPED,
    "RECEIVED": OrderState.SHIPPED,
    "CLOSED": OrderState.SHIPPED,
    "REFUSED": OrderState.CANCELLED,
    "CANCELED": OrderState.CANCELLED,
}


def order(raw: Mapping[str, Any], keys: AppKeys, realm: str) -> Order:
    """The order `raw`. Rejected when its amounts are wrong; one of STRANGE when its shape is unknown.

    One that will not be imported now is mapped without money if need be: it is read again when it changes.
    """
    order_id = clean(raw["order_id"], 255)
    if not order_id:
        raise KeyError("order_id")
    state, reason, remote = _state(raw)
    bill = _bill(raw, must=state in (OrderState.READY, OrderState.SHIPPED))
    customer = raw.get("customer") or {}
    ship_to, ship_by = _address(customer.get("shipping_address")), raw.get("shipping_deadline")
    flags = [*bill.flags, *(("no_address",) if ship_to is None else ())]
    return Order(
        order_id=order_id,
        site=SITE,
        state=state,
        created_at=moment(raw["created_date"]),
        updated_at=moment(raw["last_updated_date"]),
        currency=bill.currency,
        total=bill.total,
        lines=bill.lines,
        charges=bill.charges,
        rounding=bill.rounding,
        taxes_included=bill.taxes_included,
        ship_to=ship_to,
        buyer_name=_name(customer),
        buyer_email=clean(raw.get("customer_notification_email"), 254),
        ship_by=moment(ship_by) if ship_by else None,
        ignore_reason=reason,
        remote_state=remote,
        url=f"{base(keys, realm)}/mmp/shop/order/{quote(order_id, safe='')}",
        flags=tuple(dict.fromkeys(flags)),
        attributes=_attributes(raw),
    )


def _state(raw: Mapping[str, Any]) -> tuple[OrderState, str, str]:
    """(our state, why ignored, the instance's own word). New words are UNKNOWN: held and told, never guessed."""
    remote = clean(raw["order_state"], 60)
    if not remote:
        raise KeyError("order_state")
    state = STATES.get(remote, OrderState.UNKNOWN)
    center = clean(((raw.get("fulfillment") or {}).get("center") or {}).get("code"), 60)
    elsewhere = center and center != OWN_CENTER and raw.get("can_shop_ship") is False
    if elsewhere and state in (OrderState.READY, OrderState.SHIPPED):
        return OrderState.IGNORED, "fulfilled_by_channel", remote
    if state == OrderState.READY and raw.get("fully_refunded") is True:
        return OrderState.UNKNOWN, "", f"{remote}, fully refunded"  # a person decides whether it is shipped
    return state, "", remote


def _bill(raw: Mapping[str, Any], *, must: bool) -> Bill:
    try:
        return amounts.settle(raw)
    except (Rejected, *STRANGE):
        if must:
            raise
        return _bare(raw)


def _bare(raw: Mapping[str, Any]) -> Bill:
    """Positions without money, for an order that is not to be imported now."""
    currency = str(raw.get("currency_iso_code"))
    try:
        exponent(currency)
    except ValueError:
        currency = "EUR"  # good enough for nothing
    zero, found = Money.zero(currency), []
    for row in raw["order_lines"]:
        quantity = row["quantity"]
        if isinstance(quantity, bool) or not isinstance(quantity, int):
            raise TypeError("quantity")
        found.append(
            OrderLine(
                line_id=clean(row["order_line_id"], 255),
                sku=clean(row.get("offer_sku"), 255, keep_spaces=True),
                title=clean(row.get("product_title"), 255),
                quantity=min(max(quantity, 0), MOST_PIECES),
                unit_price=zero,
                total=zero,
                discount=zero,
            )
        )
    return Bill(currency, zero, tuple(found), flags=("no_price_yet",))


def _name(person: Mapping[str, Any]) -> str:
    return clean(f"{clean(person.get('firstname'), 80)} {clean(person.get('lastname'), 80)}", 120)


def _address(raw: Any) -> Address | None:
    """Where to ship; None when nothing of use is told."""
    if not isinstance(raw, dict):
        return None
    companies = [clean(raw.get(name), 100) for name in ("company", "company_2")]
    more = [clean(raw.get(name), 120) for name in ("street_2", "additional_info")]
    found = Address(
        name=_name(raw),
        company=clean(", ".join(filter(None, companies)), 120),
        line1=clean(raw.get("street_1"), 120),
        line2=clean(", ".join(filter(None, more)), 255),
        city=clean(raw.get("city"), 120),
        region=clean(raw.get("state"), 80),
        postcode=clean(raw.get("zip_code"), 20),
        country=_country(raw),
        phone=clean(raw.get("phone"), 40) or clean(raw.get("phone_secondary"), 40),
    )
    return found if found.line1 or found.city or found.postcode else None


def _country(raw: Mapping[str, Any]) -> str:
    return country(clean(raw.get("country_iso_code"), 8), clean(raw.get("country"), 80))


def _attributes(raw: Mapping[str, Any]) -> dict[str, str]:
    """What helps to serve the order and has no field of its own; absent keys for what is not told."""
    references, ship_to = raw.get("references") or {}, (raw.get("customer") or {}).get("shipping_address")
    known = ship_to if isinstance(ship_to, dict) else {}
    found = {
        "country": clean(known.get("country"), 80) if not _country(known) else "",
        "channel": clean((raw.get("channel") or {}).get("label"), 80),
        "commercial_id": clean(raw.get("commercial_id"), 80),
        "service_level": clean(raw.get("shipping_type_label"), 80),
        "pick_up_point": clean(raw.get("shipping_pudo_id"), 80),
        "purchase_order": clean(references.get("order_reference_for_customer"), 80),
        "payment": clean(raw.get("payment_workflow"), 60),
    }
    return {key: value for key, value in found.items() if value}
