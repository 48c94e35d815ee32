"""Collects every text of the product, and brings the catalogues up to date: `python -m tests.translations`.

Texts are the arguments of _(), ngettext(), N_(), translate() and plural() in code and templates, and what channels declare.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from marketplaces.channels import registry
from shopapp.i18n import FOLDER, LANGUAGES, SOURCE

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "translate": (2,), "plural": (2, 3), "gettext": None}


def collected() -> Catalog:
    """All texts with the places they come from."""
    catalogue = Catalog(fuzzy=False)
    for folder, methods in (
        ("shopapp", [("**.py", "python")]),
        ("templates", [("**.html", "jinja2.ext:babel_extract"), ("**.txt", "jinja2.ext:babel_extract")]),
    ):
        found = extract_from_dir(str(ROOT / folder), methods, keywords=KEYWORDS, comment_tags=())
        for name, _line, message, _comments, context in found:
            if message:
                catalogue.add(message, locations=[(f"{folder}/{name}", 0)], context=context)
    for channel in registry().values():
        for text in channel.texts():
            catalogue.add(text, locations=[(f"marketplaces/channels/{channel.key}", 0)])
    return catalogue


def source(language: str) -> Path:
    """The catalogue's file."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def load(language: str) -> Catalog:
    """The catalogue as it is in the tree, empty when there is none."""
    path = source(language)
    if not path.exists():
        return Catalog(locale=language, fuzzy=False)
    with path.open("rb") as handle:
        return read_po(handle, locale=language)


def update(language: str) -> tuple[int, int]:
    """Add new texts, drop those that are gone; how many are there and how many lack a translation."""
    old, new = load(language), Catalog(locale=language, project="shopapp", fuzzy=False)
    for message in sorted(collected(), key=lambda m: str(m.id)):
        if message.id:
            known = old.get(message.id if isinstance(message.id, str) else message.id[0])
            several = not isinstance(message.id, str)
            fits = known is not None and isinstance(known.string, (list, tuple)) == several
            empty: str | tuple[str, str] = ("", "") if several else ""
            new.add(message.id, known.string if known and fits else empty, locations=message.locations)
    path = source(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        write_po(handle, new, width=120, omit_header=False, include_lineno=False)
    return len(new), len(missing(new))


def missing(catalogue: Catalog) -> list[str]:
    """Texts without a (whole) translation."""
    lacking = []
    for message in catalogue:
        forms = message.string if isinstance(message.string, (list, tuple)) else [message.string]
        if message.id and not all(forms):
            lacking.append(str(message.id))
    return lacking


def main() -> int:
    """Update all catalogues; 1 when one is incomplete."""
    incomplete = 0
    for language in LANGUAGES:
        if language != SOURCE:
            count, lacking = update(language)
            incomplete += lacking
            print(f"{language}: {count} texts, {lacking} not translated")
    return 1 if incomplete else 0


if __name__ == "__main__":
    sys.exit(main())
