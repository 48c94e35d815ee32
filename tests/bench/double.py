"""A lean stand-in for Shopify and Amazon in a process of its own: `python -m tests.bench.double`. For benchmarks only.

It answers fast, so that what is measured is ours; it checks nothing but calls, buckets and doubled references. The
independent witness is the sandbox. One ready line on stdout, then loopback HTTP; GET /control tells what it has seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shopapp.process import die_with_parent
from tests.bench import ebay
from tests.bench.sales import EACH, FULL, GOLDEN, OLD, Sales

DE = "A1PA6795UKMFR9"
PAGE = 100
AMAZON_RATE, AMAZON_BURST = 0.0056, 20
COSTS = {"OrderCreate": 10, "VariantsBySku": 35, "OrdersOfPeriod": 24}
FX = "<Cube time='2026-11-20'>" + "".join(
    f"<Cube currency='{name}' rate='1.1'/>" for name in ("USD", "GBP", "SEK", "PLN", "CZK", "DKK")
)
NOTHING = {
    "id": "gid://shopify/BulkOperation/1", "status": "COMPLETED", "errorCode": None, "createdAt": "2026-11-21T00:00:00Z",
    "completedAt": "2026-11-21T00:00:00Z", "objectCount": "0", "rootObjectCount": "0", "fileSize": "0", "url": None,
    "partialDataUrl": None,
}  # fmt: skip
_SKU = re.compile(r"sku:'([^']*)'")


@dataclass
class Bucket:
    """A leaky bucket on the scaled clock; it counts refusals."""

    size: float
    rate: float
    level: float
    at: float

    def take(self, cost: float, now: float) -> bool:
        """Whether `cost` fits, then it is taken."""
        self.level, self.at = min(self.size, self.level + (now - self.at) * self.rate), now
        if self.level < cost:
            return False
        self.level -= cost
        return True


@dataclass
class World:
    """All that is remembered."""

    scale: float
    size: float
    restore: float
    orders: int
    busy: int
    epoch: float
    delay: float
    sales: Sales
    shared: Bucket | None = None
    shops: dict[str, Bucket] = field(default_factory=dict)
    sellers: dict[str, Bucket] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    refs: dict[str, str] = field(default_factory=dict)
    doubled: int = 0
    throttled: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    first_created: float = 0.0
    last_created: float = 0.0
    last_created_virtual: float = 0.0
    first_search: float = 0.0
    last_search: float = 0.0
    seen: dict[str, float] = field(default_factory=dict)

    def virtual(self) -> float:
        """UNIX seconds of the scaled clock."""
        wall = time.time()
        return wall if self.scale == 1 else self.epoch + (wall - self.epoch) * self.scale

    def told(self) -> dict[str, Any]:
        """What happened so far."""
        return {
            "calls": dict(self.calls), "created": len(self.refs), "doubled": self.doubled,
            "throttled": self.throttled, "refused": self.refused, "first_created": self.first_created,
            "last_created": self.last_created, "first_search": self.first_search, "last_search": self.last_search,
            "last_created_virtual": self.last_created_virtual, "seen": self.seen,
        }  # fmt: skip


def amazon_order(number: int, created: datetime, sku: str) -> dict[str, Any]:
    """One order of one line for 10.00 EUR, in the shape of searchOrders."""
    stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    money = {"amount": "10.00", "currencyCode": "EUR"}
    taken = {"proceedsTotal": money, "breakdowns": [{"type": "ITEM", "subtotal": money}]}
    window = {"earliestDateTime": stamp, "latestDateTime": (created + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    address = {
        "name": "Erika Muster", "addressLine1": "Musterweg 5", "city": "Berlin", "postalCode": "10115",
        "countryCode": "DE", "phone": "+49 30 901820",
    }  # fmt: skip
    return {
        "orderId": f"302-{number // 10_000_000:07d}-{number % 10_000_000:07d}",
        "createdTime": stamp,
        "lastUpdatedTime": stamp,
        "programs": [],
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": DE, "marketplaceName": "Amazon.de"},
        "buyer": {"buyerName": "Erika Muster", "buyerEmail": f"buyer{number}@marketplace.amazon.test"},
        "recipient": {"deliveryAddress": address},
        "fulfillment": {
            "fulfillmentStatus": "UNSHIPPED",
            "fulfilledBy": "MERCHANT",
            "fulfillmentServiceLevel": "STANDARD",
            "shipByWindow": window,
            "deliverByWindow": window,
        },
        "orderItems": [
            {
                "orderItemId": f"{number:014d}",
                "quantityOrdered": 1,
                "product": {
                    "asin": "B000000001",
                    "title": f"Example article {sku}",
                    "sellerSku": sku,
                    "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
                    "price": {"unitPrice": money},
                },
                "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 1},
                "proceeds": taken,
            }
        ],
        "proceeds": {"grandTotal": money, "breakdowns": taken["breakdowns"]},
    }


def shopify(world: World, shop: str, body: bytes) -> tuple[int, dict[str, Any], list[str]]:
    """One Admin call."""
    asked = json.loads(body)
    name, given = asked["operationName"], asked.get("variables") or {}
    world.calls[name] += 1
    now = world.virtual()
    bucket = world.shops.setdefault(shop, Bucket(world.size, world.restore, world.size, now))
    cost = COSTS.get(name, 0) or (sum(key.startswith("r") for key in given) or 10)
    fits = bucket.take(cost, now)
    status = {"maximumAvailable": world.size, "currentlyAvailable": int(bucket.level), "restoreRate": world.restore}
    extensions = {"cost": {"requestedQueryCost": cost, "actualQueryCost": cost, "throttleStatus": status}}
    if not fits:
        world.throttled.append(now)
        refusal = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
        return 200, {"errors": [refusal], "extensions": extensions}, []
    return 200, {"data": _data(world, name, given), "extensions": extensions}, []


def _data(world: World, name: str, given: dict[str, Any]) -> dict[str, Any]:
    match name:
        case "OrderCreate":
            return {"orderCreate": _create(world, given["order"])}
        case "VariantsBySku":
            nodes = [
                {"id": f"gid://shopify/ProductVariant/{at}", "sku": sku, "title": sku, "displayName": sku}
                for at, sku in enumerate(_SKU.findall(given["q"]), start=1)
            ]
            return {"productVariants": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}}
        case "OrdersByMarketplaceRefs":
            found = {f"a{key[1:]}": world.refs.get(ref) for key, ref in given.items()}
            return {key: {"id": gid, "name": "#1", "cancelledAt": None} if gid else None for key, gid in found.items()}
        case "OrdersOfPeriod" | "OrdersUpdatedSince":
            return {"orders": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}
        case "EnsureOrderRefDefinition":
            return {"metafieldDefinitionCreate": {"createdDefinition": {"id": "1"}, "userErrors": []}}
        case "BulkRun":
            return {"bulkOperationRunQuery": {"bulkOperation": dict(NOTHING, status="CREATED"), "userErrors": []}}
        case "BulkStatus":
            return {"bulkOperation": NOTHING}
    raise ValueError(f"no answer for {name}")


def _create(world: World, order: dict[str, Any]) -> dict[str, Any]:
    ref = order["metafields"][0]["value"]
    world.doubled += ref in world.refs
    world.refs[ref] = f"gid://shopify/Order/{len(world.refs) + 1}"
    channel, number = ref.partition(":")[0], ref.rpartition(":")[2].replace("-", "")
    if world.sales.every and (sold := int(number[3:] if channel == "amazon" else number)) < OLD:
        world.sales.made[sold] = world.virtual()
    world.last_created, world.last_created_virtual = time.time(), world.virtual()
    world.first_created = world.first_created or world.last_created
    paid = order["transactions"][0]["amountSet"] if order.get("transactions") else None
    paid = paid and {
        "shopMoney": paid["shopMoney"],
        "presentmentMoney": paid.get("presentmentMoney") or paid["shopMoney"],
    }
    made = {
        "id": world.refs[ref],
        "name": f"#{len(world.refs)}",
        "createdAt": "2026-11-21T00:00:00Z",
        "totalPriceSet": paid,
    }
    return {"order": made, "userErrors": []}


def amazon(world: World, seller: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any], list[str]]:
    """One searchOrders: of a backfill (created…) pages of all orders, of a poll an empty page mostly."""
    world.calls["searchOrders"] += 1
    world.seen.setdefault(seller, time.time())
    now = world.virtual()
    world.first_search, world.last_search = world.first_search or time.time(), time.time()
    bucket = world.sellers.setdefault(seller, Bucket(AMAZON_BURST, AMAZON_RATE, AMAZON_BURST, now))
    stated = [f"x-amzn-RateLimit-Limit: {AMAZON_RATE}", f"x-amzn-RequestId: {world.calls['searchOrders']}"]
    if not bucket.take(1, now):
        world.refused.append(now)
        world.sales.refused += 1
        return 429, {"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota"}]}, stated
    if world.sales.every:
        return 200, traded(world, int(seller.removeprefix("SELLER")), query, now), stated
    here = datetime.fromtimestamp(now, UTC)
    if "createdAfter" not in query:
        orders = []
        if world.busy and world.calls["searchOrders"] % world.busy == 0:
            orders = [amazon_order(world.calls["searchOrders"], here - timedelta(minutes=3), "SKU-1")]
        return 200, {"orders": orders, "lastUpdatedBefore": _stamp(here - timedelta(minutes=2))}, stated
    start = int(query.get("paginationToken", ["0"])[0])
    first = datetime.fromisoformat(query["createdAfter"][0].replace("Z", "+00:00"))
    span = datetime.fromisoformat(query["createdBefore"][0].replace("Z", "+00:00")) - first
    end = min(world.orders, start + PAGE)
    # Spread evenly over the period, the oldest first.
    orders = [amazon_order(at, first + span * (at + 0.5) / world.orders, f"SKU-{at % 100}") for at in range(start, end)]
    answer: dict[str, Any] = {"orders": orders, "createdBefore": query.get("createdBefore", [""])[0]}
    if end < world.orders:
        answer["pagination"] = {"nextToken": str(end)}
    return 200, answer, stated


def traded(world: World, seller: int, query: dict[str, list[str]], now: float) -> dict[str, Any]:
    """One searchOrders of a seller that sells at set times; of a backfill pages that are empty, nearly all of them."""
    sales, name = world.sales, f"SELLER{seller}"
    if "createdAfter" in query:
        page = int(query.get("paginationToken", ["0"])[0])
        sales.fetches[name].append(now)
        old = [_sold(OLD + seller * EACH + page, now - 86_400)] if page % FULL == 0 else []
        more = {"pagination": {"nextToken": str(page + 1)}} if page + 1 < sales.pages else {}
        return {"orders": old, "createdBefore": query.get("createdBefore", [""])[0], **more}
    sales.polls[name].append(now)
    since = datetime.fromisoformat(query["lastUpdatedAfter"][0].replace("Z", "+00:00")).timestamp()
    found = [_sold(number, sales.sold(number)) for number in sales.between(seller, since, now)]
    return {"orders": found, "lastUpdatedBefore": _stamp(datetime.fromtimestamp(now - sales.lag, UTC))}


def ebay_orders(world: World, seller: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any], list[str]]:
    """One getOrders; all sellers draw from one quota."""
    now = world.virtual()
    if world.shared is None:
        world.shared = Bucket(ebay.BURST, ebay.QUOTA / 86_400, ebay.BURST, now)
    if not world.shared.take(1, now):
        world.sales.refused += 1
        return (
            429,
            {"errors": [{"errorId": 2001, "domain": "ACCESS", "category": "REQUEST", "message": "Too many"}]},
            [],
        )
    return 200, ebay.answer(world.sales, seller, query, now), []


def _sold(number: int, at: float) -> dict[str, Any]:
    return amazon_order(number, datetime.fromtimestamp(at, UTC), f"SKU-{number % 50}")


def begin(world: World, level: float) -> dict[str, Any]:
    """Forget what was asked so far; every bucket holds so much, a seller's own up to one more."""
    world.sales.begin()
    now = world.virtual()
    world.shared = Bucket(ebay.BURST, ebay.QUOTA / 86_400, level, now)
    for name in world.sellers:
        part = int(name.removeprefix("SELLER")) * GOLDEN % 1
        world.sellers[name] = Bucket(AMAZON_BURST, AMAZON_RATE, level + part, now)
    return world.sales.told()


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Line(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.read = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        while True:
            head, end, rest = self.read.partition(b"\r\n\r\n")
            if not end:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            length = int(headers.get("content-length") or 0)
            if len(rest) < length:
                return
            self.read = rest[length:]
            status, body, more = self._answer(lines[0].split(" ")[1], headers, rest[:length])
            if self.world.delay:
                asyncio.get_running_loop().call_later(self.world.delay, self._reply, status, body, more)
            else:
                self._reply(status, body, more)

    def _answer(self, target: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any] | str, list[str]]:
        parts = urlsplit(target)
        if parts.path == "/control/begin":
            return 200, begin(self.world, float(parse_qs(parts.query)["level"][0])), []
        if parts.path == "/control/sales":
            return 200, self.world.sales.told(), []
        if parts.path.startswith("/control"):
            told = self.world.told()
            if parts.path.endswith("/fresh"):
                self.world.seen = {}
            return 200, told, []
        if parts.path.endswith("/graphql.json"):
            return shopify(self.world, headers["host"], body)
        if parts.path.endswith("/orders"):
            return amazon(self.world, headers["x-amz-access-token"], parse_qs(parts.query))
        if parts.path == ebay.PATH:
            return ebay_orders(self.world, headers["authorization"].removeprefix("Bearer "), parse_qs(parts.query))
        if parts.path == "/fx":
            return 200, FX, []
        # Neither reports nor listings: as where the role is missing.
        return 403, {"errors": [{"code": "Unauthorized", "message": "Access denied", "details": ""}]}, []

    def _reply(self, status: int, body: dict[str, Any] | str, more: list[str]) -> None:
        raw = (body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))).encode()
        lines = [f"HTTP/1.1 {status} OK", "Content-Type: application/json", f"Content-Length: {len(raw)}", *more]
        if self.transport is not None:
            self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)


async def serve(world: World) -> None:
    """Serve until told to stop."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(world), "127.0.0.1", 0, backlog=256)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()


def main() -> int:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.double", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--epoch", type=float, default=0.0)
    parser.add_argument("--size", type=float, default=20_000, help="points of a shop's bucket")
    parser.add_argument("--restore", type=float, default=1000, help="points restored a second of the scaled clock")
    parser.add_argument("--orders", type=int, default=0, help="older orders that a seller has")
    parser.add_argument("--busy", type=int, default=0, help="every so many-th poll brings a new order")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds until an answer")
    parser.add_argument("--every", type=float, default=0.0, help="seconds between two sales of a seller")
    parser.add_argument("--lag", type=float, default=120.0, help="seconds until a sale can be seen")
    parser.add_argument("--pages", type=int, default=0, help="of the older list of a seller that sells")
    args = parser.parse_args()
    die_with_parent()
    sales = Sales(args.epoch, args.every, args.lag, args.pages)
    asyncio.run(
        serve(World(args.scale, args.size, args.restore, args.orders, args.busy, args.epoch, args.delay, sales))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
