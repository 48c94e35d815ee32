"""What `shopapp doctor` says of each channel: how often accounts are polled, what each may ask for, what is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

import redis

from marketplaces.channel import Channel
from marketplaces.channels import registry
from shopapp.accounts.line import keys_of
from shopapp.orders.cadence import Cadence, cadence
from shopapp.records import db
from shopapp.work import pace

SELDOM = timedelta(
    hours=1
)  # polled less often than that, a marketplace's orders come too late to be shipped the same day
DAY = timedelta(days=1)


def told() -> Iterator[tuple[str, bool, str]]:
    """(channel, whether all is fine, sentence) of every channel that is set up or has accounts. Owns its transaction."""
    with db.reading() as s:
        found = [(channel, cadence(s, channel)) for channel in registry().values()]
    for channel, rhythm in found:
        keys = keys_of(channel)
        missing = [f"{channel.key.upper()}_{name}" for name in channel.settings if not keys.get(name)]
        if missing and len(missing) < len(channel.settings):
            yield channel.key, False, f"is not offered to merchants: {', '.join(missing)} not set"
        if rhythm.accounts or channel.available(keys_of(channel)):
            yield sentence(channel, rhythm)


def sentence(channel: Channel, rhythm: Cadence) -> tuple[str, bool, str]:
    """One channel's row: its key, whether its accounts are polled often enough, and what there is to say."""
    crowd = f"{rhythm.accounts} accounts ({rhythm.busy} busy)"
    if rhythm.shared is None:
        each = f"polled every {_seconds(rhythm.quiet_every)}, limits of their own"
        return channel.key, True, f"{crowd}, {each}{_shut(channel, rhythm)}"
    rate, left = Fraction(rhythm.shared.rate), 1 - rhythm.polls
    often = f"polled every {_seconds(rhythm.quiet_every)}"
    if rhythm.busy_every != rhythm.quiet_every:
        often += f", busy ones every {_seconds(rhythm.busy_every)}"
    share = f"{int(DAY / rhythm.quiet_every)} polls a day each"
    use = f"polls take {_percent(rhythm.polls)} of {round(rate * 86_400)} calls a day that all share, {_percent(left)} left"
    fine = rhythm.quiet_every <= SELDOM
    more = _shut(channel, rhythm) + ("" if fine else "; ask the marketplace for a higher quota")
    return channel.key, fine, f"{crowd}, {often}, {share}; {use} for packages, single orders and bulk work{more}"


def _shut(channel: Channel, rhythm: Cadence) -> str:
    """Whether the marketplace has said that the day's quota is used up."""
    if rhythm.shared is None:
        return ""
    try:
        seconds = pace.shut_for(rhythm.shared.bucket(channel.key).key)
    except (redis.RedisError, RuntimeError):
        return ""
    return f"; used up, tried again in {int(seconds)} s" if seconds else ""


def _seconds(every: timedelta) -> str:
    return f"{every.total_seconds():.0f} s"


def _percent(part: Fraction) -> str:
    return f"{float(part):.0%}"
