"""How names of carriers are compared, whatever their case, accents, blanks and marks. The tables are the channels' own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType


def carrier_key(words: str) -> str:
    """How a name is compared: no case, no accents, no blanks and marks."""
    plain = unicodedata.normalize("NFKD", words).casefold()
    return "".join(mark for mark in plain if mark.isalnum())


def by_key(codes: Mapping[str, Iterable[str]]) -> Mapping[str, str]:
    """A channel's code by every spelling of it, from its codes and what else they are called."""
    return MappingProxyType({carrier_key(name): code for code, others in codes.items() for name in (code, *others)})
