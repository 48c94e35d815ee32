"""Owns the control endpoints of this stand-in: users, their orders, inventory and states, messages, quotas."""

from typing import Any

from flask import Flask, Response, jsonify, request

from tests.sandbox.control import body
from tests.sandbox.ebay import inventory, notices
from tests.sandbox.ebay.gate import Gate, stamp
from tests.sandbox.ebay.generate import make_orders

BASE = "/_sandbox/ebay"
STATES = {"authorisation", "status", "registered", "suspended", "scopes", "lag_seconds", "username", "tell", "reason"}


def register(app: Flask, gate: Gate) -> None:
    """Add everything under /_sandbox/ebay."""
    _register_users(app, gate)
    _register_goods(app, gate)

    @app.post(f"{BASE}/settings")
    def ebay_settings() -> Response:
        wish = body()
        if set(wish) - {"quotas", "access_seconds", "one_sku"}:
            raise ValueError("settings are quotas, access_seconds and one_sku")
        with gate.world.lock:
            gate.users.settings.update(wish)
            gate.used.clear()
        gate.users.touch()
        return jsonify(**gate.users.settings, used=gate.used)

    @app.post(f"{BASE}/notices")
    def ebay_send() -> Response:
        wish = body()
        forged = bool(wish.get("forged"))
        return jsonify(status=notices.send(gate, str(wish["topic"]), dict(wish["data"]), forged=forged))

    @app.post(f"{BASE}/challenge")
    def ebay_challenge() -> Response:
        return jsonify(ours=notices.ask(gate))


def _register_users(app: Flask, gate: Gate) -> None:
    def told(user: dict[str, Any]) -> dict[str, Any]:
        return user | {"seller_id": user["user_id"], "orders": len(gate.users.part["orders"][user["user_id"]])}

    @app.post(f"{BASE}/sellers")
    def ebay_add() -> tuple[Response, int]:
        wish = body()
        if "seller_id" in wish:
            wish["user_id"] = wish.pop("seller_id")
        return jsonify(told(gate.users.add(wish))), 201

    @app.get(f"{BASE}/sellers")
    def ebay_list() -> Response:
        return jsonify([told(user) for user in gate.users.listed()])

    @app.get(f"{BASE}/sellers/<user_id>")
    def ebay_one(user_id: str) -> Response:
        return jsonify(told(gate.users.get(user_id)))

    @app.post(f"{BASE}/sellers/<user_id>/state")
    def ebay_state(user_id: str) -> Response:
        wish, user = body(), gate.users.get(user_id)
        if set(wish) - STATES:
            raise ValueError(f"states are {sorted(STATES)}")
        tell, reason = wish.pop("tell", False), str(wish.pop("reason", "REVOKED_BY_USER"))
        how = wish.pop("authorisation", "")
        with gate.world.lock:
            user.update(wish)
        if how in ("revoked", "expired"):
            gate.users.end(user_id, how)
        elif how:
            raise ValueError("an authorisation can be revoked or expired")
        gate.users.touch()
        gate.world.ledger.record("ebay", "ebay.state", user_id, {**wish, "authorisation": how})
        if tell:
            now = stamp(gate.world.clock.now())
            data = {"username": user["username"], "userId": user_id, "eiasToken": "nY+sHZ2Pr"}
            data |= {"revokeReason": reason, "revocationDate": now}
            return jsonify(**told(user), notice=notices.send(gate, "AUTHORIZATION_REVOCATION", data))
        return jsonify(told(user))


def _register_goods(app: Flask, gate: Gate) -> None:
    @app.post(f"{BASE}/sellers/<user_id>/orders")
    def ebay_sell(user_id: str) -> tuple[Response, int]:
        user, wish = gate.users.get(user_id), body()
        made = wish["orders"] if "orders" in wish else make_orders(gate.world, user, wish)
        with gate.world.lock:
            gate.users.part["orders"][user_id].update({order["orderId"]: order for order in made})
        gate.users.touch()
        return jsonify(order_ids=[order["orderId"] for order in made]), 201

    @app.get(f"{BASE}/sellers/<user_id>/orders")
    def ebay_sold(user_id: str) -> Response:
        packages = gate.users.part.get("shipments", {})
        rows = gate.users.part["orders"][user_id].values()
        return jsonify([order | {"shipments": packages.get(order["orderId"], [])} for order in rows])

    @app.post(f"{BASE}/sellers/<user_id>/orders/<order_id>")
    def ebay_change(user_id: str, order_id: str) -> Response:
        wish, order = body(), gate.users.part["orders"][user_id][order_id]
        if set(wish) - {"cancel", "paid", "shipped", "merge"}:
            raise ValueError("a change is cancel, paid, shipped or merge")
        with gate.world.lock:
            _change(gate, order, wish)
        gate.users.touch()
        return jsonify(order)

    @app.post(f"{BASE}/sellers/<user_id>/listings")
    def ebay_list_sku(user_id: str) -> tuple[Response, int]:
        return jsonify(inventory.put(gate, user_id, body())), 201

    @app.get(f"{BASE}/sellers/<user_id>/listings")
    def ebay_listings(user_id: str) -> Response:
        part = gate.users.part
        offers = {one["sku"]: one for one in part["offers"][user_id].values()}
        return jsonify([item | {"offer": offers.get(sku)} for sku, item in part["items"][user_id].items()])

    @app.route(f"{BASE}/sellers/<user_id>/refusals", methods=["POST", "DELETE"])
    def ebay_refuse(user_id: str) -> Response:
        rows = gate.users.part["refusals"][user_id]
        with gate.world.lock:
            if request.method == "DELETE":
                rows.pop(request.args.get("sku", ""), None)
            else:
                wish = body()
                usual = {"code": 25709, "message": "Invalid value for price.", "field": "price"}
                rows[str(wish["sku"])] = usual | {name: wish[name] for name in usual if name in wish}
        gate.users.touch()
        return jsonify(rows)


def _change(gate: Gate, order: dict[str, Any], wish: dict[str, Any]) -> None:
    """cancel: asked, rejected or done; paid and shipped as the contract calls them; merge as it is."""
    now = stamp(gate.world.clock.now())
    order["lastModifiedDate"] = now
    if "paid" in wish:
        order["orderPaymentStatus"] = wish["paid"]
    if "shipped" in wish:
        order["orderFulfillmentStatus"] = wish["shipped"]
    if "cancel" in wish:
        state = {"asked": "REQUESTED", "rejected": "REJECTED", "done": "COMPLETED"}[wish["cancel"]]
        told = {"cancelRequestId": "5000000001", "cancelInitiator": "Buyer", "cancelReason": "BUYER_ASKED_CANCEL"}
        requests = [told | {"cancelRequestedDate": now, "cancelRequestState": state}]
        done = state == "COMPLETED"
        order["cancelStatus"] = {"cancelState": "CANCELED" if done else "IN_PROGRESS", "cancelRequests": requests}
        if done:
            order["cancelStatus"]["cancelledDate"] = now
            order["orderPaymentStatus"] = "FULLY_REFUNDED"
    order.update(wish.get("merge") or {})
