"""The way out of the iframe to a marketplace's login and back: tickets, state, cookie, return token. Links nothing.

Each secret works once and for ten minutes; only its SHA-256 is stored. `state` and the PKCE verifier are sealed,
because the first top-level page must send them out. What the login gave waits sealed until the embedded page confirms.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from marketplaces.channel import Channel, LoginKind, LoginRequest
from marketplaces.channels import registry
from marketplaces.data import Credentials
from marketplaces.errors import LoginDeclined, RemoteError, Transient
from marketplaces.login import new_verifier
from shopapp import clock
from shopapp.accounts import placeholders
from shopapp.accounts.line import http_of, keys_of
from shopapp.accounts.outcome import LoginProblem
from shopapp.alerts.links import admin_link
from shopapp.records import db, journal, vault
from shopapp.records.models import Account, LoginAttempt, LoginDoor, Shop
from shopapp.records.vault import new_uid
from shopapp.runtime import config
from shopapp.verdict import apply_account, judge, subject

LIFE = timedelta(minutes=10)
NOT_YET = 2.0  # seconds of the wall until access that is not there yet is asked for once more
KEPT = timedelta(hours=1)  # used or abandoned attempts are deleted after this
AT_ONCE = 20  # renewals of one seller under way; anybody may open the Login URI
FORCING = (LoginDoor.SAVE, LoginDoor.ACTIVATE, LoginDoor.CONTINUE, LoginDoor.RENEW)


@dataclass(frozen=True, slots=True)
class Login:
    """What somebody brought along: credentials not yet proved, and whom they are for. `shop_id` owns everything."""

    shop_id: int
    user_id: str
    channel: str
    realm: str
    account_id: int | None
    credentials: Credentials
    how: Literal["login", "typed"]
    door: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes next, and the value of the first-party cookie that it must bring back."""

    cookie: str
    url: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A login that came back. Either `url` (the embedded page confirms it) or, for a renewal that the seller began at
    the channel, the `attempt_id` with its `credentials` (None: `refused` says why)."""

    url: str = ""
    attempt_id: int | None = None
    credentials: Credentials | None = None
    refused: str = ""
    words: str = ""


def digest(secret: str) -> str:
    """What is stored of a secret of the way."""
    return hashlib.sha256(secret.encode()).hexdigest()


def offered(key: str, realm: str) -> Channel:
    """The channel, if the operator has set it up and it has this realm; LookupError otherwise."""
    channel = set_up(key)
    channel.realm(realm)
    return channel


def set_up(key: str) -> Channel:
    """The channel, if the operator has set it up; LookupError otherwise."""
    channel = registry().get(key)
    if channel is None or not channel.available(keys_of(channel)):
        raise LookupError(f"the channel {key[:40]!r} is not offered")
    return channel


def begin(
    shop_id: int,
    user_id: str,
    channel: str,
    realm: str,
    account_id: int | None,
    door: LoginDoor,
    params: Mapping[str, Any] | None = None,
) -> str:
    """Prepare a login; the address of our top-level page that starts it. LookupError for what is not the shop's.

    With `account_id` the channel and realm are the account's. Without it a pending account is made (or found again), so
    that a login that is given up can be completed later. `params`: label, sites.
    """
    ticket = secrets.token_urlsafe(32)
    with db.writing() as s:
        _forget_old(s)
        shop = s.get_one(Shop, shop_id)
        if account_id is not None:
            account = placeholders.owned(s, shop_id, account_id)
            channel, realm = account.channel, account.realm
            offered(channel, realm)
        elif set_up(channel).login_kind is LoginKind.FORM:
            raise LookupError("there is nothing to log in to")
        else:
            account = placeholders.pending(
                s, shop, offered(channel, realm), realm, str((params or {}).get("label") or "")
            )
        attempt = _attempt(channel, realm, door, shop)
        attempt.user_id, attempt.account_id, attempt.params = user_id, account.id, dict(params or {})
        attempt.ticket_hash = digest(ticket)
        _arm(attempt)
        s.add(attempt)
        journal.audit(s, shop_id, user_id, "login_begun", subject(account), door=door.value)
    return f"{config()['APP_URL']}/login/start?ticket={ticket}"


def start(ticket: str) -> Departure:
    """Use the ticket: from here on the cookie given out is needed to come back. LoginProblem when it does not work."""
    cookie = secrets.token_urlsafe(32)
    with db.writing() as s:
        attempt = _take(s, "new", "started", {"ticket_hash": digest(ticket)}, {"cookie_hash": digest(cookie)})
        state, attempt.state = vault.unseal(attempt, "state"), ""
        request = _request(attempt, state, vault.unseal(attempt, "verifier"))
        try:
            url = offered(attempt.channel, attempt.realm).login_url(request)
        except LookupError:
            raise LoginProblem("refused", attempt.channel) from None
    return Departure(cookie, url)


def come_back(channel_key: str, args: Mapping[str, str], cookie: str) -> Arrival:
    """The callback: needs the state and the cookie of the same browser, once. LoginProblem if not.

    A refusal or trouble of the channel is kept as the attempt's outcome and told by the embedded page.
    """
    channel = registry().get(channel_key)
    if channel is None:
        raise LoginProblem("unknown", channel_key)
    state = channel.state_of(args)
    keys = {"state_hash": digest(state), "cookie_hash": digest(cookie), "channel": channel_key}
    try:
        with db.writing() as s:
            attempt = _take(s, "started", "returning", keys, {})
            request = _request(attempt, state, vault.unseal(attempt, "verifier"))
            attempt.verifier = ""
    except LoginProblem:
        if channel.guessable:
            _close(keys)
        raise
    credentials, refused, words = None, "", ""
    try:
        credentials = _finished(channel, request, args)
    except LoginDeclined as error:
        refused, words = "declined", error.words
    except RemoteError as error:
        refused, words = _heard(attempt, error), error.words
    if attempt.shop_id is None:
        return Arrival("", attempt.id, credentials, refused, words)
    return Arrival(_keep(attempt.id, credentials, refused, words))


def _close(keys: Mapping[str, Any]) -> None:
    """Another browser came back from this login: its address was given away, and who began it must not finish it."""
    state, cookie = LoginAttempt.state_hash == keys["state_hash"], LoginAttempt.cookie_hash != keys["cookie_hash"]
    theirs = update(LoginAttempt).where(state, cookie, LoginAttempt.stage.in_(("started", "returning")))
    with db.writing() as s:
        s.execute(theirs.values(stage="failed", verifier="").execution_options(synchronize_session=False))


def _finished(channel: Channel, request: LoginRequest, args: Mapping[str, str]) -> Credentials:
    """What the login gave. Asked once more when nothing was there yet; the browser waits meanwhile."""
    try:
        return channel.finish_login(http_of(channel, request.realm), request, args, clock.now())
    except Transient as error:
        if error.maybe_done:  # a second try could use up what the first one has got
            raise
    time.sleep(clock.real_seconds(NOT_YET))
    return channel.finish_login(http_of(channel, request.realm), request, args, clock.now())


def _heard(attempt: LoginAttempt, error: RemoteError) -> str:
    """Why there are no credentials: our_fault (then the operator hears of it) or unanswered."""
    if judge(error, "account").incident != "our_fault":
        return "unanswered"
    if attempt.account_id is not None:
        with db.writing() as s:
            apply_account(s, s.get_one(Account, attempt.account_id), error)
    return "our_fault"


def claim(shop_id: int, user_id: str, token: str, stage: str) -> LoginAttempt | None:
    """The attempt that waits for this return token, shop and user, now used up; None when there is none."""
    keys = {"return_hash": digest(token), "shop_id": shop_id, "user_id": user_id}
    with db.writing() as s:
        try:
            return _take(s, stage, "done", keys, {})
        except LoginProblem:
            return None


def brought(attempt: LoginAttempt) -> Login:
    """What a claimed attempt holds."""
    assert attempt.shop_id is not None
    kept = vault.unseal_json(attempt, "result")
    return Login(
        attempt.shop_id,
        attempt.user_id,
        attempt.channel,
        attempt.realm,
        attempt.account_id,
        _unpack(kept),
        kept["how"],
        attempt.door,
        attempt.params or {},
    )


def park(login: Login) -> str:
    """Keep an unconfirmed login sealed for ten minutes while the merchant decides; the token that takes it up again."""
    token = secrets.token_urlsafe(32)
    with db.writing() as s:
        shop = s.get_one(Shop, login.shop_id)
        attempt = _attempt(login.channel, login.realm, login.door, shop)
        attempt.user_id, attempt.account_id, attempt.params = login.user_id, login.account_id, dict(login.params)
        attempt.ticket_hash, attempt.state_hash = digest(secrets.token_hex(16)), digest(secrets.token_hex(16))
        attempt.stage, attempt.return_hash = "parked", digest(token)
        vault.seal_json(attempt, "result", _pack(login.credentials, login.how))
        s.add(attempt)
    return token


def linked_by(shop_id: int, user_id: str, token: str) -> int | None:
    """The account that was linked with this return token, shop and user in the last minutes."""
    keys = {"return_hash": digest(token), "shop_id": shop_id, "user_id": user_id, "stage": "done", "outcome": "linked"}
    with db.reading() as s:
        recent = select(LoginAttempt.account_id).filter_by(**keys).where(LoginAttempt.expires_at > clock.now())
        return s.scalars(recent).first()


def settled(attempt_id: int, account_id: int | None, outcome: str) -> None:
    """Wipe what the attempt held and note what came of it."""
    with db.writing() as s:
        attempt = s.get(LoginAttempt, attempt_id)
        if attempt is not None:
            attempt.result, attempt.outcome = "", outcome
            attempt.account_id = account_id or attempt.account_id


def from_channel(channel_key: str, args: Mapping[str, str]) -> Departure:
    """The channel's own renewal (Login URI): only for sellers that are linked already. LoginProblem otherwise."""
    channel = registry().get(channel_key)
    if channel is None or not channel.available(keys_of(channel)):
        raise LoginProblem("unknown", channel_key)
    try:
        renewal = channel.renew_redirect(keys_of(channel), args)
    except ValueError:
        raise LoginProblem("refused", channel_key) from None
    cookie, state = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with db.writing() as s:
        _forget_old(s)
        lately = select(func.count(LoginAttempt.id)).filter_by(channel=channel_key, seller_id=renewal.seller_id)
        if (s.scalar(lately.where(LoginAttempt.created_at > clock.now() - LIFE)) or 0) >= AT_ONCE:
            raise LoginProblem("refused", channel_key)
        linked = select(Account.id).filter_by(channel=channel_key, realm=renewal.realm, seller_id=renewal.seller_id)
        if s.execute(linked.where(Account.worked_at.is_not(None)).limit(1)).first() is None:
            raise LoginProblem("unknown_seller", channel_key)
        attempt = _attempt(channel_key, renewal.realm, LoginDoor.CHANNEL, None)
        attempt.seller_id, attempt.stage = renewal.seller_id, "started"
        attempt.ticket_hash, attempt.cookie_hash = digest(secrets.token_hex(16)), digest(cookie)
        attempt.state_hash = digest(state)
        s.add(attempt)
    return Departure(cookie, channel.renewal_url(renewal, state, redirect_uri(channel_key)))


def redirect_uri(channel: str) -> str:
    """Our callback address, as registered at the channel."""
    return f"{config()['APP_URL']}/login/return/{channel}"


def _attempt(channel: str, realm: str, door: str, shop: Shop | None) -> LoginAttempt:
    now = clock.now()
    attempt = LoginAttempt(uid=new_uid(), channel=channel, realm=realm, door=str(door), created_at=now)
    attempt.expires_at, attempt.stage = now + LIFE, "new"
    if shop is not None:
        attempt.shop_id, attempt.shop_uid = shop.id, shop.uid
    else:
        attempt.shop_uid = ""
    return attempt


def _arm(attempt: LoginAttempt) -> None:
    state = secrets.token_urlsafe(32)
    attempt.state_hash = digest(state)
    vault.seal(attempt, "state", state)
    vault.seal(attempt, "verifier", new_verifier())


def _request(attempt: LoginAttempt, state: str, verifier: str) -> LoginRequest:
    channel = registry()[attempt.channel]
    again = attempt.door in FORCING
    return LoginRequest(keys_of(channel), attempt.realm, state, redirect_uri(attempt.channel), verifier, again)


def _take(s: Session, stage: str, into: str, keys: Mapping[str, Any], values: Mapping[str, Any]) -> LoginAttempt:
    """Move the one attempt with `keys` from `stage` to `into`, by a conditional UPDATE; else LoginProblem."""
    wanted = [getattr(LoginAttempt, name) == value for name, value in keys.items()]
    mine = update(LoginAttempt).where(*wanted, LoginAttempt.stage == stage, LoginAttempt.expires_at > clock.now())
    taken: Any = s.execute(mine.values(stage=into, **values).execution_options(synchronize_session=False))
    if taken.rowcount != 1:
        raise LoginProblem(_why(s, keys, stage), str(keys.get("channel", "")))
    return s.scalars(select(LoginAttempt).where(*wanted, LoginAttempt.stage == into)).one()


def _why(s: Session, keys: Mapping[str, Any], stage: str) -> str:
    """For the page that tells what happened; the caller knew the secret, so nothing is given away."""
    secret = next(name for name in ("ticket_hash", "state_hash", "return_hash") if name in keys)
    found = s.scalars(select(LoginAttempt).where(getattr(LoginAttempt, secret) == keys[secret])).first()
    if found is None:
        return "unknown"
    if found.stage != stage:
        return "used"
    return "late" if found.expires_at <= clock.now() else "other_browser"


def _keep(attempt_id: int, credentials: Credentials | None, refused: str, words: str) -> str:
    """Seal what came, under a fresh return token, and give the address of the embedded page that confirms it."""
    token = secrets.token_urlsafe(32)
    with db.writing() as s:
        attempt = s.get_one(LoginAttempt, attempt_id, with_for_update={"key_share": True})
        if attempt.stage != "returning":
            raise LoginProblem("other_browser", attempt.channel)
        attempt.stage, attempt.return_hash = "returned", digest(token)
        attempt.outcome, attempt.words = refused, words[:500]
        # The confirming page follows at once; a login that took almost ten minutes must not fail there.
        attempt.expires_at = max(attempt.expires_at, clock.now() + timedelta(minutes=2))
        if credentials is not None:
            vault.seal_json(attempt, "result", _pack(credentials, "login"))
        shop = s.get_one(Shop, attempt.shop_id)
        return admin_link(shop, f"/accounts/linked?return={token}")


def _pack(credentials: Credentials, how: str) -> dict[str, Any]:
    moments = {name: getattr(credentials, name) for name in ("access_expires_at", "authorised_at", "expires_at")}
    return {
        "how": how,
        "secrets": credentials.secrets,
        "public": credentials.public,
        "access_token": credentials.access_token,
        **{name: moment.isoformat() if moment else "" for name, moment in moments.items()},
    }


def _unpack(kept: Mapping[str, Any]) -> Credentials:
    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(kept[name]) if kept[name] else None

    return Credentials(
        kept["secrets"],
        kept["public"],
        kept["access_token"],
        moment("access_expires_at"),
        moment("authorised_at"),
        moment("expires_at"),
    )


def _forget_old(s: Session) -> None:
    """Runs whenever a login begins, so no chore is needed."""
    s.execute(delete(LoginAttempt).where(LoginAttempt.expires_at < clock.now() - KEPT))
