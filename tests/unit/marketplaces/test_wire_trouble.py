"""Trouble at the wire: connections, names, floods and drips end in bounded time and memory. Real sockets."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from marketplaces.errors import Transient
from marketplaces.transport import Hosts, _PlainConnection, _reason
from marketplaces.wire import Answer, Http
from tests.unit.marketplaces.probe import NOW, ask, served, transient
from tests.unit.marketplaces.rawserver import Play, RawServer, answer


def test_a_truncated_body_is_transient() -> None:
    assert "IncompleteRead" in transient(answer(b'{"a": 1}', length=500)).words


def test_a_reset_after_sending_may_have_been_executed() -> None:
    def reset(line: socket.socket) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    assert transient(reset).maybe_done


def test_a_call_that_slept_until_its_time_was_over_says_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped: its thread may wake up before the watchdog does."""
    send = _PlainConnection.request

    def sleeps(self: _PlainConnection, *args: Any, **more: Any) -> None:
        time.sleep(0.6)
        send(self, *args, **more)

    monkeypatch.setattr(_PlainConnection, "request", sleeps)
    with RawServer(answer(b"{}")) as server:
        http = Http((server.url,), seconds=0.4, now=lambda: NOW)
        with pytest.raises(Transient) as caught:
            http.request("probe", "POST", f"{server.url}/orders")
        http.close()
    assert not caught.value.maybe_done
    assert not any(server.requests)


def test_a_refused_connection_was_never_executed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    http = Http((url,), now=lambda: NOW)
    with pytest.raises(Transient) as caught:
        http.request("probe", "POST", f"{url}/orders")
    http.close()
    assert not caught.value.maybe_done


def test_an_unknown_host_name_was_never_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    http = Http(("api.example.com",), now=lambda: NOW)
    with pytest.raises(Transient, match=r"NameResolution|gaierror") as caught:
        http.request("probe", "POST", "https://api.example.com/orders")
    http.close()
    assert not caught.value.maybe_done


def _named(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    find = socket.getaddrinfo

    def found(host: str, *args: Any, **more: Any) -> Any:
        wanted = addresses if host == "localhost" else [host]
        return [row for one in wanted for row in find(one, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_a_name_with_many_dead_addresses_is_given_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    _named(monkeypatch, ["127.0.0.1"] * 8)
    with contextlib.ExitStack() as opened:
        full = opened.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://localhost:{full.getsockname()[1]}"
        for _ in range(4):  # whoever comes after these is neither accepted nor refused
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        http = opened.enter_context(contextlib.closing(Http((url,), now=lambda: NOW, seconds=0.5)))
        began = time.monotonic()
        with pytest.raises(Transient) as caught:
            http.request("probe", "POST", f"{url}/orders")
        assert time.monotonic() - began < 1.5
    assert not caught.value.maybe_done


def test_the_next_address_of_a_name_is_tried_when_the_first_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    _named(monkeypatch, ["::1", "127.0.0.1"])
    with served(answer(b'{"ok": true}')) as (_http, server):
        named = Http((f"http://localhost:{server.port}",), now=lambda: NOW, seconds=1)
        got = named.request("probe", "GET", f"http://localhost:{server.port}/")
        named.close()
        host = server.requests[0].split(b"Host: ")[1].split(b"\r\n")[0]
    assert got.object() == {"ok": True}
    assert host == f"localhost:{server.port}".encode()


def test_a_plain_server_where_tls_is_expected_was_never_executed() -> None:
    with RawServer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        url = server.url.replace("http:", "https:")
        http = Http((url,), now=lambda: NOW, seconds=2)
        with pytest.raises(Transient) as caught:
            http.request("probe", "POST", f"{url}/orders")
        http.close()
    assert not caught.value.maybe_done


def _slowly(head: bytes, drop: bytes, server: list[RawServer]) -> Play:
    def play(line: socket.socket) -> None:
        line.sendall(head)
        while not server[0].stopping.wait(0.05):
            line.sendall(drop)

    return play


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        pytest.param(b"", b"", id="silence"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x", id="dripping body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b" ", id="dripping body without length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", id="dripping header"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="endless 100 Continue"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="dripping chunks"),
    ],
)
def test_a_dripping_answer_ends_at_the_deadline(head: bytes, drop: bytes) -> None:
    holder: list[RawServer] = []
    with served(_slowly(head, drop, holder)) as (http, server):
        holder.append(server)
        started = time.monotonic()
        with pytest.raises(Transient, match="within 1 seconds") as caught:
            ask(http, server)
        assert time.monotonic() - started < 2
        assert caught.value.maybe_done


def test_causes_that_go_in_a_circle_are_named_all_the_same() -> None:
    first, second = OSError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert _reason(first) in ("OSError", "ValueError")


def test_endless_headers_end_early() -> None:
    holder: list[RawServer] = []
    with served(_slowly(b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n" * 50, holder), seconds=5) as (http, server):
        holder.append(server)
        started = time.monotonic()
        with pytest.raises(Transient):
            ask(http, server)
        assert time.monotonic() - started < 4


def test_a_gzip_bomb_is_stopped_at_the_cap() -> None:
    bomb = gzip.compress(b'{"a":"' + b" " * 40_000_000 + b'"}')
    error = transient(answer(bomb, headers="Content-Encoding: gzip\r\n"), cap=1_000_000, seconds=10)
    assert "larger than 1000000" in error.words


def test_a_large_plain_page_is_stopped_at_the_cap() -> None:
    assert "larger than" in transient(answer(b" " * 200_000 + b"{}"), cap=100_000).words


def test_the_next_call_works_after_a_stopped_one() -> None:
    answers = [answer(b" " * 200_000), answer(b'{"ok": true}')]
    with served(lambda line: line.sendall(answers.pop(0)), cap=100_000) as (http, server):
        with pytest.raises(Transient):
            ask(http, server)
        assert ask(http, server).object() == {"ok": True}


def test_nothing_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with served(answer(b"{}", headers="Set-Cookie: a=b\r\n")) as (http, server):
        ask(http, server)
        ask(http, server)
        sent = server.requests[1]
    assert b"cookie" not in sent.lower()
    assert b"authorization" not in sent.lower()


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://api.example.com/a", True),
        ("https://API.EXAMPLE.COM/a", True),
        ("https://eu.shop.example/a", True),
        ("https://shop.example/a", False),
        ("https://evilshop.example/a", False),
        ("http://api.example.com/a", False),
        ("https://api.example.com:8443/a", False),
        ("https://api.example.com@evil.example/a", False),
        ("https://api.example.com\\@evil.example/a", False),
        ("http://127.0.0.1:8001/a", True),
        ("http://127.0.0.1:8002/a", False),
        ("http://localhost:8001/a", False),
        ("file:///etc/passwd", False),
        ("https:///a", False),
        ("", False),
    ],
)
def test_calls_go_to_listed_hosts_only(url: str, good: bool) -> None:
    assert Hosts(("api.example.com", ".shop.example", "http://127.0.0.1:8001/base")).allow(url) is good


def test_a_listed_loopback_name_counts_on_every_port() -> None:
    hosts = Hosts(("127.0.0.1", "api.example.com"))
    assert hosts.allow("http://127.0.0.1:8001/rates")
    assert not hosts.allow("http://localhost:8001/rates")
    assert not hosts.allow("http://api.example.com:8001/rates")


def test_a_plain_base_outside_loopback_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="only https"):
        Hosts(("http://api.example.com",))


def test_a_call_elsewhere_is_not_made() -> None:
    with RawServer(answer(b"{}")) as server:
        http = Http(("api.example.com",), now=lambda: NOW)
        with pytest.raises(Transient, match="allowed hosts") as caught:
            ask(http, server)
        http.close()
    assert server.requests == []
    assert not caught.value.maybe_done


def test_threads_share_one_http() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with served(answer(b'{"ok": 1}')) as (http, server), ThreadPoolExecutor(8) as pool:
        calls: list[Callable[[], Answer]] = [lambda: ask(http, server)] * 40
        assert all(one.result().body == {"ok": 1} for one in [pool.submit(call) for call in calls])
        assert len(server.requests) == 40
