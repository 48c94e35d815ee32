"""The shop's own data as one JSON file: settings, accounts with masked secrets, SKU mappings, orders. Piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from shopapp import clock
from shopapp.accounts import repair
from shopapp.alerts import choices
from shopapp.records import db
from shopapp.records.models import Account, Order, Shop
from shopapp.skus import browse

BATCH = 500
_SHOP = (
    "domain", "name", "email", "currency", "timezone", "status", "installed_at", "scopes", "language", "paused_at",
    "use_shop_email", "alert_address", "alert_address_confirmed_at", "plan_key", "trial_ends_at", "period_anchor",
)  # fmt: skip
_ACCOUNT = (
    "id", "channel", "realm", "seller_id", "seller_name", "label", "status", "status_since", "worked_at", "expires_at",
    "importing", "take_over_at", "polled_at", "missing", "cause", "cause_words",
)  # fmt: skip
_ORDER = (
    "id", "account_id", "channel", "realm", "seller_id", "site", "remote_order_id", "remote_state", "remote_created_at",
    "state", "held_reason", "ignore_reason", "cause", "cause_words", "currency", "total_minor", "buyer_name", "payload",
    "found_at", "imported_at", "shopify_gid", "shopify_name", "shopify_total_minor", "cancelled_at", "purged_at",
)  # fmt: skip
_LINE = ("line_id", "sku", "chosen_sku", "title", "quantity", "total_minor", "variant_gid", "variant_title")


def stream(shop_id: int) -> Iterator[str]:
    """The file in pieces; a transaction for each, so that a large shop holds none open."""
    with db.reading() as s:
        head = _head(s, shop_id)
    yield json.dumps(head, default=_plain, ensure_ascii=False)[:-1] + ', "sku_mappings": ['
    glue = "\n"
    with db.reading() as s:
        for account_id, sku, store_sku in browse.everything(s, shop_id):
            told = {"account_id": account_id, "marketplace_sku": sku, "store_sku": store_sku}
            yield glue + json.dumps(told, ensure_ascii=False)
            glue = ",\n"
    yield '], "orders": ['
    last, glue = 0, "\n"
    while True:
        with db.reading() as s:
            rows = _orders(s, shop_id, last)
        for row in rows:
            yield glue + json.dumps(row, default=_plain, ensure_ascii=False)
            last, glue = row["id"], ",\n"
        if len(rows) < BATCH:
            break
    yield "]}\n"


def _head(s: Session, shop_id: int) -> dict[str, Any]:
    shop = s.get_one(Shop, shop_id)
    accounts = s.scalars(select(Account).where(Account.shop_id == shop_id).order_by(Account.id)).unique()
    return {
        "exported_at": clock.now(),
        "shop": _picked(shop, _SHOP),
        "notifications": {str(category): on for category, on in choices.categories(s, shop_id).items()},
        "accounts": [_account(one) for one in accounts],
    }


def _account(account: Account) -> dict[str, Any]:
    sites = [{"site": one.site, "name": one.name, "importing": one.importing} for one in account.sites]
    stored = {one.field.key: one.shown for one in repair.entered(account)}
    return {**_picked(account, _ACCOUNT), "sites": sites, "credentials": stored}


def _orders(s: Session, shop_id: int, after: int) -> list[dict[str, Any]]:
    found = select(Order).where(Order.shop_id == shop_id, Order.id > after).options(selectinload(Order.lines))
    rows = s.scalars(found.order_by(Order.id).limit(BATCH)).all()
    return [{**_picked(row, _ORDER), "lines": [_picked(line, _LINE) for line in row.lines]} for row in rows]


def _picked(row: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
