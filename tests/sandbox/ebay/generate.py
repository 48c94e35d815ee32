"""Owns invented orders: real Order objects of the contract from a few wishes. Example data, no real person.

Wishes: count, sku, title, quantity, price, shipping, tax (collected and remitted by eBay, on top), lines (a list of sku, title,
quantity, price), site, buyer, username, paid (PAID, PENDING, ...), created_at, hub (true: sent abroad by eBay).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.sandbox.clock import parse_instant
from tests.sandbox.ebay.gate import stamp
from tests.sandbox.ebay.users import SITES, User
from tests.sandbox.world import World

Order = dict[str, Any]
LINE = {"sku", "title", "quantity", "price"}
WISHES = LINE | {"count", "shipping", "tax", "lines", "site", "buyer", "username", "paid", "created_at", "hub"}
ADDRESSES = {
    "DE": {"addressLine1": "Musterweg 12", "city": "Musterstadt", "postalCode": "12345", "countryCode": "DE"},
    "GB": {"addressLine1": "1 Example Street", "city": "Sampleton", "postalCode": "ZZ99 3WZ", "countryCode": "GB"},
    "US": {
        "addressLine1": "100 Sample Ave",
        "city": "Exampleville",
        "stateOrProvince": "WA",
        "postalCode": "00000",
        "countryCode": "US",
    },
}
HUB = {
    "addressLine1": "1 Example Exchange Blvd",
    "city": "Sampleton",
    "stateOrProvince": "KY",
    "postalCode": "00001",
    "countryCode": "US",
}


def make_orders(world: World, user: User, wish: dict[str, Any]) -> list[Order]:
    """`count` orders (default 1). Raises ValueError on an unknown wish."""
    unknown = set(wish) - WISHES
    count = int(wish.get("count", 1))
    if unknown or not 1 <= count <= 10_000:
        raise ValueError(f"unknown fields: {sorted(unknown)}" if unknown else "count must be 1 to 10000")
    return [_order(world, user, wish) for _ in range(count)]


def _order(world: World, user: User, wish: dict[str, Any]) -> Order:
    number = world.next_id("ebay.order")
    site = str(wish.get("site") or user["site"])
    currency, country = SITES[site]
    created = parse_instant(str(wish["created_at"])) if wish.get("created_at") else world.clock.now()
    lines = wish.get("lines") or [{name: wish[name] for name in LINE if name in wish}]
    shipping, tax = Decimal(str(wish.get("shipping", "0.00"))), Decimal(str(wish.get("tax", "0.00")))
    items = [_item(number, at, line, site, currency, created) for at, line in enumerate(lines, 1)]
    if tax:
        told = {"amount": _money(tax, currency), "taxType": "STATE_SALES_TAX"}
        items[0] |= {"taxes": [told], "ebayCollectAndRemitTaxes": [told | {"collectionMethod": "NET"}]}
    subtotal = sum((Decimal(item["lineItemCost"]["value"]) for item in items), Decimal(0))
    total = _money(subtotal + shipping + tax, currency)
    items[0]["deliveryCost"] = {"shippingCost": _money(shipping, currency)}
    buyer = str(wish.get("buyer") or f"Mia Beispiel {number}")
    person = _person(buyer, number, country)
    summary = {"priceSubtotal": _money(subtotal, currency), "deliveryCost": _money(shipping, currency), "total": total}
    return {
        "orderId": f"{number % 90 + 10:02d}-{number:05d}-{world.digits(5)}",
        "legacyOrderId": f"{110_000_000_000 + number}-0",
        "creationDate": stamp(created),
        "lastModifiedDate": stamp(created),
        "orderFulfillmentStatus": "NOT_STARTED",
        "orderPaymentStatus": str(wish.get("paid") or "PAID"),
        "sellerId": user["username"],
        "buyer": {
            "username": str(wish.get("username") or f"buyer_example_{number}"),
            "taxAddress": {"postalCode": person["contactAddress"]["postalCode"], "countryCode": country},
            "buyerRegistrationAddress": person,
        },
        "pricingSummary": summary | ({"tax": _money(tax, currency)} if tax else {}),
        "cancelStatus": {"cancelState": "NONE_REQUESTED", "cancelRequests": []},
        "paymentSummary": {
            "totalDueSeller": _money(subtotal + shipping, currency),
            "refunds": [],
            "payments": [_payment(total, created, number)],
        },
        "fulfillmentStartInstructions": [_instruction(person, created, hub=bool(wish.get("hub")))],
        "fulfillmentHrefs": [],
        "lineItems": items,
        "totalFeeBasisAmount": total,
        **({"ebayCollectAndRemitTax": True} if tax else {}),
    }


def _item(number: int, at: int, line: dict[str, Any], site: str, currency: str, created: datetime) -> dict[str, Any]:
    if set(line) - LINE:
        raise ValueError(f"unknown fields of a line: {sorted(set(line) - LINE)}")
    quantity, price = int(line.get("quantity", 1)), Decimal(str(line.get("price", "19.90")))
    cost = _money(price * quantity, currency)
    sku = line.get("sku", "EXAMPLE-1")
    return {
        "lineItemId": f"{10_000_000_000_000 + number * 100 + at}",
        "legacyItemId": f"{110_000_000_000 + number}",
        **({"sku": str(sku)} if sku else {}),
        "title": str(line.get("title") or f"Example article {sku or at}"),
        "lineItemCost": cost,
        "quantity": quantity,
        "soldFormat": "FIXED_PRICE",
        "listingMarketplaceId": site,
        "purchaseMarketplaceId": site,
        "lineItemFulfillmentStatus": "NOT_STARTED",
        "total": cost,
        "deliveryCost": {"shippingCost": _money(Decimal(0), currency)},
        "appliedPromotions": [],
        "taxes": [],
        "refunds": [],
        "properties": {"buyerProtection": True},
        "lineItemFulfillmentInstructions": {
            "minEstimatedDeliveryDate": stamp(created + timedelta(days=3)),
            "maxEstimatedDeliveryDate": stamp(created + timedelta(days=5)),
            "shipByDate": stamp(created + timedelta(days=2)),
            "guaranteedDelivery": False,
        },
    }


def _person(name: str, number: int, country: str) -> dict[str, Any]:
    return {
        "fullName": name,
        "contactAddress": dict(ADDRESSES.get(country, ADDRESSES["DE"])),
        "primaryPhone": {"phoneNumber": "030 23125000"},
        "email": f"example{number}@members.ebay.test",
    }


def _payment(total: dict[str, str], created: datetime, number: int) -> dict[str, Any]:
    return {
        "paymentMethod": "EBAY",
        "paymentReferenceId": f"{20_000_000_000 + number}",
        "paymentDate": stamp(created),
        "amount": total,
        "paymentStatus": "PAID",
    }


def _instruction(person: dict[str, Any], created: datetime, *, hub: bool) -> dict[str, Any]:
    to = {**person, "contactAddress": dict(HUB)} if hub else person
    step = {"shipTo": to, "shippingCarrierCode": "DHL", "shippingServiceCode": "DE_DHLPaket"}
    abroad = {"finalDestinationAddress": person["contactAddress"]} if hub else {}
    return {
        "fulfillmentInstructionsType": "SHIP_TO",
        "minEstimatedDeliveryDate": stamp(created + timedelta(days=3)),
        "maxEstimatedDeliveryDate": stamp(created + timedelta(days=5)),
        "ebaySupportedFulfillment": hub,
        "shippingStep": step | ({"shipToReferenceId": "UPAAA0000001"} if hub else {}),
        **abroad,
    }


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"value": str(amount.quantize(Decimal("0.01"))), "currency": currency}
