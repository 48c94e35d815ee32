"""Owns orderCreate: what Shopify refuses, what it makes of the input, and what it takes from the stock.

Everything or nothing: an order with one fault leaves no trace. Runs under the world's lock.
"""

import re
from decimal import Decimal
from typing import Any

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.shopify import order_money, stock
from tests.sandbox.shopify.order_money import amount
from tests.sandbox.shopify.state import Record, Shop, gid

TOO_MANY = "Too many attempts. Please try again later."
TAG_LENGTH = 40
# A processedAt a little ahead is taken, because two clocks never agree.
CLOCK_TOLERANCE = 60
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class Refused(Exception):
    """A user error: nothing was created."""

    def __init__(self, message: str, field: list[str] | None, code: str | None = "INVALID") -> None:
        super().__init__(message)
        self.shaped = {"message": message, "field": field, "code": code}


def create(shop: Shop, order: Record, options: Record) -> Record:
    """Make the order and answer its record. Raises Refused."""
    _check_pace(shop)
    lines = order.get("lineItems") or []
    if not lines:
        raise Refused("Line items must have at least one line item", ["order", "lineItems"])
    currency = order.get("currency") or shop.data["currency"]
    _check_order(shop, order)
    prices = [_check_line(shop, line, index, currency) for index, line in enumerate(lines)]
    _check_money(order, prices, currency)
    metafields = _check_metafields(shop, order)
    fulfillment = order.get("fulfillment")
    if fulfillment and fulfillment["locationId"] not in [one["id"] for one in shop.locations()]:
        raise Refused("Fulfillment location is invalid", ["order", "fulfillment"], "FULFILLMENT_SERVICE_INVALID")
    behaviour = options.get("inventoryBehaviour") or "BYPASS"
    claims = [] if behaviour == "BYPASS" else stock.claims(shop, lines)
    if behaviour == "DECREMENT_OBEYING_POLICY" and not stock.enough(shop, claims):
        raise Refused("Unable to claim inventory for the line items", ["order", "lineItems"], "INVENTORY_CLAIM_FAILED")
    record = _record(shop, order, prices, currency)
    record |= {"metafields": metafields, "inventory_behaviour": behaviour, "claims": claims}
    stock.take(shop, claims)
    shop.add_order(record)
    shop.create_times.append(shop.now_seconds())
    return record


def _check_pace(shop: Shop) -> None:
    limit = shop.settings["create_per_minute"]
    if limit is None:
        return
    now = shop.now_seconds()
    shop.create_times = [one for one in shop.create_times if 0 <= now - one < 60]
    if len(shop.create_times) >= limit:
        raise Refused(TOO_MANY, None, None)


def _check_order(shop: Shop, order: Record) -> None:
    processed = order.get("processedAt")
    if processed and parse_instant(processed).timestamp() > shop.now_seconds() + CLOCK_TOLERANCE:
        raise Refused("Processed at can't be in the future", ["order", "processedAt"], "PROCESSED_AT_INVALID")
    if order.get("customer") and order.get("customerId"):
        words = "Only one of customer and customerId may be given"
        raise Refused(words, ["order", "customer"], "REDUNDANT_CUSTOMER_FIELDS")
    email = order.get("email")
    if email and not _EMAIL.fullmatch(email):
        raise Refused("Email is invalid", ["order", "email"])
    if any(len(tag) > TAG_LENGTH for tag in order.get("tags") or ()):
        raise Refused(f"Tags must be {TAG_LENGTH} characters or less", ["order", "tags"])
    on_lines = any(line.get("taxLines") for line in order["lineItems"])
    if order.get("taxLines") and on_lines:
        raise Refused("Tax lines must be on the order or on its line items, not on both", ["order", "taxLines"])


def _check_line(shop: Shop, line: Record, index: int, currency: str) -> Record:
    """The line's price as a MoneyBagInput."""
    where = ["order", "lineItems", str(index)]
    variant_id = line.get("variantId")
    variant = shop.catalogue.variants.get(variant_id) if variant_id else None
    if variant_id and variant is None:
        raise Refused("Order Line items is invalid", ["order", "lineItems"])
    if line["quantity"] < 1:
        raise Refused("Quantity must be greater than 0", [*where, "quantity"])
    if variant is None and not line.get("title"):
        raise Refused("Title can't be blank", [*where, "title"])
    if variant is None and not line.get("priceSet"):
        raise Refused("Price can't be blank", [*where, "priceSet"])
    own = {"shopMoney": {"amount": variant["price"] if variant else "0", "currencyCode": currency}}
    return line.get("priceSet") or own


def _check_money(order: Record, prices: list[Record], currency: str) -> None:
    presentment = order.get("presentmentCurrency") or currency
    bags = [*prices]
    holders = [order, *order["lineItems"], *(order.get("shippingLines") or ())]
    taxes = [tax for holder in holders for tax in holder.get("taxLines") or ()]
    bags += [tax["priceSet"] for tax in taxes if tax.get("priceSet")]
    bags += [one["priceSet"] for one in order.get("shippingLines") or ()]
    bags += [one["amountSet"] for one in order.get("transactions") or ()]
    for bag in bags:
        if bag["shopMoney"]["currencyCode"] != currency:
            raise Refused(f"Currency of shop money must be {currency}", ["order", "currency"])
        other = bag.get("presentmentMoney")
        if other and other["currencyCode"] != presentment:
            raise Refused(f"Currency of presentment money must be {presentment}", ["order", "presentmentCurrency"])
        if min(amount(bag, "shop"), amount(bag, "presentment")) < 0:
            raise Refused("Price must be greater than or equal to 0", ["order"])
    if any(tax.get("rate") is None for tax in taxes):
        raise Refused("Tax line rate is missing", ["order", "taxLines"], "TAX_LINE_RATE_MISSING")


def _check_metafields(shop: Shop, order: Record) -> list[Record]:
    kept = []
    for field in order.get("metafields") or ():
        namespace, key = field.get("namespace") or "$app", field.get("key")
        value, type_ = field.get("value"), field.get("type") or "single_line_text_field"
        if not key or not value:
            raise Refused("Metafields key and value can't be blank", ["order", "metafields"])
        unique = type_ == "id" and shop.settings["unique_ids"] and shop.has_definition(namespace, key)
        if unique and shop.refs.get((namespace, key, value)):
            raise Refused("Metafields value is already assigned to another order", ["order", "metafields"])
        kept.append({"namespace": namespace, "key": key, "value": value, "type": type_})
    return kept


def _financial_status(order: Record, total: Decimal) -> str:
    if order.get("financialStatus"):
        return str(order["financialStatus"])
    received = order_money.paid(order)
    if received <= 0:
        return "PENDING"
    return "PAID" if received >= total else "PARTIALLY_PAID"


def _record(shop: Shop, order: Record, prices: list[Record], currency: str) -> Record:
    presentment = order.get("presentmentCurrency") or currency
    sums = {
        "shop": order_money.totals(order, prices, "shop", currency),
        "presentment": order_money.totals(order, prices, "presentment", presentment),
    }
    fulfilled = order.get("fulfillment") or order.get("fulfillmentStatus") == "FULFILLED"
    base = blank_order(shop, order.get("name"))
    return base | {
        "processed_at": iso(parse_instant(order["processedAt"])) if order.get("processedAt") else base["created_at"],
        "source_identifier": order.get("sourceIdentifier"),
        "source_name": order.get("sourceName") or shop.world.settings.api_key,
        "source_url": order.get("sourceUrl"),
        "tags": sorted(set(order.get("tags") or ())),
        "note": order.get("note"),
        "custom_attributes": order.get("customAttributes") or [],
        "financial": _financial_status(order, Decimal(sums["shop"]["total"])),
        "fulfillment": "FULFILLED" if fulfilled else "UNFULFILLED",
        "currency": currency,
        "presentment_currency": presentment,
        "taxes_included": bool(order.get("taxesIncluded")),
        "totals": sums,
        "lines": [_line(shop, line, bag) for line, bag in zip(order["lineItems"], prices, strict=True)],
        "shipping_lines": order.get("shippingLines") or [],
        "tax_lines": order.get("taxLines") or [],
        "transactions": order.get("transactions") or [],
        "discount": order.get("discountCode"),
        "email": order.get("email"),
        "phone": order.get("phone"),
        "shipping_address": order.get("shippingAddress"),
        "billing_address": order.get("billingAddress"),
        "test": bool(order.get("test")),
    }


def _line(shop: Shop, line: Record, bag: Record) -> Record:
    variant = shop.catalogue.variants.get(line.get("variantId") or "") or {}
    product = shop.catalogue.products.get(variant.get("product_id") or "") or {}
    return {
        "id": gid("LineItem", shop.world.next_id("line_item", 14_000_000_001)),
        "variant_id": line.get("variantId"),
        "sku": line.get("sku") or variant.get("sku"),
        "title": line.get("title") or product.get("title"),
        "quantity": line["quantity"],
        "price": bag,
        "tax_lines": line.get("taxLines") or [],
        "properties": line.get("properties") or [],
        "requires_shipping": bool(line.get("requiresShipping")),
        "taxable": bool(line.get("taxable", True)),
    }


def blank_order(shop: Shop, name: str | None = None) -> Record:
    """The fields every order has, with the next number of the shop."""
    now = iso(shop.now())
    number = shop.data["next_order"]
    shop.data["next_order"] = number + 1
    blank: dict[str, Any] = dict.fromkeys(
        ("cancelled_at", "cancel_reason", "source_identifier", "source_name", "source_url", "note", "email", "phone")
    )
    return blank | {
        "id": gid("Order", shop.world.next_id("order", 5_600_000_000_001)),
        "name": name or f"#{number}",
        "created_at": now,
        "updated_at": now,
        "processed_at": now,
        "tags": [],
        "custom_attributes": [],
        "financial": "PAID",
        "fulfillment": "UNFULFILLED",
        "currency": shop.data["currency"],
        "presentment_currency": shop.data["currency"],
        "lines": [],
        "metafields": [],
        "claims": [],
        "test": False,
    }
