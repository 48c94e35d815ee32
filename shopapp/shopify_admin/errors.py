"""Shopify's own troubles beside the families of `marketplaces.errors`. Says what happened, decides nothing."""

from __future__ import annotations

from marketplaces.errors import AccessStale, RemoteError


class ShopAuthLost(RemoteError):
    """Shopify refuses our tokens for good: only the merchant opening the app once brings new ones."""


class ShopFrozen(RemoteError):
    """The shop does not pay (402) or is locked (423): nothing of ours runs until Shopify answers again."""


class IdTokenStale(AccessStale):
    """The exchange refuses this ID token: the page must come back with a fresh one (the bounce page does that)."""
