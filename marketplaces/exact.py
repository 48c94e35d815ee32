"""JSON with exact numbers: a Decimal keeps its own digits, where Python knows only floats. What is read is bounded.

Nothing that a remote sends may take more memory or time than an honest answer does.
"""

from __future__ import annotations

import codecs
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any

MOST_VALUES = 500_000
MOST_DIGITS = 400  # of a number with a fraction or an exponent: to count with 1e9999999 would take for ever
LONGEST = 1_000_000  # characters of one member of a list that comes in pieces
MEMBER = "*"
AFTER = {"[": "]" + MEMBER, ",": MEMBER, "]": ""}  # what may come after a list's marks
ENDS = (",", "]", " ", "\t", "\r", "\n")  # of a member
_BLANK = re.compile(r"[ \t\r\n]*")


def exact_json(value: Any) -> str:
    """`value` as JSON. ValueError for numbers that JSON cannot hold, TypeError for what is no JSON at all."""
    mark, numbers = secrets.token_hex(8), []

    def exact(unknown: Any) -> str:
        if not isinstance(unknown, Decimal):
            raise TypeError(f"{type(unknown).__name__} is no JSON")
        if not unknown.is_finite():
            raise ValueError("JSON holds finite numbers only")
        numbers.append(format(unknown, "f"))
        return f"{mark}:{len(numbers) - 1}"

    text = json.dumps(value, default=exact, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return re.sub(f'"{mark}:(\\d+)"', lambda found: numbers[int(found[1])], text) if numbers else text


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _fraction(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > MOST_DIGITS or abs(value.adjusted()) > MOST_DIGITS:
        raise ValueError("a number out of all bounds")
    return value


_DECODER = json.JSONDecoder(parse_float=_fraction, parse_constant=_no_constant)


def parse_json(raw: bytes, most: int = MOST_VALUES) -> Any:
    """Strict JSON from strict UTF-8 (byte order mark allowed): fractions as Decimal, no NaN. ValueError otherwise.

    More than `most` values are refused: a small text of nothing but brackets grows to half a gigabyte. So are
    numbers that no computer's float could hold.
    """
    if sum(raw.count(mark) for mark in b"[{,") > most:
        raise ValueError("more values than any answer has")
    try:
        return _DECODER.decode(raw.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ArithmeticError:
        raise ValueError("a number out of all bounds") from None


def members(pieces: Iterable[bytes]) -> Iterator[Any]:
    """Each member of the JSON list that `pieces` make up, read as `parse_json` reads. ValueError for anything else.

    Holds one member at a time, however long the list is; what is wrong is found when it is come to.
    """
    utf8 = codecs.getincrementaldecoder("utf-8-sig")()
    text, wanted = "", "["  # which marks may come next; MEMBER stands for one
    for piece in chain(pieces, [b""]):
        last = not piece
        text += utf8.decode(piece, final=last)
        at = 0
        while (at := _blank_end(text, at)) < len(text):
            if text[at] in AFTER and text[at] in wanted:
                wanted = AFTER[text[at]]
                at += 1
                continue
            if MEMBER not in wanted:
                raise ValueError("something else than a list")
            found = _member(text, at)
            if found is None or not (last or text.startswith(ENDS, found[1])):
                break  # it goes on in the next piece, as "1." does after its "1"
            yield found[0]
            at, wanted = found[1], ",]"
        text = text[at:]
        if len(text) > LONGEST:
            raise ValueError("a member longer than any is")
    if text or wanted:
        raise ValueError("a list without its end")


def _blank_end(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _member(text: str, at: int) -> tuple[Any, int] | None:
    """The value at `at` and where it ends; None when it is not complete."""
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError:
        return None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ArithmeticError:
        raise ValueError("a number out of all bounds") from None
