"""What the app remembers of a shop, read from Shopify: profile, locations, scopes, and the unique order reference."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy.orm import Session

from marketplaces.text import clean
from shopapp.logs import event
from shopapp.records.models import Shop
from shopapp.shopify_admin.client import Admin

log = logging.getLogger(__name__)


def read(admin: Admin, *, interactive: bool = False) -> dict[str, Any]:
    """The shop's columns as Shopify tells them now. Network; raises the error families."""
    profile = admin.run("ShopInfo", interactive=interactive).get("shop") or {}
    places = (admin.run("Locations", interactive=interactive).get("locations") or {}).get("nodes") or []
    plan = profile.get("plan") or {}
    return {
        "gid": clean(profile.get("id"), 64),
        "name": clean(profile.get("name"), 255),
        "email": clean(profile.get("email") or profile.get("contactEmail"), 320),
        "currency": clean(profile.get("currencyCode"), 3),
        "timezone": clean(profile.get("ianaTimezone"), 64) or "UTC",
        "taxes_included": bool(profile.get("taxesIncluded")),
        "development": bool(plan.get("partnerDevelopment")),
        "location_count": sum(1 for place in places if place.get("isActive")),
        "locations": {
            clean(place.get("id"), 64): clean(place.get("name"), 100) for place in places if place.get("isActive")
        },
    }


def read_scopes(admin: Admin, *, interactive: bool = False) -> str:
    """The scopes that the shop grants now, comma separated. Network."""
    found = admin.run("InstallationInfo", interactive=interactive).get("currentAppInstallation") or {}
    return ",".join(sorted(clean(scope.get("handle"), 100) for scope in found.get("accessScopes") or []))


def define_reference(admin: Admin, *, interactive: bool = False) -> bool:
    """Make sure that order references are unique in this shop; whether they are. Network."""
    answer = admin.run("EnsureOrderRefDefinition", interactive=interactive)
    payload = answer.get("metafieldDefinitionCreate") or {}
    errors = payload.get("userErrors") or []
    if payload.get("createdDefinition") or any(error.get("code") == "TAKEN" for error in errors):
        return True
    words = clean("; ".join(str(error.get("message")) for error in errors), 300)
    event(log, "reference_not_defined", logging.ERROR, shop=admin.domain, words=words)
    return False


def save(s: Session, shop: Shop, facts: dict[str, Any]) -> None:
    """Write what `read` and `read_scopes` gave."""
    for name, value in facts.items():
        setattr(shop, name, value)
    s.flush()
