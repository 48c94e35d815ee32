"""All scenarios, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.crash.boundaries.access import ACCESS
from tests.crash.boundaries.listings import LISTINGS
from tests.crash.boundaries.orders import ORDERS
from tests.crash.boundaries.scenario import Scenario
from tests.crash.boundaries.shipments import SHIPMENTS
from tests.crash.boundaries.shop import SHOP

BY_NAME: Mapping[str, Scenario] = {one.name: one for one in (*ORDERS, *ACCESS, *SHOP, *SHIPMENTS, *LISTINGS)}
