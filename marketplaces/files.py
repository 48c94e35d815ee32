"""Files that came from a remote: saved on this machine, unpacked within bounds, read piece by piece. Calls nobody."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from marketplaces.errors import Transient
from marketplaces.exact import members

GZIP = b"\x1f\x8b"
PIECE = 65_536
LONGEST = 1_000_000  # bytes of one line; a longer one is no row of any file that we read
_CHARSET = re.compile(r"charset=\"?([\w.:-]{2,30})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Saved:
    """A complete file of this process, unnamed and gone when closed. `charset` as its header tells it, "" if not at all.

    A context manager. `call` names the remote operation in errors.
    """

    file: BinaryIO = field(repr=False)
    call: str
    charset: str = ""

    def __enter__(self) -> Saved:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the space back."""
        self.file.close()

    def pieces(self, cap: int) -> Iterator[bytes]:
        """The content from its beginning, unpacked if it is gzip. Transient when it is broken or larger than `cap`."""
        self.file.seek(0)
        packed = self.file.read(2) == GZIP
        self.file.seek(0)
        source = gzip.GzipFile(fileobj=self.file) if packed else self.file
        seen = 0
        while True:
            try:
                piece = source.read(PIECE)
            except (OSError, EOFError, zlib.error) as error:
                raise Transient(f"a broken file ({type(error).__name__})", call=self.call) from error
            if not piece:
                return
            seen += len(piece)
            if seen > cap:
                raise Transient(f"the file is larger than {cap} bytes", call=self.call)
            yield piece

    def lines(self, cap: int) -> Iterator[bytes]:
        """Its lines without their ends. One that is too long to be a row comes cut, at `LONGEST` bytes."""
        rest = bytearray()
        for piece in self.pieces(cap):
            first, *more = piece.split(b"\n")
            if len(rest) <= LONGEST:
                rest += first
            for line in more:
                yield bytes(rest[:LONGEST]).removesuffix(b"\r")
                rest = bytearray(line)
        if rest:
            yield bytes(rest[:LONGEST]).removesuffix(b"\r")

    def members(self, cap: int) -> Iterator[Any]:
        """The members of the JSON list that it holds, one by one. Transient when it holds no such list to its end."""
        try:
            yield from members(self.pieces(cap))
        except ValueError as error:
            raise Transient(f"no readable list ({type(error).__name__})", call=self.call) from error


def charset_of(content_type: str) -> str:
    """The charset that a Content-Type names, if Python knows it; "" otherwise."""
    found = _CHARSET.search(content_type)
    try:
        return codecs.lookup(found.group(1)).name if found else ""
    except LookupError:
        return ""
