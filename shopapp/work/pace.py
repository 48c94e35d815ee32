"""Token buckets in Redis, shared by all processes, on Redis' own time. Nobody sleeps here: no permit means "come back".

`take` either grants or says how long to wait (`turns.take` where many accounts draw from one bucket). The remote's own
words about its limits are fed back by `learn`, `state`, `block` and `shut`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from shopapp import clock
from shopapp.work import bell

# KEYS[1] bucket. ARGV: capacity, rate per second, cost, reserve. Returns {granted, wait_ms, tokens*1000}.
_TAKE = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local cap, rate, cost, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local b = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'blocked', 'rate')
rate = tonumber(b[4]) or rate
local tokens, at, blocked = tonumber(b[1]) or cap, tonumber(b[2]) or now, tonumber(b[3]) or 0
tokens = math.min(cap, tokens + math.max(0, now - at) * rate / 1000)
if blocked < now or at < now then at = now end
local wait = 0
if blocked > now then wait = blocked - now
elseif tokens - reserve >= cost or (tokens >= cap and cost > cap - reserve) then tokens = tokens - cost
else wait = math.ceil((cost + reserve - tokens) * 1000 / rate) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', at)
redis.call('PEXPIRE', KEYS[1], math.ceil(cap / rate * 1000) + 3600000)
return {wait == 0 and 1 or 0, wait, math.floor(tokens * 1000)}
"""
# The remote said how many tokens are left.
_LEARN = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'tokens', ARGV[1], 'at', now)
redis.call('PEXPIRE', KEYS[1], 7200000)
"""
# The remote said how fast the bucket fills.
_STATE = """
redis.call('HSET', KEYS[1], 'rate', ARGV[1])
redis.call('PEXPIRE', KEYS[1], 7200000)
"""
# The remote said "not before".
_BLOCK = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'blocked', now + tonumber(ARGV[1]))
redis.call('PEXPIRE', KEYS[1], 7200000)
"""
# The quota of a day is used up. ARGV: for how long first, at most, until the next day begins. Refused again soon after it
# opened, it is shut four times as long; what was under way while it is shut says nothing new. One permit is there then.
_SHUT = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local b = redis.call('HMGET', KEYS[1], 'blocked', 'shut')
local blocked, shut = tonumber(b[1]) or 0, tonumber(b[2]) or 0
if blocked > now then return blocked - now end
if shut > 0 and now - blocked <= shut then shut = shut * 4 else shut = tonumber(ARGV[1]) end
shut = math.min(shut, tonumber(ARGV[2]))
local wait = math.max(1, math.min(shut, tonumber(ARGV[3])))
redis.call('HSET', KEYS[1], 'blocked', now + wait, 'shut', shut, 'tokens', 1, 'at', now + wait)
redis.call('PEXPIRE', KEYS[1], wait + shut + 7200000)
return wait
"""
FIRST_SHUT, LONGEST_SHUT = 60.0, 3600.0  # seconds until a bucket whose day is used up is tried again


@lru_cache(maxsize=8)
def _script(text: str, _connection: Any) -> Any:
    return _connection.register_script(text)


def _call(text: str, key: str, *args: object) -> Any:
    connection = bell.connection()
    return _script(text, connection)(keys=[f"pace:{key}"], args=list(args))


def take(key: str, rate: float, burst: float, cost: float = 1, reserve: float = 0) -> float:
    """0 when `cost` tokens were taken from bucket `key`, else the seconds (of our clock) until it makes sense to ask.

    `rate` tokens a second of our clock, at most `burst`; `reserve` tokens are left for more urgent callers.
    """
    faster = 1 / clock.real_seconds(1)
    granted, wait_ms, _ = _call(_TAKE, key, burst, rate * faster, cost, reserve)
    return 0.0 if granted else wait_ms / 1000 * faster


def learn(key: str, left: float) -> None:
    """The remote reports `left` tokens in this bucket."""
    _call(_LEARN, key, left)


def state(key: str, rate: float) -> None:
    """The remote states that this bucket gets `rate` tokens a second of our clock; it counts instead of the caller's."""
    _call(_STATE, key, rate / clock.real_seconds(1))


def block(key: str, seconds: float) -> None:
    """The remote wants nothing of this bucket for `seconds` of our clock."""
    _call(_BLOCK, key, int(clock.real_seconds(seconds) * 1000))


def shut(key: str, most: float) -> float:
    """The remote says that the quota of this bucket's day is used up: for how many seconds of our clock it is shut now.

    A minute first, an hour later on, never longer than `most`, when a new day begins: one call finds out then. So neither
    a quota that was raised nor a refusal that meant something else keeps everybody idle until midnight.
    """
    given = (FIRST_SHUT, LONGEST_SHUT, most)
    wait = _call(_SHUT, key, *(int(clock.real_seconds(seconds) * 1000) for seconds in given))
    return int(wait) / 1000 / clock.real_seconds(1)


def shut_for(key: str) -> float:
    """Seconds of our clock for which nothing is granted from this bucket, whatever it holds; 0: it is open."""
    until = bell.connection().hget(f"pace:{key}", "blocked")
    seconds, micros = bell.connection().time()
    left = float(until or 0) / 1000 - (int(seconds) + int(micros) / 1_000_000)
    return max(0.0, left) / clock.real_seconds(1)
