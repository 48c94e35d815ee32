"""Lists too long for memory: fetched to disk and read member by member, refused in the families of any other answer."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.errors import RateLimited, Transient
from marketplaces.exact import LONGEST, exact_json, members
from marketplaces.wire import Bucket
from tests.unit.marketplaces.probe import served
from tests.unit.marketplaces.rawserver import answer

CAP = 100_000_000
FRACTIONS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3)
SIMPLE = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | FRACTIONS | st.text(max_size=12)
ANY = st.recursive(SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))


def cut(raw: bytes, at: list[int]) -> Iterator[bytes]:
    marks = sorted({one % (len(raw) + 1) for one in at} | {0, len(raw)})
    yield from (raw[first:last] for first, last in pairwise(marks))


@given(st.lists(ANY, max_size=6), st.lists(st.integers(0, 10**6), max_size=12), st.sampled_from(["", " ", "\n"]))
def test_a_list_is_the_same_wherever_it_is_cut(told: list[Any], at: list[int], blank: str) -> None:
    raw = f"{blank},{blank}".join(exact_json(one) for one in told)
    assert list(members(cut(f"[{blank}{raw}{blank}]{blank}".encode(), at))) == told


def test_fractions_are_exact_and_a_byte_order_mark_is_allowed() -> None:
    assert list(members([b"\xef\xbb", b"\xbf[1.", b"10, 2", b"]\n"])) == [Decimal("1.10"), 2]


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"{}", b"null", b'"[]"', b"[", b"[1", b"[1,", b"[1,]", b"[,1]", b"[1 2]", b"[1]]", b"[1] x", b"][",
        b'[{"a":]', b"[NaN]", b"[1e999999]", b"[nul", b'["\xff"]', b"<html>", b"[*]", b"*", b"[" * 200_000,
        b"[" + b"9" * 5000 + b"]", b'["' + b"a" * (LONGEST + 200_000) + b'"]',
    ],
)  # fmt: skip
def test_what_is_no_list_to_its_end_is_refused(raw: bytes) -> None:
    pieces = [raw[at : at + 65_536] for at in range(0, len(raw), 65_536)]
    with pytest.raises(ValueError, match=r"."):
        list(members(pieces))


def test_a_list_of_many_megabytes_takes_the_memory_of_a_member() -> None:
    row = {"id": 12345678, "shortDescription": "x" * 500, "prices": list(range(40))}
    raw = json.dumps([row] * 40_000).encode()
    with served(answer(raw), seconds=20) as (http, server):
        tracemalloc.start()
        try:
            with http.fetch("probe", f"{server.url}/items", cap=CAP).body as saved:
                assert sum(one["id"] == row["id"] for one in saved.members(len(raw))) == 40_000
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < len(raw) / 4


def test_a_list_that_breaks_off_gives_what_came_before_and_then_trouble() -> None:
    with served(answer(b'[{"id":1},{"id":2},{"id"')) as (http, server):
        saved = http.fetch("probe", f"{server.url}/items", cap=CAP).body
    with saved:
        rows = saved.members(1000)
        assert [next(rows), next(rows)] == [{"id": 1}, {"id": 2}]
        with pytest.raises(Transient, match="no readable list"):
            next(rows)


def test_a_refusal_has_its_body_as_with_any_other_call() -> None:
    with served(answer(b'{"error":{"code":"Forbidden"}}', status="403 Forbidden")) as (http, server):
        got = http.fetch("probe", f"{server.url}/items", cap=CAP)
    assert (got.status, got.body) == (403, {"error": {"code": "Forbidden"}})


def test_too_many_calls_are_told_to_the_bucket_and_trouble_has_no_secret() -> None:
    told: list[tuple[str, float | None]] = []
    bucket = Bucket("key", "1", 1)
    busy = answer(b"{}", status="429 Too Many", headers="Retry-After: 7\r\n")
    hear = {"refused": lambda one, after: told.append((one.key, after))}
    with served(busy, **hear) as (http, server), pytest.raises(RateLimited) as caught:
        http.fetch("probe", f"{server.url}/items", bucket=bucket, cap=CAP)
    assert (caught.value.retry_after, told) == (7, [("key", 7)])
    with served(answer(b"s3cret is down", status="503 Down")) as (http, server), pytest.raises(Transient) as trouble:
        http.fetch("probe", f"{server.url}/items", secrets=("s3cret",), cap=CAP)
    assert "s3cret" not in str(trouble.value)


def test_a_list_larger_than_the_bound_is_no_answer() -> None:
    with served(answer(b"[" + b"1," * 5000 + b"1]")) as (http, server), pytest.raises(Transient, match="larger"):
        http.fetch("probe", f"{server.url}/items", cap=1000)
