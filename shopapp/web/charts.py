"""Pictures as server-made SVG: shapes only, all words stay in HTML. Pure functions over numbers; sizes are in view units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

_SVG = Markup('<svg viewBox="0 0 {} 100" preserveAspectRatio="none" aria-hidden="true" focusable="false">{}</svg>')
_RECT = Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}"/>')


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: how many went well, how many wait, how many failed, and the words of its tooltip."""

    good: int
    waiting: int
    bad: int
    title: str

    @property
    def all(self) -> int:
        """Its height."""
        return self.good + self.waiting + self.bad


def gauge(used: Decimal, forecast: Decimal | None, mark: Decimal) -> Markup:
    """A horizontal gauge. `used`, `forecast` (at the end of the period) and `mark` are shares of the limit, 0 to 1."""
    filled, wide = _percent(used), _percent(forecast) if forecast is not None else 0
    tone = "bad" if used >= 1 else "warn" if used >= mark else "main"
    shapes = [_RECT.format(0, 0, 100, 100, "track")]
    if wide > filled:
        shapes.append(_RECT.format(0, 0, wide, 100, "pale"))
    shapes.append(_RECT.format(0, 0, filled, 100, tone))
    at = _percent(mark)
    shapes.append(Markup('<line x1="{0}" y1="0" x2="{0}" y2="100" class="mark"/>').format(at))
    return _SVG.format(100, Markup("").join(shapes))


def bars(days: Sequence[Bar]) -> Markup:
    """Stacked bars, from below: done, waiting, failed; the tallest day fills the height."""
    top = max((bar.all for bar in days), default=0) or 1
    shapes = []
    for index, bar in enumerate(days):
        parts, floor = [], 100.0
        for count, name in ((bar.good, "main"), (bar.waiting, "pale"), (bar.bad, "bad")):
            if count:
                height = round(100 * count / top, 2)
                floor = round(floor - height, 2)
                parts.append(_RECT.format(index * 10 + 1, floor, 8, height, name))
        shapes.append(Markup("<g><title>{}</title>{}</g>").format(bar.title, Markup("").join(parts)))
    shapes.append(Markup('<line x1="0" y1="100" x2="{}" y2="100" class="rule"/>').format(len(days) * 10))
    return _SVG.format(len(days) * 10, Markup("").join(shapes))


# Into how many stripes a cell is cut: what a colour says, its shape says as well.
_STRIPES = {"good": 1, "warn": 2, "bad": 3}


def cells(states: Sequence[str]) -> Markup:
    """A row of health cells; each state is a class: good (solid), warn (two stripes), bad (three) or none (a low one)."""
    shapes = []
    for index, state in enumerate(states):
        count = _STRIPES.get(state, 0)
        if not count:
            shapes.append(_RECT.format(index * 10 + 0.5, 80, 9, 20, "none"))
        height = round((100 - 16 * (count - 1)) / count, 2) if count else 0
        shapes += [
            _RECT.format(index * 10 + 0.5, round(part * (height + 16), 2), 9, height, state) for part in range(count)
        ]
    return _SVG.format(len(states) * 10, Markup("").join(shapes))


def _percent(share: Decimal) -> float:
    return round(float(min(max(share, Decimal(0)), Decimal(1)) * 100), 2)
