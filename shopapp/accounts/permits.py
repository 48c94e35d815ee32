"""Permits of the marketplaces' limits: taken before a call, corrected by what the answers say. Judges nothing.

The buckets lie in the queue's server, so that all processes draw from the same ones. Without it nothing is paced here;
the marketplaces' own limits remain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from time import sleep
from zoneinfo import ZoneInfo

import redis

from marketplaces.channel import ROLLING
from marketplaces.errors import RateLimited
from marketplaces.wire import Bucket
from shopapp import clock
from shopapp.logs import event
from shopapp.records import db
from shopapp.work import pace, turns
from shopapp.work.turns import Turn

log = logging.getLogger(__name__)
_heeded: dict[str, tuple[str, int]] = {}  # bucket -> rate that was told to it, and in which ten minutes
HEED_SECONDS, HEED_MOST = 600, 10_000  # a stated rate is told to the bucket once in so long, for so many buckets
PATIENCE = 1.0  # seconds of the wall that a thread may wait for a permit
IN_TURN = 0.1  # and where it has a place in a line, which nobody loses by going away: other rows want the thread


def draw(bucket: Bucket, spare: int = 0, turn: Turn = Turn.URGENT) -> None:
    """Take a permit for one call, as `permit` or, where accounts share the bucket, `permit_in_turn` do."""
    if bucket.share:
        permit_in_turn(bucket, turn)
    else:
        permit(bucket.key, bucket.rate, bucket.burst, spare)


def permit(key: str, rate: str, burst: int, spare: int = 0) -> None:
    """Take a permit from the shared bucket, waiting a second at most. RateLimited says when there is one.

    `spare` permits are left to others, and one is never used: calls arrive at the channel less evenly than they leave, so
    that a bucket kept to the last permit is refused now and then. Without Redis nothing is paced here; the channel's own
    limits remain.
    """
    burst = max(1, burst - 1)
    reserve = max(0, min(spare, burst - 1))
    _take(lambda: pace.take(key, float(rate), burst, reserve=reserve), PATIENCE)


def permit_in_turn(bucket: Bucket, turn: Turn) -> None:
    """Take a permit from a bucket that many accounts draw from, when it is the turn of its share. As `permit` otherwise."""
    burst = max(1, bucket.burst - 1)
    _take(lambda: turns.take(bucket.key, bucket.share, turn, float(bucket.rate), burst), IN_TURN)


def _take(ask: Callable[[], float], patience: float) -> None:
    if db.open_transactions():
        raise RuntimeError("a marketplace is called inside a transaction")
    ends = clock.monotonic() + patience
    try:
        # Of many that wait for the same permit one gets it: the others wait on, which costs less than to come back.
        while (wait := ask()) > 0:
            pause = clock.real_seconds(wait)
            if clock.monotonic() + pause > ends:
                break
            sleep(pause)
    except (redis.RedisError, RuntimeError) as error:  # RuntimeError: no queue is configured
        event(log, "pace_unreachable", logging.DEBUG, error=type(error).__name__)
        return
    if wait > 0:
        raise RateLimited(wait, "waiting for a permit")


def heed(key: str, stated: str) -> None:
    """The channel states the rate of a bucket: sellers get more (or less) than the vendor's default."""
    rate = _rate(stated)
    if rate is None or _heeded.get(key) == (stated, int(clock.wall()) // HEED_SECONDS):
        return
    try:
        pace.state(key, rate)
    except (redis.RedisError, RuntimeError) as error:
        event(log, "pace_unreachable", logging.DEBUG, error=type(error).__name__)
        return
    if len(_heeded) > HEED_MOST:
        _heeded.clear()
    _heeded[key] = (stated, int(clock.wall()) // HEED_SECONDS)


def hold_off(key: str, seconds: float | None) -> None:
    """The channel refused a call as one too many: its bucket is empty whatever ours says, and shut for `seconds`.

    Told to the shared bucket, so that neither another caller nor the next try runs into the same refusal.
    """
    try:
        pace.learn(key, 0)
        if seconds:
            pace.block(key, seconds)
    except (redis.RedisError, RuntimeError) as error:
        event(log, "pace_unreachable", logging.DEBUG, error=type(error).__name__)


def refused(bucket: Bucket, seconds: float | None) -> None:
    """The channel refused a call that drew from `bucket` as one too many; `seconds` is for how long, if it told.

    A bucket with the quota of a day is shut: it does not fill again until the channel says so or a new day begins.
    """
    if seconds is not None or not bucket.day:
        hold_off(bucket.key, seconds)
        return
    try:
        wait = pace.shut(bucket.key, rest_of_day(bucket.day))
    except (redis.RedisError, RuntimeError) as error:
        event(log, "pace_unreachable", logging.DEBUG, error=type(error).__name__)
        return
    event(log, "quota_used_up", logging.WARNING, bucket=bucket.key, seconds=int(wait))


def rest_of_day(day: str) -> float:
    """Seconds until a new quota begins; where none begins at midnight it trickles back."""
    if day == ROLLING:
        return pace.LONGEST_SHUT
    here = clock.now().astimezone(ZoneInfo(day))
    midnight = datetime.combine(here.date() + timedelta(days=1), time(), here.tzinfo)
    return (midnight.astimezone(UTC) - clock.now()).total_seconds()


def _rate(stated: str) -> float | None:
    """A rate as a number above zero, None when it is nonsense."""
    try:
        rate = float(stated)
    except ValueError:
        return None
    return rate if 0 < rate < 1e6 else None
