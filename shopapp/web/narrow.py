"""What lists have in common: what they are narrowed to stays in every address, and pages go on from a row and back again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Self
from urllib.parse import urlencode

from flask import request

from marketplaces.text import clean

REMEMBERED = 40  # how many pages back the way is remembered
NUMBER = 9  # digits of an id that may be ours


def whole(text: str) -> int | None:
    """A number as an address or a form names it (an id, a cursor), None when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER else None


def chosen(text: str) -> int | None:
    """A choice among accounts as typed: None for all of them (nothing typed), 0 (which no account has) for no number."""
    return (whole(text) or 0) if text else None


def address(path: str, **query: str) -> str:
    """`path` with what is set of `query`."""
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Base of what a list is narrowed to, as typed: all its fields are texts. Every link keeps it."""

    @classmethod
    def asked(cls) -> Self:
        """From the address or the form; the inner blanks of a SKU count."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: clean(request.values.get(name, ""), keep_spaces=True) for name in names})

    @property
    def fields(self) -> dict[str, str]:
        """What is set, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}

    def at(self, path: str, **more: str) -> str:
        """`path` with all of this; `more` changes single parts ("" leaves one out)."""
        return address(path, **(self.fields | more))


@dataclass(frozen=True, slots=True)
class Trail:
    """The page of a list that is shown: `after` which row it begins, and after which rows those before it began."""

    after: str
    before: tuple[str, ...]
    name: str = ""  # what its parts of the address begin with, where a page has two lists

    @classmethod
    def asked(cls, name: str = "") -> Trail:
        """From the address."""
        trail = [one for one in request.args.get(f"{name}trail", "").split(" ") if one]
        return cls(request.args.get(f"{name}after", ""), tuple(trail[-REMEMBERED:]), name)

    @property
    def fields(self) -> dict[str, str]:
        """The place itself, for the addresses of the other list."""
        return self._at(self.after, self.before)

    def _at(self, after: str, before: Iterable[str]) -> dict[str, str]:
        return {f"{self.name}after": after, f"{self.name}trail": " ".join(before)}

    def newer(self, to: Callable[..., str]) -> str:
        """Where the page before this one is, "" on the first. `to(after=, trail=)`, by our names, makes the address."""
        if not self.after:
            return ""
        last = self.before[-1] if self.before else "first"
        return to(**self._at("" if last == "first" else last, self.before[:-1]))

    def older(self, to: Callable[..., str], after: str) -> str:
        """Where the next page is, "" when `after` names none."""
        return to(**self._at(after, [*self.before, self.after or "first"])) if after else ""
