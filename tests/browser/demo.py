"""Owns the whole product in real processes: `shopapp demo` on free ports, and shops in the states a merchant meets.

Drives it through the sandbox's switches and, where no browser is needed, through the merchant over HTTP.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.sandbox import story as told
from tests.sandbox.story import Story
from tests.stage.box import ROOT, free_port

READY_SECONDS = 90.0
BAD_SKU = "LAMP-99"


class Demo:
    """One running demo: the app at `app_url`, the sandbox with its admin at `box_url`."""

    def __init__(self, app_url: str, box_url: str, key: str) -> None:
        self.app_url, self.box_url, self.key = app_url, box_url, key

    def story(self) -> Story:
        """A new shop with two products and a new seller; the app is not installed yet."""
        story = Story(self.app_url, self.box_url)
        # These tests are not about the lateness of Shopify's search.
        story.control("POST", f"/shops/{story.domain}/settings", {"index_lag_seconds": 0})
        for sku, title in (("LAMP-01", "Desk lamp"), ("LAMP-02", "Floor lamp")):
            product = {"sku": sku, "title": title, "price": "100.00", "available": 500}
            story.control("POST", f"/shops/{story.domain}/products", product)
        return story


@contextmanager
def running_demo(data: Path) -> Iterator[Demo]:
    """Start it and stop it. A port taken by somebody else in the meantime is met with another try."""
    for _ in range(3):
        process, log, app_url, box_url = _start(data)
        try:
            if _answers(process, log, app_url, box_url):
                yield Demo(app_url, box_url, _api_key(data))
                return
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
    raise AssertionError(f"the demo did not start: {log.read_text()[-2000:]}")


def _start(data: Path) -> tuple[subprocess.Popen[bytes], Path, str, str]:
    app_port, box_port = free_port(), free_port()
    log = data / "demo.log"
    command = [sys.executable, "-m", "shopapp.cli", "demo", "--fresh", "--port", str(app_port)]
    command += ["--sandbox-port", str(box_port)]
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env | {"SHOPAPP_DATA": str(data)}, stdout=out, stderr=subprocess.STDOUT
        )
    return process, log, f"http://localhost:{app_port}", f"http://127.0.0.1:{box_port}"


def _answers(process: subprocess.Popen[bytes], log: Path, app_url: str, box_url: str) -> bool:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        if "ended with status" in log.read_text(errors="replace"):
            return False
        try:
            if requests.get(f"{app_url}/readyz", timeout=2).ok and requests.get(box_url, timeout=2).ok:
                return True
        except requests.RequestException:
            pass
        time.sleep(0.2)
    return False


def _api_key(data: Path) -> str:
    return str(json.loads((data / "demo" / "secrets.json").read_text())["SHOPIFY_API_KEY"])


class Shops:
    """Shops in the states a merchant meets, made over HTTP side by side, for tests that only look."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.made: dict[str, Story] = {}
        self.accounts: dict[str, str] = {}
        makers: dict[str, Callable[[str], None]] = {
            "empty": self._empty, "near": self._near, "over": self._over, "expired": self._expired,
            "unasked": self._unasked,
        }  # fmt: skip
        for state in makers:
            self.made[state] = demo.story()
        with ThreadPoolExecutor(len(makers)) as pool:
            for future in [pool.submit(make, state) for state, make in makers.items()]:
                future.result()

    def close(self) -> None:
        """Close what the merchants held open."""
        for story in self.made.values():
            story.merchant.close()
            story.http.close()

    def _empty(self, state: str) -> None:
        self.made[state].merchant.open("/")

    def _unasked(self, state: str) -> None:
        """Connected, but not yet asked from when on to import."""
        merchant = self.made[state].merchant
        form = merchant.visit("/accounts/new/amazon") if merchant.open("/").status == 200 else None
        assert form is not None
        back = merchant.leave(merchant.submit(form, "login"), self.made[state].seller)
        self.accounts[state] = back.url.split("?")[0].removesuffix("/import").removeprefix(self.demo.app_url)

    def _connect(self, state: str) -> Story:
        story = self.made[state]
        story.merchant.open("/")
        self.accounts[state] = told.connect(story)
        return story

    def _sync(self, state: str) -> None:
        time.sleep(1.2)
        told.sync(self.made[state], self.accounts[state])

    def _near(self, state: str) -> None:
        """Eight tenths of the limit used, one order failed: its SKU is nowhere in the shop."""
        story = self._connect(state)
        good, bad = story.sell(8, "LAMP-01", "100.00"), story.sell(1, BAD_SKU, "10.00")[0]
        self._sync(state)
        story.wait("the orders are in Shopify", lambda: set(good) <= set(story.created()), 90)
        story.wait("one failed", lambda: bad in story.merchant.visit("/orders?state=failed").text, 60)
        story.wait("the notice near the limit", lambda: story.merchant.open("/").banners, 60)

    def _over(self, state: str) -> None:
        """Past the limit with three orders held, and the access revoked after that."""
        story = self._connect(state)
        story.sell(11, "LAMP-02", "100.00")
        self._sync(state)
        story.wait("the limit is passed", lambda: len(story.created()) >= 10, 90)
        held = story.sell(3, "LAMP-02", "20.00")
        self._sync(state)
        story.wait("held ones are shown", lambda: self._shown(story, held), 90)
        self._revoke(state)

    def _expired(self, state: str) -> None:
        """Three orders in Shopify, then the access was revoked."""
        story = self._connect(state)
        good = story.sell(3, "LAMP-01", "19.90")
        self._sync(state)
        story.wait("the orders are in Shopify", lambda: set(good) <= set(story.created()), 90)
        self._revoke(state)

    def _revoke(self, state: str) -> None:
        story = self.made[state]
        story.control("POST", f"/amazon/sellers/{story.seller}/state", {"authorisation": "revoked"})
        told.sync(story, self.accounts[state])
        story.wait("it is noticed", lambda: "Reconnect store" in story.merchant.visit("/accounts").text, 60)

    @staticmethod
    def _shown(story: Story, orders: list[str]) -> bool:
        text = story.merchant.visit("/orders?state=held").text
        return all(one in text for one in orders)

    def first(self, state: str, page: str, under: str, rest: str = "") -> str:
        """The address of the first thing listed on `page`, such as /orders/7 for `under` /orders, with `rest` behind it."""
        links = self.made[state].merchant.visit(page).links.values()
        return next(found.group() for href in links if (found := re.match(rf"{under}/\d+{rest}(?=$|\?)", href)))
