"""Large answers on this machine's disk, line by line, so that work on them can pause and go on. Knows no shop.

A spool is a copy that may be lost at any time: whoever misses it (another machine, a cleaned folder) fetches it again.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from shopapp import clock, runtime

DAYS = 2.0  # after which a spool that nobody dropped is thrown away
_NAME = re.compile(r"[a-z]+-[\w-]{1,60}")


def _folder() -> Path:
    folder = runtime.config().data / "spool"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a spool")
    return _folder() / name


def on_the_wall(lease: timedelta) -> timedelta:
    """So much of our clock as `lease` is on the wall: disks and downloads do not run faster with it."""
    return lease * max(1, round(1 / clock.real_seconds(1.0)))


def there(name: str) -> bool:
    """Whether this machine has it."""
    return _path(name).exists()


def size(name: str) -> int:
    """How many bytes it has. FileNotFoundError when it is not here."""
    return _path(name).stat().st_size


def fill(name: str, lines: Iterable[bytes]) -> int:
    """Write `lines` (without ends) whole or not at all; how many. What had this name before is replaced."""
    path, count = _path(name), 0
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix="part-", delete=False) as part:
        try:
            for line in lines:
                part.write(line + b"\n")
                count += 1
            part.flush()
            Path(part.name).replace(path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    return count


def batches(name: str, offset: int, size: int) -> Iterator[tuple[list[bytes], int]]:
    """From `offset` on: up to `size` lines, and the offset behind them. FileNotFoundError when it is not here."""
    with _path(name).open("rb") as source:
        source.seek(offset)
        while True:
            batch: list[bytes] = []
            while len(batch) < size and (line := source.readline()):
                batch.append(line.removesuffix(b"\n"))
            if not batch:
                return
            yield batch, source.tell()


def drop(name: str) -> None:
    """Throw it away."""
    _path(name).unlink(missing_ok=True)


def clean() -> int:
    """Throw away what is older than two days; how many (a chore)."""
    ends, count = clock.wall() - DAYS * 86_400, 0
    for path in _folder().iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            if path.stat().st_mtime < ends:
                path.unlink()
                count += 1
    return count
