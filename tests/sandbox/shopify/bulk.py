"""Owns bulk operations: a query over the whole shop, run behind the requests' back into a file of JSON lines.

The file is written while the shop goes on changing, so what is fetched may be older than a message that came before.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from tests.sandbox.clock import iso, iso_of
from tests.sandbox.shopify import views, webhooks
from tests.sandbox.shopify.bulk_plan import Plan, Unfit
from tests.sandbox.shopify.bulk_ranges import Pattern
from tests.sandbox.shopify.schema import Info, Resolver
from tests.sandbox.shopify.state import Record, Shop, gid, shops_of
from tests.sandbox.world import World

CHUNK = 200
KEPT_SECONDS = 7 * 86_400
UNDER_WAY = ("CREATED", "RUNNING")
_STARTED = secrets.token_hex(4)


def runs_of(shop: Shop) -> list[Record]:
    """The bulk operations of a shop, oldest first."""
    runs: list[Record] = shop.data.setdefault("bulk", [])
    return runs


def path_of(shop: Shop, run: Record) -> Path:
    """Where the lines lie."""
    folder = shop.world.settings.data / "shopify-bulk"
    folder.mkdir(exist_ok=True)
    return folder / f"{shop.name}-{run['number']}.jsonl"


def _house(world: World) -> str:
    return f"{_STARTED}-{id(world)}"


def begin(shop: Shop, plan: Plan, query: str, group: bool) -> Record:
    """Start to write."""
    number = shop.world.next_id("bulk", 720_900_001)
    now = shop.now_seconds()
    run: Record = {
        "id": gid("BulkOperation", number),
        "number": number,
        "status": "CREATED",
        "error": None,
        "query": query,
        "group": group,
        "created": now,
        "due": now + float(shop.settings.get("bulk_seconds", 5)),
        "completed": None,
        "objects": 0,
        "roots": 0,
        "written": False,
        "house": _house(shop.world),
        "secret": secrets.token_hex(16),
    }
    runs_of(shop).append(run)
    del runs_of(shop)[:-20]
    shop.save()
    body = {"shop": shop.domain, "id": run["id"]}
    shop.world.ledger.record("shopify", "bulk.created", run["id"], body)
    thread = threading.Thread(target=_write, args=(shop, plan, run), name="sandbox-bulk", daemon=True)
    thread.start()
    shop.world.closers.append(thread.join)
    webhooks.sender_of(shop.world).start()
    return run


def _write(shop: Shop, plan: Plan, run: Record) -> None:
    if not all(not shop.granted.isdisjoint(needed) for needed in plan.needed):
        run |= {"error": "ACCESS_DENIED", "written": True}
        return
    writer = Writer(shop, plan, run)
    with path_of(shop, run).open("w", encoding="utf-8") as file:
        for lines in writer.pages():
            file.writelines(lines)
        # Not grouped, lines below others come wherever they come: here, all at the end.
        file.writelines(writer.below)
    run["written"] = True


class Writer:
    """The lines of one run, some at a time, so that the shop goes on between."""

    def __init__(self, shop: Shop, plan: Plan, run: Record) -> None:
        self._shop, self._plan, self._run = shop, plan, run
        self._lines: list[str] = []
        self.below: list[str] = []

    def pages(self) -> Iterator[list[str]]:
        """Every variant: those made one by one, then the ranges."""
        variants = self._shop.catalogue.variants
        with self._shop.world.lock:
            self._run["status"] = "RUNNING" if self._run["status"] == "CREATED" else self._run["status"]
            made = [one["id"] for one in variants.made()]
        yield from self._paged(made, self._one)
        seen = set(made)
        for one in list(self._shop.catalogue.ranges):
            pattern = Pattern(self._shop, self._plan, one)

            def out_of(index: int, one: Record = one, pattern: Pattern = pattern) -> None:
                key, product = gid("ProductVariant", one["variant"] + index), gid("Product", one["product"] + index)
                if key in seen:
                    return
                if variants.touched(key) or self._shop.catalogue.products.touched(product):
                    self._one(key)
                else:
                    self._put(*pattern.lines(index))

            yield from self._paged(range(one["count"]), out_of)

    def _paged(self, things: Sequence[Any], work: Callable[[Any], None]) -> Iterator[list[str]]:
        for start in range(0, len(things), CHUNK):
            if self._shop.world.stopping.is_set():
                return
            with self._shop.world.lock:
                for thing in things[start : start + CHUNK]:
                    work(thing)
            yield self._lines
            self._lines = []

    def _one(self, key: str) -> None:
        variants = self._shop.catalogue.variants
        if key not in variants:
            return
        below: list[str] = []

        def emit(record: Record, parent: str | None) -> None:
            below.append(json.dumps(record | {"__parentId": parent}, ensure_ascii=False) + "\n")

        node = views.variant(self._shop, variants[key])
        self._put(json.dumps(self._plan.project(node, key, emit), ensure_ascii=False) + "\n", below)

    def _put(self, line: str, below: list[str]) -> None:
        self._lines.append(line)
        (self._lines if self._run["group"] else self.below).extend(below)
        self._run["roots"] += 1
        self._run["objects"] += 1 + len(below)


def settle_all(world: World) -> None:
    """End what is written and due, and tell the app."""
    with world.lock:
        for shop in shops_of(world):
            for run in runs_of(shop):
                if run["status"] in UNDER_WAY:
                    _settle(shop, run)


def _settle(shop: Shop, run: Record) -> None:
    if run["house"] != _house(shop.world) and not run["written"]:
        # The sandbox was started anew and nobody writes any more.
        run |= {"written": True, "error": "INTERNAL_SERVER_ERROR"}
    if not run["written"] or shop.now_seconds() < run["due"]:
        return
    error = run["error"] or shop.settings.get("bulk_error")
    status = "FAILED" if error else "COMPLETED"
    run |= {"status": status, "error": error, "completed": shop.now_seconds()}
    shop.save()
    body = {"shop": shop.domain, "status": status, "objects": run["objects"]}
    shop.world.ledger.record("shopify", "bulk.ended", run["id"], body)
    message = {
        "admin_graphql_api_id": run["id"],
        "completed_at": iso_of(run["completed"]),
        "created_at": iso_of(run["created"]),
        "error_code": error.lower() if error else None,
        "status": status.lower(),
        "type": "query",
    }
    webhooks.send(shop, "bulk_operations/finish", message)


def view(shop: Shop, run: Record) -> Record:
    """A BulkOperation of the schema."""
    done, failed = run["status"] == "COMPLETED", run["status"] == "FAILED"
    size = path_of(shop, run).stat().st_size if (done or failed) and run["objects"] else 0
    signed = f"{shop.world.url}/bulk-files/{shop.name}/{run['number']}?Signature={run['secret']}"
    return {
        "__typename": "BulkOperation",
        "id": run["id"],
        "status": run["status"],
        "errorCode": run["error"],
        "createdAt": iso_of(run["created"]),
        "completedAt": iso_of(run["completed"]) if run["completed"] else None,
        "objectCount": str(run["objects"]),
        "rootObjectCount": str(run["roots"]),
        "fileSize": str(size) if size else None,
        "url": signed if done and size else None,
        "partialDataUrl": signed if failed and size else None,
        "query": run["query"],
        "type": "QUERY",
    }


def _shop(info: Info) -> Shop:
    shop: Shop = info.context.shop
    settle_all(shop.world)
    return shop


def run_query(_: Any, info: Info, query: str, **arguments: Any) -> Record:
    """Mutation.bulkOperationRunQuery."""
    shop = _shop(info)
    under_way = [run for run in runs_of(shop) if run["status"] in UNDER_WAY]
    most = int(shop.settings.get("bulk_parallel", 5))
    if len(under_way) >= most:
        words = f"A bulk query operation for this app and shop is already in progress: {under_way[0]['id']}."
        return {"bulkOperation": None, "userErrors": [_error(words, "OPERATION_IN_PROGRESS", None)]}
    try:
        plan = Plan(info.schema, query)
    except Unfit as unfit:
        return {"bulkOperation": None, "userErrors": [_error(str(unfit), "INVALID", ["query"])]}
    run = begin(shop, plan, query, bool(arguments.get("groupObjects")))
    return {"bulkOperation": view(shop, run) | {"status": "CREATED"}, "userErrors": []}


def _error(message: str, code: str, field: list[str] | None) -> Record:
    return {"message": message, "code": code, "field": field}


def _find(shop: Shop, run_id: str) -> Record | None:
    return next((run for run in runs_of(shop) if run["id"] == run_id), None)


def one(_: Any, info: Info, **arguments: Any) -> Record | None:
    """QueryRoot.bulkOperation."""
    shop = _shop(info)
    run = _find(shop, arguments["id"])
    return view(shop, run) if run is not None else None


RESOLVERS: dict[tuple[str, str], Resolver] = {
    ("QueryRoot", "bulkOperation"): one,
    ("Mutation", "bulkOperationRunQuery"): run_query,
}


def register(app: Blueprint, world: World) -> None:
    """Add the address of the files; another company's storage, which takes no token."""

    @app.get("/bulk-files/<name>/<int:number>")
    def bulk_file(name: str, number: int) -> Response:
        return world.faults.run(
            "shopify", "bulkFile", {"shop": f"{name}.myshopify.com"}, lambda: _file(world, name, number)
        )


def _file(world: World, name: str, number: int) -> Response:
    shop = shops_of(world).find(name)
    run = _find(shop, gid("BulkOperation", number)) if shop is not None else None
    if shop is None or run is None or request.args.get("Signature") != run["secret"]:
        return Response("<Error><Code>SignatureDoesNotMatch</Code></Error>", 403, content_type="application/xml")
    if "X-Shopify-Access-Token" in request.headers:
        world.ledger.record("shopify", "bulk.token_sent", run["id"], {"shop": shop.domain, "at": iso(shop.now())})
        return Response("<Error><Code>InvalidArgument</Code></Error>", 400, content_type="application/xml")
    if shop.now_seconds() > (run["completed"] or shop.now_seconds()) + KEPT_SECONDS:
        return Response("<Error><Code>ExpiredToken</Code></Error>", 400, content_type="application/xml")
    path = path_of(shop, run)

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(256 * 1024):
                yield piece

    response = Response(pieces(), 200, content_type="application/jsonl")
    response.headers["Content-Length"] = str(path.stat().st_size)
    return response
