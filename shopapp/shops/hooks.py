"""What each of Shopify's messages means for a shop. A message is a hint: what counts is read from Shopify again.

Each handler owns its transactions, may use the network between them, and answers its outcome in a word for the receipt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from marketplaces.errors import RateLimited, Transient
from shopapp import clock
from shopapp.logs import event
from shopapp.records import db, journal
from shopapp.records.models import Shop, ShopStatus
from shopapp.shopify_admin import tokens
from shopapp.shopify_admin.errors import ShopAuthLost
from shopapp.shops import customers, facts, privacy, upkeep

log = logging.getLogger(__name__)
PATIENCE = timedelta(days=14)  # for a redaction; thirty days are allowed


@dataclass(frozen=True, slots=True)
class Heard:
    """A delivery as a handler hears it. `triggered_at` is Shopify's time of the event, else when it arrived."""

    receipt_id: int
    shop_id: int | None
    shop_domain: str
    topic: str
    triggered_at: datetime
    received_at: datetime
    payload: Mapping[str, Any] = field(repr=False)

    @property
    def shop(self) -> int:
        """The shop's id; only known shops are dispatched."""
        assert self.shop_id is not None
        return self.shop_id

    def gid(self, kind: str, name: str = "id") -> str:
        """The id that the payload names `name`, a number there, as Shopify's API names it; "" when it is none."""
        number = self.payload.get(name)
        text = str(number) if isinstance(number, int | str) and not isinstance(number, bool) else ""
        return f"gid://shopify/{kind}/{text}" if text.isascii() and text.isdigit() and len(text) <= 20 else ""


def uninstalled(heard: Heard) -> str:
    """The app was removed: tokens are deleted, jobs stop. Topic and time are not signed, so Shopify is always asked.

    A late message from before a new installation, or a made-up one, finds that our token still works.
    """
    with db.reading() as s:
        before = s.get(Shop, heard.shop)
    if before is None:  # erased meanwhile
        return "unknown_shop"
    if before.status == ShopStatus.UNINSTALLED:
        return "repeated"
    if _still_installed(heard.shop):
        return "late"
    with db.writing() as s:
        shop = s.get(Shop, heard.shop, with_for_update={"key_share": True})
        if shop is None or shop.status == ShopStatus.UNINSTALLED:
            return "repeated"
        if shop.refresh_token != before.refresh_token:
            # Installed again while we asked: those tokens were not the ones that Shopify refused.
            raise Transient("the shop got new tokens meanwhile", call="app/uninstalled")
        shop.status, shop.uninstalled_at, shop.status_words = ShopStatus.UNINSTALLED, clock.now(), ""
        shop.due_at = None
        tokens.forget(shop)
        journal.note(s, shop.id, "shop", "uninstalled")
        event(log, "uninstalled", shop=shop.id)
    return "done"


def scopes_changed(heard: Heard) -> str:
    """Read the granted scopes again; a missing one becomes an incident, a complete set resolves it."""
    if _gone(heard):
        return "uninstalled"
    granted = facts.read_scopes(tokens.line(heard.shop))
    with db.writing() as s:
        shop = s.get_one(Shop, heard.shop)
        before, shop.scopes = shop.scopes, granted
        if before != granted:
            journal.note(s, shop.id, "shop", "scopes_changed", before=before, after=granted)
        upkeep.tell_scopes(s, shop)
    return "done"


def shop_changed(heard: Heard) -> str:
    """Read the shop's profile again (name, e-mail, currency, time zone)."""
    if _gone(heard):
        return "uninstalled"
    upkeep.refresh_facts(heard.shop)
    return "done"


def data_requested(heard: Heard) -> str:
    """A customer wants to know what is stored: an inbox message points the merchant to the download."""
    theirs = customers.find(heard.shop, heard.payload, [], heard.received_at)
    with db.writing() as s:
        shop = s.get_one(Shop, heard.shop)
        return privacy.answer_request(s, shop, heard.payload, theirs.all)


def customer_redacted(heard: Heard) -> str:
    """Blank what is stored about a customer: the named orders, and others with the same e-mail address or telephone.

    What is still to be created in Shopify needs its buyer: those are blanked when they are done, at the latest after
    `PATIENCE`. Until then the message stays due. RateLimited says so.
    """
    listed = privacy.numbers(heard.payload, "orders_to_redact")
    theirs = customers.find(heard.shop, heard.payload, listed, heard.received_at)
    waits = (theirs.unsure or bool(theirs.under_way)) and clock.now() - heard.received_at < PATIENCE
    with db.writing() as s:
        shop = s.get_one(Shop, heard.shop)
        count = privacy.redact(s, shop, listed, theirs.settled if waits else theirs.all)
        if not waits:
            journal.audit(s, shop.id, "", "customer.redacted", "shop", orders=count)
    if waits:
        soon = timedelta(minutes=5) if theirs.unsure else timedelta(hours=1)
        raise RateLimited(soon.total_seconds(), "orders of this customer are still on their way")
    event(log, "customer_redacted", shop=heard.shop, orders=listed, count=count)  # what a restored backup lacks
    return f"redacted_{count}"


def shop_redacted(heard: Heard) -> str:
    """Two days after an uninstallation: delete everything of the shop, unless it is installed (again)."""
    with db.reading() as s:
        gone = s.get_one(Shop, heard.shop).status == ShopStatus.UNINSTALLED
    if not gone and _still_installed(heard.shop):
        return "installed"
    with db.writing() as s:
        shop = s.get(Shop, heard.shop)
        if shop is None:
            return "repeated"
        privacy.erase(s, shop, keep_receipt=heard.receipt_id)
    event(log, "shop_erased", level=logging.WARNING)
    return "done"


def _gone(heard: Heard) -> bool:
    with db.reading() as s:
        return s.get_one(Shop, heard.shop).status == ShopStatus.UNINSTALLED


def _still_installed(shop_id: int) -> bool:
    try:
        tokens.line(shop_id).run("ThrottleProbe")
    except ShopAuthLost:
        return False
    return True


# Only an answer of Shopify completes these: they are kept and asked again also while the shop is frozen.
PATIENT = frozenset({"app/uninstalled", "shop/redact"})
HANDLERS: Mapping[str, Callable[[Heard], str]] = {
    "app/uninstalled": uninstalled,
    "app/scopes_update": scopes_changed,
    "shop/update": shop_changed,
    "customers/data_request": data_requested,
    "customers/redact": customer_redacted,
    "shop/redact": shop_redacted,
}
