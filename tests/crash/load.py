"""Sustained load on the demo, over HTTP alone: shops, sellers, orders all the time, answers that get lost.

Everything sold is written down here with the moment it was sold; nothing here asks the product what it did.
"""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.sandbox.merchant import Merchant

PRODUCTS = ("LAMP-1", "LAMP-2", "CHAIR-1")
UNKNOWN = "NOT-IN-SHOP"
MANY_BAD = 12  # failing orders of a shop: an address gets so many mails a day, the rest would wait for tomorrow
PATIENCE = 6  # looks until an accident that has found nothing to strike is taken back
LOST_ANSWERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("commit_then_reset", {}),
    ("commit_then_status", {"status": 502}),
    ("commit_then_timeout", {"seconds": 3}),
    ("late_commit", {"seconds": 2}),
    ("truncate", {}),
    ("timeout", {"seconds": 2}),
    ("reset", {}),
    ("status", {"status": 503}),
)


@dataclass(slots=True)
class Place:
    """A shop with its linked seller. `good` and `bad`: order id -> moment sold, bad ones with an unknown SKU."""

    domain: str
    email: str
    seller: str
    account: str
    good: dict[str, float] = field(default_factory=dict)
    bad: dict[str, float] = field(default_factory=dict)


class Control:
    """The sandbox's switches; patient, because the sandbox itself is started again at times."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = threading.local()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **params: str) -> requests.Response:
        """One switch or question; raises requests' errors."""
        http = getattr(self._http, "session", None)
        if http is None:
            http = self._http.session = requests.Session()
        answer: requests.Response = http.request(
            method, f"{self.url}/_sandbox{path}", json=body, params=params, timeout=20
        )
        answer.raise_for_status()
        return answer

    def close(self) -> None:
        """Close this thread's connection."""
        http = getattr(self._http, "session", None)
        if http is not None:
            http.close()
            self._http.session = None

    def lines(self, path: str, **params: str) -> list[dict[str, Any]]:
        """The lines of an answer made of JSON lines."""
        return [json.loads(line) for line in self.call("GET", path, None, **params).text.splitlines() if line.strip()]


def open_place(control: Control, app_url: str, *, unique_ids: bool, lag: float = 2) -> Place:
    """A new shop with the app installed, mails about failed orders on, and a new seller linked and importing.

    `lag`: seconds of the clock after which the shop's search index knows a new order.
    """
    made = control.call("POST", "/shops", {"locale": "en", "currency": "EUR", "plan": "standard"}).json()
    domain = str(made["domain"])
    email = str(control.call("GET", f"/shops/{domain}").json()["email"])
    control.call("POST", f"/shops/{domain}/settings", {"unique_ids": unique_ids, "index_lag_seconds": 0})
    wish = {"name": "Seller of " + domain, "region": "eu"}
    seller = str(control.call("POST", "/amazon/sellers", wish).json()["seller_id"])
    control.call("POST", f"/amazon/sellers/{seller}/state", {"visible_lag_seconds": 1})
    merchant = Merchant(control.url, app_url, domain)
    try:
        assert merchant.open("/").status == 200
        for sku in PRODUCTS:
            product = {"sku": sku, "title": sku.title(), "price": "1.00", "available": 100_000}
            control.call("POST", f"/shops/{domain}/products", product)
        control.call("POST", f"/shops/{domain}/settings", {"index_lag_seconds": lag})  # of orders: products are known
        page = merchant.visit("/settings")
        ticked = [value for name, value in page.form("settings").pairs if name == "notify"]
        assert merchant.submit(page, "settings", notify=[*ticked, "order_import_failed"]).status == 200
        back = merchant.leave(merchant.submit(merchant.visit("/accounts/new/amazon"), "login"), seller)
        assert merchant.submit(back, "import").status == 200
        account = back.url.split("?")[0].removesuffix("/import").removeprefix(app_url)
    finally:
        merchant.close()
    return Place(domain, email, seller, account)


class Load:
    """Buyers and accidents, each in a thread, until stopped. `rate`: orders a second over all shops."""

    def __init__(self, control: Control, places: list[Place], rate: float, seed: int) -> None:
        self.control, self.places, self.rate = control, places, rate
        self._seed = seed
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(self._sell, 1 / rate, seed), name="buyers"),
            threading.Thread(target=self._run, args=(self._lose, 1.5, seed + 1), name="accidents"),
        ]
        self.faults = 0
        self.calm = threading.Event()  # while set, no accidents happen: only kills hurt
        self._open, self._waited = "", 0
        self.struck = 0

    def start(self) -> None:
        """Let them begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No more orders, no more accidents."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, step: Any, pause: float, seed: int) -> None:
        rng = random.Random(seed)
        while not self._stop.wait(pause * rng.uniform(0.5, 1.5)):
            try:
                step(rng)
            except requests.RequestException:
                continue  # the sandbox is being started again
        self.control.close()

    def _sell(self, rng: random.Random) -> None:
        place = rng.choice(self.places)
        share = 0.04 if len(place.bad) < MANY_BAD // 2 else 0.005
        bad = len(place.bad) < MANY_BAD and rng.random() < share
        skus = [UNKNOWN] if bad else rng.sample(PRODUCTS, rng.choice((1, 1, 2)))
        lines = [{"sku": sku, "price": "1.00", "shipping": "0.00", "quantity": 1} for sku in skus]
        path = f"/amazon/sellers/{place.seller}/orders"
        for one in self.control.call("POST", path, {"lines": lines}).json()["order_ids"]:
            (place.bad if bad else place.good)[str(one)] = time.monotonic()

    def _lose(self, rng: random.Random) -> None:
        if self._open:  # at most one accident waits to happen: they must not pile up while nothing is sent
            self._waited += 1
            rows = self.control.call("GET", "/faults").json()
            waits = any(str(row["id"]) == self._open and not row["hits"] for row in rows)
            if waits and self._waited < PATIENCE and not self.calm.is_set():
                return
            self.struck += not waits
            path, self._open, self._waited = f"/faults/{self._open}", "", 0
            self.control.call("DELETE", path)
        if self.calm.is_set():
            return
        kind, params = rng.choice(LOST_ANSWERS)
        fault = {"system": "shopify", "operation": "OrderCreate", "kind": kind, "times": rng.choice((1, 2, 3))}
        if rng.random() < 0.1:
            kind = rng.choice(("status", "reset", "truncate"))
            fault = {"system": "amazon", "operation": "searchOrders", "kind": kind, "times": 1}
            params = {"status": 503} if kind == "status" else {}
        self._open = str(self.control.call("POST", "/faults", fault | {"params": params}).json()["id"])
        self.faults += 1
