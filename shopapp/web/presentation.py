"""How values become text on a page: money, times, links, badges. Bound to the request's language and the shop's time zone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from flask import Flask, g, request
from markupsafe import Markup

from marketplaces.money import Money
from shopapp import clock, i18n
from shopapp.alerts.causes import CAUSES
from shopapp.alerts.wording import channel_name
from shopapp.config import ROOT
from shopapp.i18n import N_
from shopapp.records.models import AccountStatus, HeldReason, ListingStatus, OrderState
from shopapp.runtime import config

# What a toast says after a change; the key travels as ?done=key, so no text can be slipped in by an address.
TOASTS = {
    "saved": N_("Saved"),
    "account_linked": N_("Account connected"),
    "account_deactivated": N_("Connection deactivated"),
    "account_repaired": N_("Connection works again"),
    "import_started": N_("Import started"),
    "sync_queued": N_("Sync queued"),
    "count_queued": N_("The days are counted again"),
    "retry_queued": N_("Orders queued for another try"),
    "acceptance_queued": N_("The order is being accepted"),
    "plan_changed": N_("Plan changed"),
    "paused": N_("Everything is paused"),
    "resumed": N_("Everything runs again"),
    "test_mail_queued": N_("Test e-mail on its way"),
    "confirmation_sent": N_("Confirmation link sent"),
    "update_queued": N_("Update on its way"),
    "update_off": N_("Nothing to update: no push is switched on for these listings"),
    "push_begun": N_("Prices and stock are being pushed"),
    "undo_begun": N_("The run is being undone"),
    "nothing_changed": N_("Nothing was changed"),
    "reading": N_("Listings are being read"),
    "marked": N_("Marked"),
    "dismissed": N_("Dismissed"),
    "backfill_started": N_("Import of older orders started"),
    "tracking_queued": N_("Tracking queued to be sent"),
    "backfill_stopped": N_("Import of older orders stopped"),
    "sku_mapped": N_("Mapping saved; orders that wait for it are tried now"),
    "sku_unmapped": N_("Mapping deleted"),
    "skus_imported": N_("Mappings saved; orders that wait for them are tried now"),
    "product_chosen": N_("Product saved for this order"),
    "product_gone": N_("This product is no longer found. Search again."),
}
ACCOUNT_BADGES: dict[str, tuple[str, str]] = {
    AccountStatus.PENDING: ("warning", N_("Complete connection")),
    AccountStatus.ACTIVE: ("success", N_("Connected")),
    AccountStatus.EXPIRED: ("critical", N_("Expired")),
    AccountStatus.REVOKED: ("critical", N_("Access revoked")),
    AccountStatus.INACTIVE: ("critical", N_("Not usable")),
    AccountStatus.DEACTIVATED: ("neutral", N_("Deactivated")),
}
ORDER_BADGES: dict[str, tuple[str, str]] = {
    OrderState.RECEIVED: ("info", N_("Waiting to be created")),
    OrderState.HELD: ("warning", N_("Held")),
    OrderState.SENDING: ("info", N_("Being created")),
    OrderState.IMPORTED: ("success", N_("Imported")),
    OrderState.FAILED: ("critical", N_("Failed")),
    OrderState.IGNORED: ("neutral", N_("Not imported")),
    OrderState.CANCELLED: ("neutral", N_("Cancelled")),
}
LISTING_BADGES: dict[str, tuple[str, str]] = {
    ListingStatus.NOT_LINKED: ("warning", N_("Not linked")),
    ListingStatus.LINKED: ("success", N_("Linked")),
    ListingStatus.PENDING: ("info", N_("Pending")),
    ListingStatus.UPDATE_ERROR: ("critical", N_("Update error")),
    "ended": ("neutral", N_("No longer there")),
}
HELD_REASONS: dict[str, str] = {
    HeldReason.PLAN: N_("The plan limit is reached; it is created with a bigger plan or in the next period."),
    HeldReason.PAYMENT: N_("The buyer has not paid yet; we look again with every sync."),
    HeldReason.UNKNOWN: N_("The marketplace reports a state we do not know; we look again with every sync."),
    HeldReason.ACCEPTANCE: N_(
        "The marketplace waits for your acceptance; only then the buyer pays and it can be shipped."
    ),
    HeldReason.PAUSED: N_("Everything is paused; it is created when you resume."),
}


# Causes of failed orders whose sentence names SKUs, without them: for groups and filters.
CAUSE_LABELS: dict[str, str] = {
    "sku_unknown": N_("Unknown SKU"),
    "sku_ambiguous": N_("SKU found more than once"),
}


def language() -> str:
    """The language of this request."""
    return str(g.get("language", i18n.SOURCE))


def timezone() -> str:
    """The shop's time zone."""
    return str(g.get("timezone", "UTC"))


def _(message: str, **params: object) -> str:
    """A text in the language of this request; placeholders are filled in unescaped (Jinja escapes the result)."""
    return i18n.translate(language(), message, **params)


def ngettext(one: str, many: str, count: int, **params: object) -> str:
    """The right plural form in the language of this request."""
    return i18n.plural(language(), one, many, count, **params)


def money(value: Money | int | None, currency: str = "") -> str:
    """Money with its currency and its digits; minor units need `currency`."""
    if value is None:
        return "–"
    if isinstance(value, int):
        if not currency:
            return "–"
        value = Money(value, currency)
    return i18n.money(language(), value.decimal, value.currency)


def moment(when: datetime | None) -> Markup:
    """Date and time in the shop's zone as a <time> element; a dash for None."""
    if when is None:
        return Markup("–")
    text = i18n.moment(language(), when, timezone())
    return Markup('<time datetime="{}">{}</time>').format(when.isoformat(timespec="seconds"), text)


def stored_moment(text: str) -> str:
    """A time kept as ISO text, in the shop's zone; what cannot be read stays as it is."""
    try:
        return i18n.moment(language(), datetime.fromisoformat(text), timezone())
    except ValueError:
        return text


def day(when: datetime | date | None) -> str:
    """A calendar day, of a moment in the shop's zone; a dash for None."""
    return "–" if when is None else i18n.day(language(), when, timezone())


def ago(when: datetime | None) -> Markup:
    """Relative to now ("2 minutes ago"), the exact time as a title; a dash for None."""
    return Markup("–") if when is None else _relative(when, i18n.ago(language(), when, clock.now()))


def due(when: datetime) -> Markup:
    """When something comes next ("in 3 minutes"): what has been due for a while is not ago, it is waited for."""
    now = clock.now()
    return _relative(when, i18n.ago(language(), when, now) if when > now else _("any moment now"))


def _relative(when: datetime, text: str) -> Markup:
    exact = i18n.moment(language(), when, timezone())
    return Markup('<time datetime="{}" title="{}">{}</time>').format(when.isoformat(timespec="seconds"), exact, text)


def percent(share: Decimal) -> str:
    """0.82 as 82 %."""
    return i18n.percent(language(), share)


def number(value: int | Decimal) -> str:
    """A number with the language's separators."""
    return i18n.number(language(), value)


def badge(table: dict[str, tuple[str, str]], key: str) -> Markup:
    """A status badge: colour and word."""
    tone, text = table.get(key, ("neutral", key))
    return Markup('<s-badge tone="{}">{}</s-badge>').format(tone, _(text))


def cause_label(key: str) -> str:
    """Why orders failed, in one line for all of them."""
    found = CAUSES.get(key) or CAUSES["other"]
    return _(CAUSE_LABELS.get(key, found.title))


def quote(words: str) -> Markup:
    """A marketplace's own words: escaped, marked as being in no particular language of ours."""
    return (
        Markup('<blockquote class="quote" lang="und" dir="auto">{}</blockquote>').format(words) if words else Markup("")
    )


# Ids up to this length stay on one line, also in a narrow column.
UNBROKEN = 24


def copyable(text: str) -> Markup:
    """An id that can be copied with one click."""
    label = _("Copy %(what)s", what=text)
    return Markup(
        '<s-stack direction="inline" gap="small-300" alignitems="center"><s-text{2}>{0}</s-text>'
        '<s-button variant="tertiary" icon="clipboard" accessibilitylabel="{1}" data-copy="{0}"></s-button></s-stack>'
    ).format(text, label, Markup(' class="id"') if len(text) <= UNBROKEN else "")


@lru_cache(maxsize=64)
def _digest(name: str, _changed: int) -> str:
    return hashlib.sha256((ROOT / "static" / name).read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """Address of a static file with the digest of its content, so that it may be cached for ever."""
    return f"/static/{name}?v={_digest(name, (ROOT / 'static' / name).stat().st_mtime_ns)}"


@lru_cache(maxsize=64)
def icon(channel: str) -> str:
    """Address of the tile that stands for a channel, "" when it has none."""
    name = f"channels/{channel}.svg"
    return asset(name) if (ROOT / "static" / name).is_file() else ""


def toast() -> str:
    """What the flash toast of this page says, "" for none."""
    key = TOASTS.get(request.args.get("done", ""))
    return _(key) if key else ""


def init_app(app: Flask) -> None:
    """Give the templates their words and filters."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters: dict[str, Callable[..., Any]] = {
        "money": money, "moment": moment, "day": day, "ago": ago, "due": due, "percent": percent, "number": number,
        "quote": quote, "copyable": copyable, "cause_label": cause_label, "channel_name": channel_name,
        "account_badge": partial(badge, ACCOUNT_BADGES), "order_badge": partial(badge, ORDER_BADGES),
        "listing_badge": partial(badge, LISTING_BADGES),
    }  # fmt: skip
    app.jinja_env.filters.update(filters)
    app.jinja_env.globals.update(
        {"_": _, "ngettext": ngettext, "asset": asset, "toast": toast, "icon": icon, "held_reasons": HELD_REASONS}
    )

    @app.context_processor
    def frame() -> dict[str, object]:
        settings = config()
        return {
            "language": language(),
            "app_name": settings["APP_NAME"],
            "api_key": settings["SHOPIFY_API_KEY"],
            "app_bridge_url": settings["APP_BRIDGE_URL"],
            "polaris_url": settings["POLARIS_URL"],
        }
