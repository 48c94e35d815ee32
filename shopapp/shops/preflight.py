"""What stands in the way of importing: a missing scope or location, the state of the shop. Its texts are msgids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from shopapp import runtime
from shopapp.i18n import N_
from shopapp.records.models import Severity, Shop, ShopStatus
from shopapp.shopify_admin import auth


@dataclass(frozen=True, slots=True)
class Problem:
    """One obstacle. `title`, `text` and `advice` are msgids with `params`; `link` is an address in the admin or "".

    A critical one stops imports; a warning only limits them.
    """

    key: str
    severity: Severity
    title: str
    text: str
    advice: str
    params: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    action: str = ""


# What each scope is for, in the merchant's words.
PURPOSE = {
    "read_products": N_("The app needs this access to find the products of an order by their SKU."),
    "read_inventory": N_("The app needs this access to read your stock."),
    "write_inventory": N_("The app needs this access to lower your stock when something is sold."),
    "read_locations": N_("The app needs this access to know where you keep your stock."),
    "read_orders": N_("The app needs this access to see which orders are already in your shop."),
    "write_orders": N_("The app needs this access to create the orders of your marketplaces in your shop."),
}
ALLOW = N_("Close the app and open it again from Apps in your admin. Shopify then asks you to approve the access.")


def preflight(s: Session, shop: Shop) -> list[Problem]:
    """The shop's obstacles, the worst first; [] when everything is ready."""
    store = f"{runtime.config()['ADMIN_ORIGIN']}/store/{shop.handle}"
    found = [*_state(shop), *_scopes(shop, store)]
    if shop.gid and not shop.location_count:
        found.append(
            Problem(
                "no_location",
                Severity.CRITICAL,
                N_("Your shop has no active location"),
                N_("Stock is kept at locations. Without one, imported orders cannot lower your stock."),
                N_("Add or activate a location in your shop's settings."),
                link=f"{store}/settings/locations",
                action=N_("Open the locations"),
            )
        )
    if shop.status == ShopStatus.ACTIVE and shop.ref_definition_at is None and not found:
        found.append(
            Problem(
                "not_set_up",
                Severity.WARNING,
                N_("We are still setting up your shop"),
                N_("Shopify has not confirmed the last step yet. Orders are imported once it has."),
                N_("There is nothing to do for you. We try again by ourselves."),
            )
        )
    if shop.development:
        found.append(
            Problem(
                "development_store",
                Severity.WARNING,
                N_("This is a development store"),
                N_(
                    "Shopify lets apps create five orders a minute in development stores. More of them wait their turn."
                ),
                N_("There is nothing to do for you. The limit ends when the store moves to a paid Shopify plan."),
            )
        )
    return found


def _state(shop: Shop) -> list[Problem]:
    if shop.status == ShopStatus.FROZEN:
        return [
            Problem(
                "shop_frozen",
                Severity.CRITICAL,
                N_("Shopify has paused your shop"),
                N_("Shopify does not let us work for this shop at the moment. Everything waits; nothing is lost."),
                N_("Look at your Shopify plan and bills. We go on by ourselves once Shopify lets us."),
                link=f"{runtime.config()['ADMIN_ORIGIN']}/store/{shop.handle}/settings/plan",
                action=N_("Open the Shopify plan"),
            )
        ]
    if shop.status == ShopStatus.NEEDS_OPENING:
        return [
            Problem(
                "needs_opening",
                Severity.CRITICAL,
                N_("Shopify does not accept our access"),
                N_("Your visit could not renew it yet."),
                N_("Close the app and open it again from Apps in your admin."),
            )
        ]
    return []


def _scopes(shop: Shop, store: str) -> list[Problem]:
    return [
        Problem(
            f"scope_{scope}",
            Severity.CRITICAL,
            N_("The access %(scope)s is missing"),
            PURPOSE.get(scope, N_("The app needs this access for its work.")),
            ALLOW,
            {"scope": scope},
            link=f"{store}/settings/apps",
            action=N_("Open your apps"),
        )
        for scope in auth.missing_scopes(shop.scopes, runtime.config().scopes)
    ]
