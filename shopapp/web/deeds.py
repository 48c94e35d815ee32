"""The audit log in words: who changed what. Unknown keys are shown as they are, so that no entry is ever hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp.i18n import N_
from shopapp.records.models import Account, AuditEntry
from shopapp.web.presentation import _, ngettext, stored_moment

DEEDS: dict[str, str] = {
    "account_activated": N_("Account activated"),
    "account_activating": N_("Activation of an account begun"),
    "account_closed_there": N_("Seller account closed at the marketplace"),
    "account_deactivated": N_("Account deactivated"),
    "account_linked": N_("Account connected"),
    "account_renewed": N_("Account renewed at the marketplace"),
    "account_saved": N_("Account saved"),
    "address_confirmed": N_("Alert address confirmed"),
    "backfill_started": N_("Import of older orders started"),
    "backfill_stopped": N_("Import of older orders stopped"),
    "count_asked": N_("Counting the days again asked for"),
    "customer.data_exported": N_("Data about a customer downloaded"),
    "customer.data_requested": N_("Data about a customer asked for by Shopify"),
    "customer.redacted": N_("Data about a customer deleted on Shopify's request"),
    "data_exported": N_("Data of the shop downloaded"),
    "guide_dismissed": N_("Set-up guide put away"),
    "import_taken": N_("Import taken over from another shop"),
    "import_taken_over": N_("Import taken over by another shop"),
    "language_chosen": N_("Language chosen"),
    "listings_read_asked": N_("Reading the listings again asked for"),
    "login_begun": N_("Login at the marketplace begun"),
    "login_refused": N_("Login as another seller refused"),
    "login_unproved": N_("Login without a working connection"),
    "notifications_saved": N_("Notifications saved"),
    "order_accepted": N_("Order accepted at the marketplace"),
    "orders_retried": N_("Orders tried again"),
    "brake_kept": N_("Setting many listings to 0 refused"),
    "brake_released": N_("Setting many listings to 0 allowed"),
    "listings_updated": N_("Listings updated by hand"),
    "push_rules_saved": N_("Rules for prices and stock saved"),
    "push_switched_off": N_("Push of prices and stock switched off"),
    "push_switched_on": N_("Push of prices and stock switched on"),
    "run_undone": N_("Run over listings undone"),
    "paused": N_("Everything paused"),
    "plan.changed": N_("Plan changed"),
    "product_chosen": N_("Product chosen for one order"),
    "restock_answered": N_("Stock of a cancelled order decided"),
    "resumed": N_("Everything resumed"),
    "rules_saved": N_("Rules of an account saved"),
    "shop.installed": N_("App installed"),
    "shop.installed_again": N_("App installed again"),
    "shipments_resent": N_("Sending tracking again asked for"),
    "sku_mapped": N_("SKU mapped"),
    "sku_unmapped": N_("SKU mapping deleted"),
    "skus_imported": N_("SKU mappings imported from a file"),
    "take_over_set": N_("Start of the import set"),
    "test_mail": N_("Test e-mail asked for"),
    "unsubscribed": N_("E-mails of a kind stopped by the link in an e-mail"),
}
# Changes whose value says something to a person; the others only make the line longer.
_TOLD = ("category", "label", "sites", "sites_on", "sites_off", "when", "seller", "file", "order")


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the log. `who` is a staff id as Shopify tells it, or the app; `about` the account's name, if any."""

    at: datetime
    who: str
    what: str
    about: str


def newest(s: Session, shop_id: int, limit: int = 50) -> list[Deed]:
    """The last entries of the shop, newest first."""
    found = select(AuditEntry).where(AuditEntry.shop_id == shop_id)
    entries = s.scalars(found.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit)).all()
    labels = {
        f"account:{account_id}": label
        for account_id, label in s.execute(select(Account.id, Account.label).where(Account.shop_id == shop_id))
    }
    return list(_deeds(entries, labels))


def _deeds(entries: Iterable[AuditEntry], labels: Mapping[str, str]) -> Iterable[Deed]:
    for entry in entries:
        who = _("Staff member %(id)s", id=entry.user_id) if entry.user_id else _("The app")
        what = _(DEEDS[entry.action]) if entry.action in DEEDS else entry.action
        yield Deed(entry.at, who, what, " · ".join(filter(None, (labels.get(entry.subject, ""), _told(entry.changes)))))


def _told(changes: Mapping[str, Any]) -> str:
    parts = []
    if "after" in changes:
        what = f"{changes['sku']}: " if changes.get("sku") else ""
        parts.append(f"{what}{changes.get('before') or '–'} → {changes['after'] or '–'}")
    for key in _TOLD:
        value = changes.get(key)
        if key == "when":
            value = stored_moment(str(value or ""))
        elif isinstance(value, list):
            value = (" → " if key == "label" else ", ").join(map(str, value))
        if value:
            parts.append(str(value))
    if isinstance(changes.get("mappings"), int):
        parts.append(ngettext("%(count)s mapping", "%(count)s mappings", changes["mappings"]))
    count = changes.get("count", changes.get("orders"))
    if isinstance(count, int):
        parts.append(ngettext("%(count)s order", "%(count)s orders", count))
    return ", ".join(parts)
