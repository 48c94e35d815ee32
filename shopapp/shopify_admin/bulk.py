"""Shopify's own runs over a whole shop: begin one, look how far it is, fetch what it wrote. Keeps nothing.

Vendor: "Perform bulk operations with the GraphQL Admin API". The result lies for seven days at an address of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from marketplaces.errors import RateLimited, Rejected, Transient
from marketplaces.files import Saved
from marketplaces.text import clean, redact
from marketplaces.wire import Http
from shopapp import clock, runtime
from shopapp.records import db
from shopapp.shopify_admin.client import Admin
from shopapp.shopify_admin.documents import load

STORES = ("storage.googleapis.com",)
BUSY = 60.0  # seconds until it is asked again when other runs of the shop are under way
CAP = 2_000_000_000  # bytes as they arrive


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run stands. `url` is "" while it is under way and when it found nothing; `objects`: lines of the result."""

    done: bool
    failed: str = ""  # Shopify's word for why there is nothing to fetch
    url: str = ""
    objects: int = 0


def begin(admin: Admin, document: str) -> str:
    """Start a run of the named document; its id. RateLimited while too many are under way, Rejected when refused."""
    told = admin.run("BulkRun", {"query": load(document).text})["bulkOperationRunQuery"]
    errors = told.get("userErrors") or ()
    if errors:
        words = redact(clean("; ".join(str(one.get("message")) for one in errors), 400))
        if any("IN_PROGRESS" in str(one.get("code")) for one in errors) or "already" in words:
            raise RateLimited(BUSY, words, call="BulkRun")
        raise Rejected(words, reason="rejected_by_shopify", call="BulkRun", code=str(errors[0].get("code") or "")[:64])
    run_id = (told.get("bulkOperation") or {}).get("id")
    if not isinstance(run_id, str) or not run_id:
        raise Transient("a bulk operation without an id", call="BulkRun", maybe_done=True)
    return run_id


def look(admin: Admin, run_id: str) -> Run:
    """How far it is."""
    told: dict[str, Any] | None = admin.run("BulkStatus", {"id": run_id})["bulkOperation"]
    if not told:
        return Run(True, "unknown")
    status = str(told.get("status"))
    if status in ("CREATED", "RUNNING", "CANCELING"):
        return Run(False)
    if status != "COMPLETED":
        return Run(True, clean(f"{status} {told.get('errorCode') or ''}", 100))
    objects = str(told.get("objectCount") or "0")
    return Run(True, "", str(told.get("url") or ""), int(objects) if objects.isdigit() else 0)


def fetch(url: str) -> Saved:
    """What a run wrote, as a file of this machine. Transient when it cannot be had, or lies on a host of nobody."""
    assert db.open_transactions() == 0, "the network may not be used inside a transaction"
    loopback = runtime.config()["SHOPIFY_LOOPBACK"]
    parts = urlsplit(url)
    if loopback and parts.netloc != loopback and (parts.hostname or "").endswith(".myshopify.com"):
        url = parts._replace(scheme="http", netloc=loopback).geturl()
    hosts = (f"http://{loopback}",) if loopback else STORES
    return Http((), now=clock.now).download("bulk result", url, hosts=hosts, cap=CAP)
