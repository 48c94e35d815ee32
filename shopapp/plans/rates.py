"""Dated exchange rates, from the ECB's daily file. The last known rate is used, and its date is stored with what used it."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.records import db
from shopapp.records.models import FxRate

_DAY = re.compile(r"""<Cube\s+time=['"](\d{4}-\d\d-\d\d)['"]""")
_RATE = re.compile(r"""<Cube\s+currency=['"]([A-Z]{3})['"]\s+rate=['"](\d{1,9}(?:\.\d{1,10})?)['"]""")

BELIEVED = timedelta(minutes=5)  # how long a process believes what it read; another may have fetched a newer day
MOST = 10_000
_remembered: WeakKeyDictionary[Engine, dict[tuple[str, date], tuple[datetime, tuple[Decimal, date]]]] = (
    WeakKeyDictionary()
)


def parse(text: str) -> tuple[date, dict[str, Decimal]]:
    """The day and the units of each currency for one euro. ValueError when the text is not the ECB's daily file.

    The file's two attributes are read by pattern: no XML parser, hence no entities to expand.
    """
    day = _DAY.search(text)
    rates = {currency: Decimal(rate) for currency, rate in _RATE.findall(text) if Decimal(rate) > 0}
    if not day or len(rates) < 5:
        raise ValueError("not a daily file of exchange rates")
    return date.fromisoformat(day[1]), rates


def store(s: Session, day: date, rates: dict[str, Decimal]) -> None:
    """Keep the rates of a day; a day that is known already stays as it is."""
    rows = [{"day": day, "currency": currency, "per_euro": rate} for currency, rate in rates.items()]
    db.upsert(s, FxRate, rows, key=["day", "currency"])
    _remembered.clear()


def rate(s: Session, source: str, target: str, day: date) -> tuple[Decimal, date] | None:
    """Units of `target` for one `source` on `day` or the last day known before, with that day; None when unknown.

    Before the first known day the first one is used, so that a new installation need not wait for a whole history.
    """
    if source == target:
        return Decimal(1), day
    one, other = _per_euro(s, source, day), _per_euro(s, target, day)
    if one is None or other is None:
        return None
    return other[0] / one[0], min(one[1], other[1])


def _per_euro(s: Session, currency: str, day: date) -> tuple[Decimal, date] | None:
    if currency == "EUR":
        return Decimal(1), day
    now, remembered = clock.now(), _remembered.setdefault(db.engine(), {})
    kept = remembered.get((currency, day))
    if kept is not None and kept[0] <= now < kept[0] + BELIEVED:
        return kept[1]
    found = _stored(s, currency, day)
    if found is not None:
        if len(remembered) > MOST:
            remembered.clear()
        remembered[(currency, day)] = (now, found)
    return found


def _stored(s: Session, currency: str, day: date) -> tuple[Decimal, date] | None:
    known = select(FxRate).where(FxRate.currency == currency)
    row = s.scalars(known.where(FxRate.day <= day).order_by(FxRate.day.desc()).limit(1)).first()
    row = row or s.scalars(known.order_by(FxRate.day).limit(1)).first()
    return (row.per_euro, row.day) if row else None
