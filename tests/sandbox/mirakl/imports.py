"""Owns imports of stock and prices: the files, their way from WAITING to COMPLETE, their reports of errors.

A file is applied when its import ends, all imports of a shop in their order. Prices are deleted and replaced.
"""

import csv
import io
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.clock import iso, parse_instant
from tests.sandbox.mirakl.gate import BASE, Gate, Wrong, answer
from tests.sandbox.mirakl.shops import Shop, named

KINDS = {"stock": ("offer-sku", "quantity"), "pricing": ("offer-sku", "price")}
COLUMNS = {
    "stock": {"offer-sku", "quantity", "warehouse-code", "update-delete"},
    "pricing": {
        "offer-sku", "price", "price-ranges", "discount-price", "discount-ranges", "discount-start-date", "discount-end-date",
        "channels", "start-date", "end-date", "customer-organization-ids", "customer-group-ids", "price-type",
    },
}  # fmt: skip
Row = dict[str, str]


def register(app: Flask, gate: Gate) -> None:
    """Add the operations."""
    for kind, (send, status, report) in {
        "stock": ("STO01", "STO02", "STO03"),
        "pricing": ("PRI01", "PRI02", "PRI03"),
    }.items():
        _register(app, gate, kind, send, status, report)


def _register(app: Flask, gate: Gate, kind: str, send: str, status: str, report: str) -> None:
    base = f"{BASE}/offers/{kind}/imports"

    def begin(instance: str) -> Response:
        return gate.call(instance, send, lambda shop: _begin(gate, shop, kind))

    def state(instance: str, import_id: str) -> Response:
        return gate.call(instance, status, lambda shop: answer(_shown(gate, shop, _found(gate, shop, kind, import_id))))

    def listed(instance: str) -> Response:
        return gate.call(instance, status, lambda shop: answer({"data": _listed(gate, shop, kind)}))

    def errors(instance: str, import_id: str) -> Response:
        return gate.call(instance, report, lambda shop: _report(gate, shop, _found(gate, shop, kind, import_id)))

    app.add_url_rule(base, f"mirakl_{send}", begin, methods=["POST"])
    app.add_url_rule(f"{base}/<import_id>/error_report", f"mirakl_{report}", errors)
    if kind == "stock":
        app.add_url_rule(f"{base}/<import_id>/status", f"mirakl_{status}", state)
    else:
        app.add_url_rule(base, f"mirakl_{status}", listed)


def _begin(gate: Gate, shop: Shop, kind: str) -> Response:
    told = request.files.get("file")
    if told is None:
        raise Wrong("The part 'file' is missing", 400, "VALIDATION_ERROR")
    text = told.read().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    header = rows[0] if rows else []
    if not set(KINDS[kind]) <= set(header) or set(header) - COLUMNS[kind] or len(set(header)) != len(header):
        raise Wrong("The file has no such columns", 400, "VALIDATION_ERROR")
    lines = [dict(zip(header, row, strict=False)) for row in rows[1:] if row]
    now = gate.world.clock.now()
    with gate.world.lock:
        number = gate.world.next_id("mirakl.import", 70001)
        made = {
            "import_id": str(number), "kind": kind, "date_created": iso(now), "rows": lines, "header": header, "applied": False,
            "ends_at": iso(now + timedelta(seconds=float(shop["import_seconds"]))), "errors": [],
            "failed": shop["failed_imports"],
        }  # fmt: skip
        gate.shops.table("imports", shop)[str(number)] = made
    gate.shops.touch()
    gate.world.ledger.record(
        "mirakl", "import.created", str(number), {"shop": named(shop), "kind": kind, "rows": len(lines)}
    )
    return answer({"import_id": str(number)}, 201, {"Location": f"/api/offers/{kind}/imports/{number}"})


def settle(gate: Gate, shop: Shop) -> None:
    """Apply what has ended, in its order."""
    now = gate.world.clock.now()
    with gate.world.lock:
        for one in gate.shops.table("imports", shop).values():
            if not one["applied"] and parse_instant(one["ends_at"]) <= now:
                one["applied"] = True
                if not one["failed"]:
                    _apply(gate, shop, one)
                gate.shops.touch()


def _apply(gate: Gate, shop: Shop, one: dict[str, Any]) -> None:
    offers, refusals = gate.shops.table("offers", shop), gate.shops.table("refusals", shop)
    prices: dict[str, list[Row]] = {}
    field = KINDS[one["kind"]][1]
    for number, row in enumerate(one["rows"], 2):
        sku = row.get("offer-sku", "")
        rule = refusals.get(sku) or {}
        why = rule.get("message") if rule.get("field", field) == field else None
        why = why or ("No offer with this SKU" if sku not in offers else _wrong(one["kind"], row))
        if why:
            one["errors"].append([number, why, row])
        elif one["kind"] == "stock":
            offers[sku]["quantity"] = int(row["quantity"])
            _applied(gate, shop, sku, quantity=int(row["quantity"]))
        else:
            prices.setdefault(sku, []).append(
                {name: value for name, value in row.items() if value and name != "offer-sku"}
            )
    broken = {row["offer-sku"] for _, _, row in one["errors"]}
    for sku, rows in prices.items():
        if sku not in broken:
            offers[sku]["prices"] = rows
            _applied(gate, shop, sku, price=next((one["price"] for one in rows if "channels" not in one), None))


def _applied(gate: Gate, shop: Shop, sku: str, **what: Any) -> None:
    gate.world.ledger.record("mirakl", "offer.applied", sku, {"shop": named(shop), **what})


def _wrong(kind: str, row: Row) -> str:
    """Why a row is refused, "" when it is good."""
    if kind == "stock":
        return "" if row.get("quantity", "").isdigit() else "The quantity is not a number"
    try:
        price = Decimal(row.get("price", ""))
        if not price.is_finite() or price <= 0:
            return "The price must be greater than 0"
        if row.get("discount-price") and Decimal(row["discount-price"]) >= price:
            return "The discount price must be lower than the price"
    except InvalidOperation:
        return "The price is not a number"
    return ""


def _found(gate: Gate, shop: Shop, kind: str, import_id: str) -> dict[str, Any]:
    settle(gate, shop)
    one: dict[str, Any] | None = gate.shops.table("imports", shop).get(import_id)
    if one is None or one["kind"] != kind:
        raise Wrong("There is no such import", 404)
    return one


def _listed(gate: Gate, shop: Shop, kind: str) -> list[dict[str, Any]]:
    settle(gate, shop)
    wanted = request.args.getlist("import_id")
    rows = [one for one in gate.shops.table("imports", shop).values() if one["kind"] == kind]
    return [_shown(gate, shop, one) for one in reversed(rows) if not wanted or one["import_id"] in wanted]


def _shown(gate: Gate, shop: Shop, one: dict[str, Any]) -> dict[str, Any]:
    now, begun = gate.world.clock.now(), parse_instant(one["date_created"])
    ended = one["applied"]
    running = (now - begun) * 2 > parse_instant(one["ends_at"]) - begun
    status = ("FAILED" if one["failed"] else "COMPLETE") if ended else "RUNNING" if running else "WAITING"
    bad = len(one["errors"])
    found = {
        "import_id": one["import_id"], "status": status, "has_error_report": bool(bad), "date_created": one["date_created"],
        "shop_id": shop["shop_id"], "lines_in_error": bad, "lines_in_success": len(one["rows"]) - bad if ended else 0,
    }  # fmt: skip
    if one["kind"] == "pricing":
        found |= {
            "offers_in_error": bad,
            "offers_updated": found["lines_in_success"],
            "origin": "API",
            "reason_status": "",
        }
    return found


def _report(gate: Gate, shop: Shop, one: dict[str, Any]) -> Response:
    if shop["unreadable_reports"]:
        return Response("<html>An error has occurred</html>", content_type="text/html")
    rows = [["error-line", "error-message", *one["header"]]]
    rows += [[str(number), why, *(row.get(name, "") for name in one["header"])] for number, why, row in one["errors"]]
    return Response(_csv(rows), content_type="text/csv;charset=UTF-8")


def _csv(rows: Iterable[list[str]]) -> str:
    target = io.StringIO()
    csv.writer(target, delimiter=";", lineterminator="\n").writerows(rows)
    return target.getvalue()
