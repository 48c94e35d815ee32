"""Catalogues: complete, not fuzzy, with the same placeholders and tags as the English, and really used."""

from __future__ import annotations

import re

import pytest

from shopapp import i18n
from tests.translations import collected, load, missing

OTHERS = [language for language in i18n.LANGUAGES if language != i18n.SOURCE]


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


def test_german_is_german_and_plurals_have_two_forms() -> None:
    assert i18n.translate("de", "Accounts") != "Accounts"
    one = i18n.plural("de", "%(count)s new order", "%(count)s new orders", 1)
    many = i18n.plural("de", "%(count)s new order", "%(count)s new orders", 1000)
    assert one != many
    assert "1.000" in many


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        (("de-DE",), "de"),
        (("fr", "de;q=0.8,en"), "de"),
        (("", "sv"), "en"),
        ((), "en"),
        (("DE_at",), "de"),
        (("x" * 500,), "en"),
    ],
)
def test_the_first_language_we_ship_is_taken(wishes: tuple[str, ...], language: str) -> None:
    assert i18n.language_of(*wishes) == language
