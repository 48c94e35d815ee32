"""Owns the sandbox's time; every part asks here and nobody else reads the system clock for a date.

now = epoch + (real time - epoch) * scale + offset. Waiting inside a fault is in real seconds, because the product's
time-outs are never scaled.
"""

import threading
import time
from datetime import UTC, datetime, timedelta


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant (or plain unix seconds) as aware UTC; a text without a zone is taken as UTC.

    Raises ValueError when the text is neither.
    """
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Write an instant the way the vendors do: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_of(seconds: float) -> str:
    """Write unix seconds the way the vendors do."""
    return iso(datetime.fromtimestamp(seconds, UTC))


class Clock:
    """Scaled, movable time. Thread-safe."""

    def __init__(self, scale: float = 1.0, epoch: datetime | None = None) -> None:
        if scale <= 0:
            raise ValueError("the time scale must be above zero")
        self.scale = scale
        self.epoch = epoch or datetime.fromtimestamp(time.time(), UTC)
        self._offset = timedelta()
        self._lock = threading.Lock()

    def _running(self) -> datetime:
        real = datetime.fromtimestamp(time.time(), UTC)
        return self.epoch + (real - self.epoch) * self.scale

    def now(self) -> datetime:
        """The sandbox's present, aware UTC."""
        with self._lock:
            return self._running() + self._offset

    def timestamp(self) -> float:
        """The sandbox's present as unix seconds."""
        return self.now().timestamp()

    def set(self, moment: datetime) -> None:
        """Make `moment` the present; time goes on from there."""
        with self._lock:
            self._offset = moment - self._running()

    def advance(self, seconds: float) -> None:
        """Move the present by `seconds` of sandbox time (negative goes back)."""
        with self._lock:
            self._offset += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Forget every earlier `set` and `advance`."""
        with self._lock:
            self._offset = timedelta()
