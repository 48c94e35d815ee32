"""Brings one order into Shopify: never twice, never not at all. The protocol of one claimed row, step by step.

Look up (unless provably never sent) -> match SKUs -> commit the intent -> send once -> bind, fail or undo. An answer
that tells neither "created" nor "refused" is unknown: the row is due after the settle time and starts again.
"""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from marketplaces.errors import OurFault, PermissionMissing, RateLimited, RemoteError, Transient
from shopapp import clock, verdict
from shopapp.logs import context, event
from shopapp.orders import absorb, accept, intent, lookup, mirror, outcome, prior, refetch, stored
from shopapp.orders import job as jobs
from shopapp.orders.job import Job
from shopapp.orders.lookup import Asked, There
from shopapp.records import db
from shopapp.records.models import Account, Order, OrderState, Shop, ShopStatus
from shopapp.shopify_admin import tokens
from shopapp.shopify_admin.client import Admin
from shopapp.shopify_admin.errors import ShopAuthLost, ShopFrozen
from shopapp.shops import intake
from shopapp.shops.install import ASLEEP
from shopapp.skus.match import Match
from shopapp.skus.memory import Memory
from shopapp.work import pace
from shopapp.work.claim import LEASE, Claim, held, release

log = logging.getLogger(__name__)
SHOP_PAUSED = timedelta(minutes=15)
SEND_WITHIN = LEASE / 2  # of the intent: when another one may take over, all that was sent has had time to arrive
SPREAD = 5.0  # seconds over which orders that found no room come back
DEVELOPMENT_RATE = 5 / 60  # orders a second that Shopify lets be created in a development shop
DEVELOPMENT_BURST = 5
REF_REFUSALS = 3
UNANSWERED = 12  # sends of one order without an answer, each after a look-up that had one: about two hours
UNREAD = (400, 406, 413)  # statuses of a request that was refused as such, whatever else the shop answers
FLAGGED = timedelta(hours=1)  # after so many somebody is told, and it is tried so often
SHOP_TROUBLE = (ShopAuthLost, ShopFrozen, PermissionMissing, OurFault)

MEMORY = Memory()
LOOKUPS = lookup.Lookups()


def due_order(mine: Claim) -> None:
    """Work on one claimed order: accept it, create it, finish what is unclear about it, or mirror its cancellation."""
    until = clock.now() + SEND_WITHIN
    begun = _begin(mine)
    if begun is None:
        return
    job, variables = begun
    with context(shop=job.domain, order=mine.id):
        if job.sale is None:
            refetch.again(mine, job.account_id, job.remote_order_id, job.site)
            return
        remembered = True
        try:
            admin = tokens.line(job.shop_id, job.seen)
            admin.patient = job.backfill
            if variables is None:
                _define(admin, job)
                found = _look(admin, job)
                if found is not None:
                    _bind_found(job, found)
                    return
                matches, remembered = _matches(admin, job)
                _pace(job)
        except RemoteError as error:
            (_put_back if variables is None else _undo)(job, error)
            return
        if variables is None:
            until = clock.now() + SEND_WITHIN
            variables = intent.commit(job, matches)
        if variables is not None:
            _send(job, admin, variables, remembered, until)


def distrust(s: Session) -> int:
    """After a restored backup: look every order up before it is sent, also those found later. How many wait now."""
    now = clock.now()
    s.execute(update(Account).values(trusted_from=now))
    waiting = Order.state.in_(jobs.SENDABLE) | (Order.state == OrderState.HELD)
    changed: Any = s.execute(update(Order).where(waiting).values(first_send=False))
    return int(changed.rowcount)


def _begin(mine: Claim) -> tuple[Job, dict[str, Any] | None] | None:
    """The claimed row as a job; None when there is nothing to send (any more), the row being given back.

    Where nobody has to be asked for anything, the intent is committed with it and its variables come along: most
    orders are sent for the first time, by a shop whose SKUs are remembered.
    """
    with db.writing() as s:
        found = jobs.claimed(s, mine)
        if found is None:
            return None
        row, shop = found
        new = row.state == OrderState.RECEIVED and row.sends == 0 and row.first_send
        if shop.status != ShopStatus.ACTIVE:
            release(row, clock.now() + (ASLEEP if shop.status == ShopStatus.UNINSTALLED else SHOP_PAUSED))
            return None
        waits = accept.awaits(row)
        if row.state in jobs.SENDABLE and not waits:
            if row.state == OrderState.FAILED and row.purged_at is not None:
                release(row, None)  # its buyer is forgotten: it is fetched again only when somebody asks for it
                return None
            if row.cancelled_at is not None and row.sends == 0:
                intent.settle_cancelled(s, row)  # cancelled while a send was under way that was refused
                return None
            if row.backfill and _bind_prior(s, row, shop):
                return None
            job = jobs.read(s, row, shop, mine)
            matches = _remembered(job) if new else None
            if matches is not None:
                variables = intent.intend(s, row, shop, job, matches)
                return None if variables is None else (job, variables)
            if row.sends == 0 and intent.must_wait(s, row, shop, sure=False):
                return None
            return job, None
        mirrors = row.state == OrderState.IMPORTED and row.cancelled_at is not None and row.cancel_mirrored_at is None
        if not waits and not mirrors:
            release(row, None)
            return None
    if waits:
        accept.step(mine)
    else:
        mirror.cancel(mine)
    return None


def _bind_prior(s: Session, row: Order, shop: Shop) -> bool:
    """Bind an older order to the one that another app had made of it."""
    hit = prior.find(s, row)
    if hit is None:
        return False
    outcome.note(s, row, "made_by_another_app", found_in=hit.found_in)
    release(row, None)
    outcome.bind(s, row, shop, hit.gid, hit.name, "prior", None)
    return True


def _define(admin: Admin, job: Job) -> None:
    """Without the definition the reference would be neither unique nor findable."""
    if job.defined:
        return
    answer = admin.run("EnsureOrderRefDefinition")["metafieldDefinitionCreate"]
    refused = [one for one in answer["userErrors"] if one.get("code") != "TAKEN"]
    if refused:
        raise Transient(str(refused[0].get("message", "")), call="EnsureOrderRefDefinition")
    with db.writing() as s:
        s.get_one(Shop, job.shop_id).ref_definition_at = clock.now()


def _look(admin: Admin, job: Job) -> There | None:
    """The order if Shopify has it. RateLimited while an earlier send may still arrive."""
    if job.first_send:
        return None
    settled = job.sent_at + jobs.settle_time() if job.sent_at else None
    mine = Asked(job.mine.id, job.ref, settled)
    try:
        looked = LOOKUPS.find(admin, job.shop_id, mine, lambda: jobs.others_to_look_up(job))
    except Transient as error:
        if error.code == lookup.UNDEFINED:
            with db.writing() as s:
                s.get_one(Shop, job.shop_id).ref_definition_at = None  # the next try defines it again
        raise
    if looked.there is None and settled is not None and looked.at < settled:
        raise RateLimited((settled - looked.at).total_seconds(), "an earlier send may still arrive")
    return looked.there


def _matches(admin: Admin, job: Job) -> tuple[dict[str, Match], bool]:
    """By SKU of the shop: what is mapped is looked for, and remembered, as what it is mapped to."""
    skus = _skus(job)
    if not skus:
        return {}, False
    _forget_older(job)
    found = MEMORY.find(admin, job.shop_id, skus, job.due_at, lambda: jobs.others_skus(job))
    return found.matches, found.remembered


def _remembered(job: Job) -> dict[str, Match] | None:
    """The matches of an order of which nothing has to be asked before it is sent; None when something has."""
    if not (job.first_send and job.defined and job.sale) or job.development or not tokens.lasts(job.seen):
        return None
    _forget_older(job)
    return MEMORY.remembered(job.shop_id, _skus(job), job.due_at)


def _skus(job: Job) -> list[str]:
    return [one.sku for one in job.positions if one.sku and one.chosen is None]


def _forget_older(job: Job) -> None:
    if job.catalogue_at is not None:
        MEMORY.forget(job.shop_id, before=job.catalogue_at)


def _pace(job: Job) -> None:
    """Development shops take five new orders a minute; waiting here spares the refusal."""
    if job.development:
        wait = pace.take(f"create:{job.domain}", DEVELOPMENT_RATE, DEVELOPMENT_BURST)
        if wait > 0:
            raise RateLimited(wait, "a development shop takes five orders a minute")


# --- the send ---------------------------------------------------------------------------------------------------------


def _send(job: Job, admin: Admin, variables: dict[str, Any], remembered: bool, until: datetime) -> None:
    """Send once, then say what the answer means. Whatever is not understood leaves the intent for the next look-up."""
    try:
        data = admin.run("OrderCreate", variables, until=until)["orderCreate"]
    except Transient as error:
        if error.maybe_done:
            _unknown(job, error)
        else:
            _undo(job, error)
        return
    except RemoteError as error:  # refused before anything was done
        _undo(job, error)
        return
    order, refusals = data.get("order"), data.get("userErrors") or []
    if isinstance(order, dict) and order.get("id"):
        _created(job, lookup.there(order))
    elif refusals:
        _refused(job, refusals, remembered)
    else:
        _unknown(job, Transient("neither an order nor an error", maybe_done=True, call="OrderCreate"))


def _created(job: Job, made: There) -> None:
    with db.writing() as s:
        found = jobs.answered(s, job.mine)
        if found is None:
            # Somebody else holds the row now; it will look the order up and bind it.
            event(log, "created_without_lease", logging.WARNING)
            return
        row, shop = found
        release(row, None)  # first, so that the row is written once
        outcome.bind(s, row, shop, made.gid, made.name, "created", made.total)
        verdict.shop_works(s, shop)


def _bind_found(job: Job, there: There) -> None:
    with db.writing() as s:
        found = jobs.answered(s, job.mine)
        if found is None:
            return
        row, shop = found
        if row.state not in jobs.SENDABLE:
            # It was cancelled or set aside while we looked; what is in Shopify counts.
            event(log, "found_after_all", logging.WARNING, state=row.state)
        release(row, None)
        outcome.bind(s, row, shop, there.gid, there.name, "found", there.total)
        if not row.backfill:  # what became of it before we knew it, perhaps long ago: nobody could tell us
            told = {"order_id": there.gid.rpartition("/")[2]}
            intake.repeat(s, shop.domain, f"found:{there.gid}", "fulfillments/update", told)
        verdict.shop_works(s, shop)


def _unknown(job: Job, error: Transient) -> None:
    """No usable answer: it may be there. Due for a look-up once it has had time to arrive."""
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is None:
            return
        outcome.note(s, row, "order_unanswered", error.words)
        event(log, "order_unanswered", logging.WARNING, error=stored.without_buyer(error.words, row.payload))
        settled = (row.sent_at or clock.now()) + jobs.settle_time()
        if row.sends >= UNANSWERED and row.state == OrderState.SENDING and row.cancelled_at is None:
            outcome.fail(s, row, "other", error.words)
            settled = clock.now() + FLAGGED
        release(row, max(settled, clock.now() + _patience(row.attempt)), attempt=row.attempt + 1)


def _patience(attempt: int) -> timedelta:
    return verdict.delay(attempt) if attempt else timedelta(0)


def _undo(job: Job, error: RemoteError) -> None:
    """Definitely not executed: take the intent back, then judge the error."""
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is not None:
            _take_back(s, row, job)
            _judge(s, row, error)


def _take_back(s: Session, row: Order, job: Job) -> None:
    row.state = OrderState.FAILED if row.cause else OrderState.RECEIVED
    row.sends, row.sent_at = row.sends - 1, job.sent_at
    newest = stored.unpack(row.payload) if row.remote_updated_at != job.version and row.payload else None
    if newest is not None and newest.updated_at > job.version:
        absorb.fill(s, row, newest)  # it came while the older one was being sent, and is sent next


def _refused(job: Job, refusals: list[dict[str, Any]], remembered: bool) -> None:
    """Shopify says no and why: nothing was created."""
    first = refusals[0]
    words = str(first.get("message") or "")
    field = ".".join(str(part) for part in first.get("field") or ())
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is None:
            return
        if "metafields" in field and row.attempt < REF_REFUSALS:
            # The reference is taken: then the order is there, and the look-up finds it.
            outcome.note(s, row, "reference_taken", words)
            row.first_send = False
            release(row, clock.now(), attempt=row.attempt + 1)
            return
        _take_back(s, row, job)
        if row.cancelled_at is not None:
            release(row, clock.now())  # why it was refused matters no more
        elif "too many" in words.lower():
            release(row, clock.now() + timedelta(seconds=60 + _spread()))
        elif remembered and "line items is invalid" in words.lower():
            # A variant that we remember is gone: ask again before anybody is told.
            MEMORY.forget(job.shop_id, [one.sku for one in job.positions])
            release(row, clock.now())
        else:
            outcome.fail(s, row, "rejected_by_shopify", words, field=field)
            release(row, row.due_at)


def _put_back(job: Job, error: RemoteError) -> None:
    """Trouble before anything was sent."""
    with db.writing() as s:
        row = held(s, Order, job.mine)
        if row is not None:
            _judge(s, row, error)


def _judge(s: Session, row: Order, error: RemoteError) -> None:
    found = verdict.judge(error, "order", row.attempt)
    if isinstance(error, SHOP_TROUBLE):
        found = verdict.apply_shop(s, s.get_one(Shop, row.shop_id), error)
    elif row.cancelled_at is not None and row.state != OrderState.SENDING and row.sends == 0:
        intent.settle_cancelled(s, row)
        return
    if found.item == "fail":
        outcome.fail(s, row, found.cause, error.words, field=getattr(error, "field", ""))
        release(row, row.due_at)
        return
    wait = found.delay + timedelta(seconds=_spread() if isinstance(error, RateLimited) and row.sends == 0 else 0)
    if error.status in UNREAD and row.attempt >= UNANSWERED and row.cancelled_at is None:
        outcome.fail(s, row, "other", error.words)
        wait = FLAGGED
    release(row, clock.now() + wait, attempt=row.attempt + found.used_attempt)


def _spread() -> float:
    return random.uniform(0, SPREAD)  # noqa: S311  # spreads load, guards nothing
