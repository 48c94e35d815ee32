"""The package of a channel's vectors, and the wire's word that it was taken. Knows no channel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marketplaces.data import Shipment, ShippedLine
from tests.channels.double import vectors, wire
from tests.unit.marketplaces.rawserver import answer


def package(key: str, **more: Any) -> Shipment:
    """The vectors' package."""
    told = {**vectors(key, "shipments")["package"], **more}
    told["lines"] = tuple(ShippedLine(line_id, quantity) for line_id, quantity in told["lines"])
    for name in ("shipped_at", "ordered_at"):
        told[name] = datetime.fromisoformat(told[name])
    return Shipment(**told)


def confirmed(key: str) -> bytes:
    """The wire's word that a package was taken."""
    row = vectors(key, "shipments")["confirmed"]
    return answer(b"", status="204 No Content") if row["status"] == 204 else wire(row)
