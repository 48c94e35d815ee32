"""Owns the making of orders and items in the contract's shape, from a few wishes. Amounts are whole kronor.

Wishes of an order (all optional): count, items [{sku, title, quantity, price, vat, type, item_id}] or the same fields at
the top for a single one, shipping (0), paid (true; an auction: false), country ("Sverige"), created_at, order_id.
`type` is auction, buy_now or shop. `sku` null: the item has no reference. All data are invented.
"""

from collections.abc import Mapping
from typing import Any

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.tradera.members import Member
from tests.sandbox.world import World

Wish = Mapping[str, Any]
TYPES = {"auction": 1, "buy_now": 3, "shop": 4}
ITEM_WISHES = {"sku", "title", "quantity", "price", "vat", "type", "item_id"}
ORDER_WISHES = {"count", "items", "shipping", "paid", "country", "created_at", "order_id"}
NAMES = (("Ada", "Exempel"), ("Bo", "Påhittad"), ("Cilla", "Prövning"), ("Östen", "Åskådlig"))
FIRST_ORDER, FIRST_ITEM = 10_000_000, 550_000_000


def make_orders(world: World, member: Member, wish: Wish) -> list[dict[str, Any]]:
    """`count` orders (default 1). Raises ValueError on an unknown wish or amount."""
    unknown = set(wish) - ITEM_WISHES - ORDER_WISHES
    if unknown:
        raise ValueError(f"unknown fields: {sorted(unknown)}")
    count = int(wish.get("count", 1))
    if not 1 <= count <= 10_000 or (count > 1 and "order_id" in wish):
        raise ValueError("count must be 1 to 10000, and 1 with an order_id")
    return [_order(world, member, wish) for _ in range(count)]


def _order(world: World, member: Member, wish: Wish) -> dict[str, Any]:
    number = int(wish.get("order_id") or FIRST_ORDER + world.next_id("tradera.order"))
    told = wish.get("items") or [{key: wish[key] for key in ITEM_WISHES if key in wish}]
    items = [_item(world, one) for one in told]
    created = parse_instant(str(wish["created_at"])) if wish.get("created_at") else world.clock.now()
    order: dict[str, Any] = {
        "orderId": number,
        "createdDate": iso(created),
        "expiresDate": None,
        "lastUpdatedDate": iso(created),
        "subTotal": sum(one["unitPrice"] * one["quantity"] for one in items),
        "seller": {"userId": int(member["seller_id"]), "alias": member["alias"]},
        **_people(number, str(wish.get("country") or "Sverige")),
        "items": items,
        "sellerOrderPayments": [],
        "shippingType": "PostNord",
        "shippingCost": kronor(wish.get("shipping", 0)),
        "shippingWeight": 1000,
        "purchaseOrderId": f"00000000-0000-4000-8000-{number:012d}",
    }
    if wish.get("paid", all(one["type"] != TYPES["auction"] for one in items)):
        pay(order, iso(created))
    return order


def pay(order: dict[str, Any], when: str) -> None:
    """The buyer has paid."""
    order["sellerOrderPayments"] = [
        {
            "paymentType": "Swish",
            "reference": f"P-{order['orderId']}",
            "additionalInfo": [],
            "amount": order["subTotal"] + order["shippingCost"],
            "paidDate": when,
            "paymentCost": 0,
        }
    ]
    order["lastUpdatedDate"] = when


def _people(number: int, country: str) -> dict[str, Any]:
    first, last = NAMES[number % len(NAMES)]
    place = {"addressLine1": "Provgatan 1", "addressLine2": None, "zipCode": "123 45", "city": "Exempelby"}
    buyer = {"userId": 4_000_000 + number % 1000, "firstName": first, "lastName": last, **place, "countryName": country}
    buyer |= {"email": f"buyer{number}@example.com", "phone": "+46 70 000 00 00", "alias": f"{first.lower()}_{number}"}
    return {"buyer": buyer, "shipTo": {"name": f"{first} {last}", **place, "countryName": country}}


def _item(world: World, wish: Wish) -> dict[str, Any]:
    unknown = set(wish) - ITEM_WISHES
    if unknown:
        raise ValueError(f"unknown fields of an item: {sorted(unknown)}")
    sku = wish.get("sku", "EXAMPLE-1")
    return {
        "itemId": int(wish.get("item_id") or FIRST_ITEM + world.next_id("tradera.item")),
        "type": TYPES[str(wish.get("type") or "shop")],
        "title": str(wish.get("title") or f"Sak {sku or 'utan märke'}"),
        "quantity": int(wish.get("quantity", 1)),
        "unitPrice": kronor(wish.get("price", 100)),
        "vatRate": int(wish.get("vat", 25)),
        "ownReferences": [sku] if sku else [],
        "merchantPartNumber": None,
    }


def make_item(world: World, wish: Wish) -> dict[str, Any]:
    """An item of a seller, as `seller-items` shows it: {sku, title?, price?, quantity?, type?, ends_at?}."""
    unknown = set(wish) - {"sku", "title", "price", "quantity", "type", "ends_at"}
    if unknown:
        raise ValueError(f"unknown fields: {sorted(unknown)}")
    number, now = FIRST_ITEM + world.next_id("tradera.item"), world.clock.now()
    end = parse_instant(str(wish["ends_at"])) if wish.get("ends_at") else now.replace(year=now.year + 2, day=1)
    sku, quantity, price = wish.get("sku"), int(wish.get("quantity", 5)), kronor(wish.get("price", 100))
    return {
        "id": number,
        "itemType": TYPES[str(wish.get("type") or "shop")],
        "shortDescription": str(wish.get("title") or f"Sak {sku}"),
        "longDescription": "<p>Exempel</p>",
        "ownReferences": [sku] if sku else [],
        "startQuantity": quantity,
        "remainingQuantity": quantity,
        "buyItNowPrice": price,
        "buyItNowPriceSpecified": True,
        "openingBid": 0,
        "startDate": iso(now),
        "endDate": iso(end),
        "categoryId": 343362,
        "vat": 25,
        "status": {"ended": False, "gotBidders": False, "gotWinner": False},
        "itemLink": f"https://www.tradera.com/item/{number}",
    }


def kronor(value: Any) -> int:
    """A whole number of kronor, also from a text such as "49.00"."""
    text = str(value)
    whole, _, rest = text.partition(".")
    if not whole.isdigit() or rest.strip("0"):
        raise ValueError(f"whole kronor, not {text}")
    return int(whole)
