"""The switches and rules of an account, as the merchant saves them. What follows from a change is a run's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shopapp import clock
from shopapp.accounts.rules import own_row
from shopapp.alerts import incidents
from shopapp.listings import brake, rules
from shopapp.records.journal import audit
from shopapp.records.models import Account, Listing, ListingPush, ListingRun, ListingStatus, PushState, RunState

MOST_BUFFER, MOST_MAXIMUM = 100_000, 1_000_000
WRONG_BUFFER, WRONG_MAXIMUM, WRONG_PERCENT = "buffer", "maximum", "brake_percent"


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving led to. `ask`: switches that wait for a look at the difference; `changed`: rules apply to all anew.

    `wrong` names the field that cannot be saved; then nothing was.
    """

    ask: tuple[str, ...] = ()
    changed: bool = False
    wrong: str = ""


def save(s: Session, account: Account, wanted: dict[str, Any], user: str) -> Saved:
    """Save the rules; `wanted` holds price, stock, dry_run (bool), locations (gids), buffer, maximum, brake_percent (text).

    A push that is off and wanted is not switched on here: it is asked about with the difference before the eyes.
    """
    numbers, wrong = _numbers(wanted)
    if wrong:
        return Saved(wrong=wrong)
    row = own_row(s, account.shop_id, account.id)
    before = rules.of(s, account.id)
    row.locations = sorted(set(wanted.get("locations") or ()))
    row.buffer, row.maximum, row.brake_percent = (
        numbers["buffer"] or 0,
        numbers["maximum"],
        numbers["brake_percent"] or 0,
    )
    row.dry_run = bool(wanted.get("dry_run"))
    s.flush()
    ask = tuple(name for name, on in (("price", before.price), ("stock", before.stock)) if wanted.get(name) and not on)
    if before.on and not (wanted.get("price") or wanted.get("stock")):
        off(s, account, user)
        return Saved(ask)
    row.push_price, row.push_stock = (
        before.price and bool(wanted.get("price")),
        before.stock and bool(wanted.get("stock")),
    )
    s.flush()
    after = rules.of(s, account.id)
    if after != before:
        audit(s, account.shop_id, user, "push_rules_saved", f"account:{account.id}")
    if before.dry_run and not after.dry_run:
        _forget_previews(s, account)
    return Saved(ask, changed=after.on and after != before)


def _numbers(wanted: dict[str, Any]) -> tuple[dict[str, int | None], str]:
    found: dict[str, int | None] = {}
    bounds = {WRONG_BUFFER: MOST_BUFFER, WRONG_MAXIMUM: MOST_MAXIMUM, WRONG_PERCENT: 100}
    for name, most in bounds.items():
        text = str(wanted.get(name) or "").strip()
        if not text:
            found[name] = None if name == WRONG_MAXIMUM else 20 if name == WRONG_PERCENT else 0
        elif text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= most:
            found[name] = int(text)
        else:
            return {}, name
    return found, ""


def off(s: Session, account: Account, user: str) -> None:
    """Switch both pushes off: what was wished and not sent is forgotten, what is under way is not followed by more."""
    row = own_row(s, account.shop_id, account.id)
    if row.push_price or row.push_stock:
        audit(s, account.shop_id, user, "push_switched_off", f"account:{account.id}")
    row.push_price = row.push_stock = False
    s.flush()
    _forget(s, account)
    question = brake.open_question(s, account.id)
    if question is not None:
        question.state, question.ended_at = RunState.STOPPED, clock.now()
        incidents.resolve(s, account.shop_id, brake.INCIDENT, f"account:{account.id}", "switched_off")


def _forget(s: Session, account: Account) -> None:
    """No wishes for the account's listings any more, in two statements however many there are."""
    options = {"synchronize_session": False}
    now = clock.now()
    ours = select(Listing.id).where(Listing.account_id == account.id)
    open_ = update(ListingPush).where(ListingPush.listing_id.in_(ours), ListingPush.state == PushState.SENT)
    s.execute(open_.values(state=PushState.SUPERSEDED, ended_at=now).execution_options(**options))
    wished = update(Listing).where(Listing.account_id == account.id, Listing.version > 0)
    nothing: dict[str, Any] = {"price_minor": None, "quantity": None, "due_at": None, "urgent": False, "ticket": ""}
    version = Listing.version + 1
    versions = {"version": version, "sent_version": version, "acked_version": version}
    s.execute(wished.values(**nothing, **versions).execution_options(**options))
    pending = update(Listing).where(Listing.account_id == account.id, Listing.status == ListingStatus.PENDING)
    s.execute(pending.values(status=ListingStatus.LINKED).execution_options(**options))


def _forget_previews(s: Session, account: Account) -> None:
    """The dry run is over: what it worked out was never sent, so everything is wished anew."""
    wished = update(Listing).where(Listing.account_id == account.id, Listing.version > 0, Listing.ticket == "")
    wished = wished.where(Listing.acked_version == Listing.version, Listing.status != ListingStatus.UPDATE_ERROR)
    s.execute(wished.values(price_minor=None, quantity=None).execution_options(synchronize_session=False))


def runs_of(s: Session, account_id: int) -> list[ListingRun]:
    """Questions that wait for an answer of the merchant."""
    asked = (ListingRun.account_id == account_id, ListingRun.state == RunState.ASKED)
    return list(s.scalars(select(ListingRun).where(*asked).order_by(ListingRun.id)))
