"""The journal in words: each event key as a dated sentence for timelines. Unknown keys are shown as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shopapp.alerts.causes import CAUSES
from shopapp.i18n import N_
from shopapp.records.models import JournalEntry
from shopapp.web.presentation import HELD_REASONS, _, stored_moment
from shopapp.web.reasons import words

# key -> (tone, sentence); %(name)s come from the entry's params
EVENTS: dict[str, tuple[str, str]] = {
    "order_found": ("", N_("Found on the marketplace, state there: %(remote_state)s")),
    "order_picked_up": ("", N_("Picked up for import")),
    "order_shipped_there": ("", N_("Shipped by the marketplace itself; imported as a fulfilled order")),
    "order_ready": ("", N_("Paid and ready to be imported")),
    "acceptance_asked": ("", N_("It is to be accepted at the marketplace")),
    "order_accepted": ("good", N_("Accepted at the marketplace")),
    "acceptance_unanswered": ("bad", N_("The marketplace gave no clear answer; we look before it is accepted again")),
    "order_sending": ("", N_("Sent to Shopify, try %(tries)s")),
    "order_unanswered": (
        "bad",
        N_("Shopify gave no clear answer; we look for the order before anything is sent again"),
    ),
    "order_imported": ("good", N_("In Shopify as %(name)s")),
    "order_failed": ("bad", N_("Not imported: %(cause)s")),
    "order_held": ("", N_("Held: %(reason)s")),
    "order_ignored": ("", N_("Not imported on purpose: %(reason)s")),
    "released": ("", N_("Released, waiting to be created")),
    "retry_asked": ("", N_("Another try was asked for")),
    "sku_mapped": ("", N_("A SKU it waits for was mapped; another try begins")),
    "product_chosen": ("", N_("For SKU %(sku)s, this order takes %(product)s")),
    "product_unchosen": ("", N_("For SKU %(sku)s, this order takes what the mappings say again")),
    "remote_state_changed": ("", N_("State on the marketplace: %(before)s → %(now)s")),
    "reference_taken": ("", N_("Shopify already has an order with this reference; we look it up")),
    "made_by_another_app": ("good", N_("Found in Shopify, made by another app; bound to it (found in %(found_in)s)")),
    "totals_differ": ("bad", N_("The totals differ: marketplace %(marketplace)s, Shopify %(shopify)s")),
    "version_not_understood": ("bad", N_("A newer version of the order could not be read: %(cause)s")),
    "not_read_again": ("", N_("The order could not be read again at the marketplace")),
    "cancelled_on_marketplace": ("bad", N_("Cancelled on the marketplace")),
    "cancelled_before_import": ("", N_("Cancelled on the marketplace before it was imported")),
    "cancelled_while_sending": ("", N_("Cancelled on the marketplace while it was being created")),
    "cancelled_in_shopify": ("", N_("Cancelled in Shopify, stock put back")),
    "cancelled_stock_left": ("", N_("Cancelled in Shopify, stock left as it is")),
    "restock_asked": ("next", N_("Waits for your answer whether the stock is put back")),
    "restock_yes": ("", N_("The stock is to be put back")),
    "restock_no": ("", N_("The stock is to be left")),
    "shipment_heard": ("", N_("Shipped in Shopify (%(name)s)")),
    "shipment_changed": ("", N_("Tracking changed in Shopify (%(name)s)")),
    "shipment_more_numbers": (
        "",
        N_(
            "%(name)s has more tracking numbers: %(count)s. The marketplace takes one for each fulfillment, the first is sent"
        ),
    ),
    "shipment_sending": ("", N_("Tracking sent to the marketplace (%(name)s), try %(tries)s")),
    "shipment_unanswered": (
        "bad",
        N_("The marketplace gave no clear answer; we look for the shipment before it is sent again"),
    ),
    "shipment_sent": ("good", N_("Tracking accepted by the marketplace (%(name)s)")),
    "shipment_found": ("good", N_("The marketplace has this shipment already (%(name)s)")),
    "shipment_failed": ("bad", N_("Tracking not accepted (%(name)s): %(cause)s")),
    "shipment_asked": ("", N_("Sending the tracking again was asked for")),
    "shipment_withdrawn_fulfillment_cancelled": ("", N_("Cancelled in Shopify before it was sent (%(name)s)")),
    "shipment_withdrawn_switched_off": ("", N_("Not sent, because that is switched off for the account (%(name)s)")),
    "shipment_withdrawn_order_cancelled": ("", N_("Not sent, because the order was cancelled (%(name)s)")),
    "shipment_withdrawn_order_incomplete": ("", N_("Not told yet: the rest of the order has not left (%(name)s)")),
    "shipment_withdrawn_reported_already": ("", N_("Not sent: its units are in another package already (%(name)s)")),
    "shipment_cancelled_there": (
        "bad",
        N_("Cancelled in Shopify after it was sent (%(name)s). Change or cancel it on the marketplace by hand"),
    ),
    "cancelled_in_shop": ("bad", N_("Cancelled in Shopify. Cancel it on the marketplace by hand")),
    "refunded_in_shop": ("bad", N_("Refunded in Shopify. Refund the buyer on the marketplace by hand")),
    "cancel_refused": ("bad", N_("Shopify refused to cancel the order")),
    "cancel_left_to_other_app": ("", N_("The order was made by another app; cancel it there")),
    "mailed": ("", N_("E-mail sent to %(to)s")),
    "mail_cancelled": ("", N_("E-mail not sent, because it was solved or switched off")),
    "address_refused": ("bad", N_("The mail server refused the alert address")),
    "orders_found": ("", N_("New orders found: %(new)s")),
    "sweep_started_over": ("", N_("The marketplace forgot our place in its list; the list is read again")),
    "backfill_done": ("good", N_("Import of older orders finished, orders found: %(found)s")),
    "count_fetched": ("", N_("Missed by the sync, found by the nightly count and fetched: %(found)s")),
    "count_uneven": ("bad", N_("The orders of %(day)s do not add up")),
    "count_even": ("good", N_("The orders add up again")),
    "account_linked": ("good", N_("Connected as seller %(seller)s")),
    "account_works": ("good", N_("The connection works")),
    "account_broken": ("bad", N_("The marketplace refuses our access: %(cause)s")),
    "account_trouble": ("", N_("The marketplace did not answer as it should; we keep trying")),
    "account_deactivated": ("", N_("Deactivated")),
    "account_activated": ("good", N_("Activated")),
    "account_renewed": ("good", N_("Renewed at the marketplace")),
    "listings_read": ("good", N_("Listings read: %(found)s")),
    "listings_unread": ("bad", N_("The listings could not be read")),
    "take_over_set": ("", N_("Orders are imported from %(when)s on")),
    "wrong_seller": ("bad", N_("Login as seller %(actual)s refused: the account belongs to %(expected)s")),
    "login_declined": ("", N_("The login was given up at the marketplace")),
    "login_failed": ("bad", N_("The login could not be completed")),
    "import_taken_over": ("bad", N_("Another shop imports the orders of %(sites)s now")),
    "expiry_notice": ("next", N_("Days until the connection ends: %(days)s")),
    "plan_changed": ("", N_("Plan changed from %(before)s to %(after)s")),
    "installed": ("", N_("App installed")),
    "installed_again": ("", N_("App installed again")),
    "uninstalled": ("", N_("App uninstalled")),
    "scopes_changed": ("", N_("Permissions in Shopify changed")),
    "shop_paused": ("bad", N_("Shopify does not let us work for the shop")),
    "shop_works": ("good", N_("Shopify lets us work again")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One dated line: when, what, the remote's own words, and how it looks (good, bad, next or plain)."""

    at: datetime
    text: str
    words: str
    tone: str


# Sentences without the part that is not always told: key -> (that part, the sentence without it)
SHORTER: dict[str, tuple[str, str]] = {
    "order_found": ("remote_state", N_("Found on the marketplace")),
    "order_held": ("reason", N_("Held")),
    "order_ignored": ("reason", N_("Not imported on purpose")),
}
# The journal keeps no address: it says which of the two it was.
RECIPIENTS = {"shop_email": N_("the shop's e-mail"), "alert_address": N_("the alert address")}
_MOMENTS = ("when", "ends_at")


class _Dashes(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "–"


def _shown(params: Mapping[str, Any]) -> _Dashes:
    shown = _Dashes()
    for key, value in params.items():
        shown[key] = ", ".join(str(part) for part in value) if isinstance(value, list) else value
    for key in _MOMENTS:
        shown[key] = stored_moment(str(params.get(key, "")))
    if "to" in shown:
        shown["to"] = _(RECIPIENTS.get(str(shown["to"]), str(shown["to"])))
    reason = str(params.get("reason", ""))
    shown["reason"] = _(HELD_REASONS.get(reason, "") or words(reason) or reason)
    cause = CAUSES.get(str(params.get("cause", "")))
    if cause:
        shown["cause"] = _(cause.title) % _Dashes({**params, **shown, "cause": ""})
    return shown


def lines(entries: Iterable[JournalEntry]) -> list[Line]:
    """Journal rows as lines, in the order given."""
    return [line(entry) for entry in entries]


def line(entry: JournalEntry) -> Line:
    """One journal row in words."""
    tone, sentence = EVENTS.get(entry.event, ("", entry.event.replace("_", " ")))
    params = entry.params or {}
    part, without = SHORTER.get(entry.event, ("", ""))
    if part and not params.get(part):
        sentence = without
    text = _(sentence) % _shown(params) if "%(" in sentence else _(sentence)
    return Line(entry.at, text, entry.words, tone)
