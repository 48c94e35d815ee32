"""Reminders of broken accounts that stay broken: after 24 and 72 hours, 7 days, then weekly. Never after repair."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.alerts import choices, mails
from shopapp.records import db
from shopapp.records.models import Incident, Shop, ShopStatus

KIND = "account_expired"
STEPS = (timedelta(hours=24), timedelta(hours=72), timedelta(days=7))
WEEK = timedelta(days=7)


def steps_passed(age: timedelta) -> int:
    """How many reminders an incident of this age should have had."""
    if age < STEPS[-1]:
        return sum(age >= step for step in STEPS)
    return len(STEPS) + (age - STEPS[-1]) // WEEK


def remind(s: Session, now: datetime) -> int:
    """Queue one reminder per shop for its accounts that are still broken; how many. Missed steps are not made up."""
    old = select(Incident).where(
        Incident.kind == KIND, Incident.resolved_at.is_(None), Incident.opened_at <= now - STEPS[0]
    )
    late: dict[int, list[Incident]] = defaultdict(list)
    for incident in s.scalars(old.order_by(Incident.id).with_for_update(key_share=True, skip_locked=True)):
        if steps_passed(now - incident.opened_at) > incident.reminded:
            late[incident.shop_id].append(incident)
    queued = 0
    for shop_id, incidents in late.items():
        shop = s.get_one(Shop, shop_id)
        if shop.status == ShopStatus.UNINSTALLED or not choices.enabled(s, shop_id, incidents[0].category):
            continue
        for incident in incidents:
            incident.reminded = steps_passed(now - incident.opened_at)
        ids = [incident.id for incident in incidents]
        mails.queue(
            s,
            shop,
            "reminder",
            category=incidents[0].category,
            due_at=mails.next_slot(s, shop_id, incidents[0].category),
            params={"incidents": ids},
        )
        queued += 1
    return queued


def due() -> int:
    """The chore: `remind` in a transaction of its own."""
    with db.writing() as s:
        return remind(s, clock.now())
