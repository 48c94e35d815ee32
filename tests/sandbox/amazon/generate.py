"""Owns the making of realistic orders in the contract's shape, from a few wishes. Amounts are decimal texts throughout.

Wishes (all optional): count, sku (null: the line has no sellerSku) or lines [{sku, title, quantity, price, tax,
shipping, shipping_tax, gift_wrap, discount}], the same fields at the top for a single line, currency, marketplace,
status, fulfilled_by, created_at, updated_at, buyer, order_id, programs, channel, facilitator, discount_positive.
A line's tax, shipping, gift_wrap and discount are for the whole line; price is for one unit. The vendor shows no order
with a discount: it is negative here, and positive on `discount_positive`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from tests.sandbox.amazon import people
from tests.sandbox.amazon.regions import MARKETPLACES
from tests.sandbox.amazon.search import STATUSES
from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.world import World

Order = dict[str, Any]
Wish = Mapping[str, Any]
LINE_WISHES = {"sku", "title", "quantity", "price", "tax", "shipping", "shipping_tax", "gift_wrap", "discount"}
ORDER_WISHES = {
    "count", "lines", "currency", "marketplace", "status", "fulfilled_by", "created_at", "updated_at", "buyer",
    "order_id", "programs", "channel", "facilitator", "discount_positive",
}  # fmt: skip
WITHOUT_DECIMALS = {"JPY"}
FIRST_DIGITS = {"GB": "202", "DE": "302", "US": "114", "JP": "250"}
UNPAID = {"PENDING", "PENDING_AVAILABILITY"}


def make_orders(world: World, seller: Wish, wish: Wish) -> list[Order]:
    """`count` orders (default 1). Raises ValueError on an unknown wish or amount."""
    unknown = set(wish) - LINE_WISHES - ORDER_WISHES
    if unknown:
        raise ValueError(f"unknown fields: {sorted(unknown)}")
    count = int(wish.get("count", 1))
    if not 1 <= count <= 10_000 or (count > 1 and "order_id" in wish):
        raise ValueError("count must be 1 to 10000, and 1 with an order_id")
    return [_Draft(world, seller, wish).order() for _ in range(count)]


class _Draft:
    """One order in the making."""

    def __init__(self, world: World, seller: Wish, wish: Wish) -> None:
        self.wish = wish
        self.marketplace = str(wish.get("marketplace") or seller["marketplaces"][0])
        if self.marketplace not in MARKETPLACES:
            raise ValueError(f"no such marketplace: {self.marketplace}")
        self.site = MARKETPLACES[self.marketplace]
        self.currency = str(wish.get("currency") or self.site.currency)
        self.status = str(wish.get("status") or "UNSHIPPED")
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {sorted(STATUSES)}")
        self.party = str(wish.get("fulfilled_by") or "MERCHANT")
        self.created = parse_instant(str(wish["created_at"])) if wish.get("created_at") else world.clock.now()
        self.updated = parse_instant(str(wish["updated_at"])) if wish.get("updated_at") else self.created
        self.number = world.next_id("amazon.order")
        self.id = str(wish.get("order_id") or self._new_id(world))
        self.digits = world.digits

    def _new_id(self, world: World) -> str:
        first = FIRST_DIGITS.get(self.site.country, "403")
        return f"{first}-{self.number:07d}-{world.digits(7)}"

    def money(self, amount: Decimal) -> dict[str, str]:
        step = Decimal(1) if self.currency in WITHOUT_DECIMALS else Decimal("0.01")
        return {"amount": str(amount.quantize(step, ROUND_HALF_UP)), "currencyCode": self.currency}

    def order(self) -> Order:
        wishes = self.wish.get("lines") or [{key: self.wish[key] for key in LINE_WISHES if key in self.wish}]
        items = [self._item(line, index) for index, line in enumerate(wishes)]
        order: Order = {
            "orderId": self.id,
            "createdTime": iso(self.created),
            "lastUpdatedTime": iso(self.updated),
            "programs": list(self.wish.get("programs") or []),
            "salesChannel": {
                "channelName": str(self.wish.get("channel") or "AMAZON"),
                "marketplaceId": self.marketplace,
                "marketplaceName": self.site.name,
            },
            "fulfillment": self._fulfilment(),
            "orderItems": items,
        }
        if self.status not in UNPAID:
            order |= self._people()
        if self.status not in UNPAID | {"CANCELLED"}:
            order["proceeds"] = self._totals(items)
        if self.party == "MERCHANT" and self.status in ("SHIPPED", "PARTIALLY_SHIPPED"):
            order["packages"] = [self._package(items)]
        return order

    def _people(self) -> dict[str, Any]:
        name = str(self.wish.get("buyer") or people.buyer(self.site.country, self.number))
        address = people.address(self.site.country, name)
        if "IN_STORE_PICK_UP" in (self.wish.get("programs") or []):
            address |= people.STORE
        relay = f"example{self.number}@marketplace.{self.site.domain.removeprefix('www.')}"
        return {"buyer": {"buyerName": name, "buyerEmail": relay}, "recipient": {"deliveryAddress": address}}

    def _fulfilment(self) -> dict[str, Any]:
        day = self.created.replace(hour=0, minute=0, second=0)
        return {
            "fulfillmentStatus": self.status,
            "fulfilledBy": self.party,
            "fulfillmentServiceLevel": "STANDARD",
            "shipByWindow": _window(day, 1, 2),
            "deliverByWindow": _window(day, 3, 6),
        }

    def _item(self, line: Wish, index: int) -> dict[str, Any]:
        unknown = set(line) - LINE_WISHES
        if unknown:
            raise ValueError(f"unknown fields of a line: {sorted(unknown)}")
        sku = line.get("sku", "EXAMPLE-1")
        quantity = int(line.get("quantity", 1))
        product: dict[str, Any] = {
            "asin": f"B0{self.number * 100 + index:08d}",
            "title": str(line.get("title") or f"Example article {sku or index + 1}"),
            "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
        }
        if sku is not None:
            product["sellerSku"] = str(sku)
        done = {"SHIPPED": quantity, "PARTIALLY_SHIPPED": quantity // 2}.get(self.status, 0)
        left = 0 if self.status == "CANCELLED" else quantity - done
        item: dict[str, Any] = {
            "orderItemId": self.digits(14),
            "quantityOrdered": quantity,
            "product": product,
            "fulfillment": {"quantityFulfilled": done, "quantityUnfulfilled": left},
        }
        if self.status == "CANCELLED":
            execution = {"cancelledBy": "BUYER", "cancelReason": "NO_LONGER_NEEDED"}
            item["cancellation"] = {"cancellationExecution": execution}
        elif self.status not in UNPAID:
            price = _amount(line, "price", "19.90")
            product["price"] = {"unitPrice": self.money(price)}
            item |= self._money_of(line, price * quantity)
        return item

    def _money_of(self, line: Wish, goods: Decimal) -> dict[str, Any]:
        tax, shipping_tax = _amount(line, "tax"), _amount(line, "shipping_tax")
        discount = -abs(_amount(line, "discount"))
        parts = {
            "ITEM": (goods, {}),
            "SHIPPING": (_amount(line, "shipping"), {}),
            "GIFT_WRAP": (_amount(line, "gift_wrap"), {}),
            "TAX": (tax + shipping_tax, {"ITEM": tax, "SHIPPING": shipping_tax}),
            "DISCOUNT": (discount, {"ITEM": discount}),
        }
        total = sum((amount for amount, _ in parts.values()), Decimal())
        sign = -1 if self.wish.get("discount_positive") else 1
        breakdowns = []
        for kind, (amount, detail) in parts.items():
            if kind != "ITEM" and not amount:
                continue
            turn = sign if kind == "DISCOUNT" else 1
            entry: dict[str, Any] = {"type": kind, "subtotal": self.money(amount * turn)}
            if detail:
                pieces = [(name, value * turn) for name, value in detail.items() if value]
                entry["detailedBreakdowns"] = [{"subtype": name, "value": self.money(value)} for name, value in pieces]
            breakdowns.append(entry)
        money: dict[str, Any] = {"proceeds": {"proceedsTotal": self.money(total), "breakdowns": breakdowns}}
        if discount:
            money["promotion"] = {"breakdowns": [{"promotionId": "EXAMPLE-PROMOTION"}]}
        if tax + shipping_tax and self.wish.get("facilitator", True):
            money["tax"] = {
                "taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon (example)"}]
            }
        return money

    def _totals(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        sums: dict[str, Decimal] = {}
        total = Decimal()
        for item in items:
            total += Decimal(item["proceeds"]["proceedsTotal"]["amount"])
            for entry in item["proceeds"]["breakdowns"]:
                sums[entry["type"]] = sums.get(entry["type"], Decimal()) + Decimal(entry["subtotal"]["amount"])
        breakdowns = [{"type": kind, "subtotal": self.money(amount)} for kind, amount in sums.items()]
        return {"grandTotal": self.money(total), "breakdowns": breakdowns}

    def _package(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        sent = [(item["orderItemId"], item["fulfillment"]["quantityFulfilled"]) for item in items]
        return {
            "packageReferenceId": "1",
            "createdTime": iso(self.updated),
            "packageStatus": {"status": "SHIPPED"},
            "carrier": "DHL",
            "shipTime": iso(self.updated),
            "shippingService": "Standard",
            "trackingNumber": f"EX{self.number:010d}",
            "packageItems": [{"orderItemId": key, "quantity": count} for key, count in sent if count],
        }


def _amount(line: Wish, name: str, default: str = "0") -> Decimal:
    try:
        amount = Decimal(str(line.get(name) or default))
    except InvalidOperation:
        raise ValueError(f"{name} is not an amount: {line.get(name)!r}") from None
    if not amount.is_finite():
        raise ValueError(f"{name} is not an amount: {line.get(name)!r}")
    return amount


def _window(day: datetime, first: int, last: int) -> dict[str, str]:
    end = timedelta(days=last, hours=23, minutes=59, seconds=59)
    return {"earliestDateTime": iso(day + timedelta(days=first)), "latestDateTime": iso(day + end)}
