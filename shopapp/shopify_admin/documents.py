"""The app's named operations, one `.graphql` file each, and what each is expected to cost. Composes no query text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "operations"
_COST = re.compile(r"\A#\s*cost:\s*(\d+)")
_COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Operation:
    """A document to send. `cost` is in points of Shopify's bucket; `mutation` tells whether it changes something.

    `named` is True for the files of this folder, whose price may be remembered; a composed document differs every time.
    """

    name: str
    text: str
    cost: int
    mutation: bool
    named: bool = False


@lru_cache(maxsize=64)
def load(name: str) -> Operation:
    """The operation in `<name>.graphql`. KeyError when there is none."""
    source = FOLDER / f"{name}.graphql"
    if not name.isidentifier() or not source.exists():
        raise KeyError(f"no operation {name}")
    raw = source.read_text(encoding="utf-8")
    found = _COST.match(raw)
    text = _COMMENT.sub("", raw).strip()
    return Operation(name, text, int(found.group(1)) if found else 10, _changes(text), named=True)


def compose(name: str, text: str, cost: int) -> Operation:
    """An operation made at run time (aliases)."""
    return Operation(name, text, cost, _changes(text))


def _changes(text: str) -> bool:
    return text.lstrip().startswith("mutation")
