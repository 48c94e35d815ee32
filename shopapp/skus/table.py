"""Mappings as a table in a file: what a CSV says (nothing is saved here, every line that cannot be taken is named), and
the shop's mappings as CSV that no spreadsheet takes for formulas. What was written can be read back unchanged."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from marketplaces.text import clean
from shopapp.i18n import N_
from shopapp.skus import keep
from shopapp.skus.keep import Pair

MOST_BYTES = 10_000_000
MOST_LINES = 100_000
COLUMNS = ("marketplace_sku", "store_sku", "account")
NEEDED = COLUMNS[:2]
BOM = "\ufeff"
_BREAK = re.compile(r"\r\n|\n|\r")
_DELIMITERS = (";", ",", "\t")
# A spreadsheet calculates what begins with one of these, wherever it believes that a cell begins; an apostrophe before
# it stops that. One is put before those that are there already, so that the way back is exact.
_FORMULA = re.compile(r"(^|[,;|\t])('*)(?=[\s\"]*[=+\-@＝＋－＠])")
_MARKED = re.compile(r"(^|[,;|\t])'('*)(?=[\s\"]*[=+\-@＝＋－＠])")

NOT_TEXT = N_("This is not a CSV file. Save the table as CSV UTF-8 and try again.")
TOO_LARGE = N_("The file is too large: at most 10 MB and 100,000 lines are accepted. Split it.")
NOTHING = N_("The file is empty.")
NO_COLUMNS = N_("The first line must name the columns “%(needed)s”; it says: “%(found)s”")
SPOILT = N_("The quotes of this line do not fit together.")
TOO_MANY = N_("This line has more cells than the first line has columns.")
NO_SUCH_ACCOUNT = N_("No account is called “%(name)s”.")
SEVERAL_ACCOUNTS = N_("Several accounts are called “%(name)s”. Write the seller id instead.")
SAID_BEFORE = N_("Line %(line)s says something else about this SKU.")


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be taken: its number in the file, in which column, why (a message id with its params)."""

    line: int
    column: str
    why: str
    params: dict[str, str] = field(default_factory=dict)


class Unreadable(Exception):
    """The file as a whole cannot be read: a message id with its params."""

    def __init__(self, why: str, **params: str) -> None:
        self.why, self.params = why, params
        super().__init__(why)


@dataclass(slots=True)
class Told:
    """What a file says. `repeated`: lines that say the same as an earlier one. `guessed`: it was not UTF-8."""

    pairs: list[Pair] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    lines: int = 0
    repeated: int = 0
    guessed: bool = False


class Accounts:
    """How a file may call an account: by its name, where only one has it, or by its seller id."""

    def __init__(self, known: Iterable[tuple[int, str, str | None]]) -> None:
        """`known`: (our key, name, seller id)."""
        self._names: dict[str, set[int]] = {}
        self._of: dict[int, str] = {}
        rows = list(known)
        for account_id, label, seller_id in rows:
            for name in filter(None, (label, seller_id)):
                self._names.setdefault(clean(name), set()).add(account_id)
        for account_id, label, seller_id in rows:
            sure = [name for name in (label, seller_id or "") if self._names.get(clean(name)) == {account_id}]
            self._of[account_id] = sure[0] if sure else label

    def called(self, name: str) -> set[int]:
        """Our keys of the accounts that are called so."""
        return self._names.get(name) or self._names.get(clean(name), set())

    def name(self, account_id: int | None) -> str:
        """How a file calls the account; "" for all."""
        return "" if account_id is None else self._of.get(account_id, "")


def read(data: bytes, accounts: Accounts) -> Told:
    """What the file says, line by line. Unreadable when it is no table of mappings at all."""
    text, guessed = _text(data)
    lines = _BREAK.split(text)  # nothing but these ends a line; a SKU may hold other strange signs, and is named then
    if not lines[-1]:
        lines.pop()
    if len(lines) > MOST_LINES + 1:
        raise Unreadable(TOO_LARGE)
    start = next((at for at, line in enumerate(lines) if line.strip(" ;,\t")), None)
    if start is None:
        raise Unreadable(NOTHING)
    cells, names = _header(lines[start])
    told = Told(guessed=guessed)
    seen: dict[tuple[int | None, str], tuple[int, str]] = {}
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        if line.strip(" ;,\t"):
            told.lines += 1
            _line(told, number, _row(line, cells, names), accounts, seen)
    return told


def write(rows: Iterable[tuple[int | None, str, str]], accounts: Accounts, delimiter: str = ",") -> Iterator[str]:
    """The table in pieces. `rows`: (account, marketplace SKU, SKU of the shop)."""
    yield BOM + _piece([list(COLUMNS)], delimiter)
    piece: list[list[str]] = []
    for account_id, sku, store_sku in rows:
        piece.append([_safe(sku), _safe(store_sku), _safe(accounts.name(account_id))])
        if len(piece) == 1000:
            yield _piece(piece, delimiter)
            piece = []
    yield _piece(piece, delimiter)


def _piece(rows: list[list[str]], delimiter: str) -> str:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter).writerows(rows)
    return target.getvalue()


def _safe(text: str) -> str:
    return _FORMULA.sub(r"\1'\2", text)


def _bare(text: str) -> str:
    return _MARKED.sub(r"\1\2", text)


def _text(data: bytes) -> tuple[str, bool]:
    if len(data) > MOST_BYTES:
        raise Unreadable(TOO_LARGE)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff", b"PK", b"\xd0\xcf"):  # UTF-16, and the two kinds of Excel's own files
        raise Unreadable(NOT_TEXT)
    try:
        return data.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        # What Excel writes where it is not asked for UTF-8; every byte is some character there.
        return data.decode("cp1252", "replace"), True


def _header(line: str) -> tuple[Mapping[str, int], partial[list[str]]]:
    """Where the columns are, and how a line is cut into cells."""
    found: list[str] = []
    for delimiter in _DELIMITERS:
        cut = partial(_cut, delimiter=delimiter)
        try:
            named = [clean(cell, 60).casefold().replace(" ", "_") for cell in cut(line)]
        except csv.Error:
            continue
        if all(named.count(name) == 1 for name in NEEDED) and named.count("account") < 2:
            return {name: named.index(name) for name in COLUMNS if name in named} | {"": len(named)}, cut
        found = max(found, named, key=len)
    raise Unreadable(NO_COLUMNS, needed=", ".join(NEEDED), found=", ".join(found)[:200] or "–")


def _cut(line: str, delimiter: str) -> list[str]:
    # One line at a time: no SKU holds a line break, and a quote that is not closed spoils its own line only.
    return next(csv.reader([line], delimiter=delimiter, strict=True), [])


def _row(line: str, places: Mapping[str, int], cut: partial[list[str]]) -> dict[str, str] | str:
    """The line's cells by column, or why it cannot be cut."""
    try:
        cells = cut(line)
    except csv.Error:
        return SPOILT
    if any(cell.strip() for cell in cells[places[""] :]):
        return TOO_MANY
    cells += [""] * places[""]
    return {name: _bare(cells[places[name]].strip()) if name in places else "" for name in COLUMNS}


def _line(
    told: Told,
    number: int,
    row: dict[str, str] | str,
    accounts: Accounts,
    seen: dict[tuple[int | None, str], tuple[int, str]],
) -> None:
    if isinstance(row, str):
        told.bad.append(Bad(number, "", row))
        return
    wrong = [Bad(number, name, why) for name in NEEDED if (why := keep.trouble(row[name]))]
    called = accounts.called(row["account"]) if row["account"] else set()
    if row["account"] and len(called) != 1:
        why = SEVERAL_ACCOUNTS if called else NO_SUCH_ACCOUNT
        wrong.append(Bad(number, "account", why, {"name": clean(row["account"], 60)}))
    if wrong:
        told.bad += wrong
        return
    pair = Pair(next(iter(called), None), row["marketplace_sku"].strip(), row["store_sku"].strip())
    line, before = seen.setdefault((pair.account_id, pair.marketplace_sku), (number, pair.store_sku))
    if line == number:
        told.pairs.append(pair)
    elif before == pair.store_sku:
        told.repeated += 1
    else:
        told.bad.append(Bad(number, "store_sku", SAID_BEFORE, {"line": str(line)}))
