"""Whatever Amazon sends as an order, it maps and adds up, or it is kept as unmapped. It never raises."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplaces.channel import AppKeys, Line
from marketplaces.channels.amazon.orders import one_of_page
from marketplaces.data import Credentials, Order, OrderState, Unmapped
from marketplaces.moments import moment
from marketplaces.money import Money
from marketplaces.wire import Http

SITE = "A1PA6795UKMFR9"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "amazon" / "orders.json").read_text("utf-8"))
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    "",
    "\x00\ud800",
    "1,5",
    "NaN",
    "9" * 400,
    [],
    {},
    [None],
    {"amount": "1"},
    {"amount": "1.00", "currencyCode": "EUR"},
    {"amount": {}, "currencyCode": []},
    [[[]]],
    "2026-13-45T99:99:99Z",
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from _places(one, (*path, key))


def _line() -> Line:
    http = Http((), now=lambda: NOW)
    return Line(http, AppKeys({}), "eu", "A1X", (SITE,), Credentials({}), lambda: NOW)


def check(raw: Any) -> Order | Unmapped:
    found = one_of_page(_line(), (SITE,), raw)
    if isinstance(found, Unmapped):
        assert found.reason
        assert found.words
        return found
    json.dumps(found.attributes).encode()
    for text in (
        found.order_id,
        found.buyer_name,
        found.remote_state,
        *(line.sku + line.title for line in found.lines),
    ):
        text.encode()
        assert "\x00" not in text
    if found.state in (OrderState.READY, OrderState.SHIPPED):
        total = found.rounding or Money.zero(found.currency)
        for part in (*found.lines, *found.charges):
            total += part.total
        assert total == found.total
        assert found.total.minor >= 0
    return found


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 2**32))
def test_an_order_with_anything_anywhere_maps_or_is_kept(seed: int) -> None:
    source = random.Random(seed)
    raw = copy.deepcopy(source.choice(VECTORS)["order"])
    for _ in range(source.randrange(1, 4)):
        path = source.choice(list(_places(raw)) or [None])
        if path is None:
            break
        target = raw
        for key in path[:-1]:
            target = target[key]
        if source.random() < 0.3:
            del target[path[-1]]
        else:
            target[path[-1]] = copy.deepcopy(source.choice(STRANGE))
    check(raw)


@pytest.mark.parametrize("raw", STRANGE)
def test_what_is_no_order_at_all_is_kept(raw: Any) -> None:
    assert isinstance(check(raw), Unmapped)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-21T12:00:00Z", (12, 0, 0)),
        ("2026-11-21T12:00:00.123456789Z", (12, 0, 0)),
        ("2026-11-21T12:00:00+01:00", (11, 0, 0)),
        ("2026-11-21t12:00:00z", (12, 0, 0)),
        ("2026-11-21T12:00:00", (12, 0, 0)),
        ("2026-10-25T02:30:00+02:00", (0, 30, 0)),
        ("2026-10-25T02:30:00+01:00", (1, 30, 0)),
        ("2026-11-21T23:59:60Z", (23, 59, 59)),
        ("2026-11-21T23:59:60.5+00:00", (23, 59, 59)),
    ],
)
def test_times_become_utc_whatever_their_zone(text: str, utc: tuple[int, int, int]) -> None:
    when = moment(text)
    assert when.tzinfo is UTC
    assert (when.hour, when.minute, when.second) == utc
