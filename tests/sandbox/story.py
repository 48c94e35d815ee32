"""The story, played over HTTP against a running demo: each step says what it does and what it checked; 0 if all held.

`python -m tests.sandbox.story` with APP_URL and ADMIN_ORIGIN (the sandbox) in the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import requests

from tests.sandbox.merchant import Merchant

PATIENCE = 40.0


class Story:
    """One shop, one seller, one merchant, and what has been checked so far."""

    def __init__(self, app_url: str, box_url: str) -> None:
        self.app_url, self.box_url = app_url, box_url
        self.http = requests.Session()
        self.began = time.monotonic()
        made = self.control("POST", "/shops", {"locale": "en", "currency": "EUR", "plan": "standard"})
        self.domain: str = made["domain"]
        self.email: str = made.get("email") or self.control("GET", f"/shops/{self.domain}")["email"]
        self.seller: str = self.control("POST", "/amazon/sellers", {"name": "Blue Lamp GmbH", "region": "eu"})[
            "seller_id"
        ]
        self.control("POST", f"/amazon/sellers/{self.seller}/state", {"visible_lag_seconds": 1})
        self.merchant = Merchant(box_url, app_url, self.domain)
        self.sold: list[str] = []

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One of the sandbox's switches."""
        answer = self.http.request(method, f"{self.box_url}/_sandbox{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def control_ledger(self, effect: str) -> list[dict[str, Any]]:
        """All effects of this kind."""
        answer = self.http.get(f"{self.box_url}/_sandbox/ledger", params={"effect": effect}, timeout=30)
        return [json.loads(line) for line in answer.text.splitlines() if line.strip()]

    def ledger(self, effect: str) -> list[dict[str, Any]]:
        """Effects of this kind that concern our shop."""
        return [row for row in self.control_ledger(effect) if row["body"].get("shop") == self.domain]

    def created(self) -> list[str]:
        """Marketplace ids of the orders in Shopify, in the order they were created."""
        return [row["key"].rsplit(":", 1)[-1] for row in self.ledger("order.created")]

    def mails(self) -> list[dict[str, Any]]:
        """Mails to the shop's owner."""
        answer = self.http.get(f"{self.box_url}/_sandbox/mails", params={"to": self.email}, timeout=30)
        found: list[dict[str, Any]] = answer.json()
        return found

    def sell(self, count: int, sku: str, price: str) -> list[str]:
        """Buyers order on the marketplace."""
        wish = {"count": count, "sku": sku, "price": price, "shipping": "0.00"}
        ids: list[str] = self.control("POST", f"/amazon/sellers/{self.seller}/orders", wish)["order_ids"]
        return ids

    def wait(self, what: str, until: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Until it holds; AssertionError after the patience is gone."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if until():
                return
            time.sleep(0.3)
        raise AssertionError(f"after {seconds:.0f} s still not: {what}")

    def say(self, step: str, checked: str) -> None:
        """One line of the story."""
        print(f"[{time.monotonic() - self.began:5.1f} s] {step}\n          checked: {checked}", flush=True)


def check(holds: object, what: str) -> None:
    """AssertionError naming what does not hold."""
    if not holds:
        raise AssertionError(what)


def sync(story: Story, account: str) -> None:
    """Press *Sync now* on the account's page."""
    story.merchant.submit(story.merchant.visit(account), "sync-form")


def install(story: Story) -> None:
    home = story.merchant.open("/")
    check(home.status == 200, f"the app opens, not {home.status}: {home.text[:200]}")
    check(not home.banners, "no banner in a fresh shop")
    check(len(story.ledger("token.exchanged")) == 1, "one token exchange")
    for sku, title in (("LAMP-01", "Desk lamp"), ("LAMP-02", "Floor lamp")):
        product = {"sku": sku, "title": title, "price": "100.00", "available": 500}
        story.control("POST", f"/shops/{story.domain}/products", product)
    story.say("Install the app and open it", "page answers in the frame, no banner, one token exchange")


def notifications(story: Story) -> None:
    page = story.merchant.visit("/settings")
    name = "notify"
    ticked = [value for key, value in page.form("settings").pairs if key == name]
    saved = story.merchant.submit(page, "settings", **{name: [*ticked, "order_import_failed"]})
    check(saved.status == 200, f"settings are saved, not {saved.status}: {saved.text[:200]}")
    again = story.merchant.visit("/settings").form("settings")
    check((name, "order_import_failed") in again.pairs, "the tick is still there after Save")
    check((name, "account_expired") in again.pairs, "account mails are on by default")
    story.say("Tick 'failed order import' and save", "tick kept, account mails on by default")


def connect(story: Story, seller: str = "") -> str:
    seller = seller or story.seller
    story.merchant.clicks = 0
    page = story.merchant.visit("/accounts/new/amazon")
    back = story.merchant.leave(story.merchant.submit(page, "login"), seller)
    check("/import" in back.url, f"the return asks from when on to import: {back.url} {back.text[:300]}")
    account = back.url.split("?")[0].removesuffix("/import").removeprefix(story.app_url)
    done = story.merchant.submit(back, "import")
    check(done.status == 200, f"the import starts, not {done.status}")
    page = story.merchant.visit(account)
    check(seller in page.text, "the seller's id is shown")
    check("sandbox-amazon-secret" not in page.html and "Atzr|" not in page.html, "no secret on the page")
    story.say(
        "Create connection: log in at Amazon, come back, start the import",
        f"seller {seller} shown, two clicks, nothing typed",
    )
    return account


def orders(story: Story, account: str) -> str:
    good, bad = story.sell(3, "LAMP-01", "100.00"), story.sell(1, "LAMP-99", "10.00")[0]
    time.sleep(1.2)
    sync(story, account)
    story.wait("three orders in Shopify", lambda: set(good) <= set(story.created()))
    story.sold += good
    story.wait("the failed order is found by its id", lambda: "Failed" in story.merchant.visit(f"/orders?q={bad}").text)
    shown = story.merchant.visit(story.merchant.visit(f"/orders?q={bad}").link(bad))
    check("LAMP-99" in shown.text, "its page names the SKU")
    story.wait(
        "the mail about it", lambda: any(bad in mail["text"] and "LAMP-99" in mail["text"] for mail in story.mails())
    )
    check(bad not in story.created(), "the failed order was not created, not even in part")
    check(not story.merchant.open("/").banners, "a failed order raises no dashboard banner")
    rows = [row["body"] for row in story.ledger("order.created")]
    check(all("100.00" in str(row.get("total")) or "100" in str(row) for row in rows), "totals arrive")
    story.say(
        "Four buyers order, one an unknown SKU",
        "three created with their totals, one failed, shown, mailed with id and SKU",
    )
    return bad


def fix(story: Story, bad: str) -> None:
    product = {"sku": "LAMP-99", "title": "New lamp", "price": "10.00", "available": 5}
    story.control("POST", f"/shops/{story.domain}/products", product)
    story.wait("the failed order is created by itself", lambda: bad in story.created(), 60)
    story.sold.append(bad)
    story.wait("nothing is failed any more", lambda: "LAMP-99" not in story.merchant.open("/").text)
    story.say("Create the product with that SKU", "the failed order was created by itself, the failure is gone")


def near_and_over(story: Story, account: str) -> None:
    near = story.sell(5, "LAMP-01", "100.00")
    time.sleep(1.2)
    sync(story, account)
    story.wait("orders up to 81 %", lambda: set(near) <= set(story.created()))
    story.wait("the notice near the limit", lambda: story.merchant.open("/").banners)
    banner = story.merchant.open("/").banners[0]
    check(banner.get("tone") == "warning", f"a warning, not {banner}")
    over = story.sell(2, "LAMP-02", "100.00")
    time.sleep(1.2)
    sync(story, account)
    story.wait("the limit is passed", lambda: set(over) <= set(story.created()))
    story.wait(
        "the banner over the limit", lambda: any(b.get("tone") == "critical" for b in story.merchant.open("/").banners)
    )
    story.sold += near + over
    held = story.sell(3, "LAMP-02", "20.00")
    time.sleep(1.2)
    sync(story, account)
    story.wait(
        "the next orders are fetched and held",
        lambda: all(one in story.merchant.visit("/orders?state=held").text for one in held),
    )
    time.sleep(2)
    check(not set(held) & set(story.created()), "nothing is created over the limit")
    page = story.merchant.visit("/plan")
    changed = story.merchant.submit(page, "choose-starter")
    check(changed.status == 200, f"the plan changes, not {changed.status}")
    story.wait("the held orders are created", lambda: set(held) <= set(story.created()))
    story.sold += held
    story.wait("the banner is gone", lambda: not story.merchant.open("/").banners)
    story.say(
        "Sell past the plan's limit, then choose a bigger plan",
        "notice at 80 %, over it fetched and held, created after the upgrade, banner gone",
    )


def expire_and_repair(story: Story, account: str) -> None:
    before = len(story.mails())
    story.control("POST", f"/amazon/sellers/{story.seller}/state", {"authorisation": "revoked"})
    began = time.monotonic()
    sync(story, account)
    story.wait("the banner", lambda: any(b.get("tone") == "critical" for b in story.merchant.open("/").banners))
    story.wait("the mail", lambda: len(story.mails()) > before, 60)
    took = time.monotonic() - began
    check(took < 60, f"told within a minute, took {took:.0f} s")
    check(
        "Blue Lamp" in story.mails()[-1]["text"] or "Amazon" in story.mails()[-1]["text"], "the mail names the account"
    )
    german = Merchant(story.box_url, story.app_url, story.domain, locale="de")
    try:
        check(german.open("/").lang == "de", "the dashboard speaks German for a German admin")
    finally:
        german.close()
    check(
        "Reconnect store" in story.merchant.visit("/accounts").text, "the account waits under Stores pending connection"
    )
    inbox = story.merchant.visit("/inbox")
    check("Blue Lamp" in inbox.text or "Amazon" in inbox.text, "the inbox has the instructions")
    calls = len([row for row in story.control_ledger("amazon.searchOrders") if row["key"] == story.seller])
    time.sleep(3)
    polls = len([row for row in story.control_ledger("amazon.searchOrders") if row["key"] == story.seller]) - calls
    check(polls == 0, f"polling has stopped, not {polls} more calls")
    missed = story.sell(2, "LAMP-01", "10.00")
    home = story.merchant.open("/")
    page = story.merchant.visit(home.link("Confirm connection"))
    back = story.merchant.leave(story.merchant.submit(page, "account"), story.seller)
    check(back.status == 200, f"back in the app, not {back.status}")
    check(not story.merchant.open("/").banners, "all green at once")
    time.sleep(1.2)
    sync(story, account)
    story.wait("what was sold meanwhile arrives", lambda: set(missed) <= set(story.created()))
    story.sold += missed
    story.say(
        "The access is revoked; Save account, log in again",
        f"banner, inbox, mail after {took:.1f} s, polling stopped; two clicks later all green, nothing missed",
    )


def once(story: Story) -> None:
    created = story.created()
    check(sorted(created) == sorted(story.sold), f"one Shopify order per sale: {len(created)} for {len(story.sold)}")
    story.say("Count", f"{len(story.sold)} sales, {len(created)} Shopify orders, none twice, none missing")


def play(app_url: str, box_url: str) -> None:
    """The whole story on a fresh shop and seller."""
    story = Story(app_url, box_url)
    try:
        install(story)
        notifications(story)
        account = connect(story)
        bad = orders(story, account)
        fix(story, bad)
        near_and_over(story, account)
        expire_and_repair(story, account)
        once(story)
    finally:
        story.merchant.close()
        story.http.close()


def main() -> int:
    """Play it; the exit status."""
    began = time.monotonic()
    try:
        play(os.environ["APP_URL"], os.environ["ADMIN_ORIGIN"])
    except (AssertionError, requests.RequestException, StopIteration) as error:
        print(f"\nThe story did not hold after {time.monotonic() - began:.1f} s: {error}", file=sys.stderr, flush=True)
        return 1
    print(f"\nAll held, in {time.monotonic() - began:.1f} s.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
