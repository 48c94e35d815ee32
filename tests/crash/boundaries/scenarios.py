"""All scenarios, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.crash.boundaries.orders import ORDERS
from tests.crash.boundaries.scenario import Scenario

BY_NAME: Mapping[str, Scenario] = {one.name: one for one in ORDERS}
