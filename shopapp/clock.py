"""The only caller of the system's clock. All times are aware UTC.

`TIME_SCALE` runs the clock faster than the wall from `TIME_EPOCH` on (UNIX seconds, shared by all processes); it is
refused by the configuration unless every remote is loopback. Tests set the clock by `travel`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_scale = 1.0
_epoch = 0.0
_shift = timedelta(0)
_frozen: datetime | None = None


def configure(scale: float, epoch: float) -> None:
    """Run `scale` times as fast as the wall since `epoch` (UNIX seconds)."""
    global _scale, _epoch
    _scale, _epoch = scale, epoch


def now() -> datetime:
    """The current time, aware UTC. Passed to SQL as a parameter; the database's clock is never asked."""
    if _frozen is not None:
        return _frozen
    wall = time.time()
    seconds = wall if _scale == 1 else _epoch + (wall - _epoch) * _scale
    return datetime.fromtimestamp(seconds, UTC) + _shift


def travel(to: datetime | None = None, *, by: timedelta | None = None, freeze: bool = False) -> None:
    """Move the clock to or by; with nothing given, back to the wall. `freeze` makes it stand still there."""
    global _shift, _frozen
    if to is None and by is None:
        _shift, _frozen = timedelta(0), None
        return
    target = to if to is not None else now()
    target += by or timedelta(0)
    _frozen = None
    _shift += target - now()
    _frozen = target if freeze else None


def monotonic() -> float:
    """Seconds for measuring a duration of our own process (never scaled)."""
    return time.monotonic()


def wall() -> float:
    """UNIX seconds of the wall, unscaled: for what outside libraries compare with their own clock."""
    return time.time()


def real_seconds(seconds: float) -> float:
    """How long to wait on the wall for `seconds` of this clock."""
    return seconds / _scale
