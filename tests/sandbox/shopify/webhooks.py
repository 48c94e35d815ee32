"""Owns what the shops tell the app: signed deliveries over HTTP, five seconds each, tried again for four hours.

`send` only queues; a thread delivers, so nothing waits for the app while the world is locked. Deliveries are not
kept over a restart, as the real ones are not guaranteed either.
"""

import base64
import hashlib
import heapq
import hmac
import itertools
import json
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import requests

from tests.sandbox.clock import iso
from tests.sandbox.shopify import subscriptions
from tests.sandbox.shopify.state import Record, Shop
from tests.sandbox.world import World

log = logging.getLogger("tests.sandbox")
API_VERSION = "2026-10"
TOPICS = frozenset(
    [
        "app/uninstalled",
        "app/scopes_update",
        "shop/update",
        "products/create",
        "products/update",
        "products/delete",
        "inventory_levels/update",
        "inventory_items/update",
        "inventory_items/delete",
        "bulk_operations/finish",
        "orders/cancelled",
        "fulfillments/create",
        "fulfillments/update",
        "refunds/create",
        "customers/data_request",
        "customers/redact",
        "shop/redact",
    ]
)
# These are told although the app is no longer installed.
WITHOUT_APP = frozenset({"app/uninstalled", "shop/redact", "customers/redact", "customers/data_request"})
TIMEOUT = (1, 5)
# Seconds of sandbox time before each further try: eight of them within four hours.
RETRIES = (2, 5, 60, 300, 900, 1800, 3600, 7200)


@dataclass(order=True)
class Delivery:
    """One message on its way, due at a moment of sandbox time."""

    due: float
    number: int
    topic: str = field(compare=False)
    shop: str = field(compare=False)
    body: bytes = field(compare=False)
    headers: dict[str, str] = field(compare=False)
    tries: int = field(default=0, compare=False)


def sign(secret: str, body: bytes) -> str:
    """The value of X-Shopify-Hmac-Sha256."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def sender_of(world: World) -> "Sender":
    """The sender of a world, always the same object."""
    with world.lock:
        if "shopify_sender" not in vars(world):
            vars(world)["shopify_sender"] = Sender(world)
        sender: Sender = vars(world)["shopify_sender"]
        return sender


def send(shop: Shop, topic: str, payload: Record, wish: Record | None = None) -> str | None:
    """Queue a message to the app; answers its webhook id, or None when the app does not listen.

    Whether it listens says its configuration file. `wish` may hold copies, delay_seconds, triggered_at, webhook_id,
    event_id, bad_hmac and force (send in any case).
    """
    wish = wish or {}
    world = shop.world
    fields = subscriptions.fields_of(world, topic)
    listens = fields is not None and (shop.data["installed"] or topic in WITHOUT_APP)
    if not listens and not wish.get("force"):
        return None
    payload = payload if wish.get("force") else subscriptions.cut(payload, fields or [])
    body = json.dumps(payload, ensure_ascii=False).encode()
    secret = "a-wrong-secret" if wish.get("bad_hmac") else world.settings.api_secret
    webhook_id = str(wish.get("webhook_id") or _uuid())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": sign(secret, body),
        "X-Shopify-Shop-Domain": shop.domain,
        "X-Shopify-API-Version": API_VERSION,
        "X-Shopify-Webhook-Id": webhook_id,
        "X-Shopify-Event-Id": str(wish.get("event_id") or _uuid()),
        "X-Shopify-Triggered-At": str(wish.get("triggered_at") or iso(shop.now())),
        "X-Shopify-Name": topic.replace("/", "-"),
    }
    sender = sender_of(world)
    due = shop.now_seconds() + float(wish.get("delay_seconds") or 0)
    for _ in range(int(wish.get("copies") or 1)):
        sender.put(Delivery(due, sender.next_number(), topic, shop.domain, body, dict(headers)))
    return webhook_id


def _uuid() -> str:
    text = secrets.token_hex(16)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Sender:
    """Delivers what is due and, between, does its `chores`. One thread, started when there is something to do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queue: list[Delivery] = []
        self._numbers = itertools.count(1)
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self.chores: list[Callable[[], None]] = []

    def next_number(self) -> int:
        """Keeps messages of the same moment in order."""
        return next(self._numbers)

    def put(self, delivery: Delivery) -> None:
        """Queue a delivery and make sure that somebody delivers."""
        with self._wake:
            heapq.heappush(self._queue, delivery)
            self.start()
            self._wake.notify()

    def start(self) -> None:
        """Start the thread once."""
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
                self._thread.start()

    def waiting(self, domain: str) -> int:
        """How many messages of a shop are not yet delivered."""
        with self._wake:
            return sum(one.shop == domain for one in self._queue)

    def _take(self) -> Delivery | None:
        with self._wake:
            now = self._world.clock.timestamp()
            if not self._queue or self._queue[0].due > now:
                # The sandbox's clock can jump, so waiting is never longer than this.
                self._wake.wait(0.1)
                return None
            return heapq.heappop(self._queue)

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._world.stopping.is_set():
                try:
                    for chore in self.chores:
                        chore()
                    delivery = self._take()
                    if delivery is not None:
                        self._deliver(session, delivery)
                except Exception:
                    log.exception("a webhook could not be handled")

    def _deliver(self, session: requests.Session, delivery: Delivery) -> None:
        delivery.tries += 1
        status: int | None = None
        target = f"{self._world.settings.app_url}/webhooks/shopify"
        try:
            answer = session.post(
                target, data=delivery.body, headers=delivery.headers, timeout=TIMEOUT, allow_redirects=False
            )
            status = answer.status_code
        except requests.RequestException:
            pass
        again = (status is None or not 200 <= status < 300) and delivery.tries <= len(RETRIES)
        body = {
            "shop": delivery.shop,
            "topic": delivery.topic,
            "status": status,
            "try": delivery.tries,
            "webhook_id": delivery.headers["X-Shopify-Webhook-Id"],
            "triggered_at": delivery.headers["X-Shopify-Triggered-At"],
            "will_retry": again,
        }
        self._world.ledger.record("shopify", "webhook.sent", delivery.topic, body)
        if again:
            delivery.due = self._world.clock.timestamp() + RETRIES[delivery.tries - 1]
            self.put(delivery)
