"""The package of a channel's vectors. Knows no channel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marketplaces.data import Shipment, ShippedLine
from tests.channels.double import vectors


def package(key: str, **more: Any) -> Shipment:
    """The vectors' package."""
    told = {**vectors(key, "shipments")["package"], **more}
    told["lines"] = tuple(ShippedLine(line_id, quantity) for line_id, quantity in told["lines"])
    for name in ("shipped_at", "ordered_at"):
        told[name] = datetime.fromisoformat(told[name])
    return Shipment(**told)
