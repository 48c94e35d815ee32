"""`python -m tests.bench.shared <command line of shopapp>`: the product, but Amazon's searches are counted for all sellers.

Of what the product has, only what Amazon declares is another: a limit per seller becomes a quota of the application. For
benchmarks only; it shows what sharing does with a channel that is otherwise the same.
"""

from __future__ import annotations

import sys

from marketplaces.channel import Limit
from marketplaces.channels.amazon import CHANNEL, calls
from shopapp.cli import main

QUOTA, BURST = 100_000, 4_000  # searches a day


def share() -> Limit:
    """From now on all accounts of this process share the limit; what it is."""
    shared = Limit.daily(calls.SEARCH_ORDERS.operation, QUOTA, BURST)
    limits = tuple(shared if one is calls.SEARCH_ORDERS else one for one in CHANNEL.limits)
    type(CHANNEL).limits, calls.SEARCH_ORDERS, type(CHANNEL).poll_seconds = limits, shared, 60
    return shared


if __name__ == "__main__":
    share()
    sys.exit(main())
