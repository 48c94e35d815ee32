"""Arrival: what a page load proves about a shop. First load, return after uninstallation, and healing of lost tokens.

There is no other step: Shopify has granted the scopes before it opens the app. Decides nothing about plans.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplaces.errors import RemoteError
from shopapp import clock, runtime, verdict
from shopapp.logs import event
from shopapp.records import db, journal
from shopapp.records.models import Account, Backfill, Order, Shipment, Shop, ShopStatus, Variant
from shopapp.records.vault import new_uid
from shopapp.shopify_admin import auth, tokens
from shopapp.shopify_admin.auth import Visitor
from shopapp.shopify_admin.errors import IdTokenStale
from shopapp.shops.preflight import Problem, preflight
from shopapp.shops.upkeep import DAILY, refresh_facts

__all__ = ["Problem", "arrive", "find", "preflight"]

log = logging.getLogger(__name__)
OPENED_EVERY = timedelta(minutes=1)  # how exact "last opened" is; also how often a missing scope is looked for again
ASLEEP = timedelta(days=1)  # by which work of a shop that removed the app is put off, again and again, until it is back
SLEEPERS = (Account, Backfill, Order, Shipment, Variant)
FRESH_BEFORE = timedelta(days=1)  # a refresh token with less left is replaced by the visit


def find(s: Session, domain: str) -> Shop | None:
    """The shop of a domain, whatever its status."""
    return s.scalars(select(Shop).where(Shop.domain == domain)).one_or_none()


def arrive(visitor: Visitor) -> Shop:
    """The visitor's shop, installed and healed if need be; cheap when there is nothing to do. A detached row.

    Raises IdTokenStale when the page must come back with a fresh ID token, and the error families when Shopify does not
    answer on a first load; later loads work without it. Network: not inside a transaction.
    """
    with db.reading() as s:
        shop = find(s, visitor.shop_domain)
    if shop is not None and _is_fine(shop):
        return _opened(shop, visitor)
    try:
        given = tokens.exchange(visitor.shop_domain, visitor.id_token)
    except IdTokenStale:
        raise
    except RemoteError as error:
        if shop is None or shop.status == ShopStatus.UNINSTALLED:
            raise
        event(log, "visit_without_exchange", logging.WARNING, shop=shop.id, error=type(error).__name__)
        return shop
    with db.writing() as s:
        shop = _install(s, visitor, given)
    _complete(shop.id)
    with db.reading() as s:
        return s.get_one(Shop, shop.id)


def _is_fine(shop: Shop) -> bool:
    now = clock.now()
    if shop.status != ShopStatus.ACTIVE or not shop.refresh_token or not shop.refresh_expires_at:
        return False
    if shop.refresh_expires_at - now < FRESH_BEFORE:
        return False
    lately = shop.last_opened_at is not None and now - shop.last_opened_at < OPENED_EVERY
    if not lately and (shop.access_expires_at is None or shop.access_expires_at - now < tokens.EARLY):
        # A refresh would be due anyway; an exchange costs the same and also proves that the app is still installed.
        return False
    return lately or not auth.missing_scopes(shop.scopes, runtime.config().scopes)


def _opened(shop: Shop, visitor: Visitor) -> Shop:
    now = clock.now()
    lately = shop.last_opened_at is not None and now - shop.last_opened_at < OPENED_EVERY
    locale = visitor.locale or shop.locale
    if lately and shop.locale == locale:
        return shop
    with db.writing() as s:
        kept = s.get_one(Shop, shop.id)
        kept.last_opened_at, kept.locale = now, locale
        return kept


def _install(s: Session, visitor: Visitor, given: tokens.TokenSet) -> Shop:
    """Keep the tokens; the row is made when there is none, and only once however many first loads arrive together."""
    now = clock.now()
    row = {
        "domain": visitor.shop_domain,
        "uid": new_uid(),
        "installed_at": now,
        **{name: _default(name) for name in _NOT_NULL},
    }
    db.insert_new(s, Shop, row, key=["domain"])
    shop = s.scalars(select(Shop).where(Shop.domain == visitor.shop_domain).with_for_update(key_share=True)).one()
    fresh = shop.uid == row["uid"]
    back = shop.status == ShopStatus.UNINSTALLED
    if back:
        shop.status, shop.uninstalled_at, shop.status_words = ShopStatus.ACTIVE, None, ""
        _wake(s, shop.id, now)
    if back or shop.status == ShopStatus.NEEDS_OPENING:
        # Dead tokens may mean that the app was removed and installed again: older messages about a removal are void.
        shop.installed_at = now
    tokens.store(s, shop, given)
    shop.last_opened_at, shop.locale = now, visitor.locale or shop.locale
    shop.due_at = now  # upkeep completes what does not succeed at once
    verdict.shop_works(s, shop)
    if fresh or back:
        what = "installed" if fresh else "installed_again"
        journal.note(s, shop.id, "shop", what)
        journal.audit(s, shop.id, visitor.user_id, f"shop.{what}", "shop")
        event(log, what, shop=shop.id)
    return shop


def _wake(s: Session, shop_id: int, now: datetime) -> None:
    """Whatever was put to sleep when the app was removed goes on at once, where it stood."""
    for model in SLEEPERS:
        asleep = update(model).where(model.shop_id == shop_id, model.due_at > now)
        s.execute(asleep.values(due_at=now).execution_options(synchronize_session=False))


_NOT_NULL = tuple(
    column.name
    for column in Shop.__table__.columns
    if not column.nullable and column.name not in ("id", "domain", "uid", "installed_at")
)


def _default(name: str) -> object:
    default = Shop.__table__.columns[name].default
    assert default is not None, f"shop.{name} has no default"
    return default.arg(None) if default.is_callable else default.arg  # an empty list or mapping is made anew


def _complete(shop_id: int) -> None:
    """Read the profile, define the order reference. What fails is caught up by upkeep; the page opens anyway."""
    try:
        refresh_facts(shop_id, interactive=True)
    except RemoteError as error:
        event(log, "installation_incomplete", logging.WARNING, shop=shop_id, error=type(error).__name__)
        return
    with db.writing() as s:
        s.get_one(Shop, shop_id).due_at = clock.now() + DAILY
