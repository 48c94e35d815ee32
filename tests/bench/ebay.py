"""How the lean double looks to eBay's channel: a getOrders of a seller that sells at set times, in the shape of its contract."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench.sales import EACH, FULL, OLD, Sales

PATH = "/sell/fulfillment/v1/order"
QUOTA, BURST = 100_000, 4_000  # calls a day that all sellers share
SITE, ELSEWHERE = "EBAY_DE", "EBAY_FR"
_SINCE = re.compile(r"\[([^.]+)\.")


def order_id(number: int) -> str:
    """The id of an order, from which its number can be read again."""
    return f"{number // 10**10:02d}-{number // 10**5 % 10**5:05d}-{number % 10**5:05d}"


def order(number: int, at: float, site: str = SITE) -> dict[str, Any]:
    """One paid order of one line for 10.00 EUR that is to be shipped."""
    sold = datetime.fromtimestamp(at, UTC)
    stamp, later = _stamp(sold), _stamp(sold + timedelta(days=2))
    price, nothing = {"value": "10.00", "currency": "EUR"}, {"value": "0.0", "currency": "EUR"}
    lives = {"addressLine1": "Musterweg 5", "city": "Berlin", "postalCode": "10115", "countryCode": "DE"}
    person = {"fullName": "Erika Muster", "contactAddress": lives, "email": f"buyer{number}@members.ebay.test"}
    line = {
        "lineItemId": f"{number:014d}", "legacyItemId": "110000000001", "title": "Example article", "quantity": 1,
        "lineItemCost": price, "total": price, "sku": f"SKU-{number % 50}", "soldFormat": "FIXED_PRICE",
        "listingMarketplaceId": site, "purchaseMarketplaceId": site, "lineItemFulfillmentStatus": "NOT_STARTED",
        "deliveryCost": {"shippingCost": nothing}, "appliedPromotions": [], "taxes": [], "refunds": [],
        "properties": {"buyerProtection": True},
        "lineItemFulfillmentInstructions": {"shipByDate": later, "guaranteedDelivery": False},
    }  # fmt: skip
    paid = {"paymentMethod": "EBAY", "paymentDate": stamp, "amount": price, "paymentStatus": "PAID"}
    ship_to = {**person, "primaryPhone": {"phoneNumber": "030 901820"}}
    return {
        "orderId": order_id(number), "legacyOrderId": f"{number}-1", "creationDate": stamp, "lastModifiedDate": stamp,
        "orderFulfillmentStatus": "NOT_STARTED", "orderPaymentStatus": "PAID", "sellerId": "bench",
        "buyer": {"username": f"buyer{number}", "taxAddress": {"postalCode": "10115", "countryCode": "DE"},
                  "buyerRegistrationAddress": person},
        "pricingSummary": {"priceSubtotal": price, "deliveryCost": nothing, "total": price},
        "cancelStatus": {"cancelState": "NONE_REQUESTED", "cancelRequests": []},
        "paymentSummary": {"totalDueSeller": price, "refunds": [], "payments": [paid]},
        "fulfillmentStartInstructions": [
            {"fulfillmentInstructionsType": "SHIP_TO", "ebaySupportedFulfillment": False,
             "shippingStep": {"shipTo": ship_to, "shippingCarrierCode": "DHL"}}
        ],
        "fulfillmentHrefs": [], "lineItems": [line], "totalFeeBasisAmount": price,
    }  # fmt: skip


def answer(sales: Sales, name: str, query: dict[str, list[str]], now: float) -> dict[str, Any]:
    """The page that a seller gets. Of an older list nearly all orders belong to a site that nobody imports."""
    seller, told = int(name.removeprefix("SELLER")), query["filter"][0]
    if told.startswith("creationdate"):
        page = int(query["offset"][0])
        sales.fetches[name].append(now)
        site = SITE if page % FULL == 0 else ELSEWHERE
        return {"total": sales.pages, "orders": [order(OLD + seller * EACH + page, now - 86_400, site)]}
    sales.polls[name].append(now)
    since = datetime.fromisoformat(_since(told)).timestamp()
    found = [order(number, sales.sold(number)) for number in sales.between(seller, since, now)]
    return {"total": len(found), "orders": found}


def _since(told: str) -> str:
    found = _SINCE.search(told)
    assert found is not None
    return f"{found[1]}+00:00"


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")
