"""A shop at an instance; time that passes also fills the buckets of its calls."""

from __future__ import annotations

import pytest

from tests.journeys.life import Life
from tests.journeys.mirakl.market import Market
from tests.stage import buckets


@pytest.fixture(autouse=True)
def _time_fills_these_buckets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = Life.pass_time

    def filled(life: Life, **by: float) -> None:
        passes(life, **by)
        buckets.refill("mirakl")

    monkeypatch.setattr(Life, "pass_time", filled)


@pytest.fixture
def market(life: Life) -> Market:
    return Market(life).open()
