"""Who wants which mail, and where it goes: the checkboxes, the address, and its confirmation. Sends nothing itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import links, mails
from shopapp.i18n import N_
from shopapp.records import db
from shopapp.records.journal import audit
from shopapp.records.models import Category, NotificationChoice, Shop

ON_BY_DEFAULT = frozenset({Category.ACCOUNT_EXPIRED})
# An address that was refused for good is tried again after this long: servers are mended, too.
FORGIVE_AFTER = timedelta(days=7)
LONGEST = 254  # characters of an address
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def usable(address: str) -> str:
    """`address` as it can stand in an envelope (domain in ASCII), "" when it is none. No names, no lists."""
    local, at, domain = address.strip().rpartition("@")
    if len(domain) > LONGEST:  # the longer, the longer it takes to be encoded: a form could hold minutes
        return ""
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        return ""
    labels = domain.split(".")
    fine = at and len(local) <= 64 and len(local) + len(domain) < 254 and len(labels) > 1
    if not fine or not _LOCAL.fullmatch(local) or not all(_LABEL.fullmatch(label) for label in labels):
        return ""
    return f"{local}@{domain}"


def enabled(s: Session, shop_id: int, category: str) -> bool:
    """Whether the shop wants mails of `category`: account_expired unless switched off, the others only when ticked."""
    chosen = s.scalar(
        select(NotificationChoice.enabled).where(
            NotificationChoice.shop_id == shop_id, NotificationChoice.category == category
        )
    )
    return category in ON_BY_DEFAULT if chosen is None else chosen


def categories(s: Session, shop_id: int) -> dict[Category, bool]:
    """All checkboxes of the shop."""
    return {category: enabled(s, shop_id, category) for category in Category}


def address_of(shop: Shop) -> str:
    """The address chosen: the confirmed typed one, else the shop's e-mail; "" when there is none. Refused or not."""
    if not shop.use_shop_email and shop.alert_address_confirmed_at and usable(shop.alert_address):
        return usable(shop.alert_address)
    return usable(shop.email)


def refused(shop: Shop) -> bool:
    """Whether the address chosen has refused our mail for good, lately."""
    since = shop.mail_undeliverable_at
    return bool(
        since and clock.now() - since < FORGIVE_AFTER and address_of(shop) == shop.undeliverable_address.strip()
    )


def recipient(s: Session, shop: Shop) -> str:
    """Where alerts go now: `address_of`, but "" while that address refuses our mail."""
    return "" if refused(shop) else address_of(shop)


def save(
    s: Session, shop: Shop, chosen: Iterable[str], use_shop_email: bool, address: str, user_id: str
) -> dict[str, str]:
    """Store the checkboxes and the address; {field: message} when something cannot be taken (then nothing is stored).

    A changed address stays unconfirmed until its link is used; mails go to the shop's e-mail meanwhile. With
    `use_shop_email` the typed address is kept and ignored.
    """
    wanted = set(chosen)
    address = usable(address) if address.strip() else ""
    if not use_shop_email and not address:
        return {"address": N_("Enter one e-mail address, or use the shop's e-mail.")}
    if wanted - set(Category):
        return {"categories": N_("This kind of notification does not exist.")}
    changes: dict[str, object] = {}
    for category in Category:
        if set_category(s, shop, category, category in wanted):
            changes[category.value] = category in wanted
    if shop.use_shop_email != use_shop_email:
        changes["use_shop_email"] = shop.use_shop_email = use_shop_email
    if not use_shop_email and address != shop.alert_address:
        changes["address"] = "changed"
        if problem := ask_again(s, shop, address):
            return {"address": problem}
    if changes:
        audit(s, shop.id, user_id, "notifications_saved", "shop", **changes)
    return {}


def set_category(s: Session, shop: Shop, category: Category, on: bool) -> bool:
    """Tick or untick one checkbox; whether that changed anything. Unticking cancels what waits."""
    if enabled(s, shop.id, category) == on:
        return False
    row = {"shop_id": shop.id, "category": category.value, "enabled": on}
    db.upsert(s, NotificationChoice, [row], key=["shop_id", "category"], update=["enabled"])
    if not on:
        mails.cancel_category(s, shop.id, category)
    return True


def ask_again(s: Session, shop: Shop, address: str) -> str:
    """Take `address` as the typed one and mail it a link to confirm it; "" or why not."""
    ticket = links.new_ticket(clock.now())
    if not mails.confirm_address(s, shop, address, ticket):
        return N_("Too many confirmation mails were asked for today. Please try again tomorrow.")
    shop.alert_address, shop.alert_address_confirmed_at = address, None
    shop.alert_address_ticket = links.ticket_hash(ticket)
    return ""


def asked(s: Session, ticket: str) -> Shop | None:
    """The shop whose address this ticket confirms; None when it is unknown, used or over."""
    if links.ticket_over(ticket, clock.now()):
        return None
    return s.scalar(select(Shop).where(Shop.alert_address_ticket == links.ticket_hash(ticket)))


def confirm(s: Session, ticket: str) -> Shop | None:
    """Confirm the typed address by its ticket, once; the shop, or None when the ticket is of no use."""
    shop = asked(s, ticket)
    if shop is None:
        return None
    shop.alert_address_confirmed_at, shop.alert_address_ticket = clock.now(), ""
    if shop.undeliverable_address == shop.alert_address:
        shop.undeliverable_address, shop.mail_undeliverable_at = "", None
    audit(s, shop.id, "", "address_confirmed", "shop")
    return shop
