"""Plan: the counter against each plan, what happens at the limit, the ledger, changing the plan."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from marketplaces.money import Money
from shopapp import clock
from shopapp.alerts.letters import cell
from shopapp.plans import gate, ledger
from shopapp.plans.catalogue import CURRENCY, TRIAL_KEY, plans
from shopapp.plans.entitlements import provider
from shopapp.records import db
from shopapp.records.models import Order, Shop, UsageEntry
from shopapp.runtime import config
from shopapp.web import charts
from shopapp.web.presentation import _
from shopapp.web.session import current_shop

blueprint = Blueprint("plan", __name__)


def counter(shop: Shop, usage: ledger.Usage) -> dict[str, Any]:
    """What the counter shows, here and on Home: shares, gauge, whether the limit is near or passed."""
    warn = Decimal(config().number("PLAN_WARN_PERCENT")) / 100
    elapsed = clock.now() - usage.since
    whole = usage.reset_at - usage.since
    pace = usage.share * Decimal(whole / elapsed) if elapsed.total_seconds() > 6 * 3600 else None
    current = provider().plan_of(shop)
    return {
        "usage": usage,
        "plan": current,
        "ended": current is None,
        "near": usage.share >= warn and not usage.over,
        "warn": warn,
        "gauge": charts.gauge(usage.share, pace, warn),
        "trial_ends_at": shop.trial_ends_at if shop.plan_key == TRIAL_KEY else None,
    }


@blueprint.get("/plan")
def page() -> str:
    """The counter, the plans and the last ledger entries."""
    return _page("")


def _page(error: str) -> str:
    with db.reading() as s:
        shop = current_shop(s)
        usage = ledger.usage(s, shop)
        entries = [*_entries(s, shop.id, 20)]
    seen = counter(shop, usage)
    offers = [_offer(plan, shop, usage, seen["warn"]) for plan in plans() if plan.key != TRIAL_KEY]
    return render_template("plan.html", counter=seen, offers=offers, entries=entries, error=error)


def _offer(plan: Any, shop: Shop, usage: ledger.Usage, warn: Decimal) -> dict[str, Any]:
    share = Decimal(usage.used.minor) / Decimal(plan.limit_money.minor or 1)
    return {"plan": plan, "share": share, "gauge": charts.gauge(share, None, warn), "mine": plan.key == shop.plan_key}


def _entries(s: Session, shop_id: int, limit: int) -> Iterator[tuple[UsageEntry, str]]:
    found = select(UsageEntry, Order.remote_order_id).join(Order, Order.id == UsageEntry.order_id)
    newest = found.where(UsageEntry.shop_id == shop_id).order_by(UsageEntry.at.desc(), UsageEntry.id.desc())
    yield from ((entry, order_id) for entry, order_id in s.execute(newest.limit(limit)))


@blueprint.post("/plan")
def change() -> AnyResponse | tuple[str, int]:
    """Change to another plan; a provider that needs the merchant's consent answers with its address."""
    try:
        address = gate.choose_plan(g.shop_id, request.form.get("plan", ""), g.visitor.user_id)
    except ValueError:
        return _page(_("This plan is not offered. Choose one of the plans below.")), 422
    if address:
        return Response("", 200, {"X-Relay-Top": address})
    return redirect("/plan?done=plan_changed", 303)


@blueprint.get("/plan/ledger.csv")
def ledger_csv() -> Response:
    """The whole ledger of this period as CSV: the counter is its sum."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        ["imported_at", "order_id", "amount", "currency", "rate", "rate_day", f"counted_{CURRENCY}", "credited_at"]
    )
    with db.reading() as s:
        since = ledger.usage(s, current_shop(s)).since
        for entry, order_id in _entries(s, g.shop_id, 100_000):
            if entry.at < since:
                break
            table.writerow(_csv_row(entry, order_id))
    headers = {"Content-Disposition": 'attachment; filename="ledger.csv"'}
    return Response(out.getvalue(), 200, headers, content_type="text/csv; charset=utf-8")


def _csv_row(entry: UsageEntry, order_id: str) -> list[str]:
    counted = "" if entry.gmv_minor is None else str(Money(entry.gmv_minor, CURRENCY).decimal)
    return [
        entry.at.isoformat(), cell(order_id), str(Money(entry.amount_minor, entry.currency).decimal), entry.currency,
        str(entry.rate or ""), str(entry.rate_day or ""), counted,
        entry.credited_at.isoformat() if entry.credited_at else "",
    ]  # fmt: skip
