"""Owns what happens to orders after they exist: how they are shown, cancelled later, made by others. Knows no HTTP."""

import secrets
from decimal import Decimal
from typing import Any

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.shopify import stock, webhooks
from tests.sandbox.shopify.order_create import blank_order
from tests.sandbox.shopify.order_money import rounded, written
from tests.sandbox.shopify.state import Record, Shop, gid, number_of, shops_of
from tests.sandbox.world import World

REF_KEY = "marketplace_ref"


def order_view(order: Record) -> Record:
    """An Order of the schema."""
    totals = order["totals"]
    return {
        "__typename": "Order",
        "id": order["id"],
        "name": order["name"],
        "sourceIdentifier": order["source_identifier"],
        "sourceName": order["source_name"],
        "tags": order["tags"],
        "note": order["note"],
        "createdAt": order["created_at"],
        "cancelledAt": order["cancelled_at"],
        "customAttributes": order["custom_attributes"],
        "displayFinancialStatus": order["financial"],
        "displayFulfillmentStatus": order["fulfillment"],
        "totalPriceSet": {
            "shopMoney": {"amount": totals["shop"]["total"], "currencyCode": order["currency"]},
            "presentmentMoney": {
                "amount": totals["presentment"]["total"],
                "currencyCode": order["presentment_currency"],
            },
        },
    }


def reference(order: Record) -> str:
    """The ledger's key of an order: its marketplace reference, or its id."""
    for field in order["metafields"]:
        if field["key"] == REF_KEY:
            return str(field["value"])
    return str(order["id"])


def effect(shop: Shop, order: Record) -> Record:
    """The ledger's body of an order: everything a judge compares."""
    kept = [
        "name",
        "source_identifier",
        "source_name",
        "tags",
        "note",
        "custom_attributes",
        "financial",
        "fulfillment",
        "currency",
        "presentment_currency",
        "taxes_included",
        "totals",
        "lines",
        "shipping_lines",
        "tax_lines",
        "transactions",
        "discount",
        "metafields",
        "inventory_behaviour",
        "claims",
        "processed_at",
        "created_at",
    ]
    return {"shop": shop.domain, "order_id": order["id"], **{name: order.get(name) for name in kept}}


def cancel_later(shop: Shop, wish: Record) -> Record:
    """Note a cancellation; `settle` carries it out when it is due."""
    job = {
        "id": gid("Job", secrets.token_hex(16)),
        "order_id": wish["orderId"],
        "due": shop.now_seconds() + shop.settings["cancel_seconds"],
        "reason": wish["reason"],
        "restock": bool(wish["restock"]),
        "note": wish.get("staffNote"),
    }
    shop.data["jobs"].append(job)
    shop.save()
    webhooks.sender_of(shop.world).start()
    return job


def settle_all(world: World) -> None:
    """Carry out what is due in any shop."""
    with world.lock:
        for shop in shops_of(world):
            settle(shop)


def settle(shop: Shop) -> None:
    """Carry out the cancellations that are due."""
    now = shop.now_seconds()
    due = [job for job in shop.data["jobs"] if job["due"] <= now]
    if not due:
        return
    shop.data["jobs"] = [job for job in shop.data["jobs"] if job["due"] > now]
    shop.save()
    for job in due:
        cancel(shop, shop.orders[job["order_id"]], job["reason"], job["restock"])


def cancel(shop: Shop, order: Record, reason: str, restock: bool) -> None:
    """Cancel an order now, give its claims back if wished, and tell the app."""
    order |= {"cancelled_at": iso(shop.now()), "cancel_reason": reason}
    if restock:
        stock.take(shop, order["claims"], back=True)
        order["claims"] = []
    shop.order_changed(order)
    body = {"shop": shop.domain, "order_id": order["id"], "reason": reason, "restock": restock}
    shop.world.ledger.record("shopify", "order.cancelled", reference(order), body)
    webhooks.send(shop, "orders/cancelled", order_payload(order))


def delete(shop: Shop, order: Record) -> None:
    """Delete an order as a person can in the admin."""
    shop.delete_order(order)
    body = {"shop": shop.domain, "order_id": order["id"]}
    shop.world.ledger.record("shopify", "order.deleted", reference(order), body)


def order_payload(order: Record) -> Record:
    """The part of a REST order that the app may look at in a webhook."""
    return {
        "id": number_of(order["id"]),
        "admin_graphql_api_id": order["id"],
        "name": order["name"],
        "cancelled_at": order["cancelled_at"],
        "cancel_reason": (order["cancel_reason"] or "").lower() or None,
        "created_at": order["created_at"],
        "updated_at": order["updated_at"],
        "source_identifier": order["source_identifier"],
        "source_name": order["source_name"],
        "tags": ", ".join(order["tags"]),
        "financial_status": order["financial"].lower(),
    }


def foreign_order(shop: Shop, wish: Record) -> Record:
    """An order that another app or a person has made. Raises ValueError on nonsense."""
    known = {
        "name",
        "tags",
        "note",
        "sourceIdentifier",
        "sourceName",
        "customAttributes",
        "created_at",
        "total",
        "email",
    }
    if unknown := set(wish) - known:
        raise ValueError(f"unknown fields: {sorted(unknown)}")
    try:
        total = written(rounded(Decimal(str(wish.get("total", "0"))), shop.data["currency"]))
    except ArithmeticError as error:
        raise ValueError("total is not an amount") from error
    order = blank_order(shop, wish.get("name"))
    made = iso(parse_instant(str(wish["created_at"]))) if wish.get("created_at") else order["created_at"]
    sums: dict[str, Any] = {"subtotal": total, "discount": "0.0", "shipping": "0.0", "tax": "0.0", "total": total}
    order |= {
        "created_at": made,
        "processed_at": made,
        "updated_at": made,
        "tags": sorted(set(wish.get("tags") or ())),
        "note": wish.get("note"),
        "email": wish.get("email"),
        "source_identifier": wish.get("sourceIdentifier"),
        "source_name": wish.get("sourceName") or "another-app",
        "custom_attributes": wish.get("customAttributes") or [],
        "totals": {"shop": sums, "presentment": dict(sums)},
        "inventory_behaviour": "BYPASS",
    }
    shop.add_order(order)
    return order
