"""Whose turn it is at a token bucket that many accounts draw from: in Redis, shared by all processes. Nobody sleeps here.

Whoever finds no permit gets a place in the line and is told when it will be its turn. Each account has one place for
each kind of work: it stands at the end again once it was served, so that nobody gets a second permit before everybody
who waits had one. More urgent kinds stand before less urgent ones, and leave less in the bucket.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Any

from shopapp import clock
from shopapp.work import bell

GRACE = 30.0  # seconds of the wall that a place is kept for who does not come back in time
RESERVE, BULK_RESERVE = 20, 30  # percent of a bucket that polls leave to what is urgent, and bulk work to both

# KEYS bucket, places, promises. ARGV capacity, rate per second, reserve, whose place, kind, grace in ms.
# Returns {granted, wait_ms}. A place's score is its kind, then its number.
_TAKE = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local cap, rate, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kind = tonumber(ARGV[5])
local b = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'blocked', 'rate', 'before', 'before_at')
rate = tonumber(b[4]) or rate
local tokens, at, blocked = tonumber(b[1]) or cap, tonumber(b[2]) or now, tonumber(b[3]) or 0
tokens = math.min(cap, tokens + math.max(0, now - at) * rate / 1000)
if blocked < now or at < now then at = now end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 200)) do
  redis.call('ZREM', KEYS[2], gone); redis.call('ZREM', KEYS[3], gone)
end
local place = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[4]))
if not place then place = kind * 1e12 + redis.call('HINCRBY', KEYS[1], 'places', 1) end
local missing = redis.call('ZCOUNT', KEYS[2], '-inf', string.format('(%.0f', place)) + 1 + reserve - tokens
-- How much those of more urgent kinds have lately taken: what is left of the rate is what the others wait for. They are
-- called a tenth too early: should more be left than was thought, it is not left lying, and who is early is told again.
local memory = 200000 / rate
local before, before_at = tonumber(b[5]) or 0, tonumber(b[6]) or now
before = before * math.exp(-math.max(0, now - before_at) / memory)
local wait = 0
if blocked <= now and missing <= 0 then
  tokens = tokens - 1
  redis.call('ZREM', KEYS[2], ARGV[4]); redis.call('ZREM', KEYS[3], ARGV[4])
  if kind < 3 then before = before + 1 end
else
  local left = rate
  if kind == 3 then left = math.max(rate / 5, rate - before * 1000 / memory) / 0.9 end
  wait = math.max(1, math.ceil(math.max(0, missing) * 1000 / left) + math.max(0, blocked - now))
  -- Nobody is told to come sooner than those before it: they were told when less seemed to be left.
  local next_to = redis.call('ZREVRANGEBYSCORE', KEYS[2], string.format('(%.0f', place), '-inf', 'LIMIT', 0, 1)[1]
  if next_to then wait = math.max(wait, tonumber(redis.call('ZSCORE', KEYS[3], next_to)) - tonumber(ARGV[6]) - now + 1) end
  redis.call('ZADD', KEYS[2], place, ARGV[4])
  redis.call('ZADD', KEYS[3], now + wait + tonumber(ARGV[6]), ARGV[4])
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', at, 'before', tostring(before), 'before_at', now)
local kept = math.ceil(cap / rate * 1000) + 7200000
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, kept) end
return {wait == 0 and 1 or 0, wait}
"""


class Turn(IntEnum):
    """Kinds of work at a shared bucket, the most urgent first."""

    URGENT = 0  # packages, single orders, what is sold out, a person who waits for an answer
    ASKED = 1  # *Sync now*
    SALES = 2  # polls
    BULK = 3  # older orders, counts, listings


@lru_cache(maxsize=2)
def _script(_connection: Any) -> Any:
    return _connection.register_script(_TAKE)


def take(key: str, share: str, turn: Turn, rate: float, burst: int) -> float:
    """0 when `share` took a permit of bucket `key`, else the seconds (of our clock) until its turn comes.

    `rate` permits a second of our clock, at most `burst`. Who comes back in time keeps its place.
    """
    faster = 1 / clock.real_seconds(1)
    connection = bell.connection()
    keys = [f"pace:{key}", f"turns:{key}", f"promises:{key}"]
    given = [burst, rate * faster, reserve(turn, burst), f"{turn.value}:{share}", turn.value, int(GRACE * 1000)]
    granted, wait_ms = _script(connection)(keys=keys, args=given)
    return 0.0 if granted else wait_ms / 1000 * faster


def reserve(turn: Turn, burst: int) -> int:
    """So many permits of a bucket are left to more urgent kinds; none where it holds a single one."""
    match turn:
        case Turn.URGENT:
            return 0
        case Turn.BULK:
            return min(max(2, burst * BULK_RESERVE // 100), burst - 1)
        case _:
            return min(max(1, burst * RESERVE // 100), burst - 1)


def waiting(key: str) -> int:
    """How many places there are in the line of a bucket."""
    return int(bell.connection().zcard(f"turns:{key}"))
