"""Offline tokens of shops: exchange, storage (sealed), and refresh in single flight. Decides nothing about the shop.

A refresh is guarded by a lease and a fence on the shop's row: one conditional UPDATE wins, and the pair is saved before
use, only where the fence still matches. A crash between answer and commit can be survived: Shopify accepts an old token
until its successor is used.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from shopify_app import ShopifyApp
from shopify_app.types import IdTokenDetails, TokenExchangeAccessToken, TokenExchangeResult
from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from marketplaces.errors import OurFault, RateLimited, Transient
from shopapp import clock, runtime
from shopapp.logs import event
from shopapp.records import db, vault
from shopapp.records.models import Shop, ShopStatus
from shopapp.shopify_admin import wire
from shopapp.shopify_admin.client import Admin
from shopapp.shopify_admin.errors import IdTokenStale, ShopAuthLost

log = logging.getLogger(__name__)
EARLY = timedelta(minutes=5)  # refreshed when less is left
USABLE = timedelta(seconds=30)  # still handed out while another thread refreshes
LEASE = timedelta(seconds=60)
WAIT = 2.0  # seconds until a caller that met a refresh under way should come back
# After a refresh without an answer nobody tries again so soon: thousands of orders may be waiting for this token. Less
# of a lease than this is left only then, because a call ends within its deadline of half a lease.
COOLING = timedelta(seconds=25)


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What an exchange or refresh gave. Times are of our clock; `scopes` as granted, comma separated."""

    access: str
    access_expires_at: datetime
    refresh: str
    refresh_expires_at: datetime
    scopes: str

    def __repr__(self) -> str:
        return f"TokenSet(<secret>, until {self.access_expires_at:%Y-%m-%dT%H:%M})"


@lru_cache(maxsize=4)
def _library(key: str, secret: str, old: str) -> ShopifyApp:
    return ShopifyApp(client_id=key, client_secret=secret, old_client_secret=old or None)


def library() -> ShopifyApp:
    """Shopify's own library with this process's settings."""
    config = runtime.config()
    return _library(config["SHOPIFY_API_KEY"], config["SHOPIFY_API_SECRET"], config["SHOPIFY_API_SECRET_OLD"])


def exchange(shop_domain: str, id_token: str) -> TokenSet:
    """Turn a verified ID token into an offline token of `shop_domain`. IdTokenStale when a fresh ID token is needed.

    Raises Transient, RateLimited, ShopFrozen and OurFault as well. Network: not inside a transaction.
    """
    details = IdTokenDetails(exchangeable=True, token=id_token, claims={"dest": f"https://{shop_domain}"})
    with wire.library_client("token_exchange") as client:
        result = library().exchange_using_token_exchange("offline", details, expiring=True, http_client=client)
    return _tokens(result, "token_exchange")


def _refresh(shop_domain: str, refresh_token: str) -> TokenSet:
    # Our clock has decided that a refresh is due; empty times keep the library's own clock out of it.
    old = TokenExchangeAccessToken(
        shop=shop_domain.removesuffix(".myshopify.com"),
        token="",
        expires="",
        scope="",
        access_mode="offline",
        refresh_token=refresh_token,
        refresh_token_expires="",
        user=None,
    )
    with wire.library_client("token_refresh") as client:
        result = library().refresh_token_exchanged_access_token(old, http_client=client)
    return _tokens(result, "token_refresh")


def _tokens(result: TokenExchangeResult, call: str) -> TokenSet:
    code = result.log.code
    if code == "invalid_subject_token":
        raise IdTokenStale("the ID token was refused", code=code, call=call)
    if code in ("invalid_grant", "refresh_token_expired"):
        raise ShopAuthLost("the refresh token was refused", code=code, call=call)
    if code in ("invalid_client", "configuration_error"):
        raise OurFault("the client id or secret of this app was refused", code=code, call=call)
    given = result.access_token
    if not result.ok or given is None:
        raise Transient("the token endpoint gave no usable answer", code=code, call=call)
    if not given.token or not given.refresh_token or not given.expires or not given.refresh_token_expires:
        raise Transient("the token endpoint left out a part of the tokens", maybe_done=True, call=call)
    return TokenSet(
        given.token,
        _on_our_clock(given.expires),
        given.refresh_token,
        _on_our_clock(given.refresh_token_expires),
        given.scope,
    )


def _on_our_clock(stamp: str) -> datetime:
    """The library reckons with the wall; what counts is how long it lasts."""
    lasts = datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() - clock.wall()
    return clock.now() + timedelta(seconds=lasts)


def store(s: Session, shop: Shop, tokens: TokenSet) -> None:
    """Keep the pair, sealed; whoever is refreshing an older one loses its fence."""
    vault.seal(shop, "access_token", tokens.access)
    vault.seal(shop, "refresh_token", tokens.refresh)
    shop.access_expires_at = tokens.access_expires_at
    shop.refresh_expires_at = tokens.refresh_expires_at
    shop.scopes = tokens.scopes
    shop.token_fence += 1
    shop.token_lease_until = None
    s.flush()


def forget(shop: Shop) -> None:
    """Delete the shop's tokens (uninstalled)."""
    shop.access_token = shop.refresh_token = ""
    shop.access_expires_at = shop.refresh_expires_at = shop.token_lease_until = None
    shop.token_fence += 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What the row said when it was read. `line` takes it, so that who has read the shop need not read it again."""

    domain: str
    access: str
    left: timedelta
    fence: int
    leased: timedelta

    def __repr__(self) -> str:
        return f"Seen({self.domain})"


def _read(shop_id: int) -> Seen:
    with db.reading() as s:
        shop = s.get(Shop, shop_id)
        if shop is None or shop.status == ShopStatus.UNINSTALLED or not shop.refresh_token:
            raise ShopAuthLost("no access to this shop is stored", call="token")
        return _seen(shop)


def _seen(shop: Shop) -> Seen:
    left = (shop.access_expires_at or clock.now()) - clock.now()
    leased = (shop.token_lease_until or clock.now()) - clock.now()
    return Seen(shop.domain, _unseal(shop, "access_token"), left, shop.token_fence, leased)


def glance(shop: Shop) -> Seen | None:
    """What `line` needs to know, of a row that was just read; None when only `line` itself can tell what is wrong."""
    if shop.status == ShopStatus.UNINSTALLED or not shop.refresh_token:
        return None
    try:
        return _seen(shop)
    except OurFault:
        return None


def _unseal(shop: Shop, column: str) -> str:
    try:
        return vault.unseal(shop, column)
    except vault.VaultError as error:
        raise OurFault("a stored token does not open with the encryption keys of this installation") from error


def lasts(seen: Seen | None) -> bool:
    """Whether `line` needs to ask nobody for a token."""
    return seen is not None and seen.left >= EARLY


def line(shop_id: int, seen: Seen | None = None) -> Admin:
    """A line to the shop's Admin API with a token that is good for some minutes. `seen`: of a `glance` just now.

    Raises ShopAuthLost, ShopFrozen, Transient, OurFault, or RateLimited while another thread refreshes (2 s) or after a
    refresh found no answer.
    Network: not inside a transaction.
    """
    seen = seen or _read(shop_id)
    if seen.left >= EARLY:
        return _admin(shop_id, seen.domain, seen.access)
    return _admin(shop_id, seen.domain, _renewed(shop_id, seen))


def _admin(shop_id: int, domain: str, access: str) -> Admin:
    return Admin(domain, access, lambda refused: _replaced(shop_id, refused))


def _replaced(shop_id: int, refused: str) -> str:
    """A token to use instead of one that Shopify refused before its time."""
    seen = _read(shop_id)
    if seen.access != refused and seen.left >= USABLE:
        return seen.access
    return _renewed(shop_id, seen, refused=True)


def _renewed(shop_id: int, seen: Seen, *, refused: bool = False) -> str:
    fence = seen.fence + 1
    with db.writing() as s:
        won = _take_lease(s, shop_id, seen.fence)
        shop = s.get(Shop, shop_id)
        refresh_token = _unseal(shop, "refresh_token") if won and shop is not None else ""
    if not won:
        return _from_the_winner(shop_id, seen, refused)
    try:
        tokens = _refresh(seen.domain, refresh_token)
    except ShopAuthLost:
        again = _read(shop_id)
        if again.fence != fence and again.left >= USABLE:
            return again.access  # another process saved a newer pair in the meantime
        _release(shop_id, fence)
        raise
    except Transient:
        _release(shop_id, fence, clock.now() + COOLING)
        raise
    except Exception:
        _release(shop_id, fence)
        raise
    with db.writing() as s:
        shop = s.get(Shop, shop_id, with_for_update={"key_share": True})
        if shop is not None and shop.token_fence == fence:
            store(s, shop, tokens)
            event(log, "token_refreshed", shop=seen.domain)
            return tokens.access
    # Our lease ran out and somebody else stored another pair: theirs counts.
    return _from_the_winner(shop_id, seen, refused)


def _take_lease(s: Session, shop_id: int, fence: int) -> bool:
    now, until = clock.now(), Shop.token_lease_until
    free = or_(until.is_(None), until < now, until > now + 2 * LEASE)  # the last: taken before a clock was set back
    result: Any = s.execute(
        update(Shop)
        .where(Shop.id == shop_id, Shop.token_fence == fence, free)
        .values(token_lease_until=now + LEASE, token_fence=fence + 1)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)


def _release(shop_id: int, fence: int, until: datetime | None = None) -> None:
    with db.writing() as s:
        s.execute(
            update(Shop)
            .where(Shop.id == shop_id, Shop.token_fence == fence)
            .values(token_lease_until=until)
            .execution_options(synchronize_session=False)
        )


def _from_the_winner(shop_id: int, seen: Seen, refused: bool) -> str:
    now = _read(shop_id)
    if now.left >= USABLE and not (refused and now.access == seen.access):
        return now.access
    cooling = now.leased.total_seconds() if now.leased <= COOLING else 0.0
    raise RateLimited(max(WAIT, cooling), "a refresh is under way", call="token")
