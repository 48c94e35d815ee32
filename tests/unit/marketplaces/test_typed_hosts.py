"""Hosts that somebody typed: what is read as an address, what is called, and that nothing else ever is."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from marketplaces.errors import Transient
from marketplaces.instance import NO_ADDRESS, NO_PORT, NOT_HTTPS, host_of, plain_host, public
from marketplaces.transport import Hosts
from marketplaces.wire import Http
from tests.unit.marketplaces.rawserver import RawServer, answer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOST = "market.example"


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("https://market.mirakl.net", "market.mirakl.net"),
        ("  HTTPS://Market.Mirakl.NET/mmp/shop/orders?x=1#y ", "market.mirakl.net"),
        ("market.mirakl.net", "market.mirakl.net"),
        ("market.mirakl.net/api", "market.mirakl.net"),
        ("https://market.mirakl.net:443/", "market.mirakl.net"),
        ("https://xn--mrkt-5qa.example", "xn--mrkt-5qa.example"),
        ("https://a-b.c1.shop", "a-b.c1.shop"),
    ],
)
def test_an_address_is_read_as_its_host(typed: str, host: str) -> None:
    assert host_of(typed) == host
    assert plain_host(host)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("http://market.example", NOT_HTTPS),
        ("ftp://market.example", NOT_HTTPS),
        ("file:///etc/passwd", NOT_HTTPS),
        ("gopher://market.example", NOT_HTTPS),
        ("javascript://market.example", NOT_HTTPS),
        ("https://market.example:8443", NO_PORT),
        ("https://market.example:80", NO_PORT),
        ("market.example:22", NO_PORT),
        ("https://user@market.example", NO_PORT),
        ("https://user:pw@market.example", NO_PORT),
        ("https://market.example@10.0.0.1", NO_PORT),
        ("https://market.example:443@evil.example", NO_PORT),
        ("https://market.example\\@evil.example", NO_ADDRESS),
        ("https://market.example%00.evil.example", NO_ADDRESS),
        ("https://127.0.0.1", NO_ADDRESS),
        ("https://127.1", NO_ADDRESS),
        ("https://0", NO_ADDRESS),
        ("https://2130706433", NO_ADDRESS),
        ("https://0x7f000001", NO_ADDRESS),
        ("https://0x7f.0.0.1", NO_ADDRESS),
        ("https://017700000001", NO_ADDRESS),
        ("https://0177.0.0.01", NO_ADDRESS),
        ("https://10.0.0.7/", NO_ADDRESS),
        ("https://169.254.169.254/latest/meta-data", NO_ADDRESS),
        ("https://127.0.0.1.", NO_ADDRESS),
        ("https://[::1]", NO_PORT),
        ("https://[::ffff:127.0.0.1]", NO_PORT),
        ("https://[fe80::1%25eth0]", NO_PORT),
        ("https://localhost", NO_ADDRESS),
        ("https://shop.localhost", NO_ADDRESS),
        ("https://router.local", NO_ADDRESS),
        ("https://metadata.google.internal", NO_ADDRESS),
        ("https://db.lan", NO_ADDRESS),
        ("https://1.0.0.127.in-addr.arpa", NO_ADDRESS),
        ("https://market", NO_ADDRESS),
        ("https://market.example.", NO_ADDRESS),
        ("https://.example", NO_ADDRESS),
        ("https://market..example", NO_ADDRESS),
        ("https://-market.example", NO_ADDRESS),
        ("https://ma_rket.example", NO_ADDRESS),
        ("https://märkt.example", NO_ADDRESS),
        ("https://market。example", NO_ADDRESS),
        ("https://ⓜarket.example", NO_ADDRESS),
        ("https://market.example\u2044.evil.example", NO_ADDRESS),
        ("https://mar ket.example", NO_ADDRESS),
        ("https://market.example\n.evil.example", NO_ADDRESS),
        ("https://market.\texample", NO_ADDRESS),
        ("https://", NO_ADDRESS),
        ("https:///path", NO_ADDRESS),
        ("https://" + "a" * 64 + ".example", NO_ADDRESS),
        ("https://" + "a." * 130 + "example", NO_ADDRESS),
        ("https://{instance}.example", NO_ADDRESS),
        ("https://market.1", NO_ADDRESS),
        ("https://1.2.3.4.5", NO_ADDRESS),
    ],
)
def test_what_is_no_plain_address_is_refused_in_a_sentence(typed: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the sentence is looked at
        host_of(typed)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "192.88.99.1",
        "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
        "::ffff:0:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
        "2002:7f00:1::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1", "3fff::1",
        "2606:4700::1111%eth0", "market.example", "", "1.2.3", "0x7f000001",
    ],
)  # fmt: skip
def test_what_is_not_in_the_public_internet(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_what_is_in_the_public_internet(address: str) -> None:
    assert public(address)


# --- on the wire ------------------------------------------------------------------------------------------------------


class Names:
    """What the resolver says, one answer after the other; what was asked, and what was connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.left, self.asked, self.called = list(answers), [], []
        real = socket.getaddrinfo

        def resolve(host: str, port: Any, *more: Any, **named: Any) -> Any:
            if host != HOST:
                return real(host, port, *more, **named)  # an address: no question is asked for it
            self.asked.append(host)
            now = self.left.pop(0) if len(self.left) > 1 else self.left[0]
            if not now:
                raise socket.gaierror(socket.EAI_NONAME, "no such name")
            return [
                (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
                for one in now
            ]

        def connect(address: Any, *more: Any, **named: Any) -> Any:
            self.called.append(address[0])
            raise OSError("nobody is called in a test")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr("urllib3.util.connection.create_connection", connect)


def _ask(http: Http, url: str) -> Transient:
    with pytest.raises(Transient) as caught:
        http.request("look", "GET", url)
    return caught.value


@pytest.fixture
def http() -> Iterator[Http]:
    made = Http((HOST,), typed=True, now=lambda: NOW, seconds=3)
    yield made
    made.close()


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], ["64:ff9b::a00:1"], ["fe80::1%eth0"],
     ["8.8.8.8", "127.0.0.1"], ["2606:4700::1111", "fd00::1"]],
)  # fmt: skip
def test_a_name_that_leads_inside_is_never_called(
    monkeypatch: pytest.MonkeyPatch, http: Http, found: list[str]
) -> None:
    names = Names(monkeypatch, found)
    error = _ask(http, f"https://{HOST}/api")
    assert (error.code, error.maybe_done) == ("not_public", False)
    assert (names.asked, names.called) == ([HOST], [])


def test_what_was_vetted_is_what_is_called_though_the_name_changes_its_mind(
    monkeypatch: pytest.MonkeyPatch, http: Http
) -> None:
    names = Names(monkeypatch, ["8.8.4.4", "8.8.8.8"], ["127.0.0.1"])
    assert _ask(http, f"https://{HOST}/api").code == ""
    assert names.asked == [HOST], "resolved once"
    assert names.called == ["8.8.4.4", "8.8.8.8"]
    assert _ask(http, f"https://{HOST}/api").code == "not_public", "and vetted again for the next connection"
    assert names.called == ["8.8.4.4", "8.8.8.8"]


def test_a_name_that_nobody_has_says_so(monkeypatch: pytest.MonkeyPatch, http: Http) -> None:
    names = Names(monkeypatch, [])
    assert _ask(http, f"https://{HOST}/api").code == "unknown_host"
    assert names.called == []


@pytest.mark.parametrize(
    "url",
    [f"http://{HOST}/", f"https://{HOST}:8443/", f"https://{HOST}.evil.example/", "https://evil.example/", "https://127.0.0.1/",
     f"https://x@{HOST}/"],
)  # fmt: skip
def test_only_the_typed_host_on_https_and_its_port_is_called(
    monkeypatch: pytest.MonkeyPatch, http: Http, url: str
) -> None:
    names = Names(monkeypatch, ["8.8.8.8"])
    _ask(http, url)
    assert names.called == []


def test_a_typed_loopback_name_is_allowed_nowhere() -> None:
    for name in ("localhost", "127.0.0.1", "::1"):
        assert not Hosts((name,), typed=True).allow(f"http://{name}:80/")
        assert Hosts((name,), typed=True).vetted("https://localhost/")


def test_an_origin_of_the_operator_is_called_as_it_is_and_its_redirects_are_not_followed() -> None:
    elsewhere = answer(b"{}", status="302 Found", headers="Location: http://127.0.0.1:1/\r\n")
    with RawServer(lambda line: line.sendall(elsewhere)) as server:
        http = Http((server.url,), typed=True, now=lambda: NOW, seconds=3)
        try:
            assert not http.hosts.vetted(server.url)
            assert _ask(http, server.url + "/").code == "redirect"
            assert len(server.requests) == 1
        finally:
            http.close()
