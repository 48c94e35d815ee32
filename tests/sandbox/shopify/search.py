"""Owns the search index of a shop: Shopify's query language over snapshots that become visible late.

The index ignores case and matches words, not whole values, as the real one does; what it finds must be compared again
by the asker. Knows nothing of GraphQL.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Fields = dict[str, Any]
Match = Callable[[Fields], bool]
_LEXEMES = re.compile(
    r"""\s*(?:
        (?P<open>\()|(?P<close>\))|
        (?P<term>-?(?:[\w.]+:)?(?::?[<>]=?)?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s()'"]+))
    )""",
    re.VERBOSE | re.DOTALL,
)
_TERM = re.compile(r"(?P<not>-?)(?:(?P<field>[\w.]+):)?(?P<how>:?[<>]=?)?(?P<value>.*)", re.DOTALL)
DEFAULT_FIELD = "default"


@lru_cache(maxsize=50_000)
def words(text: str) -> tuple[str, ...]:
    """A value as the index sees it: lower-case runs of letters and digits."""
    return tuple(re.findall(r"[^\W_]+", text.lower()))


def parse_query(query: str | None) -> Match:
    """A query of the Admin API as a test of an entry's fields. A field the entry does not have restricts nothing."""
    lexemes = [found for found in _LEXEMES.finditer(query or "") if found.group().strip()]
    return _Parser(lexemes).any_of() if lexemes else lambda fields: True


class _Parser:
    def __init__(self, lexemes: list[re.Match[str]]) -> None:
        self._lexemes = lexemes
        self._at = 0

    def _peek(self) -> tuple[str, str]:
        if self._at >= len(self._lexemes):
            return "end", ""
        found = self._lexemes[self._at]
        kind = found.lastgroup or "end"
        return kind, found.group(kind)

    def any_of(self) -> Match:
        parts = [self.all_of()]
        while self._peek() == ("term", "OR"):
            self._at += 1
            parts.append(self.all_of())
        return lambda fields: any(part(fields) for part in parts)

    def all_of(self) -> Match:
        parts: list[Match] = []
        while (lexeme := self._peek())[0] in ("term", "open") and lexeme != ("term", "OR"):
            if lexeme == ("term", "AND"):
                self._at += 1
                continue
            parts.append(self.one())
        return lambda fields: all(part(fields) for part in parts)

    def one(self) -> Match:
        kind, text = self._peek()
        self._at += 1
        if (kind, text) == ("term", "NOT"):
            inner = self.one() if self._peek()[0] in ("term", "open") else lambda fields: True
            return lambda fields: not inner(fields)
        if kind == "open":
            inside = self.any_of()
            if self._peek()[0] == "close":
                self._at += 1
            return inside
        return _term(text)


def _term(text: str) -> Match:
    found = _TERM.fullmatch(text)
    if found is None:
        return lambda fields: False
    field, how, value = found["field"] or DEFAULT_FIELD, (found["how"] or "").lstrip(":"), found["value"]
    if value[:1] in ("'", '"') and len(value) > 1:
        value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)

    def match(fields: Fields) -> bool:
        if field not in fields:
            return True
        held = fields[field]
        return _compare(held, how, value) if how else _equal(held, value)

    return (lambda fields: not match(fields)) if found["not"] else match


def _equal(held: Any, value: str) -> bool:
    if isinstance(held, list | tuple):
        return any(_equal(one, value) for one in held)
    if isinstance(held, datetime):
        return held.date().isoformat() == value[:10]
    if value == "*":
        return held not in (None, "")
    have, want = words("" if held is None else str(held)), words(value)
    if value.endswith("*") and want:
        return any(one.startswith(want[-1]) for one in have)
    # A phrase: the wanted words in a row, anywhere in the value. "A-1" therefore also finds "A-1-XL".
    return (
        bool(want)
        and want[0] in have
        and any(have[at : at + len(want)] == want for at in range(len(have) - len(want) + 1))
    )


def _compare(held: Any, how: str, value: str) -> bool:
    if held is None:
        return False
    try:
        if isinstance(held, datetime):
            left, right = held.timestamp(), _moment(value).timestamp()
        else:
            left, right = float(held), float(value.rsplit("/", 1)[-1])
    except ValueError:
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[how]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class Index:
    """Entries by id; a change is found only `lag` seconds (of sandbox time) after it was made."""

    def __init__(self) -> None:
        self._visible: dict[str, Fields] = {}
        self._pending: list[tuple[float, str, Fields]] = []

    def put(self, entry_id: str, fields: Fields, due: float) -> None:
        """Announce an entry's new fields; they are found from `due` (unix seconds) on."""
        self._pending.append((due, entry_id, fields))

    def drop(self, entry_id: str) -> None:
        """Find an entry no more."""
        self._visible.pop(entry_id, None)
        self._pending = [one for one in self._pending if one[1] != entry_id]

    def find(self, query: str | None, now: float) -> Iterator[str]:
        """Ids of the entries that the query finds at `now`, in order of their first appearance."""
        waiting = []
        for due, entry_id, fields in self._pending:
            if due <= now:
                self._visible[entry_id] = fields
            else:
                waiting.append((due, entry_id, fields))
        self._pending = waiting
        match = parse_query(query)
        return (entry_id for entry_id, fields in self._visible.items() if match(fields))
