"""Owns the items of the members: the list, quantities that are set at once, prices that are queued, and their results.

A queued price is worked on as soon as its time has come and somebody looks. Result codes are a bit field of the
vendor's: 1 ok, 4 error, 16 try again, 32 not allowed, 64 too many active items.
"""

from typing import Any

from flask import Flask, Response, request

from tests.sandbox.clock import parse_instant
from tests.sandbox.tradera.gate import SELLER, SHOP, Gate, Wrong, answer, body, number
from tests.sandbox.tradera.members import Member
from tests.sandbox.world import World

KINDS = {"0": None, "1": 1, "2": 3, "3": 4}  # filterItemType -> itemType
SHOP_ITEM = 4
OK, ERROR = 1, 4
MOST = 99_999  # pieces


def register(app: Flask, world: World, gate: Gate) -> None:
    """Add the methods of `/v4/listings`."""
    base = "/tradera/v4/listings"

    @app.get(f"{base}/seller-items")
    def tradera_seller_items() -> Response:
        return gate.call("getSellerItems", SELLER, lambda member: answer(_listed(gate, member)))

    @app.put(f"{base}/shop-items/quantities")
    def tradera_set_quantities() -> Response:
        return gate.call("setQuantities", SHOP, lambda member: answer(_quantities(gate, member)))

    @app.put(f"{base}/shop-items/prices")
    def tradera_set_prices() -> Response:
        return gate.call("setPrices", SHOP, lambda member: answer(_prices(gate, member)))

    @app.get(f"{base}/request-results")
    def tradera_request_results() -> Response:
        return gate.call("getRequestResults", SELLER, lambda member: answer(_results(gate, member)))


def items_of(gate: Gate, member_id: str) -> dict[str, dict[str, Any]]:
    """The member's items by number, with every price set whose time has come."""
    settle(gate)
    found: dict[str, dict[str, Any]] = gate.members.table("items").setdefault(member_id, {})
    return found


def settle(gate: Gate) -> None:
    """Work on the queued prices whose time has come."""
    now = gate.world.clock.timestamp()
    with gate.world.lock:
        for request_id, row in gate.members.table("requests").items():
            if row["result"] is not None or row["ready"] > now:
                continue
            refused = gate.members.table("refusals").get(f"{row['member']}:{row['sku']}")
            row["result"] = [refused["code"], refused["message"]] if refused else [OK, None]
            if row["result"][0] & OK:
                gate.members.table("items")[row["member"]][row["item"]]["buyItNowPrice"] = row["price"]
                applied(gate, row["member"], row["sku"], price=row["price"], request=request_id)
            gate.members.touch()


def applied(gate: Gate, member_id: str, sku: str, **what: Any) -> None:
    """Record what holds now."""
    gate.world.ledger.record("tradera", "listing.applied", sku, {"seller": member_id, **what})


def _listed(gate: Gate, member: Member) -> list[dict[str, Any]]:
    active, kind = request.args.get("filterActive", "0"), request.args.get("filterItemType", "0")
    if active not in ("0", "1", "2") or kind not in KINDS:
        raise Wrong("filterActive or filterItemType is not known")
    now = gate.world.clock.now()
    found = []
    with gate.world.lock:
        for one in items_of(gate, member["seller_id"]).values():
            on_sale = one["remainingQuantity"] > 0 and parse_instant(one["endDate"]) > now
            if active == "0" or on_sale is (active == "1"):
                found.append(one)
    wanted = KINDS[kind]
    return [one for one in found if wanted is None or one["itemType"] == wanted]


def _asked(gate: Gate, member: Member, what: str) -> list[tuple[int, int, dict[str, Any] | None]]:
    """(item, value, the shop item or None) of each row of the body."""
    rows = body().get("shopItems")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Wrong("shopItems must be a list of items")
    mine = items_of(gate, member["seller_id"])
    found = []
    for row in rows:
        item, value = number(row.get("id"), "id"), number(row.get(what), what)
        known = mine.get(str(item))
        found.append((item, value, known if known and known["itemType"] == SHOP_ITEM else None))
    return found


def _error(item: int, words: str) -> dict[str, Any]:
    return {"item": item, "errorMessage": words}


def _quantities(gate: Gate, member: Member) -> dict[str, Any]:
    done: list[int] = []
    wrong: list[dict[str, Any]] = []
    with gate.world.lock:
        for item, quantity, known in _asked(gate, member, "quantity"):
            if known is None:
                wrong.append(_error(item, "Item not found"))
            elif not 0 <= quantity <= MOST:
                wrong.append(_error(item, f"Quantity must be between 0 and {MOST}"))
            else:
                known["remainingQuantity"] = quantity
                done.append(item)
                applied(gate, member["seller_id"], _sku(known), quantity=quantity)
        gate.members.touch()
    return {"successfulUpdates": done, "validationErrors": wrong}


def _prices(gate: Gate, member: Member) -> dict[str, Any]:
    queued: list[dict[str, int]] = []
    wrong: list[dict[str, Any]] = []
    with gate.world.lock:
        ready = gate.world.clock.timestamp() + float(member["price_seconds"])
        for item, price, known in _asked(gate, member, "price"):
            if known is None:
                wrong.append(_error(item, "Item not found"))
            elif price < 1:
                wrong.append(_error(item, "Price must be at least 1"))
            else:
                number_of_it = gate.world.next_id("tradera.request", 9001)
                row = {"member": member["seller_id"], "item": str(item), "sku": _sku(known), "price": price}
                gate.members.table("requests")[str(number_of_it)] = row | {"ready": ready, "result": None}
                queued.append({"requestId": number_of_it, "itemId": item})
        gate.members.touch()
    return {"queuedRequestResponses": queued, "validationErrors": wrong}


def _results(gate: Gate, member: Member) -> list[dict[str, Any]]:
    asked = request.args.getlist("requestIds")
    if not asked or not all(one.isdigit() for one in asked):
        raise Wrong("requestIds must be numbers")
    settle(gate)
    found = []
    for one in asked:
        row = gate.members.table("requests").get(one)
        if row is not None and row["member"] == member["seller_id"] and row["result"] is not None:
            code, message = row["result"]
            found.append({"requestId": int(one), "resultCode": code, "message": message})
    return found


def _sku(item: dict[str, Any]) -> str:
    own: list[str] = item["ownReferences"]
    return own[0] if own else ""
