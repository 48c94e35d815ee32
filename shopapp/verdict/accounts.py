"""What a verdict does to an account, and how a success undoes it. Joins the caller's transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplaces.data import Seller
from marketplaces.errors import RateLimited, RemoteError, Transient
from shopapp import clock
from shopapp.alerts import incidents
from shopapp.i18n import N_
from shopapp.logs import event
from shopapp.records import journal
from shopapp.records.models import Account, AccountStatus, Incident
from shopapp.verdict import outages
from shopapp.verdict.naming import channel_subject, naming, subject
from shopapp.verdict.table import BROKEN, CHANGED, DAILY, HOURLY, OURS, PERMISSION, Verdict, judge, words_of

log = logging.getLogger(__name__)
PROBED_HOURLY_FOR = timedelta(hours=48)
NEUTRAL = N_("Something did not work as expected. We try again by ourselves.")


def apply_account(s: Session, account: Account, error: Exception, call: str = "") -> Verdict:
    """Write what `error` of a call for `account` means: status, cause, journal, incident, breaker, attempt, `due_at`.

    The lease stays with its holder, who gives the row back with `claim.release(account, account.due_at)`. The verdict
    returned tells the delay, status and cause that were really written.
    """
    found = judge(error, "account", account.attempt)
    outages.hear(s, account, error)
    if account.status == AccountStatus.DEACTIVATED:
        account.due_at = None
        return found
    if found.account_status is not None:
        return _break(s, account, error, found, call)
    now = clock.now()
    closed = outages.closed_from(s, account.channel, account.realm) if found.used_attempt else None
    if found.used_attempt and closed is None:
        account.attempt += 1
    wait = max(found.delay, closed - now) if closed else found.delay
    if found.item == "fail":
        wait = HOURLY  # a poll is never given up
    if account.cause:
        wait = max(wait, _probe_delay(account, now))
    account.due_at = now + wait if account.credentials else None
    _note_trouble(s, account, error, call)
    if found.incident:
        about = channel_subject(account.channel, account.realm) if found.incident == OURS else subject(account)
        params = {**naming(account, error, call), "what": found.cause, "cause": found.cause}
        incidents.open_(s, account.shop_id, found.incident, about, params, words_of(error))
    return replace(found, delay=wait)


def call_failed(s: Session, account: Account, error: Exception, call: str) -> None:
    """Write what a failed call that is not the account's poll means for it. A right that only this call lacks, or a
    limit that only it met, does not hold up the account's orders."""
    if isinstance(error, Transient):
        outages.channel_failed(s, account, error)
    elif isinstance(error, RemoteError) and not isinstance(error, RateLimited):
        due = account.due_at
        if not apply_account(s, account, error, call).account_status:
            account.due_at = due


def account_works(
    s: Session,
    account: Account,
    seller: Seller | None = None,
    *,
    missing: Sequence[str] | None = None,
    activate: bool = False,
) -> bool:
    """A call for `account` succeeded: it is active, and what was open about it is resolved. Cheap when nothing changes.

    `seller` is who answered, when the call told: another seller than the account's heals nothing (False). `missing`
    names the parts that had to be left out for want of a permission (None: the call says nothing about that). A
    deactivated account stays so unless `activate`, which only a person's repair gives. Once healed it is due at once.
    The first proof of an account that never worked belongs to accounts.settle, which grants its sites too: else False.
    """
    if seller is not None and (seller.realm, seller.seller_id) != (account.realm, account.seller_id):
        return False
    now = clock.now()
    outages.channel_answered(s, account.channel, account.realm)
    account.last_checked_at = now
    if account.status == AccountStatus.PENDING and not activate:
        return False
    account.attempt, account.poll_words = 0, ""
    if missing is not None and sorted(set(missing)) != account.missing:
        account.missing = sorted(set(missing))
    _resolve(s, account)
    if account.missing:
        params = {**naming(account), "what": ", ".join(account.missing), "cause": "missing"}
        incidents.open_(s, account.shop_id, PERMISSION, subject(account), params)
    if account.status == AccountStatus.DEACTIVATED and not activate:
        return True
    if account.worked_at is None:
        account.worked_at = now
    if account.status == AccountStatus.ACTIVE:
        return True
    before, account.status, account.status_since = account.status, AccountStatus.ACTIVE, now
    account.cause = account.cause_words = account.cause_call = ""
    account.cause_at = None
    account.due_at = now if account.importing and account.take_over_at else None
    journal.note(s, account.shop_id, subject(account), "account_works", before=str(before))
    event(log, "account_works", account=account.id, before=str(before))
    return True


def first_check_failed(s: Session, account: Account, error: Exception, call: str = "") -> str:
    """The first proof of an account that never worked was refused: it is pending, and as loud as a broken one.

    A refusal of the item (wrong seller id, a missing right) counts here as well: nothing works yet. Gives the cause.
    """
    found = judge(error, "account")
    outages.hear(s, account, error)
    if found.account_status is None:
        cause = "unknown" if found.incident == PERMISSION else "credentials"
        found = replace(found, account_status=AccountStatus.PENDING, cause=cause)
    return _break(s, account, error, found, call).cause


def _resolve(s: Session, account: Account) -> None:
    """Success resolves what was open about the account; one look finds out whether there is anything."""
    channel = channel_subject(account.channel, account.realm)
    wanted = {(BROKEN, subject(account)), (CHANGED, subject(account)), (OURS, channel)}
    if not account.missing:
        wanted.add((PERMISSION, subject(account)))
    found = select(Incident.kind, Incident.subject, Incident.params).where(
        Incident.shop_id == account.shop_id,
        Incident.subject.in_([subject(account), channel]),
        Incident.resolved_at.is_(None),
    )
    for kind, about, params in s.execute(found).all():
        # A list that does not end gives many good pages: only its end says that it is mended (see orders.poll).
        if (kind, about) in wanted and not (kind == CHANGED and params.get("whole_list")):
            incidents.resolve(s, account.shop_id, kind, about, "works_again")


def _break(s: Session, account: Account, error: Exception, found: Verdict, call: str) -> Verdict:
    """The channel itself refuses our access. Written once per change; repeats only count on the open incident."""
    now = clock.now()
    assert found.account_status is not None
    status = found.account_status if account.worked_at else AccountStatus.PENDING
    cause = _cause(account, found)
    params = naming(account, error, call)
    if (account.status, account.cause) != (status, cause):
        if account.status != status or not account.cause:
            account.status_since = now
        before, account.status, account.cause = str(account.status), status, cause
        account.cause_at, account.cause_call = now, str(params["call"])
        words = words_of(error)
        journal.note(
            s, account.shop_id, subject(account), "account_broken", words, before=before, cause=cause, **params
        )
        event(log, "account_broken", logging.WARNING, account=account.id, before=before, now=str(status), cause=cause)
    account.cause_words = words_of(error)
    account.last_checked_at = now
    account.sync_asked_at = None
    account.poll_words = ""
    incidents.resolve(s, account.shop_id, "expiry_notice", subject(account), "it_ended")
    params |= {"cause": cause if account.worked_at else "never_worked", "detail": cause}
    incidents.open_(s, account.shop_id, BROKEN, subject(account), params, account.cause_words)
    wait = _probe_delay(account, now)
    account.due_at = now + wait if account.credentials else None
    return replace(found, account_status=status, cause=cause, delay=wait)


def _cause(account: Account, found: Verdict) -> str:
    """The finest cause that is known. A refusal without a known end may be an expiry as well: then we do not know."""
    if found.account_status != AccountStatus.REVOKED:
        return found.cause
    if account.entered_how == "typed":
        return "credentials"
    return "revoked" if account.expires_at is not None else "unknown"


def _probe_delay(account: Account, now: datetime) -> timedelta:
    """Hourly for two days, then daily; a seller account that is inactive is looked at hourly as long as it takes."""
    young = now - account.status_since < PROBED_HOURLY_FOR
    return HOURLY if young or account.cause == "inactive" else DAILY


def _note_trouble(s: Session, account: Account, error: Exception, call: str) -> None:
    """The account's line shows the last trouble; the journal only its beginning. Waiting for a permit is none."""
    if isinstance(error, RateLimited):
        return
    if not account.poll_words:
        journal.note(
            s, account.shop_id, subject(account), "account_trouble", words_of(error), **naming(account, error, call)
        )
        event(log, "account_trouble", account=account.id, error=type(error).__name__)
    account.poll_words = (words_of(error) or NEUTRAL)[:500]
