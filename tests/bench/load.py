"""Load of signed deliveries over loopback HTTP: closed loop (as fast as the server answers) and paced (so many a second).

Requests are prepared before the clock starts, so that the generator costs little beside the server on a small machine.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Seen:
    """What came back: status and seconds of every delivery, the ids sent, and how long all of it took."""

    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    took: float = 0.0

    @property
    def rate(self) -> float:
        """Answers with 200 a second."""
        return self.statuses.count(200) / self.took if self.took else 0.0

    @property
    def refused(self) -> int:
        """Answers that are no 2xx (0 stands for a connection that broke)."""
        return sum(not 200 <= status < 300 for status in self.statuses)

    def quantile(self, share: float) -> float:
        """The time within which this share of the answers came, seconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def body(size: int) -> bytes:
    """A product message of about `size` bytes."""
    variants: list[dict[str, object]] = []
    told = {"id": 788032119674292922, "title": "Example T-Shirt", "vendor": "Acme", "variants": variants}
    while len(json.dumps(told)) < size:
        number = len(variants)
        variants.append({"id": 642667041472713922 + number, "sku": f"SHIRT-{number}", "price": "19.99", "grams": 200})
    return json.dumps(told).encode()


def deliveries(secret: str, port: int, size: int = 8000, shops: int = 50) -> Iterator[tuple[str, bytes]]:
    """Endless (webhook id, whole HTTP request), each id once."""
    text = body(size)
    signature = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    run = secrets.token_hex(6)
    for number in itertools.count():
        webhook_id = f"{run}-{number}"
        lines = (
            "POST /webhooks/shopify HTTP/1.1", f"Host: localhost:{port}", "Content-Type: application/json",
            "User-Agent: Shopify-Captain-Hook", f"Content-Length: {len(text)}", "Accept: */*",
            "X-Shopify-Topic: products/update", f"X-Shopify-Shop-Domain: bench-{number % shops}.myshopify.com",
            f"X-Shopify-Webhook-Id: {webhook_id}", f"X-Shopify-Event-Id: {webhook_id}",
            "X-Shopify-Api-Version: 2026-10", "X-Shopify-Triggered-At: 2026-11-20T10:00:00.123456789Z",
            f"X-Shopify-Hmac-Sha256: {signature}", "", "",
        )  # fmt: skip
        yield webhook_id, "\r\n".join(lines).encode() + text


class _Line(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[int] | None = None
        self.read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        head, end, rest = self.read.partition(b"\r\n\r\n")
        if not end:
            return
        low = head.lower()
        if b"transfer-encoding: chunked" in low:
            if not rest.endswith(b"0\r\n\r\n"):
                return
        else:
            _, named, length = low.partition(b"content-length:")
            if named and len(rest) < int(length.split(b"\r\n", 1)[0]):
                return
        self.read = b""
        self._settle(int(head[9:12]))
        if b"connection: close" in low and self.transport is not None:
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self.transport = None
        self._settle(0)

    def _settle(self, status: int) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(status)

    async def ask(self, request: bytes) -> int:
        assert self.transport is not None
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            return await asyncio.wait_for(self.answer, 30)
        except TimeoutError:
            return 0


async def _line(line: _Line | None, port: int) -> _Line:
    if line is not None and line.transport is not None and not line.transport.is_closing():
        return line
    _, made = await asyncio.get_running_loop().create_connection(_Line, "127.0.0.1", port)
    return made


async def _deliver(line: _Line | None, port: int, one: tuple[str, bytes], seen: Seen, begun: float) -> _Line | None:
    try:
        line = await _line(line, port)
        status = await line.ask(one[1])
    except OSError:
        status = 0
    seen.statuses.append(status)
    seen.seconds.append(time.perf_counter() - begun)
    seen.ids.add(one[0])
    return line


async def _closed(port: int, requests: Iterator[tuple[str, bytes]], count: int, at_once: int) -> Seen:
    seen, prepared = Seen(), iter(list(itertools.islice(requests, count)))

    async def one_after_another() -> None:
        line: _Line | None = None
        for one in prepared:
            line = await _deliver(line, port, one, seen, time.perf_counter())
        if line is not None and line.transport is not None:
            line.transport.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    seen.took = time.perf_counter() - begun
    return seen


async def _paced(port: int, requests: Iterator[tuple[str, bytes]], count: int, within: float, lines: int) -> Seen:
    seen, prepared = Seen(), list(itertools.islice(requests, count))
    waiting: asyncio.Queue[tuple[float, tuple[str, bytes]] | None] = asyncio.Queue()
    begun = time.perf_counter()

    async def work() -> None:
        line: _Line | None = None
        while (job := await waiting.get()) is not None:
            line = await _deliver(line, port, job[1], seen, job[0])
        if line is not None and line.transport is not None:
            line.transport.close()

    workers = [asyncio.create_task(work()) for _ in range(lines)]
    for number, one in enumerate(prepared):
        at = begun + within * number / count
        if (pause := at - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        waiting.put_nowait((at, one))
    for _ in workers:
        waiting.put_nowait(None)
    await asyncio.gather(*workers)
    seen.took = time.perf_counter() - begun
    return seen


def closed(port: int, requests: Iterator[tuple[str, bytes]], count: int, at_once: int) -> Seen:
    """Send `count` deliveries over `at_once` connections, each the next one as soon as it was answered."""
    return asyncio.run(_closed(port, requests, count, at_once))


def paced(port: int, requests: Iterator[tuple[str, bytes]], count: int, within: float, lines: int = 64) -> Seen:
    """Send `count` deliveries evenly spread over `within` seconds; seconds count from when one should have been sent."""
    return asyncio.run(_paced(port, requests, count, within, lines))
