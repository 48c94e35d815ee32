"""The plans and their limits. A limit is the value of imported orders in one 30-day period, in the plan currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from marketplaces.money import Money
from shopapp.i18n import N_
from shopapp.runtime import config

CURRENCY = "EUR"
PERIOD = timedelta(days=30)
TRIAL = timedelta(days=30)
TRIAL_KEY = "trial"


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan: its key, its name (a msgid), its limit in whole units of the plan currency, its price per period."""

    key: str
    name: str
    limit: int
    price: int

    @property
    def limit_money(self) -> Money:
        """The limit as money."""
        return Money.parse(self.limit, CURRENCY)

    @property
    def price_money(self) -> Money:
        """The price of one period as money."""
        return Money.parse(self.price, CURRENCY)


_PLANS = (
    Plan(TRIAL_KEY, N_("Trial"), 5_000, 0),
    Plan("starter", N_("Starter"), 10_000, 29),
    Plan("growth", N_("Growth"), 50_000, 79),
    Plan("scale", N_("Scale"), 250_000, 199),
)


def plans() -> tuple[Plan, ...]:
    """All plans, smallest first, with the operator's limits where the settings replace ours."""
    limits = config().plan_limits()
    return tuple(Plan(p.key, p.name, limits.get(p.key, p.limit), p.price) for p in _PLANS)


def plan(key: str) -> Plan:
    """The plan `key`; KeyError when there is none."""
    return {p.key: p for p in plans()}[key]
