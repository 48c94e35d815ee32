"""The best guess at what a SKU without a match means. Proposed to a person, never taken by itself.

A guess is: the same letters and digits with other signs between them; the shop's SKU with something put before or behind
it; one or two slips of the pen; or the only product with nearly the same title. Of two equally good ones, none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from shopapp.skus.shelf import Product

THOROUGH = 50_000  # products that are compared letter by letter and by title; of a larger shop the rest only by the SKU
LEAST = 4  # letters and digits of a SKU that is recognised inside another one, or in spite of a slip
ALIKE = 60  # percent of the words that two titles share
FEWEST = 2  # words of a title that says enough
_WORD = re.compile(r"[^\W_]+")


class How(IntEnum):
    """Why it is the best guess; the lower, the surer."""

    SAME_SIGNS = 1
    PART_OF_IT = 2
    A_SLIP = 3
    SAME_TITLE = 4


@dataclass(frozen=True, slots=True)
class Guess:
    """A product that may be meant."""

    product: Product
    how: How


def plain(sku: str) -> str:
    """Its letters and digits alone, in small letters, leading zeroes of numbers included."""
    return "".join(_WORD.findall(sku.casefold()))


def guesses(wanted: Mapping[str, str], shelf: Iterable[Product]) -> dict[str, Guess]:
    """{SKU: best guess} for those of `wanted` ({SKU: title it was sold under}) that have one. One pass over `shelf`."""
    best: dict[str, _Best] = {}
    search = _Search(wanted)
    for number, product in enumerate(shelf):
        for sku, rank, how in search.near(product, thoroughly=number < THOROUGH):
            best.setdefault(sku, _Best()).see(rank, Guess(product, how))
    return {sku: one.guess for sku, one in best.items() if one.guess is not None}


class _Best:
    """The best so far; None while two different SKUs are equally good."""

    def __init__(self) -> None:
        self.rank: tuple[int, int] = (99, 0)
        self.guess: Guess | None = None

    def see(self, rank: tuple[int, int], guess: Guess) -> None:
        if rank < self.rank:
            self.rank, self.guess = rank, guess
        elif rank == self.rank and (self.guess is None or self.guess.product.sku != guess.product.sku):
            self.guess = None


class _Search:
    """What is looked for, laid out so that each product of the shop is looked at once."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.plain: dict[str, list[str]] = {}
        self.parts: dict[str, list[str]] = {}
        self.shorter: dict[str, list[str]] = {}
        self.words: dict[str, list[str]] = {}
        self.title: dict[str, frozenset[str]] = {}
        for sku, title in wanted.items():
            bare = plain(sku)
            if bare:
                self.plain.setdefault(bare, []).append(sku)
            for part in {bare[:at] for at in range(LEAST, len(bare))} | {bare[-at:] for at in range(LEAST, len(bare))}:
                self.parts.setdefault(part, []).append(sku)
            for one in _shorter(bare) if len(bare) > LEAST else ():
                self.shorter.setdefault(one, []).append(sku)
            self.title[sku] = frozenset(_WORD.findall(title.casefold()))
            for word in self.title[sku]:
                self.words.setdefault(word, []).append(sku)
        self.lengths = {len(bare) + by for bare in self.plain for by in (-1, 0, 1)}

    def near(self, product: Product, *, thoroughly: bool) -> Iterator[tuple[str, tuple[int, int], How]]:
        """Which of the wanted it is near to, how near (less is nearer), and why."""
        bare = plain(product.sku)
        for sku in self.plain.get(bare, ()):
            yield sku, (How.SAME_SIGNS, 0), How.SAME_SIGNS
        for sku in self.parts.get(bare, ()):
            yield sku, (How.PART_OF_IT, -len(bare)), How.PART_OF_IT
        if thoroughly:
            yield from self._by_slips(bare)
            yield from self._by_title(product)

    def _by_slips(self, bare: str) -> Iterator[tuple[str, tuple[int, int], How]]:
        if len(bare) <= LEAST or len(bare) not in self.lengths:
            return
        for sku in {sku for one in _shorter(bare) for sku in self.shorter.get(one, ())}:
            if (slips := distance(plain(sku), bare)) in (1, 2):
                yield sku, (How.A_SLIP, slips), How.A_SLIP

    def _by_title(self, product: Product) -> Iterator[tuple[str, tuple[int, int], How]]:
        words = frozenset(_WORD.findall(product.title.casefold()))
        for sku in {sku for word in words for sku in self.words.get(word, ())}:
            wanted = self.title[sku]
            shared = 100 * len(wanted & words) // len(wanted | words)
            if shared >= ALIKE and min(len(wanted), len(words)) >= FEWEST:
                yield sku, (How.SAME_TITLE, -shared), How.SAME_TITLE


def _shorter(text: str) -> set[str]:
    """The text, and the text without one of its letters: two texts one slip apart have one of these in common."""
    return {text, *(text[:at] + text[at + 1 :] for at in range(len(text)))}


def distance(left: str, right: str) -> int:
    """How many letters must be put in, left out or changed to make one of the other."""
    row = list(range(len(right) + 1))
    for at, letter in enumerate(left, start=1):
        before, row[0] = row[0], at
        for to, other in enumerate(right, start=1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (letter != other))
    return row[-1]
