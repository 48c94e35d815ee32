"""Two hundred accounts with a backlog at a vendor's limiter: our pacing on the real buckets, time many times as fast.

Everything of ours is real (permits, stated rates, refusals, the judge's delays); the limiter is the sandbox's.
"""

from __future__ import annotations

import heapq
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from marketplaces.channels.amazon.calls import GET_ORDER, SEARCH_ORDERS
from marketplaces.errors import RateLimited
from shopapp import clock
from shopapp.accounts import permits
from shopapp.verdict import judge
from shopapp.work import bell
from tests.sandbox.amazon.buckets import PLANS, Buckets
from tests.stage.queue import Queue

ACCOUNTS = int(os.environ.get("SHOPAPP_RATE_ACCOUNTS", "40"))  # 200 when run by hand
PUNISHED = ACCOUNTS // 20  # so many accounts are told once to stay away for a while
PROBES = 300
FASTEST = 500.0


@pytest.fixture(autouse=True)
def _fast(queue: Queue) -> Iterator[None]:
    queue.clear()
    bell.configure(queue.url, "none")
    yield
    clock.configure(1.0, 0.0)
    bell.connection().close()
    bell.configure("", "")


@dataclass
class Vendor:
    """The limiter, a network in front of it, and a book of who called when."""

    operation: str
    penalty: float = 240.0
    at: float = 0.0
    source: random.Random = field(default_factory=lambda: random.Random(37))
    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    punished: dict[str, float] = field(default_factory=dict)
    disobeyed: int = 0
    behind: float = 0.0

    def __post_init__(self) -> None:
        now = SimpleNamespace(timestamp=lambda: self.at)
        self.buckets = Buckets(SimpleNamespace(settings=SimpleNamespace(bucket_factor=1), clock=now))  # type: ignore[arg-type]

    def call(self, seller: str, punish: bool) -> None:
        """One call that arrives after a moment (the first ones take longest). Raises RateLimited as the wire does."""
        slow = 2.0 if not self.calls[seller] else 0.6
        self.at = clock.now().timestamp() + self.source.uniform(0.05, slow)
        if self.at < self.punished.get(seller, 0.0):
            self.disobeyed += 1
        if punish:
            self.punished[seller] = clock.now().timestamp() + self.penalty
            self.refused[seller].append(self.at)
            raise RateLimited(self.penalty, "slow down", status=429)
        if not self.buckets.take(seller, self.operation):
            self.refused[seller].append(self.at)
            raise RateLimited(None, "You exceeded your quota for the requested resource.", status=429)
        self.calls[seller].append(self.at)


def _key(seller: str, limit: Any) -> str:
    return f"amazon:eu:{seller}:{limit.operation}"


def _able() -> float:
    """How many permits a second this machine can ask for just now."""
    began = time.perf_counter()
    for _ in range(PROBES):
        permits.permit("probe", "1000000", 1_000_000)
    return PROBES / (time.perf_counter() - began)


def _quicken(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    """Run the clock so many times as fast as the wall."""
    clock.configure(scale, time.time())
    monkeypatch.setattr(permits, "PATIENCE", 1 / scale)


def _run(vendor: Vendor, seconds: float, limit: Any, *, punished: int = PUNISHED) -> None:
    """Every account calls whenever it may, for so many seconds of our clock; of the punished, two callers share a bucket."""
    begun = clock.now().timestamp()
    due = [(begun, account, caller) for account in range(ACCOUNTS) for caller in range(1 + (account < punished))]
    heapq.heapify(due)
    left = set(range(punished))
    while due[0][0] < begun + seconds:
        when, account, caller = heapq.heappop(due)
        time.sleep(max(0.0, clock.real_seconds(when - clock.now().timestamp())))
        seller, now = f"A{account}", clock.now().timestamp()
        if now > begun + seconds / 2:
            vendor.behind = max(vendor.behind, (now - when) / seconds)
        key = _key(seller, limit)
        try:
            permits.permit(key, limit.rate, limit.burst)
            punish = account in left and now > begun + seconds / 3
            if punish:
                left.discard(account)
            vendor.call(seller, punish)
            permits.heed(key, f"{vendor.buckets.rate(limit.operation):.10g}")
            wait = 0.0
        except RateLimited as error:
            if error.status == 429:
                permits.hold_off(key, error.retry_after)
            wait = judge(error, "account").delay.total_seconds()
        heapq.heappush(due, (clock.now().timestamp() + wait, account, caller))


def _lived(limit: Any, seconds: float, full: bool) -> tuple[Vendor, float]:
    """The vendor after so many seconds, and how many they were. Not `full`: every bucket is empty at the beginning."""
    vendor = Vendor(limit.operation, penalty=seconds / 15)
    for seller in () if full else tuple(f"A{account}" for account in range(ACCOUNTS)):
        vendor.at = clock.now().timestamp()
        while vendor.buckets.take(seller, limit.operation):
            pass
        permits.hold_off(_key(seller, limit), None)
    began = clock.now().timestamp()
    _run(vendor, seconds, limit)
    return vendor, clock.now().timestamp() - began


@pytest.mark.parametrize(
    ("limit", "seconds", "full"),
    [(SEARCH_ORDERS, 2700, True), (GET_ORDER, 40, False)],
    ids=["searchOrders", "getOrder"],
)
def test_many_accounts_use_what_is_permitted_and_are_hardly_ever_refused(
    monkeypatch: pytest.MonkeyPatch, queue: Queue, limit: Any, seconds: float, full: bool
) -> None:
    """Complaint 37 of the field: storms of refused calls get the key blocked."""
    needed = ACCOUNTS * (full * limit.burst / seconds + 2 * float(limit.rate))  # at the rate, a refusal goes before
    scale = min(max(1.0, _able() / 4 / needed), FASTEST)
    for _ in range(4):
        queue.clear()
        permits._heeded.clear()
        _quicken(monkeypatch, scale)
        vendor, took = _lived(limit, seconds, full)
        if vendor.behind < 0.03:
            break
        scale = max(1.0, scale / 3)  # the machine could not keep up: what was seen says nothing about the pacing
    rate, burst = PLANS[limit.operation]
    burst = burst if full else 0
    made = {seller: len(times) for seller, times in vendor.calls.items()}
    refused = sum(map(len, vendor.refused.values()))
    share = refused / (sum(made.values()) + refused)
    used = {
        seller: count / (burst + rate * (took - (vendor.penalty if seller in vendor.punished else 0)))
        for seller, count in made.items()
    }
    total = sum(made.values()) / (ACCOUNTS * (burst + rate * took))
    print(
        f"{limit.operation}: {ACCOUNTS} accounts, {took:.0f} s, {sum(made.values())} calls, {refused} refused "
        f"({share:.2%}), {total:.1%} of the permitted used, least {min(used.values()):.1%}"
    )
    assert len(vendor.punished) == PUNISHED
    assert vendor.disobeyed == 0, "Retry-After is obeyed, by everybody who shares the bucket"
    assert share < 0.01
    assert total >= 0.90
    assert len(used) == ACCOUNTS
    assert min(used.values()) >= 0.80, "no account starves"


def test_a_queue_that_forgot_all_buckets_brings_no_storm(monkeypatch: pytest.MonkeyPatch, queue: Queue) -> None:
    """Wiped buckets are full ones: the vendor's refusal empties them again, it is not asked again at once."""
    monkeypatch.setattr(f"{__name__}.ACCOUNTS", 20)
    _quicken(monkeypatch, 200)
    vendor = Vendor("searchOrders")
    _run(vendor, 900, SEARCH_ORDERS, punished=0)
    queue.clear()
    _run(vendor, 900, SEARCH_ORDERS, punished=0)
    refused = [len(vendor.refused[f"A{account}"]) for account in range(ACCOUNTS)]
    print(f"after the wipe: {sum(refused)} refused of {len(vendor.calls)} accounts, {max(refused)} of one at most")
    assert 1 <= max(refused) <= 3
