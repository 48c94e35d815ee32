"""The bell: RQ on Redis says that there is work, nothing else. The only importer of `rq` besides the worker command.

`ring(queue)` enqueues one drain under a random id if that queue is empty. Losing Redis loses nothing: the scheduler finds
due rows again and rings. Job arguments are a queue name, never data; the serializer is JSON.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime
from functools import lru_cache

import redis
from rq import Queue
from rq.serializers import JSONSerializer

from shopapp import clock
from shopapp.logs import event

log = logging.getLogger(__name__)
QUEUES = ("now", "bulk")
DRAIN_TIMEOUT = 90  # seconds; longer than a drain (20 s) plus one remote deadline (30 s), shorter than a lease (120 s)
_url = ""
_job = ""


def configure(url: str, job: str) -> None:
    """Use the Redis at `url`; `job` is the dotted name of the function that drains a queue."""
    global _url, _job
    _url, _job = url, job
    connection.cache_clear()


@lru_cache(maxsize=1)
def connection() -> redis.Redis:
    """The process's pooled connection. RuntimeError when no queue is configured."""
    if not _url:
        raise RuntimeError("no queue is configured: set REDIS_URL, or start with `shopapp up`")
    return redis.Redis.from_url(_url, socket_timeout=10, socket_connect_timeout=3, health_check_interval=30)


def queue(name: str, over: redis.Redis | None = None) -> Queue:
    """The RQ queue `name`; workers bring a connection without a read time-out."""
    return Queue(name, connection=over or connection(), serializer=JSONSerializer)


def ring(name: str) -> bool:
    """Ask for a drain of queue `name`; whether a job was added. Never raises: the scheduler rings again."""
    if not _url:
        return False
    try:
        target = queue(name)
        if target.count:
            return False
        target.enqueue(_job, name, job_timeout=DRAIN_TIMEOUT, result_ttl=0, failure_ttl=3600)
    except redis.RedisError as error:
        event(log, "bell_unreachable", logging.WARNING, queue=name, error=type(error).__name__)
        return False
    return True


def waited(name: str) -> float:
    """Seconds that the oldest drain of queue `name` has waited, 0 when none waits. RedisError when it does not answer.

    Who serves the queue is not asked: a worker is registered once, and a queue that lost its memory knows none.
    """
    oldest = queue(name).get_jobs(0, 1)
    if not oldest or oldest[0].enqueued_at is None:
        return 0.0
    rung = oldest[0].enqueued_at
    return max(0.0, clock.wall() - (rung if rung.tzinfo else rung.replace(tzinfo=UTC)).timestamp())


def remember(note: str, moment: datetime) -> None:
    """Keep a moment beside the queues: what a restored database has forgotten. Never raises."""
    if _url:
        with contextlib.suppress(redis.RedisError):
            connection().set(f"shopapp:{note}", moment.isoformat())


def recall(note: str) -> datetime | None:
    """The moment kept under that name; None when there is none or the queue does not answer."""
    if not _url:
        return None
    try:
        kept = connection().get(f"shopapp:{note}")
        return datetime.fromisoformat(kept.decode()) if isinstance(kept, bytes) else None
    except (redis.RedisError, ValueError):
        return None


def ping() -> bool:
    """Whether the queue answers."""
    try:
        return bool(connection().ping())
    except (redis.RedisError, RuntimeError):
        return False
