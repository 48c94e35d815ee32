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
    """One day: how many went well, how many failed, and the words of its tooltip."""

    good: int
    bad: int
    title: str


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
    """Stacked bars, the failed part on top; the tallest day fills the height."""
    top = max((bar.good + bar.bad for bar in days), default=0) or 1
    shapes = []
    for index, bar in enumerate(days):
        good, bad = 100 * bar.good / top, 100 * bar.bad / top
        parts = [_RECT.format(index * 10 + 1, round(100 - good, 2), 8, round(good, 2), "main")]
        if bar.bad:
            parts.append(_RECT.format(index * 10 + 1, round(100 - good - bad, 2), 8, round(bad, 2), "bad"))
        shapes.append(Markup("<g><title>{}</title>{}</g>").format(bar.title, Markup("").join(parts)))
    shapes.append(Markup('<line x1="0" y1="100" x2="{}" y2="100" class="rule"/>').format(len(days) * 10))
    return _SVG.format(len(days) * 10, Markup("").join(shapes))


def cells(states: Sequence[str]) -> Markup:
    """A row of health cells; each state is a class: good, warn, bad or none."""
    shapes = [_RECT.format(index * 10 + 0.5, 0, 9, 100, state) for index, state in enumerate(states)]
    return _SVG.format(len(states) * 10, Markup("").join(shapes))


def _percent(share: Decimal) -> float:
    return round(float(min(max(share, Decimal(0)), Decimal(1)) * 100), 2)
