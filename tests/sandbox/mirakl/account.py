"""Owns A01, the account of the shop, SH21, the operator's carriers, and V01."""

from typing import Any

from flask import Flask, Response

from tests.sandbox.clock import iso
from tests.sandbox.mirakl.gate import BASE, Gate, answer
from tests.sandbox.mirakl.shops import Shop

CARRIERS = (("CARR-1", "DHL Paket", "DHL"), ("CARR-2", "UPS", "UPS"), ("CARR-3", "Hermes", "HERMES"))


def register(app: Flask, gate: Gate) -> None:
    """Add the operations."""

    @app.get(f"{BASE}/account")
    def mirakl_account(instance: str) -> Response:
        return gate.call(instance, "A01", lambda shop: answer(told(gate, shop)))

    @app.get(f"{BASE}/shipping/carriers")
    def mirakl_carriers(instance: str) -> Response:
        return gate.call(instance, "SH21", lambda _: answer({"carriers": carriers()}))

    @app.get(f"{BASE}/version")
    def mirakl_version(instance: str) -> Response:
        return answer({"version": "3.900"})


def carriers() -> list[dict[str, str]]:
    """The operator's carriers."""
    return [
        {"code": code, "label": label, "standard_code": standard, "tracking_url": "https://track.example/{trackingId}"}
        for code, label, standard in CARRIERS
    ]


def told(gate: Gate, shop: Shop) -> dict[str, Any]:
    """The account as the contract describes it."""
    now = iso(gate.world.clock.now())
    place = {"city": "Hamburg", "country_iso_code": "DEU", "street_1": "Hafenstraße 1"}
    found = {
        "billing_info": {}, "channels": [], "currency_iso_code": shop["currency"], "date_created": "2026-01-15T09:00:00Z",
        "contact_informations": {
            "city": "Hamburg", "country": "DEU", "email": "shop@shop.test", "lastname": "Kaufmann", "street1": "Hafenstraße 1",
        },
        "default_billing_information": {"default_language": "de_DE", "id": "b-1", "registration_address": place},
        "domains": ["PRODUCT"], "evaluations_count": 0, "free_shipping": False, "is_professional": True,
        "kyc": {"status": shop["kyc"]} | ({"reason": shop["kyc_reason"]} if shop["kyc_reason"] else {}),
        "last_updated_date": now, "model": shop["model"], "offers_count": len(gate.shops.table("offers", shop)),
        "orders_count": len(gate.shops.table("orders", shop)),
        "payment_details": {"paid_balance": 0, "payable_balance": 0, "pending_balance": 0},
        "payment_method_mandatory": False, "premium": False, "pro_details": {}, "shipping": {"lead_time_to_ship": 2},
        "shipping_types": [], "shipping_zones": [], "shop_additional_fields": [], "shop_id": shop["shop_id"],
        "shop_name": shop["name"], "shop_state": shop["state"],
    }  # fmt: skip
    return found | ({"suspension_type": shop["suspension_type"]} if shop["suspension_type"] else {})
