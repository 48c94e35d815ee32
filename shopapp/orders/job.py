"""One order on its way to Shopify: read from the table before the network, and what it shares with others of its shop.

Reads only; what happens to the order is written by `place` and `outcome`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, not_, or_, select
from sqlalchemy.orm import Session, load_only

from marketplaces.data import Order as Sale
from shopapp import clock
from shopapp.orders import positions, stored
from shopapp.orders.lookup import BATCH, Asked
from shopapp.orders.positions import Position
from shopapp.records import db
from shopapp.records.models import Order, OrderLine, OrderState, Shop
from shopapp.runtime import config
from shopapp.shopify_admin import tokens
from shopapp.skus import mapping
from shopapp.work.claim import Claim

TOKENS = 40
_tokens: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()
LOOKED_AHEAD = 500  # due orders whose SKUs are asked for along with one
SENDABLE = (OrderState.RECEIVED, OrderState.FAILED, OrderState.SENDING)


@dataclass(frozen=True, slots=True)
class Job:
    """What a send needs, detached from any transaction. `sale` is None when only the marketplace knows the order.

    `positions`: what each of the sale's lines means in the shop, in their order.
    """

    mine: Claim
    shop_id: int
    domain: str
    development: bool
    defined: bool
    catalogue_at: datetime | None
    account_id: int
    channel: str
    site: str
    remote_order_id: str
    ref: str
    version: datetime
    due_at: datetime
    sent_at: datetime | None
    sends: int
    first_send: bool
    backfill: bool
    seen: tokens.Seen | None
    sale: Sale | None
    positions: tuple[Position, ...]


# Of an order's many columns those are read that its way to Shopify looks at; any other comes when it is asked for.
_SHOP = load_only(
    Shop.uid, Shop.domain, Shop.currency, Shop.development, Shop.status, Shop.installed_at, Shop.access_token,
    Shop.access_expires_at, Shop.refresh_token, Shop.token_fence, Shop.token_lease_until, Shop.catalogue_at,
    Shop.ref_definition_at, Shop.paused_at, Shop.plan_key, Shop.trial_ends_at, Shop.period_anchor,
)  # fmt: skip
_BOUND = (
    Order.shop_id, Order.account_id, Order.remote_created_at, Order.found_at, Order.cancelled_at, Order.currency,
    Order.total_minor, Order.state, Order.held_reason, Order.cause, Order.due_at, Order.lease_token,
    Order.lease_until, Order.attempt,
)  # fmt: skip
_SENT = load_only(
    *_BOUND, Order.channel, Order.realm, Order.seller_id, Order.remote_order_id, Order.site, Order.remote_updated_at,
    Order.cancel_mirrored_at, Order.payload, Order.purged_at, Order.backfill, Order.by_channel, Order.accept_asked_at,
    Order.first_send, Order.sent_at, Order.sends, Order.fence,
)  # fmt: skip
_CLAIMED = (
    select(Order, Shop)
    .join(Shop, Shop.id == Order.shop_id)
    .where(Order.id == bindparam("mine"), Order.lease_token == bindparam("lease"))
)
_TO_SEND = _CLAIMED.options(_SENT, _SHOP).with_for_update(key_share=True, of=(Order, Shop))
_TO_BIND = _CLAIMED.options(load_only(*_BOUND), _SHOP).with_for_update(key_share=True, of=Order)


def claimed(s: Session, mine: Claim) -> tuple[Order, Shop] | None:
    """The claimed order and its shop, both locked (see `gate.locked`), if our lease still holds it; None when another has."""
    found = s.execute(_TO_SEND, {"mine": mine.id, "lease": mine.token}).one_or_none()
    return None if found is None else (found[0], found[1])


def answered(s: Session, mine: Claim) -> tuple[Order, Shop] | None:
    """The claimed order, locked, and its shop, as `outcome.bind` needs them; None when another lease holds it."""
    found = s.execute(_TO_BIND, {"mine": mine.id, "lease": mine.token}).one_or_none()
    return None if found is None else (found[0], found[1])


def settle_time() -> timedelta:
    """How long an unanswered send may still arrive."""
    return timedelta(seconds=config().number("SETTLE_SECONDS"))


def read(s: Session, row: Order, shop: Shop, mine: Claim) -> Job:
    """The claimed row as a job."""
    _ours(mine.token)
    try:
        sale = stored.unpack(row.payload) if row.payload else None
    except (KeyError, ValueError, TypeError):
        sale = None  # kept by an older version of the app: asked for again
    return Job(
        mine=mine,
        shop_id=shop.id,
        domain=shop.domain,
        development=shop.development,
        defined=shop.ref_definition_at is not None,
        catalogue_at=shop.catalogue_at,
        account_id=row.account_id,
        channel=row.channel,
        site=row.site,
        remote_order_id=row.remote_order_id,
        ref=row.ref,
        version=row.remote_updated_at,
        due_at=row.due_at or clock.now(),
        sent_at=row.sent_at,
        sends=row.sends,
        first_send=row.first_send and row.sends == 0 and row.sent_at is None,
        backfill=row.backfill,
        seen=tokens.glance(shop),
        sale=sale,
        positions=positions.read(s, row, sale) if sale else (),
    )


def others_to_look_up(job: Job) -> list[Asked]:
    """Whom to ask for along with this job: due orders that this process works on or may claim next, oldest due first."""
    now = clock.now()
    free = or_(Order.lease_until.is_(None), Order.lease_until < now, Order.lease_token.in_(_ours(job.mine.token)))
    never_sent = (Order.first_send.is_(True)) & (Order.sends == 0)
    settled = or_(Order.sent_at.is_(None), Order.sent_at <= now - settle_time())
    due = (Order.shop_id == job.shop_id, Order.state.in_(SENDABLE), Order.due_at <= now, Order.id != job.mine.id)
    columns = (Order.id, Order.channel, Order.realm, Order.seller_id, Order.remote_order_id)
    found = select(Order).options(load_only(*columns)).where(*due, free, settled, not_(never_sent))
    with db.reading() as s:
        rows = s.scalars(found.order_by(Order.due_at, Order.id).limit(4 * BATCH))  # some are being looked up already
        return [Asked(row.id, row.ref) for row in rows]


def _ours(token: str) -> list[str]:
    """The leases under which this process has worked lately."""
    with _lock:
        _tokens[token] = None
        _tokens.move_to_end(token)
        while len(_tokens) > TOKENS:
            _tokens.popitem(last=False)
        return list(_tokens)


def others_skus(job: Job) -> list[str]:
    """SKUs of the shop that its next due orders wait for."""
    due = (Order.shop_id == job.shop_id, Order.state.in_(SENDABLE), Order.due_at <= clock.now())
    with db.reading() as s:
        first = select(Order.id).where(*due).order_by(Order.due_at, Order.id).limit(LOOKED_AHEAD)
        lines = mapping.with_mappings(select(mapping.LINE_SKU), job.shop_id).where(OrderLine.order_id.in_(first))
        wanted = lines.where(OrderLine.chosen_gid == "", mapping.LINE_SKU != "").distinct()
        return list(s.scalars(wanted.limit(LOOKED_AHEAD)))
