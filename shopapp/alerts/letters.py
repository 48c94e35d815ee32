"""Renders mails: subject, text and HTML with the same facts, headers, file. Asks no database and sends nothing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial

import jinja2

from marketplaces.text import clean
from shopapp import i18n
from shopapp.alerts import links, wording
from shopapp.alerts.catalogue import CATEGORIES, KINDS
from shopapp.alerts.wording import Wording
from shopapp.config import ROOT
from shopapp.i18n import N_
from shopapp.records.models import Category, Incident, Shop
from shopapp.runtime import config

SUBJECT_LIMIT = 120
LISTED = 200  # entries in the mail itself; beyond, a file holds all
# A spreadsheet calculates a cell that begins with one of these, blanks and quotes before it or not. Which mark separates
# cells depends on the reader's country, so the start of a cell may be anywhere behind a comma, semicolon, bar or tab.
_FORMULA = re.compile(r"(^|[,;|\t\r\n])(?=[\s\"]*[=+\-@＝＋－＠])")
_NAMED = N_("%(title)s (%(channel)s)")
_REMINDER = N_("Reminder: %(subject)s")
_COLUMNS = (
    N_("Number"),
    N_("Marketplace"),
    N_("Account"),
    N_("Error"),
    N_("Explanation"),
    N_("Answer"),
    N_("Found at (UTC)"),
    N_("Ship by"),
    N_("Page"),
)


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    name: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without its envelope."""

    subject: str
    text: str
    html: str
    headers: dict[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One incident in a mail, with its absolute link, its time and the deadline ("" if there is none) in the shop's zone."""

    incident: Incident
    words: Wording
    label: str
    link: str
    at: str
    deadline: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Entries with the same advice, which is then said once; `page` mends all of them, "" where each has its own."""

    advice: str
    steps: tuple[str, ...]
    guide: str
    entries: tuple[Entry, ...]
    page: str = ""
    page_action: str = ""


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "templates" / "mail"),
        autoescape=jinja2.select_autoescape(("html",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language_of(shop: Shop) -> str:
    """The shop's choice, else the admin's last language."""
    return i18n.language_of(shop.language, shop.locale)


def subject_line(text: str) -> str:
    """`text` as a header can hold it: one line, at most SUBJECT_LIMIT characters."""
    line = clean(text, SUBJECT_LIMIT * 8)
    return line if len(line) <= SUBJECT_LIMIT else line[: SUBJECT_LIMIT - 1].rstrip() + "…"


def cell(text: str) -> str:
    """`text` as no spreadsheet takes it for a formula."""
    return _FORMULA.sub(r"\1'", text)


def alert(shop: Shop, category: str, incidents: Sequence[Incident], *, reminder: bool = False) -> Letter:
    """The mail about these incidents (all of one category, at least one), in the shop's language and zone."""
    language = language_of(shop)
    entries = [_entry(shop, language, incident) for incident in incidents]
    subject = _subject(language, category, entries)
    if reminder:
        subject = i18n.translate(language, _REMINDER, subject=subject)
    first = entries[0].words
    context = {
        "headline": clean(subject, 400),
        "preheader": first.reason or first.text,
        "groups": _groups(shop, entries[:LISTED]),
        "single": len(entries) == 1,
        "rest": max(0, len(entries) - LISTED),
        "category": i18n.translate(language, CATEGORIES[category][0]),
        "domain": shop.domain,
        "settings": links.admin_link(shop, "/settings"),
        "unsubscribe": links.unsubscribe_link(shop, category),
    }
    files = (_file(language, entries),) if len(entries) > LISTED else ()
    text, html = _render("alert", language, context)
    return Letter(subject_line(subject), text, html, _alert_headers(shop, category, entries), files)


def _alert_headers(shop: Shop, category: str, entries: Sequence[Entry]) -> dict[str, str]:
    # One thread per account, and one per category where several things come together.
    alone = entries[0].incident if len(entries) == 1 else None
    thread = f"{alone.subject.replace(':', '-')}" if alone and alone.subject.startswith("account:") else category
    return {
        "References": f"<{shop.uid}.{thread}@{links.host()}>",
        "List-Unsubscribe": f"<{links.unsubscribe_link(shop, category)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "X-Alert-Category": category,
    }


def _entry(shop: Shop, language: str, incident: Incident) -> Entry:
    words = wording.of_incident(language, incident)
    label = clean(str(incident.params.get("label") or incident.params.get("account") or ""), 100)
    at = wording.moment(language, incident.opened_at, shop.timezone)
    return Entry(incident, words, label, links.admin_link(shop, words.link), at, _deadline(shop, language, incident))


def _deadline(shop: Shop, language: str, incident: Incident) -> str:
    """By when an order must ship, where the incident tells it."""
    try:
        when = datetime.fromisoformat(str(incident.params.get("ship_by") or ""))
    except ValueError:
        return ""
    return wording.moment(language, when, shop.timezone)


def _groups(shop: Shop, entries: Sequence[Entry]) -> list[Group]:
    found: dict[tuple[str, tuple[str, ...], str], list[Entry]] = {}
    for entry in entries:
        key = (entry.words.advice, entry.words.steps, entry.words.guide)
        found.setdefault(key, []).append(entry)
    groups = []
    for (advice, steps, guide), some in found.items():
        words = some[0].words
        page = links.admin_link(shop, words.page) if words.page else ""
        groups.append(Group(advice, steps, links.admin_link(shop, guide), tuple(some), page, words.page_action))
    return groups


def _subject(language: str, category: str, entries: Sequence[Entry]) -> str:
    first = entries[0].words
    if len(entries) == 1:
        kind = KINDS.get(entries[0].incident.kind)
        if kind is None or "%(channel)s" in kind.title or not entries[0].label:
            return first.title
        return i18n.translate(language, _NAMED, title=first.title, channel=first.channel)
    count = len(entries)
    if category == Category.ACCOUNT_EXPIRED:
        names = [
            i18n.translate(language, _NAMED, title=entry.label, channel=entry.words.channel)
            if entry.label
            else entry.words.title
            for entry in entries
        ]
        said = ", ".join(dict.fromkeys(names))
        return i18n.plural(
            language,
            "%(count)s account needs you: %(names)s",
            "%(count)s accounts need you: %(names)s",
            count,
            names=said,
        )
    if all(entry.incident.kind == "order_import_failed" for entry in entries):
        return i18n.plural(language, "%(count)s order was not imported", "%(count)s orders were not imported", count)
    if all(entry.incident.kind == "fulfillment_failed" for entry in entries):
        return i18n.plural(
            language, "%(count)s shipment was not accepted", "%(count)s shipments were not accepted", count
        )
    return i18n.plural(language, "%(count)s thing needs you", "%(count)s things need you", count)


def _file(language: str, entries: Sequence[Entry]) -> File:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow([i18n.translate(language, column) for column in _COLUMNS])
    for entry in entries:
        words, when = entry.words, entry.incident.opened_at.astimezone(UTC)
        row = (words.item, words.channel, entry.label, words.reason or words.title, words.text, words.said)
        table.writerow([*(cell(value) for value in row), f"{when:%Y-%m-%d %H:%M:%S}", entry.deadline, entry.link])
    # The mark at the start lets spreadsheet programs read UTF-8.
    return File("alerts.csv", "text/csv", out.getvalue().encode("utf-8-sig"))


@dataclass(frozen=True, slots=True)
class Note:
    """A mail that is no alert: a headline, paragraphs, and maybe a button. All texts are in their language already."""

    headline: str
    paragraphs: tuple[str, ...]
    link: str = ""
    action: str = ""


def note(language: str, content: Note) -> Letter:
    """A mail of one headline, some paragraphs and at most one button."""
    text, html = _render("note", language, {"note": content, "headline": content.headline})
    return Letter(subject_line(content.headline), text, html)


def confirm_note(shop: Shop, ticket: str) -> Letter:
    """Asks the owner of a typed address whether it is theirs."""
    language = language_of(shop)
    say = partial(i18n.translate, language)
    return note(
        language,
        Note(
            say(N_("Confirm this address for alerts of %(app)s"), app=config()["APP_NAME"]),
            (
                say(N_("Somebody entered this address for the alerts of the shop %(shop)s."), shop=shop.domain),
                say(N_("Press the button within 24 hours to get them here. Until then they go to the shop's e-mail.")),
                say(N_("If you do not know the shop, do nothing: no further mails will come.")),
            ),
            links.confirm_link(ticket),
            say(N_("Confirm the address")),
        ),
    )


def test_note(shop: Shop) -> Letter:
    """Shows that mails arrive."""
    language = language_of(shop)
    say = partial(i18n.translate, language)
    return note(
        language,
        Note(
            say(N_("Test mail of %(app)s"), app=config()["APP_NAME"]),
            (
                say(
                    N_("This is the test mail you asked for: alerts of the shop %(shop)s arrive here."),
                    shop=shop.domain,
                ),
            ),
            links.admin_link(shop, "/settings"),
            say(N_("Open the settings")),
        ),
    )


def operator_note(kind: str, params: dict[str, object]) -> Letter:
    """Tells the operator (in English) of a fault of ours; merchants only read that it is not theirs."""
    facts = tuple(f"{clean(str(key), 40)}: {clean(str(value), 500)}" for key, value in sorted(params.items()))
    opening = "Every merchant of the channel may be affected; none of them can mend it."
    return note(i18n.SOURCE, Note(f"{config()['APP_NAME']}: {kind}", (opening, *facts)))


def _render(name: str, language: str, context: dict[str, object]) -> tuple[str, str]:
    words = {
        "_": partial(i18n.translate, language),
        "ngettext": lambda one, many, count, **more: i18n.plural(language, one, many, count, **more),
        "language": language,
        "app_name": config()["APP_NAME"],
    }
    text = _templates().get_template(f"{name}.txt").render(**words, **context)
    html = _templates().get_template(f"{name}.html").render(**words, **context)
    return text, html
