"""How often an account is polled, and when next. Reads settings only; neither table nor network."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from marketplaces.channel import Channel
from shopapp.runtime import config


def interval(channel: Channel) -> timedelta:
    """Time between two polls of an account."""
    wish = config()["POLL_SECONDS"]
    return timedelta(seconds=int(wish) if wish else channel.poll_seconds)


def next_time(was_due: datetime | None, now: datetime, every: timedelta) -> datetime:
    """An account keeps its place in the interval. After an outage all are due at once: they spread out again."""
    if was_due is not None and now - was_due < every / 10:
        return was_due + every
    return now + every * random.uniform(0.5, 1)  # noqa: S311  # spreads load, guards nothing
