"""Owns the making of orders in the contract's shape, from a few wishes. Amounts are decimal texts in the wishes.

Wishes (all optional): count, sku, title, quantity, price (of one unit), shipping, tax (inside the price, of the whole line),
or lines [{the same}], state, currency, tax_mode, created_at, updated_at, buyer, country, order_id.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.mirakl.gate import amount
from tests.sandbox.world import World

Order = dict[str, Any]
Wish = Mapping[str, Any]
LINE_WISHES = {"sku", "title", "quantity", "price", "shipping", "tax", "tax_rate"}
ORDER_WISHES = {
    "count", "lines", "state", "currency", "tax_mode", "created_at", "updated_at", "buyer", "country", "order_id",
}  # fmt: skip
STATES = (
    "STAGING", "WAITING_ACCEPTANCE", "WAITING_DEBIT", "WAITING_DEBIT_PAYMENT", "SHIPPING", "SHIPPED", "TO_COLLECT",
    "RECEIVED", "CLOSED", "REFUSED", "CANCELED",
)  # fmt: skip
COUNTRIES = {"DEU": "Deutschland", "FRA": "France", "SWE": "Sverige", "USA": "United States"}


def make_orders(world: World, shop: Wish, wish: Wish) -> list[Order]:
    """`count` orders (default 1). Raises ValueError on an unknown wish or amount."""
    if set(wish) - LINE_WISHES - ORDER_WISHES:
        raise ValueError(f"unknown fields: {sorted(set(wish) - LINE_WISHES - ORDER_WISHES)}")
    count = int(wish.get("count", 1))
    if not 1 <= count <= 10_000 or (count > 1 and "order_id" in wish):
        raise ValueError("count must be 1 to 10000, and 1 with an order_id")
    return [_order(world, shop, wish) for _ in range(count)]


def _order(world: World, shop: Wish, wish: Wish) -> Order:
    state = str(wish.get("state") or "SHIPPING")
    created = parse_instant(str(wish["created_at"])) if wish.get("created_at") else world.clock.now()
    updated = parse_instant(str(wish["updated_at"])) if wish.get("updated_at") else created
    order_id = str(wish.get("order_id") or f"MK-{world.next_id('mirakl.order', 10001)}-A")
    wishes = wish.get("lines") or [{key: wish[key] for key in LINE_WISHES if key in wish}]
    lines = [_line(order_id, number, one, state, iso(created)) for number, one in enumerate(wishes, 1)]
    price = sum((Decimal(str(one["price"])) for one in lines), Decimal(0))
    shipping = sum((Decimal(str(one["shipping_price"])) for one in lines), Decimal(0))
    first, _, last = str(wish.get("buyer") or "Erika Muster").partition(" ")
    country = str(wish.get("country") or "DEU")
    address = {
        "firstname": first, "lastname": last or first, "street_1": "Lindenweg 4", "street_2": "Hinterhaus", "zip_code": "20095",
        "city": "Hamburg", "country": COUNTRIES.get(country, country), "country_iso_code": country, "phone": "+49 40 555010",
    }  # fmt: skip
    return {
        "order_id": order_id, "commercial_id": order_id.removesuffix("-A"), "order_state": state, "created_date": iso(created),
        "last_updated_date": iso(updated), "currency_iso_code": str(wish.get("currency") or shop["currency"]),
        "order_tax_mode": str(wish.get("tax_mode") or "TAX_INCLUDED"), "price": amount(str(price)),
        "shipping_price": amount(str(shipping)), "total_price": amount(str(price + shipping)), "total_commission": 3.5,
        "can_cancel": False, "can_shop_ship": state == "SHIPPING", "fully_refunded": False, "has_customer_message": False,
        "has_incident": False, "has_invoice": False, "leadtime_to_ship": 2, "paymentType": "CARD", "payment_type": "CARD",
        "payment_workflow": "PAY_ON_ACCEPTANCE", "shipping_type_code": "STD", "shipping_type_label": "Standard",
        "shipping_zone_code": "DE", "shipping_zone_label": "Deutschland", "fulfillment": {"center": {"code": "DEFAULT"}},
        "shipping_deadline": iso(created + timedelta(days=3)), "order_lines": lines,
        "customer_notification_email": "buyer@notification.test",
        "customer": {
            "customer_id": f"C-{order_id}", "firstname": first, "lastname": last or first, "locale": "de_DE",
            "billing_address": dict(address), "shipping_address": address,
        },
    }  # fmt: skip


def _line(order_id: str, number: int, wish: Wish, state: str, created: str) -> dict[str, Any]:
    quantity, price = int(wish.get("quantity", 1)), _decimal(wish.get("price", "19.90"))
    shipping, total = _decimal(wish.get("shipping", "4.90")), price * quantity
    line = {
        "order_line_id": f"{order_id}-{number}", "order_line_index": number, "order_line_state": state, "can_refund": False,
        "offer_id": 5000 + number, "offer_sku": str(wish.get("sku", "MUG-BLUE")), "offer_state_code": "11", "description": "",
        "product_sku": f"P-{number}", "product_title": str(wish.get("title") or f"Thing {wish.get('sku', 'MUG-BLUE')}"),
        "product_medias": [], "category_code": "C1", "category_label": "Haushalt", "quantity": quantity,
        "price_unit": amount(str(price)), "price": amount(str(total)), "shipping_price": amount(str(shipping)),
        "total_price": amount(str(total + shipping)), "commission_fee": 3.5, "commission_rate_vat": 19, "commission_vat": 0,
        "total_commission": 3.5, "cancelations": [], "refunds": [], "order_line_additional_fields": [],
        "created_date": created, "last_updated_date": created, "taxes": [], "shipping_taxes": [],
    }  # fmt: skip
    if wish.get("tax"):
        rate = {"rate": amount(str(wish["tax_rate"]))} if wish.get("tax_rate") else {}
        line["taxes"] = [
            {"code": "VAT", "amount": amount(str(_decimal(wish["tax"]))), "tax_calculation_rule": "NONE", **rate}
        ]
    return line


def _decimal(told: Any) -> Decimal:
    try:
        return Decimal(str(told)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueError(f"not an amount: {told!r}") from None
