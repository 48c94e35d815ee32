"""Owns the report of all listings (Reports API 2021-06-30): asked for, written once, fetched as a packed table.

The table is what Amazon sends: columns by name, tabs between, nothing quoted, in the character set of the site.
"""

import gzip
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from flask import Flask, Response

from tests.sandbox.amazon import answers
from tests.sandbox.amazon.applier import Applier
from tests.sandbox.amazon.attributes import OFFER, from_text, price_of, stock_of
from tests.sandbox.amazon.documents import Documents
from tests.sandbox.amazon.job_calls import JobCalls, Worked, asked
from tests.sandbox.amazon.jobs import Job, Jobs
from tests.sandbox.amazon.orders import Api
from tests.sandbox.amazon.regions import MARKETPLACES
from tests.sandbox.amazon.sellers import Seller
from tests.sandbox.amazon.store import store_of
from tests.sandbox.clock import iso_of
from tests.sandbox.world import World

TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
_HEAD = (
    "item-name item-description listing-id seller-sku price quantity open-date image-url item-is-marketplace "
    "product-id-type zshop-shipping-fee item-note item-condition zshop-category1 zshop-browse-path "
    "zshop-storefront-feature asin1 asin2 asin3 will-ship-internationally expedited-shipping zshop-boldface product-id "
    "bid-for-featured-placement add-delete pending-quantity fulfillment-channel merchant-shipping-group status"
)
COLUMNS = _HEAD.split()
# Unless the seller's state names one: the West's letters, those of the North and East, Japan's.
CHARSETS = {"JP": "MS932"} | dict.fromkeys(("SE", "PL", "TR", "NL"), "UTF-8")
CODECS = {"MS932": "cp932", "Cp1252": "cp1252", "UTF-8": "utf-8", "ISO-8859-1": "latin-1"}
_BREAKS = str.maketrans("\t\r\n", "   ")


class Reports:
    """Writes reports."""

    def __init__(self, world: World, api: Api, documents: Documents) -> None:
        self.world = world
        self.sellers = api.sellers
        self.documents = documents
        self.jobs = Jobs(world, api.sellers, "report", self.write)

    def write(self, seller_id: str, job: Job) -> dict[str, Any]:
        """Write the table of one site."""
        seller, site = self.sellers.get(seller_id), job["marketplaceIds"][0]
        charset = str(seller.get("report_charset") or CHARSETS.get(MARKETPLACES[site].country, "Cp1252"))
        packed = not seller.get("report_plain")
        document = self.documents.create(seller_id, f"text/plain;charset={charset}", "GZIP" if packed else None)
        path, rows = self.documents.path(document), 0
        with gzip.open(path, "wb", 1) if packed else path.open("wb") as file:
            file.write(("\t".join(COLUMNS) + "\n").encode(CODECS[charset], "replace"))
            for lines in self._pages(seller_id, site):
                file.write("".join(lines).encode(CODECS[charset], "replace"))
                rows += len(lines)
        return {"document": document, "counts": {"rows": rows}}

    def _pages(self, seller_id: str, site: str) -> Iterator[list[str]]:
        for page in store_of(self.world).pages(seller_id):
            if self.world.stopping.is_set():
                return
            yield [line for row in page if (line := line_of(row, site))]


@lru_cache(maxsize=20_000)
def _facts(text: str, site: str) -> tuple[str, str, str, bool] | None:
    """(price, quantity, channel, sold out) of attributes on a site; None without an offer. Thousands have the same."""
    held = from_text(text)
    if not any(one.get("marketplace_id") == site for one in held.get(OFFER, ())):
        return None
    price, (channel, quantity) = price_of(held, site), stock_of(held)
    own = channel == "DEFAULT"
    told = str(quantity) if own and quantity is not None else ""
    return "" if price is None else f"{price:f}", told, channel, own and not quantity


def line_of(row: Any, site: str) -> str:
    """One row of the table, "" for a listing without an offer on this site."""
    facts = _facts(row["attributes"], site)
    if facts is None:
        return ""
    price, quantity, channel, sold_out = facts
    suppressed = row["issues"] != "[]" and any("enforcements" in one for one in json.loads(row["issues"]))
    told = {
        "item-name": _flat(row["title"]),
        "item-description": _flat(row["description"]),
        "listing-id": row["listing_id"],
        "seller-sku": _flat(row["sku"]),
        "price": price,
        "quantity": quantity,
        "open-date": _opened(row["made"]),
        "item-is-marketplace": "y",
        "product-id-type": "1",
        "item-condition": "11",
        "asin1": row["asin"],
        "product-id": row["asin"],
        "pending-quantity": "0",
        "fulfillment-channel": channel,
        "merchant-shipping-group": "Migrated Template" if channel == "DEFAULT" else "",
        "status": "Incomplete" if suppressed or not price else "Inactive" if sold_out else "Active",
    }
    told_of = told.get
    return "\t".join([told_of(name, "") for name in COLUMNS]) + "\n"


@lru_cache(maxsize=1_000)
def _opened(seconds: float) -> str:
    day = iso_of(seconds)
    return f"{day[8:10]}/{day[5:7]}/{day[:4]} {day[11:19]} GMT"


def _flat(text: str) -> str:
    # A table without quoting cannot hold a tab or a line's end; quotes stand as they are.
    return text.translate(_BREAKS)


def register(app: Flask, api: Api, applier: Applier, documents: Documents) -> None:
    """Add the four operations."""
    reports = Reports(api.world, api, documents)
    applier.chores.append(reports.jobs.advance)
    base = "/amazon/api/<region>/reports/2021-06-30"

    @app.post(f"{base}/reports")
    def create_report(region: str) -> Response:
        return api.call(region, "createReport", lambda seller: _create(api, applier, reports, seller))

    JobCalls(api, reports.jobs, documents, "Report", TYPE, "reportDocumentId").register(app, base)


def _create(api: Api, applier: Applier, reports: Reports, seller: Seller) -> Worked:
    wish = asked(seller, {"reportType", "marketplaceIds"}, {"reportOptions", "dataStartTime", "dataEndTime"})
    if wish["reportType"] != TYPE:
        raise answers.InvalidInput(f"Report type {wish['reportType']} is not supported here.")
    if len(wish["marketplaceIds"]) != 1:
        raise answers.InvalidInput("This report is about exactly one marketplace.")
    key = reports.jobs.add(seller["seller_id"], {"marketplaceIds": wish["marketplaceIds"], "reportType": TYPE})
    applier.start()
    return answers.answer(202, {"reportId": key}, api.buckets.rate("createReport")), {"report": key}
