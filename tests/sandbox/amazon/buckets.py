"""Owns the usage plans: a token bucket per seller and operation, on the sandbox's clock, in memory."""

import threading

from tests.sandbox.world import World

PLANS = {
    "searchOrders": (0.0056, 20),
    "getOrder": (0.5, 30),
    "getMarketplaceParticipations": (0.016, 15),
    "searchListingsItems": (5, 5),
    "getListingsItem": (5, 10),
    "patchListingsItem": (5, 5),
    "createFeedDocument": (0.5, 15),
    "createFeed": (0.0083, 15),
    "getFeed": (2, 15),
    "cancelFeed": (2, 15),
    "getFeedDocument": (0.0222, 10),
    "createReport": (0.0167, 15),
    "getReport": (2, 15),
    "cancelReport": (0.0222, 10),
    "getReportDocument": (0.0167, 15),
    "confirmShipment": (2, 10),
}


class Buckets:
    """Rates are the vendor's defaults times settings.bucket_factor (rate and burst alike)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._levels: dict[tuple[str, str], tuple[float, float]] = {}

    def rate(self, operation: str) -> float:
        """Requests per second that flow back."""
        return PLANS[operation][0] * self._world.settings.bucket_factor

    def take(self, seller_id: str, operation: str) -> bool:
        """Use one request; False when the bucket is empty."""
        burst = max(1.0, PLANS[operation][1] * self._world.settings.bucket_factor)
        now = self._world.clock.timestamp()
        with self._lock:
            level, then = self._levels.get((seller_id, operation), (burst, now))
            # A clock that was set back must not freeze the bucket until the old time returns.
            level = min(burst, level + max(0.0, now - then) * self.rate(operation))
            # The allowance is for sums of many small refills that miss a whole request by a rounding error.
            allowed = level >= 1 - 1e-9
            self._levels[seller_id, operation] = (level - 1 if allowed else level, now)
        return allowed

    def fill(self) -> None:
        """Make every bucket full."""
        with self._lock:
            self._levels.clear()
