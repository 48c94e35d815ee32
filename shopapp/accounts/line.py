"""A line to one account: unsealed credentials, refreshed under a lease, and the paced wire. Judges nothing.

A refresh is single flight over all processes: the lease is a conditional UPDATE, the call runs without a transaction,
and what came is saved where the fence still matches, before it is used. Others meanwhile come back in two seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, TypeVar

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from marketplaces.channel import AppKeys, Channel, Line, LoginKind
from marketplaces.channels import registry
from marketplaces.data import Credentials
from marketplaces.errors import (
    AccessStale,
    AccountInactive,
    AuthExpired,
    AuthRevoked,
    OurFault,
    PermissionMissing,
    RateLimited,
    RemoteError,
    Transient,
)
from marketplaces.wire import Http
from shopapp import clock
from shopapp.accounts import permits
from shopapp.records import db, vault
from shopapp.records.models import Account
from shopapp.runtime import config
from shopapp.work.turns import Turn

T = TypeVar("T")
SOON = timedelta(seconds=120)  # access that ends so soon is refreshed before it is used
LEASE = timedelta(seconds=60)  # longer than the refresh's deadline of 30 s
UNDER_WAY = 2.0  # seconds until whoever meets a refresh under way comes back


class NotLinked(Exception):
    """The account has no credentials (any more): nothing can be said for it, and the channel was not asked."""


@dataclass(frozen=True, slots=True)
class Held:
    """An account's credentials as read in one transaction; `fence` tells whether they are still the newest."""

    account_id: int
    channel: str
    realm: str
    seller_id: str
    sites: tuple[str, ...]
    credentials: Credentials
    fence: int


def line(account_id: int, *, stale: str = "") -> Line:
    """A line with access that lasts for at least two minutes. Owns its transactions, may use the network.

    `stale` is an access token that the channel no longer takes: it is replaced even if its time is not over. Raises
    NotLinked, RateLimited (somebody else is refreshing), OurFault (what is stored does not open) and the error families
    of the refresh.
    """
    return _line(_ready(account_id, stale))


def glance(account: Account) -> Held | None:
    """What `speak` needs to know, of an account that was just read; None when only `speak` can tell what is wrong."""
    try:
        return _held(account)
    except (NotLinked, OurFault):
        return None


def speak(
    account_id: int, say: Callable[[Line], T], held: Held | None = None, *, spare: int = 0, turn: Turn = Turn.URGENT
) -> T:
    """Call `say` with a line. Stale access is refreshed once and the call repeated once; a second refusal is Transient.

    `held`: of a `glance` just now, so that the account need not be read again. A permission that is missing for the
    whole call is looked at once more: a suspended seller is told apart. `spare`
    permits of each bucket of the account are left for calls that are more urgent; RateLimited when there are no more than
    that. `turn` says the same where accounts share a bucket.
    """
    if held is None or _wanting(held, ""):
        held = _ready(account_id)
    try:
        return say(_line(held, spare, turn))
    except AccessStale:
        held = _ready(account_id, held.credentials.access_token)
        try:
            return say(_line(held, spare, turn))
        except AccessStale as error:
            words = error.words or "fresh access is not accepted"
            raise Transient(words, code=error.code, status=error.status, call=error.call) from error
    except PermissionMissing as error:
        _look_closer(held, error)
        raise


def connect(channel: Channel, realm: str, credentials: Credentials, sites: tuple[str, ...] = ()) -> Line:
    """A line for credentials that belong to no account yet, refreshed when they hold no access. May use the network."""
    keys, http = keys_of(channel), http_of(channel, realm)
    if not credentials.access_token and _refreshes(channel):
        credentials = channel.refresh(http, keys, realm, credentials, clock.now())
    seller_id = credentials.public.get("seller_id", "")
    return Line(http, keys, realm, seller_id, sites, credentials, clock.now)


def keys_of(channel: Channel) -> AppKeys:
    """Our application's keys at the channel."""
    return config().keys_of(channel.key)


def http_of(channel: Channel, realm: str = "", spare: int = 0, turn: Turn = Turn.URGENT) -> Http:
    """The paced wire to a realm of the channel, one per process and urgency; where it may go the channel itself tells."""
    return _http(channel.hosts(keys_of(channel), realm), channel.instance, spare, turn)


@lru_cache(maxsize=256)
def _http(hosts: tuple[str, ...], typed: bool, spare: int, turn: Turn) -> Http:
    pace = partial(permits.draw, spare=spare, turn=turn)
    return Http(hosts, typed=typed, now=clock.now, pace=pace, observe=permits.heed, refused=permits.refused)


def store(account: Account, credentials: Credentials) -> None:
    """Seal `credentials` into the account's row (whose shop is loaded) and keep what may be shown in full."""
    vault.seal_json(account, "credentials", dict(credentials.secrets))
    vault.seal(account, "access_token", credentials.access_token)
    account.access_expires_at = credentials.access_expires_at
    account.public = dict(credentials.public)
    account.authorised_at = credentials.authorised_at
    account.expires_at = credentials.expires_at


def stored(account: Account) -> Credentials:
    """The account's credentials, unsealed; VaultError when they do not open."""
    return Credentials(
        secrets=vault.unseal_json(account, "credentials"),
        public=dict(account.public or {}),
        access_token=vault.unseal(account, "access_token"),
        access_expires_at=account.access_expires_at,
        authorised_at=account.authorised_at,
        expires_at=account.expires_at,
    )


def _read(s: Session, account_id: int) -> Held:
    account = s.get(Account, account_id)
    if account is None:
        raise NotLinked(f"there is no account {account_id}")
    return _held(account)


def _held(account: Account) -> Held:
    if not account.credentials:
        raise NotLinked(f"account {account.id} has no credentials")
    try:
        credentials = stored(account)
    except vault.VaultError as error:  # a key was taken away too early: every account sealed with it stands still
        raise OurFault("stored access does not open with the encryption keys of this installation") from error
    sites = tuple(site.site for site in account.sites if site.importing and site.active)
    return Held(
        account.id,
        account.channel,
        account.realm,
        account.seller_id or "",
        sites,
        credentials,
        account.token_fence,
    )


def _ready(account_id: int, stale: str = "") -> Held:
    for last in (False, True):
        with db.reading() as s:
            held = _read(s, account_id)
        if not _wanting(held, stale):
            return held
        try:
            return _refreshed(held, stale)
        except (AuthExpired, AuthRevoked):
            # Another process may have saved newer secrets between our reading and the channel's refusal.
            with db.reading() as s:
                newer = _read(s, account_id).credentials.secrets != held.credentials.secrets
            if last or not newer:
                raise
    raise AssertionError("unreachable")


def _refreshes(channel: Channel) -> bool:
    """Whether its secrets only give access, which is short; else they are the access itself."""
    return channel.renews and channel.login_kind is not LoginKind.FORM


def _wanting(held: Held, stale: str) -> bool:
    credentials = held.credentials
    if stale and credentials.access_token == stale:
        return True
    if not credentials.access_token:
        return _refreshes(registry()[held.channel])
    end = credentials.access_expires_at
    return end is not None and end <= clock.now() + SOON


def _line(held: Held, spare: int = 0, turn: Turn = Turn.URGENT) -> Line:
    channel = registry()[held.channel]
    http = http_of(channel, held.realm, spare, turn)
    return Line(http, keys_of(channel), held.realm, held.seller_id, held.sites, held.credentials, clock.now)


def _refreshed(held: Held, stale: str) -> Held:
    """Refresh under the lease; what another process saved meanwhile is as good."""
    now, until = clock.now(), Account.token_lease_until
    free = or_(until.is_(None), until < now, until > now + 2 * LEASE)  # the last: taken before a clock was set back
    with db.writing() as s:
        take = update(Account).where(Account.id == held.account_id, free)
        fence = Account.token_fence + 1
        taken: Any = s.execute(take.values(token_lease_until=now + LEASE, token_fence=fence))
        if not taken.rowcount:
            raise RateLimited(UNDER_WAY, "a refresh is under way")
        held = _read(s, held.account_id)
        if not _wanting(held, stale):
            _free(s, held)
            return held
    if db.open_transactions():
        raise RuntimeError("a marketplace is called inside a transaction")
    channel = registry()[held.channel]
    try:
        http = http_of(channel, held.realm)
        fresh = channel.refresh(http, keys_of(channel), held.realm, held.credentials, clock.now())
    except BaseException:
        with db.writing() as s:
            _free(s, held)
        raise
    return _save(held, fresh)


def _save(held: Held, fresh: Credentials) -> Held:
    with db.writing() as s:
        account = s.scalars(
            select(Account).filter_by(id=held.account_id).with_for_update(key_share=True, of=Account)
        ).one()
        if account.token_fence != held.fence:
            # The account was linked anew, or our lease ran out: those credentials are the newer ones.
            return _read(s, held.account_id)
        store(account, fresh)
        account.token_lease_until = None
    return replace(held, credentials=fresh)


def _free(s: Session, held: Held) -> None:
    mine = update(Account).where(Account.id == held.account_id, Account.token_fence == held.fence)
    s.execute(mine.values(token_lease_until=None))


def _look_closer(held: Held, error: PermissionMissing) -> None:
    """Some channels refuse a suspended seller, or a dead access, with the words of a missing role: a live look tells."""
    try:
        registry()[held.channel].identify(_line(held))
    except (AccountInactive, AuthExpired, AuthRevoked) as closer:
        raise closer from error
    except RemoteError:
        return
