"""Linking: what came from a login or was typed is proved by a live call and stored, or refused with a reason.

One way for all doors (create, save, activate, continue, renew, typed). Owns its transactions, the network lies between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplaces.channel import Channel, Line
from marketplaces.channels import registry
from marketplaces.data import Credentials, Seller
from marketplaces.errors import AccessStale, AuthRevoked, RemoteError, Transient, WrongSeller
from marketplaces.instance import NOBODY_THERE
from shopapp import clock
from shopapp.accounts import placeholders, settle, way
from shopapp.accounts.line import connect, stored
from shopapp.accounts.outcome import LoginProblem, Outcome
from shopapp.accounts.settle import Choice, Taken
from shopapp.accounts.trials import waited_for
from shopapp.accounts.way import Departure, Login, begin, come_back, start
from shopapp.accounts.way import from_channel as channel_login_uri
from shopapp.i18n import N_
from shopapp.logs import event
from shopapp.records import db, journal
from shopapp.records.models import Account, AccountStatus, LoginDoor
from shopapp.verdict import apply_account, first_check_failed, judge, subject, words_of

__all__ = [
    "Departure",
    "LoginProblem",
    "Outcome",
    "begin",
    "channel_login_uri",
    "come_back",
    "confirm",
    "link_as_new",
    "link_without_importing",
    "prove",
    "proving",
    "set_take_over",
    "start",
    "take_over",
    "typed",
]

log = logging.getLogger(__name__)
SOON = timedelta(seconds=30)
WRONG_ADDRESS = "wrong_address"  # the reason with which a channel says that no marketplace answers at a typed address
OTHER_INSTANCE = N_("This connection belongs to another address. Create a new connection for this one.")
KEY_AGAIN = N_("For another address this has to be typed again: what is stored is sent nowhere else.")


def confirm(shop_id: int, user_id: str, token: str) -> Outcome:
    """The embedded page vouches for shop and user of a login that came back. A second confirm changes nothing."""
    attempt = way.claim(shop_id, user_id, token, "returned")
    if attempt is None:
        return _again(shop_id, user_id, token)
    if attempt.outcome:
        _note_failed(shop_id, attempt.account_id, attempt.outcome, attempt.words)
        if attempt.outcome == "declined":
            return Outcome("declined", attempt.account_id, words=attempt.words)
        return Outcome("failed", attempt.account_id, cause=attempt.outcome, words=attempt.words)
    outcome = _finish(way.brought(attempt), "ask")
    way.settled(attempt.id, outcome.account_id, outcome.kind)
    return outcome


@waited_for
def typed(
    shop_id: int, user_id: str, channel: str, realm: str, values: Mapping[str, str], account_id: int | None = None
) -> Outcome:
    """Link or repair with typed credentials, proved live. Secret fields left empty keep what is stored.

    Of a channel of instances the realm is what was typed; an account that has worked stays where it is. LookupError
    when the account is not the shop's or the channel is not offered.
    """
    bound, kept = "", ""
    if account_id is not None:
        with db.reading() as s:
            account = placeholders.owned(s, shop_id, account_id)
            channel, realm = account.channel, account.realm
            bound = realm if account.worked_at is not None else ""
            kept = _kept_secret(account, values)
            values = _completed(account, values)
    spoken, before = way.set_up(channel), realm
    if not spoken.instance:
        spoken.realm(realm)
    trimmed = tuple(one.key for one in spoken.fields if values.get(one.key, "") != values.get(one.key, "").strip())
    try:
        realm = _realm(spoken, values, bound) if spoken.instance else realm
        if kept and realm != before:
            raise ValueError(kept, KEY_AGAIN)
        credentials = spoken.typed(values, clock.now())
    except ValueError as error:
        field, sentence = (*error.args, "", "")[:2]
        return Outcome("invalid", account_id, field=str(field), words=str(sentence), trimmed=trimmed)
    door = LoginDoor.CREATE if account_id is None else LoginDoor.CONTINUE
    params = {"label": values.get("label", "")}
    login = Login(shop_id, user_id, channel, realm, account_id, credentials, "typed", door, params)
    return replace(_finish(login, "ask"), trimmed=trimmed)


def _realm(channel: Channel, values: Mapping[str, str], bound: str) -> str:
    """The instance that was typed. ValueError(field, sentence) when it is none, or not the one the account belongs to."""
    realm = channel.realm_of(values)
    if bound and realm != bound:
        raise ValueError(channel.fields[0].key, OTHER_INSTANCE)
    return realm


def take_over(shop_id: int, user_id: str, token: str) -> Outcome:
    """Link and import sites that another shop imports until now; that shop is told."""
    return _resume(shop_id, user_id, token, "take_over")


def link_without_importing(shop_id: int, user_id: str, token: str) -> Outcome:
    """Link, and leave the sites that another shop imports to it."""
    return _resume(shop_id, user_id, token, "without")


def link_as_new(shop_id: int, user_id: str, token: str) -> Outcome:
    """After wrong_seller: link that other seller as an account of its own."""
    return _resume(shop_id, user_id, token, "ask", lambda login: replace(login, account_id=None, door=LoginDoor.CREATE))


def set_take_over(s: Session, account: Account, when: datetime, user_id: str) -> None:
    """Orders created at or after `when` are imported and lower the stock; polling begins at once."""
    # Marketplaces tell whole seconds: a sale in the very second of the take-over is ours.
    when = when.replace(microsecond=0)
    account.take_over_at = when
    if account.status == AccountStatus.ACTIVE and account.importing:
        account.due_at = clock.now()
    journal.audit(s, account.shop_id, user_id, "take_over_set", subject(account), when=when.isoformat())
    journal.note(s, account.shop_id, subject(account), "take_over_set", when=when.isoformat())


def prove(channel: str, realm: str, credentials: Credentials) -> tuple[Credentials, Seller]:
    """(credentials with access, who they belong to), by a live call. Raises the error families."""
    spoken = registry()[channel]
    current = connect(spoken, realm, credentials)
    try:
        seller = spoken.identify(proving(current))
    except AccessStale as error:
        raise Transient(error.words or "fresh access is not accepted", call=error.call, code=error.code) from error
    return current.credentials, seller


def proving(line: Line) -> Line:
    """`line`, over which `identify` proves the seller id itself.

    Some channels' logins only tell it by a parameter of the browser, which its owner could change: whoever is believed to
    be a seller has a part in his renewals and his sites.
    """
    public = {**line.credentials.public, "way": "typed"}
    return replace(line, credentials=replace(line.credentials, public=public))


def _finish(login: Login, choice: Choice) -> Outcome:
    """Prove and write. Whatever is refused leaves an account that has worked exactly as it was."""
    claimed = login.credentials.public.get("seller_id", "")
    expected = _expected(login)
    if expected and claimed and claimed != expected:
        return _wrong(login, WrongSeller(expected, claimed))
    try:
        credentials, seller = prove(login.channel, login.realm, login.credentials)
    except RemoteError as error:
        return _unproved(login, error)
    login = replace(login, credentials=credentials)
    for last in (False, True):
        try:
            with db.writing() as s:
                account = settle.write(s, login, seller, choice)
                ask = account.unstarted
            event(log, "account_linked", account=account.id, door=str(login.door))
            return Outcome("linked", account.id, ask_take_over=ask)
        except WrongSeller as wrong:
            return _wrong(login, wrong)
        except Taken as taken:
            return Outcome("taken", login.account_id, sites=taken.sites, token=way.park(login))
        except IntegrityError:  # another shop was faster with the same site: look again
            if last:
                raise
    raise AssertionError("unreachable")


def _expected(login: Login) -> str:
    """The seller that must answer: that of an account which has worked. A pending one may still become anybody's."""
    if login.account_id is None:
        return ""
    with db.reading() as s:
        account = placeholders.owned(s, login.shop_id, login.account_id)
        return (account.seller_id or "") if account.worked_at is not None else ""


def _wrong(login: Login, wrong: WrongSeller) -> Outcome:
    with db.writing() as s:
        known = placeholders.of_seller(s, login.shop_id, login.channel, login.realm, wrong.actual)
        if login.account_id is not None:
            about = f"account:{login.account_id}"
            params = {"expected": wrong.expected, "actual": wrong.actual}
            journal.note(s, login.shop_id, about, "wrong_seller", **params)
            journal.audit(s, login.shop_id, login.user_id, "login_refused", about, **params)
    free = known is None
    token = way.park(login) if free else ""
    return Outcome(
        "wrong_seller",
        login.account_id,
        expected=wrong.expected,
        actual=wrong.actual,
        can_link_new=free,
        token=token,
    )


def _unproved(login: Login, error: RemoteError) -> Outcome:
    """The proof failed. An account that never worked keeps what was brought and says why; one that has worked keeps all
    it had, unless the channel merely did not answer and there is nothing better to keep."""
    if getattr(error, "reason", "") == WRONG_ADDRESS:  # nobody was asked anything: as good as a mistyped field
        return Outcome("invalid", login.account_id, field=getattr(error, "field", ""), words=NOBODY_THERE)
    found = judge(error, "account")
    refused = found.account_status is not None or found.incident in ("channel_changed", "permission_missing")
    mismatch = getattr(error, "reason", "") == "seller_mismatch"
    claimed = login.credentials.public.get("seller_id", "")
    with db.writing() as s:
        account = settle.target(s, login, claimed)
        never = account.worked_at is None
        broken = account.status in (AccountStatus.EXPIRED, AccountStatus.REVOKED, AccountStatus.INACTIVE)
        if not mismatch and (never or (broken and not refused)):
            unnamed = placeholders.unnamed(account)
            account.seller_id = claimed or account.seller_id
            if unnamed and account.seller_id:
                placeholders.call(s, account, account.seller_id)
            settle.remember(account, login)
        cause = found.cause or ("later" if never or broken else "unanswered")
        if never and refused:
            cause = first_check_failed(s, account, error)
        elif never:
            apply_account(s, account, error)
            account.due_at = clock.now() + max(found.delay, SOON)
        elif broken and not refused:
            account.due_at = clock.now() + max(found.delay, SOON)
        if refused and login.how == "typed" and isinstance(error, AuthRevoked):
            cause = "credentials"
        journal.audit(s, account.shop_id, login.user_id, "login_unproved", subject(account), cause=cause)
        event(log, "login_unproved", account=account.id, error=type(error).__name__, cause=cause)
        field = getattr(error, "field", "") or _blamed(login, cause)
        return Outcome("failed", account.id, cause=cause, words=words_of(error), field=field)


def _blamed(login: Login, cause: str) -> str:
    """The field to look at when the channel refuses what was typed: the only secret, "" when there are several."""
    secret = [one.key for one in registry()[login.channel].fields if one.secret]
    return secret[0] if cause == "credentials" and len(secret) == 1 else ""


def _again(shop_id: int, user_id: str, token: str) -> Outcome:
    """The page was loaded once more: tell what came of the login; nothing is done."""
    account_id = way.linked_by(shop_id, user_id, token)
    return Outcome("linked", account_id) if account_id is not None else Outcome("expired")


def _resume(
    shop_id: int, user_id: str, token: str, choice: Choice, change: Callable[[Login], Login] | None = None
) -> Outcome:
    attempt = way.claim(shop_id, user_id, token, "parked")
    if attempt is None:
        return Outcome("expired")
    login = way.brought(attempt)
    outcome = _finish(change(login) if change else login, choice)
    way.settled(attempt.id, outcome.account_id, outcome.kind)
    return outcome


def _kept_secret(account: Account, values: Mapping[str, str]) -> str:
    """The first secret that is stored and not typed anew, "" if there is none: at another address nobody may read it."""
    if not account.credentials:
        return ""
    return next((key for key in stored(account).secrets if not values.get(key, "").strip()), "")


def _completed(account: Account, values: Mapping[str, str]) -> dict[str, str]:
    """Typed values with what is stored in place of fields left empty, so that one can be corrected alone."""
    kept = stored(account) if account.credentials else Credentials({})
    known = {**kept.public, **kept.secrets}
    return {key: value if value.strip() else known.get(key, "") for key, value in values.items()} | {
        key: value for key, value in known.items() if key not in values
    }


def _note_failed(shop_id: int, account_id: int | None, cause: str, words: str) -> None:
    if account_id is None:
        return
    with db.writing() as s:
        event_key = "login_declined" if cause == "declined" else "login_failed"
        journal.note(s, shop_id, f"account:{account_id}", event_key, words, cause=cause)
