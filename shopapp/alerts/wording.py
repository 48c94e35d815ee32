"""Puts an incident (or inbox message) into words: what failed, which id, why, what next, and the remote's own words.

Everything that came from outside passes through `clean`: one line, no control or bidi marks. Nothing is escaped here;
templates do that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from marketplaces.channels import registry
from marketplaces.text import clean
from shopapp import i18n
from shopapp.alerts.catalogue import CAUSES, KINDS, Cause, Kind
from shopapp.alerts.causes import ORDER_CAUSES
from shopapp.alerts.links import GUIDES
from shopapp.i18n import N_
from shopapp.records.models import InboxMessage, Incident, Severity
from shopapp.runtime import config

MISSING = "–"
_REPORTED = N_("%(source)s reported: “%(words)s”")
_NOTED = N_("Details: %(words)s")
# Causes found by reading the order ourselves: their words are ours, so nobody "reported" them.
_OURS = frozenset(cause.key for cause in ORDER_CAUSES) - {"rejected_by_shopify", "refused_by_channel", "not_found"}
_MARKETPLACE = N_("the marketplace")
# A row written by a newer version, or by one that is gone, must still be readable.
_UNKNOWN_KIND = Kind(
    "unknown", "", Severity.WARNING, N_("Something needs a look"), "", "", "/", N_("Open the app"), help="orders"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """An incident in one language. `reason` is the cause in one line ("" if there is none), `said` the remote's words
    with their source, `details` what a support case needs (code, call, request id); `link` and `guide` are paths inside
    the app; `item` is the id a person would search for."""

    title: str
    reason: str
    text: str
    advice: str
    steps: tuple[str, ...]
    said: str
    link: str
    action: str
    guide: str
    item: str
    channel: str
    details: str = ""
    page: str = ""  # where all troubles of this cause are mended at once
    page_action: str = ""


class _Filled(dict[str, str]):
    """Params for %-formatting; what is missing is a dash, because no text is worth a lost alert."""

    def __missing__(self, key: str) -> str:
        return MISSING


def channel_name(value: object) -> str:
    """The name of a channel by its key; a text that is no key is taken for the name."""
    text = _plain(value)
    found = registry().get(text)
    return found.name if found else text


def _plain(value: object, limit: int = 200) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_plain(part) for part in value if _plain(part))
    if value is None or isinstance(value, bool):
        return ""
    return clean(value if isinstance(value, str) else str(value), limit)


def _fill(language: str, params: Mapping[str, Any], subject: str) -> _Filled:
    filled = _Filled({key: text for key, value in params.items() if (text := _plain(value))})
    sort, _, key = subject.partition(":")
    if sort in ("account", "order", "listing"):
        filled.setdefault(f"{sort}_id", clean(key, 40))
    filled["channel"] = channel_name(params.get("channel")) or i18n.translate(language, _MARKETPLACE)
    filled.setdefault("label", _plain(params.get("account")) or config()["APP_NAME"])
    return filled


def cause_of(kind: Kind, params: Mapping[str, Any]) -> Cause | None:
    """The catalogue's cause for these params, the kind's stand-in when the given one is not known."""
    if kind.key == "plan_over":
        return next((CAUSES[key] for key in ("trial_ended", "room_again") if params.get(key)), None)
    if not kind.by_cause:
        return None
    return CAUSES.get(str(params.get("cause", ""))) or CAUSES[kind.by_cause]


def describe(language: str, key: str, params: Mapping[str, Any], words: str = "", subject: str = "") -> Wording:
    """Kind `key` with its params in `language`. Never raises for params that are missing or strange."""
    kind = KINDS.get(key, _UNKNOWN_KIND)
    cause = cause_of(kind, params)
    filled = _fill(language, params, subject)

    def say(message: str) -> str:
        return i18n.translate(language, message) % filled if message else ""

    # What never worked also tells why its first check failed.
    detail = CAUSES.get(str(params.get("detail", ""))) if cause and cause.key == "never_worked" else None
    link = kind.link % filled
    source = "Shopify" if params.get("cause") == "rejected_by_shopify" else filled["channel"]
    quoted = clean(words, 500)
    message = _NOTED if cause and cause.key in _OURS else _REPORTED
    return Wording(
        title=say((cause.headline if cause else "") or kind.title),
        reason=say(cause.title) if cause else "",
        text=" ".join(filter(None, (say(cause.text if cause else kind.text), say(detail.text) if detail else ""))),
        advice=say(cause.advice if cause else kind.advice),
        steps=tuple(say(step) for step in cause.steps) if cause else (),
        said=i18n.translate(language, message, source=source, words=quoted) if quoted else "",
        link="/" if MISSING in link else link,
        action=say(kind.action),
        guide=GUIDES[cause.help if cause else kind.help],
        item=filled.get("remote_order_id", "")
        or filled.get("sku", "")
        or (filled["label"] if "account_id" in filled else ""),
        channel=filled["channel"],
        page=cause.page if cause else "",
        page_action=say(cause.page_action) if cause else "",
        details=" · ".join(filled[key] for key in ("code", "call", "request_id") if key in filled),
    )


def of_incident(language: str, incident: Incident) -> Wording:
    """An incident in words, for pages and mails."""
    return describe(language, incident.kind, incident.params, incident.words, incident.subject)


def of_message(language: str, message: InboxMessage) -> Wording:
    """An inbox message in words."""
    return describe(language, message.kind, message.params, message.words, message.subject)


def moment(language: str, when: datetime, timezone: str) -> str:
    """A time in the shop's zone with UTC beside it, so that it can be compared with anybody's clock."""
    local = i18n.moment(language, when, timezone)
    there = when.astimezone(i18n.zone(timezone))
    if there.utcoffset() == UTC.utcoffset(None):
        return f"{local} UTC"
    return f"{local} ({when.astimezone(UTC):%Y-%m-%d %H:%M} UTC)"
