"""Owns a seller's listings: made by the thousand, read, changed by the seller, patched now or later, refused.

What the API accepts is a submission; it is applied when it is due, and only then does a listing change.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tests.sandbox.amazon import attributes
from tests.sandbox.amazon.attributes import Attributes, Json
from tests.sandbox.amazon.regions import MARKETPLACES
from tests.sandbox.amazon.sellers import Seller
from tests.sandbox.amazon.store import store_of
from tests.sandbox.world import World

TITLES = ("Lamp", 'Frame 24" oak', "Größe L, weiß", "Mug – «Café»", "Shelf")
DELAYS = {
    "patch": 1.0,
    "feed_queue": 15.0,
    "feed_process": 30.0,
    "feed_rate": 500.0,
    "report_queue": 10.0,
    "report_process": 20.0,
}


@dataclass
class Listing:
    """One SKU of a seller."""

    sku: str
    asin: str
    listing_id: str
    title: str
    description: str
    product_type: str
    made: float
    changed: float
    attributes: Attributes
    issues: list[Json] = field(default_factory=list)

    @property
    def channel(self) -> str:
        """DEFAULT, or AMAZON_EU and the like."""
        return attributes.stock_of(self.attributes)[0]

    @property
    def quantity(self) -> int | None:
        """What is offered."""
        return attributes.stock_of(self.attributes)[1]

    def price(self, site: str) -> Decimal | None:
        """What a buyer pays on a site."""
        return attributes.price_of(self.attributes, site)

    @property
    def sites(self) -> list[str]:
        """Where there is an offer."""
        offers = self.attributes.get(attributes.OFFER, [])
        return list(dict.fromkeys(str(one["marketplace_id"]) for one in offers))

    @property
    def suppressed(self) -> bool:
        """Whether an error keeps it from being sold."""
        return any("enforcements" in one for one in self.issues)


@lru_cache(maxsize=20_000)
def read_only(text: str) -> Any:
    """Attributes to look at and never to change: thousands of listings have the same."""
    return attributes.from_text(text)


def listing_of(row: Any, read: Callable[[str], Attributes] = attributes.from_text) -> Listing:
    """A row of the store."""
    names = ("sku", "asin", "listing_id", "title", "description", "product_type", "made", "changed")
    kept = {name: row[name] for name in names}
    return Listing(**kept, attributes=read(row["attributes"]), issues=json.loads(row["issues"]))


class Catalogue:
    """The listings of one seller."""

    def __init__(self, world: World, seller: Seller) -> None:
        self.world = world
        self.store = store_of(world)
        self.seller = seller
        self.id = str(seller["seller_id"])

    @property
    def delays(self) -> dict[str, float]:
        """How long things take, in seconds of sandbox time."""
        return DELAYS | dict(self.seller.get("delays") or {})

    def count(self) -> int:
        """How many there are."""
        row = self.store.one("SELECT count(*) AS n FROM listing WHERE seller = ?", self.id)
        return int(row["n"]) if row else 0

    def find(self, sku: str) -> Listing | None:
        """One listing, with all applied that was due for it."""
        self.settle(sku)
        row = self.store.one("SELECT * FROM listing WHERE seller = ? AND sku = ?", self.id, sku)
        return listing_of(row) if row is not None else None

    def held(self, sku: str) -> Listing | None:
        """One listing as it is stored, to look at and never to change."""
        return self.held_of([sku]).get(sku)

    def held_of(self, skus: Sequence[str]) -> dict[str, Listing]:
        """Several listings by SKU, as they are stored, to look at and never to change."""
        marks = ", ".join("?" * len(skus))
        rows = self.store.all(f"SELECT * FROM listing WHERE seller = ? AND sku IN ({marks})", self.id, *skus)
        return {row["sku"]: listing_of(row, read_only) for row in rows}

    def make(self, wish: Json) -> list[str]:
        """Make listings, many at once if `count` is given; answers the SKUs of the first ten. Raises ValueError."""
        count = int(wish.get("count", 1))
        if not 1 <= count <= 1_000_000:
            raise ValueError("count must be between 1 and 1,000,000")
        if count == 1 and "sku" not in wish and "prefix" not in wish:
            raise ValueError("name a sku, or count and prefix")
        rows = self._rows(wish, count, self.world.next_ids("amazon.listing", count, 1))
        self.store.many(
            "INSERT OR REPLACE INTO listing (seller, sku, asin, listing_id, title, description, product_type, made, "
            "changed, attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        return [_sku(wish, index) for index in range(min(count, 10))]

    def _rows(self, wish: Json, count: int, first: int) -> Iterator[tuple[Any, ...]]:
        now = self.world.clock.timestamp()
        text = attributes.as_text(self._attributes(wish))
        kind = str(wish.get("product_type") or "HOME")
        about = str(wish.get("description") or "Made up for the sandbox.")
        for index in range(count):
            number = first + index
            title = str(wish.get("title") or TITLES[number % len(TITLES)])
            title = title if count == 1 else f"{title} {number}"
            asin = str(wish.get("asin") or f"B0{number:08d}")
            yield self.id, _sku(wish, index), asin, f"1120{number:08d}", title, about, kind, now, now, text

    def _attributes(self, wish: Json) -> Attributes:
        sites = list(wish.get("sites") or self.seller["marketplaces"])
        if strangers := set(sites) - set(self.seller["marketplaces"]):
            raise ValueError(f"not marketplaces of this seller: {sorted(strangers)}")
        channel = str(wish.get("channel") or "DEFAULT")
        price = wish.get("price", "19.90")
        prices = price if isinstance(price, dict) else dict.fromkeys(sites, price)
        offers = []
        for site in sites:
            amount = _decimal(prices.get(site, "19.90"))
            offers.append(_offer(site, amount, "ALL"))
            if wish.get("b2b_price") is not None:
                offers.append(_offer(site, _decimal(wish["b2b_price"]), "B2B"))
        stock: Json = {"fulfillment_channel_code": channel}
        if wish.get("quantity", 5) is not None:
            stock["quantity"] = int(wish.get("quantity", 5))
        if channel == "DEFAULT":
            stock |= {"lead_time_to_ship_max_days": int(wish.get("lead_days", 2))}
        if wish.get("restock_date"):
            stock["restock_date"] = str(wish["restock_date"])
        return {attributes.OFFER: offers, attributes.STOCK: [stock]}

    def change(self, sku: str, wish: Json) -> Listing:
        """Change a listing as the seller does in Seller Central, at once: price (of a site), quantity, title, issues.

        `channel` moves it to Amazon's warehouse or back; `gone` deletes it. Raises ValueError on nonsense.
        """
        listing = self.find(sku)
        if listing is None:
            raise ValueError(f"no such listing: {sku}")
        if strangers := set(wish) - {"price", "site", "quantity", "channel", "title", "product_type", "issues", "gone"}:
            raise ValueError(f"not fields of a listing: {sorted(strangers)}")
        if wish.get("gone"):
            self.store.run("DELETE FROM listing WHERE seller = ? AND sku = ?", self.id, sku)
            return listing
        site = str(wish.get("site") or listing.sites[0])
        patches = []
        if "price" in wish:
            patches.append({"op": "merge", "path": f"/attributes/{attributes.OFFER}",
                            "value": [_offer(site, _decimal(wish["price"]), "ALL")]})  # fmt: skip
        if "quantity" in wish or "channel" in wish:
            stock: Json = {"fulfillment_channel_code": str(wish.get("channel") or listing.channel)}
            stock |= {"quantity": int(wish["quantity"])} if wish.get("quantity") is not None else {}
            op = "replace" if "channel" in wish else "merge"
            patches.append({"op": op, "path": f"/attributes/{attributes.STOCK}", "value": [stock]})
        listing.attributes = attributes.patched(listing.attributes, patches, site)
        listing.title = str(wish.get("title", listing.title))
        listing.product_type = str(wish.get("product_type", listing.product_type))
        listing.issues = list(wish.get("issues", listing.issues))
        self.write(listing, site, "seller", "")
        return listing

    def write(self, listing: Listing, site: str, source: str, uid: str) -> None:
        """Store a changed listing and write it into the journal of what was applied."""
        now = self.world.clock.timestamp()
        price = listing.price(site)
        with self.store.open() as line:
            line.execute(
                "UPDATE listing SET title = ?, product_type = ?, changed = ?, attributes = ?, issues = ? "
                "WHERE seller = ? AND sku = ?",
                (listing.title, listing.product_type, now, attributes.as_text(listing.attributes),
                 json.dumps(listing.issues), self.id, listing.sku),
            )  # fmt: skip
            line.execute(
                "INSERT INTO applied (at, seller, sku, site, price, quantity, source, uid) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    now,
                    self.id,
                    listing.sku,
                    site,
                    None if price is None else f"{price:f}",
                    listing.quantity,
                    source,
                    uid,
                ),
            )

    def refusals(self, sku: str, fields: set[str], *, late: bool) -> list[Json]:
        """The issues that the control API set for this SKU and any of these fields."""
        rows = self.store.all("SELECT * FROM refusal WHERE seller = ? AND sku = ?", self.id, sku)
        found = [json.loads(row["body"]) for row in rows if row["field"] in fields | {"any"}]
        return [one["issue"] for one in found if one["late"] == late]

    def refusing(self) -> set[str]:
        """The SKUs with any refusal."""
        return {row["sku"] for row in self.store.all("SELECT sku FROM refusal WHERE seller = ?", self.id)}

    def submit(self, sku: str, patches: list[Json], site: str, source: str, due: float, uid: str) -> None:
        """Accept patches; they are applied at `due`. Those of one way stay in the order they came in."""
        if not self.seller.get("scramble"):
            row = self.store.one(
                "SELECT max(due) AS last FROM submission WHERE seller = ? AND sku = ? AND source = ?",
                self.id,
                sku,
                source,
            )
            due = max(due, (row["last"] if row else None) or 0.0)
        else:
            due += random.uniform(0, float(self.seller["scramble"]))
        self.store.run(
            "INSERT INTO submission (uid, seller, sku, site, due, patches, source) VALUES (?, ?, ?, ?, ?, ?, ?)",
            uid, self.id, sku, site, due, attributes.as_text(patches), source,
        )  # fmt: skip

    def settle(self, sku: str) -> None:
        """Apply what is due for one SKU."""
        rows = self.store.all(
            "SELECT * FROM submission WHERE seller = ? AND sku = ? AND due <= ? ORDER BY due, id",
            self.id, sku, self.world.clock.timestamp(),
        )  # fmt: skip
        for row in rows:
            self.apply(row)

    def apply(self, row: Any) -> None:
        """Carry out one submission, unless somebody else just did or a late refusal stands against it."""
        with self.store.open() as line:
            if not line.execute("DELETE FROM submission WHERE id = ?", (row["id"],)).rowcount:
                return
            found = line.execute("SELECT * FROM listing WHERE seller = ? AND sku = ?", (self.id, row["sku"])).fetchone()
            if found is None:
                return
            listing, patches = listing_of(found), attributes.from_text(row["patches"])
            refused = self.refusals(row["sku"], attributes.touched(patches), late=True)
            listing.issues = refused
            if not any(one["severity"] == "ERROR" for one in refused):
                listing.attributes = attributes.patched(listing.attributes, patches, row["site"])
            self.write(listing, row["site"], row["source"], row["uid"])
        if row["source"] == "patch":
            price = listing.price(row["site"])
            body = {
                "seller": self.id,
                "site": row["site"],
                "submission": row["uid"],
                "price": None if price is None else f"{price:f}",
                "quantity": listing.quantity,
                "refused": [one["code"] for one in refused],
            }
            self.world.ledger.record("amazon", "listing.applied", row["sku"], body)


def _sku(wish: Json, index: int) -> str:
    if "sku" in wish and "count" not in wish:
        return str(wish["sku"])
    width, start = int(wish.get("width", 6)), int(wish.get("start", 1))
    return f"{wish.get('prefix') or 'BULK-'}{start + index:0{width}d}"


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except ArithmeticError as error:
        raise ValueError(f"not a price: {value!r}") from error


def _offer(site: str, amount: Decimal, audience: str) -> Json:
    return {
        "marketplace_id": site,
        "audience": audience,
        "currency": MARKETPLACES[site].currency,
        "our_price": [{"schedule": [{"value_with_tax": amount}]}],
    }
