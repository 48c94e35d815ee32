"""Catalogues: complete, not fuzzy, with the same placeholders and tags as the English, and really used."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplaces.channels import registry
from shopapp import i18n
from tests.translations import collected, load, missing

OTHERS = [language for language in i18n.LANGUAGES if language != i18n.SOURCE]


# What is the same word in these languages, and what is a name.
SAME = {
    "de": {
        "Details",
        "Details: %(words)s",
        "In Shopify",
        "%(count)s in Shopify",
        "Name",
        "Position",
        "Region",
        "Status",
    },
    "sv": {"Data", "Order", "Refresh token", "Region", "Status"},
}
NAMES = {
    "%(title)s (%(channel)s)",
    "Growth",
    "Prime",
    "SKU",
    "Scale",
    "Starter",
    *(one.name for one in registry().values()),
}
NOON = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)


def texts(message: Any) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def holes(text: str) -> list[str]:
    return sorted(set(re.findall(r"%\(\w+\)s", text)))


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    catalogue = load(language)
    wanted = {message.id if isinstance(message.id, str) else message.id[0] for message in collected() if message.id}
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue if message.id}
    assert sorted(wanted - known) == []
    assert sorted(known - wanted) == []
    assert missing(catalogue) == []
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_are_the_same_in_every_language(language: str) -> None:
    wrong = []
    for message in load(language):
        if not message.id:
            continue
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        targets = [message.string] if isinstance(message.string, str) else list(message.string)
        wanted = {hole for text in sources for hole in holes(text)}
        wrong += [text for text in targets if set(holes(text)) - wanted]
        wrong += [text for text in targets[-1:] if set(holes(text)) != set(holes(sources[-1]))]
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_stray_percent_sign_breaks_no_page(language: str) -> None:
    for message in load(language):
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        for text in texts:
            if "%(" in text:
                text % dict.fromkeys(re.findall(r"%\((\w+)\)s", text), "x")


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_left_in_english(language: str) -> None:
    same = {message.id for message in load(language) if message.id and message.id == message.string}
    assert same - NAMES == SAME[language] & same
    for message in load(language):
        if message.id and not isinstance(message.id, str):
            assert message.id[-1] not in message.string, message.id  # "order" is Swedish as well


@pytest.mark.parametrize("language", OTHERS)
def test_a_text_with_a_number_has_every_form_that_the_language_counts_with(language: str) -> None:
    catalogue = load(language)
    for message in catalogue:
        if message.id and not isinstance(message.id, str):
            assert len(message.string) == catalogue.num_plurals == 2, message.id
            one, many = message.id
            for count, source in ((0, many), (1, one), (2, many), (1000, many)):
                told = i18n.plural(
                    language, one, many, count, **dict.fromkeys(set(re.findall(r"%\((\w+)\)s", many)) - {"count"}, "x")
                )
                assert told
                assert ("%(count)s" in source) <= ("x" in told or i18n.number(language, count) in told), message.id


@pytest.mark.parametrize("language", OTHERS)
def test_quotation_marks_blanks_and_ends_are_those_of_the_language(language: str) -> None:
    odd = {"de": "”", "sv": "“„"}[language]
    for message in load(language):
        for text in texts(message) if message.id else ():
            source = message.id if isinstance(message.id, str) else message.id[-1]
            assert not set(odd) & set(text), text
            assert text == text.strip(), text
            assert "  " not in text, text
            for mark in ".?:":
                assert text.endswith(mark) == source.endswith(mark), text
            assert len(text) <= 2 * len(source) + 25, text


def test_german_is_german_and_plurals_have_two_forms() -> None:
    assert i18n.translate("de", "Accounts") != "Accounts"
    one = i18n.plural("de", "%(count)s new order", "%(count)s new orders", 1)
    many = i18n.plural("de", "%(count)s new order", "%(count)s new orders", 1000)
    assert one != many
    assert "1.000" in many


def test_swedish_is_swedish_with_its_numbers_dates_and_plurals() -> None:
    assert i18n.translate("sv", "Accounts") == "Konton"
    forms = [i18n.plural("sv", "%(count)s new order", "%(count)s new orders", count) for count in (0, 1, 2, 12_345)]
    assert forms == ["0 nya ordrar", "1 ny order", "2 nya ordrar", "12\xa0345 nya ordrar"]
    assert i18n.money("sv", Decimal("1234.50"), "SEK") == "1\xa0234,50\xa0kr"
    assert i18n.percent("sv", Decimal("0.82")) == "82\xa0%"
    assert i18n.moment("sv", NOON, "Europe/Stockholm") == "21 nov. 2026 12:05:00"
    assert i18n.day("sv", NOON) == "21 nov. 2026"
    assert i18n.ago("sv", NOON, NOON + timedelta(minutes=2)) == "för 2 minuter sedan"
    assert i18n.separator("sv") == ";"


def test_swedish_speaks_to_one_person_as_shopify_does() -> None:
    """Swedish has no polite plural any more: "Ni" in an admin reads like a letter from an authority."""
    formal = re.compile(r"(?<!:)\b(Ni|Er|Ert|Era|er|ni|ert|era)\b")
    assert [text for one in load("sv") if one.id for text in texts(one) if formal.search(text)] == []


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        (("de-DE",), "de"),
        (("fr", "de;q=0.8,en"), "de"),
        (("", "fi"), "en"),
        (("sv-SE,sv;q=0.9,en;q=0.8",), "sv"),
        (("fi", "sv"), "sv"),
        ((), "en"),
        (("DE_at",), "de"),
        (("x" * 500,), "en"),
    ],
)
def test_the_first_language_we_ship_is_taken(wishes: tuple[str, ...], language: str) -> None:
    assert i18n.language_of(*wishes) == language
