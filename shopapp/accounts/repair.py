"""Repairing: the doors of the account's pages, all ending in the same proof. Nothing here knows a channel by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplaces.channel import Field, LoginKind
from marketplaces.channels import registry
from marketplaces.data import Credentials, Seller
from marketplaces.errors import RateLimited, Rejected, RemoteError
from marketplaces.text import clean
from shopapp import clock
from shopapp.accounts import placeholders, settle
from shopapp.accounts.line import keys_of, speak, stored
from shopapp.accounts.link import begin, proving
from shopapp.accounts.outcome import Outcome
from shopapp.accounts.settle import Choice, Taken
from shopapp.accounts.trials import waited_for
from shopapp.accounts.way import Login
from shopapp.alerts import incidents
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountSite, AccountStatus, LoginDoor
from shopapp.runtime import config
from shopapp.verdict import (
    account_works,
    apply_account,
    channel_subject,
    first_check_failed,
    judge,
    subject,
    words_of,
)

ANOTHER_SELLER = timedelta(days=1)  # until stored access that belongs to somebody else is tried again


@dataclass(frozen=True, slots=True)
class RepairStep:
    """One step: a text to translate, and the address that goes with it ("" if none)."""

    text: str
    link: str


@dataclass(frozen=True, slots=True)
class StoredField:
    """A stored credential in a form that can be compared: ids in full, secrets as length and last four characters."""

    field: Field
    shown: str
    length: int


def needs_login(account: Account) -> bool:
    """Whether *Save account* goes on to the marketplace's login (*Log in again* is ticked beforehand)."""
    return account.status in (
        AccountStatus.PENDING,
        AccountStatus.EXPIRED,
        AccountStatus.REVOKED,
        AccountStatus.INACTIVE,
    )


@waited_for
def continue_(shop_id: int, user_id: str, account_id: int) -> Outcome:
    """*Continue* of the repair dialog: what is stored is tested first; if it works the account is active at once.

    Else the login is next. Trouble that no login mends (no answer, our fault, an inactive seller) is told instead.
    """
    with db.reading() as s:
        account = placeholders.owned(s, shop_id, account_id)
        tries = bool(account.credentials)
    if tries:
        error = probe(account_id, user_id)
        if error is None:
            return _linked(shop_id, account_id)
        found = judge(error, "account")
        if found.account_status is None and not isinstance(error, Rejected):
            return Outcome("failed", account_id, cause=found.cause or "later", words=words_of(error))
        if found.account_status == AccountStatus.INACTIVE:
            return Outcome("failed", account_id, cause=found.cause, words=words_of(error))
    return _to_login(shop_id, user_id, account_id, LoginDoor.CONTINUE)


def renew(shop_id: int, user_id: str, account_id: int) -> Outcome:
    """*Renew* of a healthy account before its known end: straight to the login. LookupError if it is not the shop's."""
    return _to_login(shop_id, user_id, account_id, LoginDoor.RENEW)


def probe(account_id: int, user_id: str = "") -> Exception | None:
    """Test what is stored by a live call as the same seller and write what it means; the error, None when it works.

    The poll asks this for accounts that are not active. Sets `due_at`; a lease stays with its holder.
    """
    try:
        seller = _asked(account_id)
    except RemoteError as error:
        with db.writing() as s:
            account = _locked(s, account_id)
            if account.worked_at is None and not isinstance(error, RateLimited) and _refuses(error):
                first_check_failed(s, account, error)
            else:
                apply_account(s, account, error)
        return error
    return _proved(account_id, user_id, seller)


def save(shop_id: int, user_id: str, account_id: int, form: Mapping[str, Any]) -> Outcome:
    """*Save account*: `label`, `sites` (keys that import), `importing`, `log_in_again`, `take_over` (truth values).

    Missing keys change nothing. Goes on to the login when the account needs it or it is asked for. `taken`: ticked
    sites are imported by another shop; posting again with `take_over` moves them.
    """
    label = clean(str(form.get("label", "")), 100)
    if "label" in form and not label:
        return Outcome("invalid", account_id, field="label")
    choice: Choice = "take_over" if form.get("take_over") else "ask"
    if choice == "take_over" and (refused := _strictly(shop_id, account_id)) is not None:
        return refused
    try:
        with db.writing() as s:
            account = placeholders.owned(s, shop_id, account_id)
            _change(s, account, user_id, label, form, choice)
            again = needs_login(account) or bool(form.get("log_in_again"))
    except Taken as taken:
        return Outcome("taken", account_id, sites=taken.sites)
    except IntegrityError:
        return Outcome("failed", account_id, cause="unanswered")
    if again and account.status != AccountStatus.DEACTIVATED:
        return _to_login(shop_id, user_id, account_id, LoginDoor.SAVE)
    return Outcome("saved", account_id)


def deactivate(s: Session, account: Account, user_id: str) -> None:
    """Stop everything for the account; label, orders, cursor and credentials stay. Nothing is said about it."""
    before, now = str(account.status), clock.now()
    if before == AccountStatus.DEACTIVATED:
        return
    account.status, account.status_since = AccountStatus.DEACTIVATED, now
    account.due_at, account.sync_asked_at = None, None
    account.lease_token, account.lease_until = "", None  # a poll under way finds its claim gone and stops
    incidents.resolve_subject(s, account.shop_id, subject(account), "deactivated")
    same = {"shop_id": account.shop_id, "channel": account.channel, "realm": account.realm}
    if s.query(Account.id).filter_by(**same).filter(Account.status != AccountStatus.DEACTIVATED).first() is None:
        # For this shop nobody asks there any more: no answer would ever end what is open about the marketplace.
        incidents.resolve_subject(s, account.shop_id, channel_subject(account.channel, account.realm), "deactivated")
    journal.note(s, account.shop_id, subject(account), "account_deactivated", before=before)
    journal.audit(s, account.shop_id, user_id, "account_deactivated", subject(account), before=before)


@waited_for
def activate(shop_id: int, user_id: str, account_id: int) -> Outcome:
    """*Activate*: an account with a login goes to the marketplace's login; typed credentials are tested at once."""
    with db.reading() as s:
        account = placeholders.owned(s, shop_id, account_id)
        form_only = registry()[account.channel].login_kind is LoginKind.FORM
        retest = account.credentials and (account.entered_how == "typed" or form_only)
    if not retest:
        return _to_login(shop_id, user_id, account_id, LoginDoor.ACTIVATE)
    with db.writing() as s:
        account = placeholders.owned(s, shop_id, account_id)
        journal.audit(s, shop_id, user_id, "account_activating", subject(account))
    try:
        seller = _asked(account_id)
    except RemoteError as error:
        # A deactivated account is not tried again by itself.
        cause = judge(error, "account").cause or "unanswered"
        return Outcome("failed", account_id, cause=cause, words=words_of(error))
    wrong = _proved(account_id, user_id, seller, activate=True)
    return _linked(shop_id, account_id) if wrong is None else Outcome("failed", account_id, cause="credentials")


def steps(account: Account) -> list[RepairStep]:
    """What a person has to do at the marketplace, by the account's cause; of an unknown cause both ways are told."""
    channel, keys = registry()[account.channel], keys_of(registry()[account.channel])
    listed: Sequence[Any] = channel.steps.get(account.cause) or channel.steps.get("unknown") or ()
    return [RepairStep(step.text, channel.step_link(step, keys, account.realm)) for step in listed]


def our_app(account: Account) -> tuple[str, str]:
    """(name, id) of our application at the channel, as the seller finds it there."""
    channel = registry()[account.channel]
    return config()["APP_NAME"], keys_of(channel).get(channel.app_id_key)


def entered(account: Account) -> list[StoredField]:
    """What is stored, to be compared with what the marketplace shows. Empty when nothing is stored."""
    if not account.credentials:
        return []
    kept: Credentials = stored(account)
    shown = []
    for one in registry()[account.channel].fields:
        value = (kept.secrets if one.secret else kept.public).get(one.key, "")
        tail = value[-4:] if len(value) >= 12 else ""
        shown.append(StoredField(one, f"••••{tail}" if one.secret and value else value, len(value)))
    return shown


def _change(s: Session, account: Account, user_id: str, label: str, form: Mapping[str, Any], choice: Choice) -> None:
    changes: dict[str, Any] = {}
    if label and label != account.label:
        changes["label"] = [account.label, label]
        account.label = label
    if "importing" in form and bool(form["importing"]) != account.importing:
        account.importing = bool(form["importing"])
        changes["importing"] = account.importing
        ready = account.importing and account.take_over_at and account.status == AccountStatus.ACTIVE
        if account.status == AccountStatus.ACTIVE:
            account.due_at = clock.now() if ready else None
    if "sites" in form and account.worked_at is not None:
        ticked = set(form["sites"])
        rows = s.query(AccountSite).filter_by(account_id=account.id).all()
        gained = [row for row in rows if row.site in ticked and not row.importing]
        lost = [row for row in rows if row.site not in ticked and row.importing]
        for row in lost:
            row.importing = False
        settle.claim_sites(s, account, gained, choice, user_id)
        changes |= {"sites_on": [row.site for row in gained], "sites_off": [row.site for row in lost]}
        incidents.resolve(s, account.shop_id, "import_taken_over", subject(account), "sites_saved")
    if any(changes.values()) or "importing" in changes:
        journal.audit(s, account.shop_id, user_id, "account_saved", subject(account), **changes)


@waited_for
def _strictly(shop_id: int, account_id: int) -> Outcome | None:
    """Before a site is taken from another shop, the seller id itself must be proved; why not, or None."""
    with db.reading() as s:
        account = placeholders.owned(s, shop_id, account_id)
        channel, seller_id = registry()[account.channel], account.seller_id
        if not account.credentials:
            return Outcome("failed", account_id, cause="credentials")
    try:
        seller = speak(account_id, lambda line: channel.identify(proving(line)))
    except RemoteError as error:
        cause = judge(error, "account").cause or "unanswered"
        return Outcome("failed", account_id, cause=cause, words=words_of(error))
    if seller.seller_id != seller_id:
        return Outcome("wrong_seller", account_id, expected=seller_id or "", actual=seller.seller_id)
    return None


def _proved(account_id: int, user_id: str, seller: Seller, *, activate: bool = False) -> Exception | None:
    """Write a success. A pending account gets its sites now; those of other shops are left to them."""
    with db.writing() as s:
        account = _locked(s, account_id)
        if account.worked_at is None:
            how: Literal["login", "typed"] = "typed" if account.entered_how == "typed" else "login"
            kept, door = stored(account), LoginDoor.CONTINUE
            login = Login(account.shop_id, user_id, account.channel, account.realm, account.id, kept, how, door)
            settle.write(s, login, seller, "without")
            return None
        since = account.status_since
        if not account_works(s, account, seller, activate=activate):
            account.due_at = clock.now() + ANOTHER_SELLER
            words = f"the stored access belongs to seller {seller.seller_id}, not to {account.seller_id}"
            return Rejected(words, reason="seller_mismatch")
        settle.describe(s, account, seller)
        if activate:
            settle.tell_lost(s, account, since)
            journal.note(s, account.shop_id, subject(account), "account_activated")
            journal.audit(s, account.shop_id, user_id, "account_activated", subject(account))
    return None


def _refuses(error: RemoteError) -> bool:
    found = judge(error, "account")
    return found.account_status is not None or isinstance(error, Rejected)


def _linked(shop_id: int, account_id: int) -> Outcome:
    with db.reading() as s:
        return Outcome("linked", account_id, ask_take_over=placeholders.owned(s, shop_id, account_id).unstarted)


def _to_login(shop_id: int, user_id: str, account_id: int, door: LoginDoor) -> Outcome:
    with db.reading() as s:
        account = placeholders.owned(s, shop_id, account_id)
        kind = registry()[account.channel].login_kind
    if kind is LoginKind.FORM:  # the repair dialog's form is the way
        return Outcome("needs_login", account_id)
    return replace(Outcome("needs_login", account_id), login_url=begin(shop_id, user_id, "", "", account_id, door))


def _asked(account_id: int) -> Seller:
    """Who answers with what is stored. Of an account that never worked the seller id itself is proved."""
    with db.reading() as s:
        account = s.get_one(Account, account_id)
        channel, worked = registry()[account.channel], account.worked_at is not None
    return speak(account_id, channel.identify if worked else lambda line: channel.identify(proving(line)))


def _locked(s: Session, account_id: int) -> Account:
    return s.query(Account).filter_by(id=account_id).with_for_update(key_share=True, of=Account).one()
