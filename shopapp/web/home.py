"""Home: is everything running, and what needs me? And the pre-flight page, which names what stands in the way."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, redirect, render_template
from sqlalchemy import exists, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from shopapp import clock
from shopapp.alerts import inbox
from shopapp.plans import ledger
from shopapp.records import db, journal
from shopapp.records.models import Account, Shop
from shopapp.shops.preflight import preflight
from shopapp.web import activity, attention, completeness
from shopapp.web.guide import guide
from shopapp.web.plan import counter
from shopapp.web.session import current_shop

blueprint = Blueprint("home", __name__)


def _shown(s: Session, shop: Shop) -> dict[str, Any]:
    """Everything Home shows, in one reading transaction."""
    shown_days = activity.days(s, shop)
    return {
        "attention": attention.gather(s, shop),
        "counter": counter(shop, ledger.usage(s, shop)),
        "connected": s.execute(select(exists().where(Account.shop_id == shop.id))).scalar_one(),
        "pulses": activity.pulses(s, shop),
        "complete": completeness.latest(s, shop),
        "days": shown_days,
        "bars": activity.bars(shown_days),
        "total": sum(one.imported + one.waiting + one.failed for one in shown_days),
        "guide": guide(s, shop),
        "unread": inbox.unread(s, shop.id),
    }


@blueprint.get("/")
def page() -> str:
    """Home."""
    with db.reading() as s:
        shown = _shown(s, current_shop(s))
    return render_template("home.html", **shown)


@blueprint.post("/guide/dismiss")
def dismiss_guide() -> AnyResponse:
    """Put the set-up guide away for good."""
    with db.writing() as s:
        shop = current_shop(s)
        shop.guide_dismissed_at = shop.guide_dismissed_at or clock.now()
        journal.audit(s, shop.id, g.visitor.user_id, "guide_dismissed", "shop")
    return redirect("/?done=dismissed", 303)


@blueprint.post("/banner/<int:incident_id>/dismiss")
def dismiss_banner(incident_id: int) -> AnyResponse:
    """Put a banner away that may be put away; it comes back when its trouble begins anew."""
    with db.writing() as s:
        if not attention.dismiss(s, g.shop_id, incident_id, clock.now()):
            abort(404)
    return redirect("/", 303)


@blueprint.get("/preflight")
def preflight_page() -> str:
    """What stands in the way of importing: a missing scope or location, the state of the shop."""
    with db.reading() as s:
        problems = preflight(s, current_shop(s))
    return render_template("preflight.html", problems=problems)
