"""Files from a remote: complete and within bounds on this machine, or one family of errors. Real sockets."""

from __future__ import annotations

import gzip
import io
import socket
import time

import pytest

from marketplaces.errors import Transient
from marketplaces.files import LONGEST, Saved, charset_of
from marketplaces.wire import Http
from tests.unit.marketplaces.probe import NOW, whole_text
from tests.unit.marketplaces.rawserver import Play, RawServer

SECRET = "X-Amz-Signature=hidden-in-query"


def page(body: bytes, head: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\n".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=Cp1252\r\n" + head + length + b"\r\n" + body


def fetched(play: Play | bytes, *, seconds: float = 2, cap: int = 1_000_000) -> Saved:
    with RawServer(play) as server:
        http = Http((), now=lambda: NOW)
        return http.download("probe", f"{server.url}/f?{SECRET}", hosts=(server.url,), seconds=seconds, cap=cap)


def refused(play: Play | bytes, **bounds: float) -> Transient:
    with pytest.raises(Transient) as caught:
        fetched(play, **bounds).close()  # type: ignore[arg-type]  # seconds and cap
    assert "hidden-in-query" not in whole_text(caught.value)
    return caught.value


def saved(content: bytes) -> Saved:
    return Saved(io.BytesIO(content), "probe")


def test_a_file_is_saved_whole_with_its_charset() -> None:
    with fetched(page(b"a\tb\r\n\xe9\tc\r\n")) as got:
        assert (got.charset, list(got.lines(1000))) == ("cp1252", [b"a\tb", b"\xe9\tc"])


def test_a_packed_file_is_unpacked_whether_or_not_the_header_says_so() -> None:
    packed = gzip.compress(b"one\ntwo")
    for head in (b"", b"Content-Encoding: gzip\r\n"):
        with fetched(page(packed, head)) as got:
            assert list(got.lines(1000)) == [b"one", b"two"]


def test_a_small_file_that_unpacks_to_a_huge_one_stops_at_the_bound() -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    assert "larger" in refused(page(bomb, b"Content-Encoding: gzip\r\n")).words
    with fetched(page(bomb)) as got, pytest.raises(Transient, match="larger"):
        list(got.lines(1_000_000))


def test_a_broken_packing_is_trouble_and_no_half_file() -> None:
    with saved(gzip.compress(b"one\n" * 50_000)[:-20]) as got, pytest.raises(Transient, match="broken"):
        list(got.lines(10_000_000))


def test_a_file_that_is_cut_off_or_drips_or_redirects_is_none() -> None:
    def drip(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(40):
            line.sendall(b"x")
            time.sleep(0.1)

    began = time.monotonic()
    assert "within 1 seconds" in refused(drip, seconds=1).words
    assert time.monotonic() - began < 3
    refused(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nonly this")
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    assert "redirect" in refused(moved).words


def test_an_address_that_has_ended_is_told_by_its_status_alone() -> None:
    body = b"<Error><Code>AccessDenied</Code></Error>"
    ended = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert refused(ended).status == 403


def test_a_host_that_was_not_vetted_is_not_asked() -> None:
    with RawServer(page(b"a")) as server:
        with pytest.raises(Transient, match="allowed hosts"):
            Http((server.url,), now=lambda: NOW).download("probe", f"{server.url}/f", hosts=("files.example.com",))
        assert server.requests == []


def test_lines_end_where_they_end_and_endless_ones_are_cut() -> None:
    content = b"\xef\xbb\xbfa\n\n" + b"x" * (LONGEST + 300_000) + b"\nlast"
    with saved(content) as got:
        lines = list(got.lines(10_000_000))
    assert (lines[0], lines[1], len(lines[2]), lines[3]) == (b"\xef\xbb\xbfa", b"", LONGEST, b"last")


def test_a_charset_that_nobody_knows_is_not_told() -> None:
    assert charset_of("text/plain; charset=Shift_JIS") == "shift_jis"
    assert [charset_of(one) for one in ("", "text/plain", "text/plain; charset=klingon")] == ["", "", ""]
