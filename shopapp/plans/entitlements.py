"""Which plan a shop is entitled to. One interface; the provider here keeps the plan on the shop (self-hosted, tests).

A provider that asks Shopify (App Pricing) has the same two functions; nothing outside this module would change.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.plans.catalogue import TRIAL, TRIAL_KEY, Plan, plan, plans
from shopapp.records.journal import audit, note
from shopapp.records.models import Shop


class Entitlements(Protocol):
    """Answers what a shop has bought, and takes the merchant to change it."""

    def plan_of(self, shop: Shop) -> Plan | None:
        """The plan in force, None when nothing is (the trial is over and no plan was chosen)."""

    def choose(self, s: Session, shop: Shop, key: str, user_id: str) -> str:
        """Change to plan `key`; "" when done at once, else the address where the merchant must approve it."""


class FixedPlans:
    """The plan stands on the shop's row and changes at once, without billing."""

    def plan_of(self, shop: Shop) -> Plan | None:
        """The trial until it ends, then the chosen plan."""
        if shop.plan_key == TRIAL_KEY:
            running = shop.trial_ends_at is not None and clock.now() < shop.trial_ends_at
            return plan(TRIAL_KEY) if running else None
        return plan(shop.plan_key)

    def choose(self, s: Session, shop: Shop, key: str, user_id: str) -> str:
        """Store the plan, with an audit entry. ValueError for an unknown plan, or for going back to the trial."""
        if key == TRIAL_KEY or key not in {p.key for p in plans()}:
            raise ValueError(f"no such plan: {key[:32]}")
        audit(s, shop.id, user_id, "plan.changed", "plan", before=shop.plan_key, after=key)
        note(s, shop.id, "plan", "plan_changed", before=shop.plan_key, after=key)
        shop.plan_key = key
        return ""


def provider() -> Entitlements:
    """The provider of this installation."""
    return FixedPlans()


def begin_trial(shop: Shop) -> None:
    """A new installation starts its trial; a shop that had one keeps its dates."""
    if shop.period_anchor is None:
        shop.period_anchor = clock.now()
        shop.trial_ends_at = shop.period_anchor + TRIAL
        shop.plan_key = TRIAL_KEY
