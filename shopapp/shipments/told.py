"""What Shopify tells of an order's fulfillments, read into our words: the answer of `OrderFulfillments`. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from marketplaces.text import clean

LINE_KEY = "_marketplace_line"  # under this name the import leaves the marketplace's line id at each position
CANCELLED, DONE = "CANCELLED", "SUCCESS"
REFUNDED = ("REFUNDED", "PARTIALLY_REFUNDED")


@dataclass(frozen=True, slots=True)
class Part:
    """So many units of one position of Shopify's order; `line_id` is the marketplace's, "" when it is not told."""

    line_id: str
    variant_gid: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """One fulfillment as it stands in Shopify. `others` counts the tracking numbers beside the first."""

    gid: str
    name: str
    status: str
    created_at: datetime
    updated_at: datetime
    carrier: str
    tracking: str
    others: int
    parts: tuple[Part, ...]

    @property
    def key(self) -> str:
        """What it is known by together with its tracking number, also when the number is long forgotten."""
        return key_of(self.gid, self.tracking)


@dataclass(frozen=True, slots=True)
class Told:
    """An order as Shopify tells it: what was shipped, and what happened to it in the shop."""

    gid: str
    cancelled: bool
    refunds: tuple[str, ...]
    fulfillments: tuple[Fulfillment, ...]


def read(order: Mapping[str, Any]) -> Told:
    """The answer's `order`; its fulfillments in the order in which they were made. KeyError, ValueError on nonsense."""
    found = sorted(_fulfillments(order), key=lambda one: (one.created_at, one.gid))
    refunds = tuple(str(one["id"]) for one in order.get("refunds") or ())
    return Told(str(order["id"]), bool(order.get("cancelledAt")), refunds, tuple(found))


def moment(text: str) -> datetime:
    """A time of Shopify's, in UTC. ValueError when it is none."""
    when = datetime.fromisoformat(text)
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def key_of(gid: str, tracking: str) -> str:
    """The key of a fulfillment with this tracking number."""
    return hashlib.sha256(f"{gid}\n{tracking}".encode()).hexdigest()


def first_of(fulfillment: Mapping[str, Any]) -> tuple[str, str, int]:
    """(carrier, tracking number, how many further numbers) of a fulfillment; empty where there is none."""
    infos = [info for info in fulfillment.get("trackingInfo") or () if info.get("number") or info.get("company")]
    first = infos[0] if infos else {}
    others = len([info for info in infos[1:] if info.get("number")])
    return clean(str(first.get("company") or ""), 100), clean(str(first.get("number") or "")), others


def _fulfillments(order: Mapping[str, Any]) -> Iterator[Fulfillment]:
    for one in order.get("fulfillments") or ():
        carrier, tracking, others = first_of(one)
        yield Fulfillment(
            gid=str(one["id"])[:64],
            name=clean(str(one.get("name") or ""), 64),
            status=str(one.get("status") or ""),
            created_at=moment(str(one["createdAt"])),
            updated_at=moment(str(one.get("updatedAt") or one["createdAt"])),
            carrier=carrier,
            tracking=tracking,
            others=others,
            parts=tuple(_part(node) for node in (one.get("fulfillmentLineItems") or {}).get("nodes") or ()),
        )


def _part(node: Mapping[str, Any]) -> Part:
    item = node.get("lineItem") or {}
    own = {str(one.get("key")): str(one.get("value") or "") for one in item.get("customAttributes") or ()}
    variant = item.get("variant") or {}
    return Part(
        line_id=clean(own.get(LINE_KEY, "")),
        variant_gid=str(variant.get("id") or ""),
        sku=clean(str(item.get("sku") or ""), keep_spaces=True),
        quantity=int(node.get("quantity") or 0),
    )
