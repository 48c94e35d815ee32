"""The table: error family -> what must happen next. Writes nothing, knows no row."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from marketplaces.errors import (
    AccessStale,
    AccountInactive,
    AuthExpired,
    AuthRevoked,
    OurFault,
    PermissionMissing,
    RateLimited,
    Rejected,
    RemoteError,
    Transient,
)
from shopapp.records.models import AccountStatus, ShopStatus
from shopapp.shopify_admin.errors import ShopAuthLost, ShopFrozen

Subject = Literal["account", "order", "shop", "listing"]

FIRST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)  # of the backoff
HOURLY, DAILY = timedelta(hours=1), timedelta(days=1)
RATE_BACKOFF, RATE_CAP = timedelta(seconds=5), timedelta(hours=1)

# Kinds of incidents (alerts.catalogue) that a verdict opens.
BROKEN, PERMISSION, OURS = "account_expired", "permission_missing", "our_fault"
LISTING_FAILED = "listing_update_failed"
OPENING, CHANGED, ORDER_FAILED, OUTAGE = (
    "shop_needs_opening",
    "channel_changed",
    "order_import_failed",
    "channel_outage",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error means. `item`: stay (due again, nothing counted), retry (an attempt was used) or fail.

    `delay` is when to try next, from now. `account_status`, `shop_status` and `incident` are None, None and "" when the
    error says nothing about them; `cause` is a key of the alerts' catalogue.
    """

    item: Literal["stay", "retry", "fail"]
    used_attempt: bool
    delay: timedelta
    account_status: AccountStatus | None = None
    shop_status: ShopStatus | None = None
    incident: str = ""
    cause: str = ""


def delay(attempt: int) -> timedelta:
    """30 s doubled with each attempt and jittered by a quarter, 15 min at most."""
    doublings: int = 2 ** min(max(attempt, 0), 10)
    step = min(FIRST * doublings, LONGEST)
    return min(step * random.uniform(0.75, 1.25), LONGEST)  # noqa: S311  # spreads load, guards nothing


def judge(error: Exception, subject: Subject, attempt: int = 0) -> Verdict:
    """What `error` means. `subject` is whose work failed; `attempt` how many tries were used before, for the backoff.

    An unknown exception is our bug: it never stops anything and comes back in an hour.
    """
    match error:
        case AuthExpired():
            return _broken(AccountStatus.EXPIRED, "expired", subject)
        case AuthRevoked():
            return _broken(AccountStatus.REVOKED, "revoked", subject)
        case AccountInactive():
            return _broken(AccountStatus.INACTIVE, "inactive", subject)
        case PermissionMissing():
            return Verdict("stay", False, HOURLY, incident=PERMISSION, cause=error.what)
        case RateLimited():
            return Verdict("stay", False, _rate_delay(error, attempt))
        case Transient() | AccessStale():
            return Verdict("retry", True, delay(attempt))
        case Rejected():
            default = "rejected_by_shopify" if subject == "order" else "other"
            kinds = {"order": ORDER_FAILED, "account": CHANGED, "shop": "", "listing": LISTING_FAILED}
            return Verdict("fail", False, DAILY, incident=kinds[subject], cause=error.reason or default)
        case OurFault():
            return Verdict("stay", False, LONGEST, incident=OURS, cause="our_fault")
        case ShopAuthLost():
            status = ShopStatus.NEEDS_OPENING
            return Verdict("stay", False, HOURLY, shop_status=status, incident=OPENING, cause="needs_opening")
        case ShopFrozen():
            return Verdict("stay", False, HOURLY, shop_status=ShopStatus.FROZEN, cause="frozen")
        case _:
            return Verdict("retry", True, HOURLY, cause="unknown")


def words_of(error: Exception) -> str:
    """The remote's own words for the merchant; "" for our own bugs, whose text is for the log only."""
    return error.words if isinstance(error, RemoteError) else ""


def _broken(status: AccountStatus, cause: str, subject: Subject) -> Verdict:
    if subject == "shop":  # a marketplace's refusal says nothing about a shop
        return Verdict("stay", False, HOURLY, cause=cause)
    return Verdict("stay", False, HOURLY, account_status=status, incident=BROKEN, cause=cause)


def _rate_delay(error: RateLimited, attempt: int) -> timedelta:
    """What the remote asks for, never less than a short backoff. Our own buckets know exactly when there is room."""
    ours = error.status is None and not error.code
    if ours and error.retry_after is not None:
        return min(max(timedelta(seconds=error.retry_after), timedelta(seconds=1)), RATE_CAP)
    asked = timedelta(seconds=error.retry_after or 0)
    return min(max(asked, delay(attempt) * (RATE_BACKOFF / FIRST)), RATE_CAP)
