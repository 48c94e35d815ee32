"""The fault matrix at the wire: every broken answer becomes a family, in bounded time and memory. Real sockets."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplaces.errors import RateLimited, Transient
from marketplaces.transport import Hosts, _reason
from marketplaces.wire import Answer, Bucket, Http, parse_json, retry_after
from tests.unit.marketplaces.rawserver import Play, RawServer, answer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@contextmanager
def served(play: Play | bytes, **options: Any) -> Iterator[tuple[Http, RawServer]]:
    """An Http that may talk to a raw server playing `play`, with a short deadline."""
    with RawServer(play) as server:
        http = Http((server.url,), now=lambda: NOW, **{"seconds": 1.0, **options})
        try:
            yield http, server
        finally:
            http.close()


def ask(http: Http, server: RawServer, **more: Any) -> Answer:
    return http.request("probe", "GET", f"{server.url}/orders?token=Atza|hidden-in-query", **more)


def transient(play: Play | bytes, **options: Any) -> Transient:
    with served(play, **options) as (http, server), pytest.raises(Transient) as caught:
        ask(http, server)
    assert "hidden-in-query" not in _whole_text(caught.value)
    return caught.value


def _whole_text(error: BaseException | None) -> str:
    text = ""
    while error is not None:
        text += f" {error!r} {error}"
        error = error.__cause__ or error.__context__
    return text


def test_a_good_answer_keeps_every_digit() -> None:
    with served(answer(b'{"price": 19.90, "id": 9223372036854775808}')) as (http, server):
        body = ask(http, server).object()
    assert body == {"price": Decimal("19.90"), "id": 9223372036854775808}
    assert str(body["price"]) == "19.90"


@pytest.mark.parametrize("status", ["204 No Content", "201 Created"])
def test_what_was_made_needs_no_words(status: str) -> None:
    with served(answer(b"", status=status, headers="Location: /orders/7\r\n")) as (http, server):
        told = ask(http, server)
    assert (told.status, told.body, told.header("location")) == (int(status[:3]), None, "/orders/7")


def test_a_byte_order_mark_is_no_trouble() -> None:
    with served(answer(b'\xef\xbb\xbf{"name": "\xc3\x85sa"}')) as (http, server):
        assert ask(http, server).object() == {"name": "Åsa"}


def test_utf8_is_read_as_utf8_whatever_the_header_says() -> None:
    play = answer(b'{"name": "\xc3\x85sa"}').replace(b"application/json", b"text/html; charset=iso-8859-1")
    with served(play) as (http, server):
        assert ask(http, server).object() == {"name": "Åsa"}


def test_latin1_is_nonsense_for_json_and_flagged_for_text() -> None:
    assert transient(answer(b'{"name": "\xc5sa"}')).maybe_done
    with served(answer(b"\xc5sa;1")) as (http, server):
        got = http.text("rates", f"{server.url}/rates")
    assert (got.text, got.fallback, got.body) == ("Åsa;1", True, None)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html><body>Maintenance</body></html>", id="html"),
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"price": NaN}', id="nan"),
        pytest.param(b'{"price": Infinity}', id="infinity"),
        pytest.param(b'{"price": 1', id="cut"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="too deep"),
        pytest.param(b'{"n": ' + b"9" * 5000 + b"}", id="a number of 5000 digits"),
        pytest.param(b'{"n": 1.5e999999999999999999999}', id="an exponent without end"),
    ],
)
def test_a_body_that_is_no_json_is_transient(body: bytes) -> None:
    assert transient(answer(body)).status == 200


def test_a_list_where_an_object_belongs_is_transient() -> None:
    with served(answer(b"[]")) as (http, server):
        got = ask(http, server)
        with pytest.raises(Transient, match="a list"):
            got.object()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 599])
def test_a_server_error_is_transient_even_with_json(status: int) -> None:
    error = transient(answer(b'{"error":"invalid_grant"}', status=f"{status} Oops"))
    assert (error.status, error.maybe_done) == (status, True)


def test_a_redirect_is_not_followed_not_even_on_the_same_host() -> None:
    play = answer(b"", status="302 Found", headers="Location: /elsewhere\r\n")
    with served(play) as (http, server):
        with pytest.raises(Transient, match="redirect"):
            ask(http, server)
        assert len(server.requests) == 1


def test_a_truncated_body_is_transient() -> None:
    assert "IncompleteRead" in transient(answer(b'{"a": 1}', length=500)).words


def test_a_reset_after_sending_may_have_been_executed() -> None:
    def reset(line: socket.socket) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    assert transient(reset).maybe_done


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


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("2.0", 2),
        ("0.5", 0.5),
        ("-3", 0),
        ("86400", 3600),
        ("999999999999999999999999", 3600),
        ("Infinity", 3600),
        ("NaN", None),
        ("soon", None),
        ("", None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 21 Nov 2033 12:00:00 GMT", 3600),
    ],
)
def test_retry_after_in_all_its_forms(header: str, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
    play = answer(b"{}", status="429 Slow Down", headers=f"Retry-After: {header}\r\n" if header else "")
    with served(play) as (http, server), pytest.raises(RateLimited) as caught:
        ask(http, server)
    assert (caught.value.retry_after, caught.value.status) == (seconds, 429)


def test_a_refused_call_with_json_goes_back_to_the_channel() -> None:
    with served(answer(b'{"errors": []}', status="403 Forbidden", headers="X-Request-Id: r-1\r\n")) as (http, server):
        got = ask(http, server)
    assert (got.status, got.body, got.header("X-Request-ID")) == (403, {"errors": []}, "r-1")


def test_no_permit_means_no_call() -> None:
    def none_left(bucket: Bucket) -> None:
        raise RateLimited(12, call=f"{bucket.key} {bucket.rate} {bucket.burst}")

    with served(answer(b"{}"), pace=none_left) as (http, server):
        with pytest.raises(RateLimited, match=r"a 0\.5 30"):
            ask(http, server, bucket=Bucket("a", "0.5", 30))
        assert server.requests == []


def test_the_stated_rate_is_observed() -> None:
    heard: list[tuple[str, str]] = []
    play = answer(b"{}", headers="x-amzn-RateLimit-Limit: 0.02\r\n")
    with served(play, observe=lambda key, rate: heard.append((key, rate))) as (http, server):
        ask(http, server, bucket=Bucket("a", "0.5", 30))
    assert heard == [("a", "0.02")]


@pytest.mark.parametrize(("header", "seconds"), [("Retry-After: 7\r\n", 7), ("", None)])
def test_a_call_that_was_one_too_many_is_told_to_whoever_keeps_the_bucket(header: str, seconds: float | None) -> None:
    heard: list[tuple[str, float | None]] = []
    play = answer(b"{}", status="429 Slow Down", headers=header)
    with served(play, refused=lambda bucket, wait: heard.append((bucket.key, wait))) as (http, server):
        for bucket in (Bucket("a", "0.5", 30), None):
            with pytest.raises(RateLimited):
                ask(http, server, bucket=bucket)
    assert heard == [("a", seconds)]


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


def test_words_of_a_refusal_hold_no_secret() -> None:
    body = b'{"message":"token Atza|abcdef123 of buyer@example.com with s3cret-value refused"}'
    with served(answer(body, status="503 Busy")) as (http, server), pytest.raises(Transient) as caught:
        ask(http, server, secrets=("s3cret-value",))
    text = _whole_text(caught.value)
    assert "refused" in text
    assert not any(part in text for part in ("abcdef123", "buyer@example.com", "s3cret-value"))


def test_threads_share_one_http() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with served(answer(b'{"ok": 1}')) as (http, server), ThreadPoolExecutor(8) as pool:
        calls: list[Callable[[], Answer]] = [lambda: ask(http, server)] * 40
        assert all(one.result().body == {"ok": 1} for one in [pool.submit(call) for call in calls])
        assert len(server.requests) == 40


@pytest.mark.parametrize("body", [b"[" + b"[]," * 300_000 + b"[]]", b"[" + b'{"a":1},' * 300_000 + b"{}]"])
def test_json_of_nothing_but_brackets_is_refused_before_it_grows(body: bytes) -> None:
    with pytest.raises(ValueError, match="more values"):
        parse_json(body)


def test_json_keeps_the_last_of_equal_keys() -> None:
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}


def test_an_http_date_without_zone_counts_as_utc() -> None:
    text = (NOW + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert retry_after(text, NOW) == 90
