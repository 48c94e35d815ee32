"""The cost governor: one bucket of points per shop, shared by all processes, kept true by what Shopify reports.

Points are taken before a call and corrected after it. A call that would not fit is not sent: RateLimited says when to
come back. Without Redis nothing is governed here; Shopify's own THROTTLED answers remain.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import redis

from marketplaces.errors import RateLimited
from shopapp import clock
from shopapp.logs import event
from shopapp.work import pace

log = logging.getLogger(__name__)
SIZE, RESTORE = 2000, 100  # points, points a second: a standard plan, until the first answer tells
RESERVE = 10  # a tenth of the bucket is left for a waiting person
PATIENCE = 1.0  # seconds of the wall that a call may wait for its points

Given = TypeVar("Given")
_lock = threading.Lock()
_plans: dict[str, tuple[int, int]] = {}
_costs: dict[str, int] = {}
_in_flight: dict[str, int] = {}


def plan_of(domain: str) -> tuple[int, int]:
    """Size of the shop's bucket and points restored a second, as last told."""
    return _plans.get(domain, (SIZE, RESTORE))


def estimate(operation: str, cost: int) -> int:
    """What the operation will cost: as last seen, else as declared."""
    return _costs.get(operation, cost)


def take(domain: str, cost: int, *, interactive: bool, call: str, patient: bool = False) -> None:
    """Take `cost` points of the shop's bucket, waiting at most a second. RateLimited says when it makes sense.

    A waiting person (`interactive`) may take all of them; bulk work (`patient`) leaves twice as much as new sales do,
    so that these never wait behind it.
    """
    size, restore = plan_of(domain)
    reserve = 0 if interactive else size // RESERVE * (2 if patient else 1)
    for last in (False, True):
        wait = _with_redis(lambda: pace.take(_key(domain), restore, size, min(cost, size), reserve), 0.0)
        if wait <= 0:
            with _lock:
                _in_flight[domain] = _in_flight.get(domain, 0) + cost
            return
        if last or clock.real_seconds(wait) > PATIENCE:
            break
        time.sleep(clock.real_seconds(wait))
    raise RateLimited(wait, "waiting for the shop's call budget", call=call)


def settle(domain: str, cost: int) -> None:
    """The call that took `cost` points is over, however it ended."""
    with _lock:
        _in_flight[domain] = max(0, _in_flight.get(domain, 0) - cost)


def learn(domain: str, operation: str, cost: Any) -> None:
    """Believe the `extensions.cost` of an answer: price of the operation, size, rate and level of the bucket."""
    if not isinstance(cost, Mapping):
        return
    requested = whole(cost.get("requestedQueryCost"))
    if requested and operation:
        _costs[operation] = requested
    status = cost.get("throttleStatus")
    if not isinstance(status, Mapping):
        return
    size, restore = whole(status.get("maximumAvailable")), whole(status.get("restoreRate"))
    if size and restore:
        _plans[domain] = (size, restore)
    level = whole(status.get("currentlyAvailable"))
    with _lock:
        level -= _in_flight.get(domain, 0)
    _with_redis(lambda: pace.learn(_key(domain), max(0, level)), None)


def forget() -> None:
    """Forget what was learnt of all shops (a new process starts like this)."""
    with _lock:
        _plans.clear()
        _costs.clear()
        _in_flight.clear()


def wait_for(cost: Any) -> float:
    """Seconds until a throttled call would fit, from its `extensions.cost`; 1 when it does not tell."""
    status = cost.get("throttleStatus") if isinstance(cost, Mapping) else None
    if not isinstance(status, Mapping):
        return 1.0
    missing = whole(cost.get("requestedQueryCost")) - whole(status.get("currentlyAvailable"))
    return max(1.0, missing / (whole(status.get("restoreRate")) or RESTORE))


def whole(value: Any) -> int:
    """A reported number as a whole one, 0 when it is none."""
    try:
        return int(value)
    except (TypeError, ValueError, ArithmeticError):
        return 0


def _key(domain: str) -> str:
    return f"shopify:{domain}"


def _with_redis(call: Callable[[], Given], otherwise: Given) -> Given:
    try:
        return call()
    except (redis.RedisError, RuntimeError) as error:  # RuntimeError: no queue is configured
        event(log, "budget_unreachable", logging.DEBUG, error=type(error).__name__)
        return otherwise
