"""Pictures: shapes only, never outside their frame."""

from __future__ import annotations

import re
from decimal import Decimal

from shopapp.web import charts


def _rects(svg: str) -> list[tuple[float, float, float, float, str]]:
    found = re.findall(r'<rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.-]+)" height="([\d.-]+)" class="(\w+)"/>', svg)
    return [(float(x), float(y), float(w), float(h), name) for x, y, w, h, name in found]


def test_a_gauge_is_full_at_the_limit_and_never_wider() -> None:
    for used, name in ((Decimal("0.5"), "main"), (Decimal("0.8"), "warn"), (Decimal(1), "bad"), (Decimal(7), "bad")):
        *_, last = _rects(charts.gauge(used, None, Decimal("0.8")))
        assert last == (0, 0, float(min(used, Decimal(1)) * 100), 100, name)


def test_a_forecast_is_pale_and_only_shown_beyond_what_is_used() -> None:
    assert [one[4] for one in _rects(charts.gauge(Decimal("0.2"), Decimal("0.6"), Decimal("0.8")))] == [
        "track", "pale", "main",
    ]  # fmt: skip
    assert "pale" not in charts.gauge(Decimal("0.6"), Decimal("0.2"), Decimal("0.8"))


def test_the_tallest_bar_fills_the_height_and_parts_stand_on_each_other() -> None:
    rects = _rects(charts.bars([charts.Bar(2, 1, 1, "a"), charts.Bar(1, 0, 0, "b"), charts.Bar(0, 0, 0, "c")]))
    assert [(y, h, name) for _, y, _, h, name in rects] == [
        (50, 50, "main"), (25, 25, "pale"), (0, 25, "bad"), (75, 25, "main"),
    ]  # fmt: skip


def test_titles_of_bars_are_escaped() -> None:
    assert "<script>" not in charts.bars([charts.Bar(1, 0, 0, "<script>")])


def test_each_state_of_a_cell_has_a_shape_of_its_own() -> None:
    rects = _rects(charts.cells(["good", "warn", "bad", "none"]))
    assert [sum(one[4] == name for one in rects) for name in ("good", "warn", "bad", "none")] == [1, 2, 3, 1]
    assert all(y + h <= 100.1 for _, y, _, h, _ in rects)
    assert all(x + w <= 40 for x, _, w, _, _ in rects)
