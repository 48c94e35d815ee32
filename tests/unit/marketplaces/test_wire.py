"""Answers at the wire: what can be read is exact, whatever else is said becomes a family. Real sockets."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from marketplaces.errors import RateLimited, Transient
from marketplaces.exact import parse_json
from marketplaces.wire import Bucket, retry_after
from tests.unit.marketplaces.probe import NOW, ask, served, transient, whole_text
from tests.unit.marketplaces.rawserver import answer


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
        pytest.param(b'{"n": 1e9999999}', id="a number that takes minutes to be counted"),
        pytest.param(b'{"n": 1e-9999999}', id="a number of ten million places"),
        pytest.param(b'{"n": 0e9999999}', id="a nothing of ten million places"),
        pytest.param(b'{"n": 0.' + b"1" * 5000 + b"}", id="a fraction of 5000 digits"),
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


def test_words_of_a_refusal_hold_no_secret() -> None:
    body = b'{"message":"token Atza|abcdef123 of buyer@example.com with s3cret-value refused"}'
    with served(answer(body, status="503 Busy")) as (http, server), pytest.raises(Transient) as caught:
        ask(http, server, secrets=("s3cret-value",))
    text = whole_text(caught.value)
    assert "refused" in text
    assert not any(part in text for part in ("abcdef123", "buyer@example.com", "s3cret-value"))


@pytest.mark.parametrize("body", [b"[" + b"[]," * 300_000 + b"[]]", b"[" + b'{"a":1},' * 300_000 + b"{}]"])
def test_json_of_nothing_but_brackets_is_refused_before_it_grows(body: bytes) -> None:
    with pytest.raises(ValueError, match="more values"):
        parse_json(body)


def test_json_keeps_the_last_of_equal_keys() -> None:
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}


def test_an_http_date_without_zone_counts_as_utc() -> None:
    text = (NOW + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert retry_after(text, NOW) == 90
