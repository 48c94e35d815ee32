"""Texts by locale: catalogues, plurals, money, dates. No global locale: everything takes it as an argument.

English sentences in the code are the keys. Catalogues (`translations/<language>/LC_MESSAGES/messages.po`) are compiled in
memory when first used. A language that is not complete is not listed here.
"""

from __future__ import annotations

import gettext as _gettext
import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent

FOLDER = Path(__file__).parent / "translations"
LANGUAGES = {"en": "English", "de": "Deutsch", "sv": "Svenska"}
SOURCE = "en"


def language_of(*wishes: str) -> str:
    """The first language we ship among `wishes` (locale tags such as de-DE, or an Accept-Language header), else English."""
    for wish in wishes:
        for tag in (wish or "").split(","):
            language = tag.split(";")[0].strip().replace("_", "-").split("-")[0].lower()
            if language in LANGUAGES:
                return language
    return SOURCE


@lru_cache(maxsize=16)
def _catalogue(language: str) -> _gettext.NullTranslations:
    source = FOLDER / language / "LC_MESSAGES" / "messages.po"
    if language == SOURCE or not source.exists():
        return _gettext.NullTranslations()
    with source.open("rb") as handle:
        catalogue = read_po(handle, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return _gettext.GNUTranslations(compiled)


def translate(language: str, message: str, **params: object) -> str:
    """`message` in `language` with %(name)s placeholders filled in."""
    text = _catalogue(language).gettext(message) if message else ""
    return text % params if params else text


def plural(language: str, one: str, many: str, count: int, **params: object) -> str:
    """The right plural form; `%(count)s` is filled in."""
    text = _catalogue(language).ngettext(one, many, count)
    return text % {"count": number(language, count), **params}


def N_(message: str) -> str:  # noqa: N802  # gettext's established name
    """Marks a text for translation where it is declared; translated where it is shown."""
    return message


@lru_cache(maxsize=32)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(SOURCE)


def zone(name: str) -> ZoneInfo:
    """The time zone, UTC when the name is unknown."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def money(language: str, amount: Decimal, currency: str) -> str:
    """An amount with its currency and its digits."""
    if not currency:
        return "–"
    return format_currency(amount, currency, locale=_locale(language))


def number(language: str, value: int | Decimal) -> str:
    """A number with the language's separators."""
    return format_decimal(value, locale=_locale(language))


def separator(language: str) -> str:
    """What a spreadsheet of this language expects between the cells of a CSV: commas are taken where they mark decimals."""
    return ";" if number(language, Decimal("1.5")) == "1,5" else ","


def percent(language: str, share: Decimal) -> str:
    """0.82 as 82 %."""
    return format_percent(share, locale=_locale(language))


def day(language: str, when: datetime | date, timezone: str = "UTC") -> str:
    """A calendar day in the shop's time zone."""
    if isinstance(when, datetime):
        when = when.astimezone(zone(timezone)).date()
    return format_date(when, "medium", locale=_locale(language))


def moment(language: str, when: datetime, timezone: str = "UTC") -> str:
    """Date and time in the shop's time zone."""
    return format_datetime(when, "medium", tzinfo=zone(timezone), locale=_locale(language))


def ago(language: str, when: datetime, now: datetime) -> str:
    """A time relative to now ("2 minutes ago", "in 3 hours")."""
    delta: timedelta = when - now
    return format_timedelta(delta, add_direction=True, locale=_locale(language))
