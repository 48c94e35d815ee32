"""Owns sellers, their authorisation of the app, codes and tokens. It answers no HTTP itself.

An authorisation ends when the seller revokes it, when the control API says so, or 365 days after it was given.
"""

import re
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from tests.sandbox.amazon.lossy import Lossy
from tests.sandbox.amazon.regions import MARKETPLACES, REGIONS, USUAL
from tests.sandbox.world import World

Seller = dict[str, Any]
PART = "amazon"
CODE_LIFE = timedelta(minutes=5)
AUTHORISATION_LIFE = timedelta(days=365)
ROLES = {
    "orders": "Inventory and Order Tracking",
    "sellers": "Selling Partner Insights",
    "buyer": "Direct-to-Consumer Shipping (Restricted)",
    "tax": "Tax Invoicing (Restricted)",
    "listings": "Product Listing",
}
_SELLER_ID = re.compile(r"[A-Z0-9]{5,24}")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class Sellers:
    """All access to the state of this stand-in, one lock for all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._part = world.part(PART)
        for table in ("sellers", "codes", "refresh", "access"):
            self._part.setdefault(table, {})
        for seller in self._part["sellers"].values():
            # A seller kept from a time without listings has whatever he had then, and this.
            if "scramble" not in seller:
                seller |= {"roles": [*seller["roles"], "listings"], "delays": {}, "scramble": 0}
        self._part.setdefault("settings", {"buckets": True, "token_seconds": 3600})

    @property
    def settings(self) -> dict[str, Any]:
        """buckets (whether usage plans bite) and token_seconds (life of an access token)."""
        settings: dict[str, Any] = self._part["settings"]
        return settings

    def touch(self) -> None:
        """Have the state saved soon."""
        self.world.touch(PART)

    def add(self, wish: dict[str, Any]) -> Seller:
        """Make a seller from {seller_id?, name?, region?, marketplaces?, password?}. Raises ValueError on nonsense."""
        region = str(wish.get("region") or "eu")
        if region not in REGIONS:
            raise ValueError(f"region must be one of {sorted(REGIONS)}")
        marketplaces = list(wish.get("marketplaces") or [USUAL[region]])
        strangers = [key for key in marketplaces if key not in MARKETPLACES or MARKETPLACES[key].region != region]
        if strangers:
            raise ValueError(f"not marketplaces of {region}: {strangers}")
        with self.world.lock:
            number = self.world.next_id("amazon.seller")
            seller_id = str(wish.get("seller_id") or self._new_id(number))
            if not _SELLER_ID.fullmatch(seller_id) or seller_id in self._part["sellers"]:
                raise ValueError(f"not a free seller id of capital letters and digits: {seller_id}")
            seller: Seller = {
                "seller_id": seller_id,
                "name": str(wish.get("name") or f"Example Seller {number}"),
                "region": region,
                "marketplaces": marketplaces,
                "password": wish.get("password"),
                "authorisation": "none",
                "active": True,
                "roles": list(ROLES),
                "visible_lag_seconds": 120,
                "secret_expired": False,
                "rotation_grace_seconds": None,
                "delays": {},
                "scramble": 0,
            }
            self._part["sellers"][seller_id] = seller
            self.touch()
            return dict(seller)

    def _new_id(self, number: int) -> str:
        return f"A{number:02d}{''.join(_LETTERS[int(d)] for d in self.world.digits(5))}{self.world.digits(4)}S"

    def get(self, seller_id: str) -> Seller:
        """The seller itself (change it through `change`). Raises ValueError when unknown."""
        seller: Seller | None = self._part["sellers"].get(seller_id)
        if seller is None:
            raise ValueError(f"no such seller: {seller_id}")
        return seller

    def listed(self, region: str | None = None) -> list[Seller]:
        """All sellers, or those of a region, oldest first."""
        with self.world.lock:
            return [dict(seller) for seller in self._part["sellers"].values() if region in (None, seller["region"])]

    def change(self, seller_id: str, wish: dict[str, Any]) -> Seller:
        """Apply what is named in `known` to the seller. Raises ValueError.

        `rotation_grace_seconds`: null, as at Amazon: refresh tokens stay. A number: each refresh gives a new one, and the
        old one is taken for so many seconds more, as at marketplaces whose refresh tokens rotate. `lossy`: see lossy.py.
        """
        known = {"authorisation", "active", "roles", "visible_lag_seconds", "secret_expired", "name"}
        known |= {"rotation_grace_seconds", "lossy", "delays", "scramble", "outcomes", "report_charset", "report_plain"}
        if set(wish) - known:
            raise ValueError(f"unknown fields: {sorted(set(wish) - known)}")
        with self.world.lock:
            seller = self.get(seller_id)
            if "authorisation" in wish and wish["authorisation"] not in ("ok", "revoked", "expired"):
                raise ValueError("authorisation must be ok, revoked or expired")
            if "lossy" in wish:
                wish = wish | {"lossy": asdict(_lossy(wish["lossy"]))}
            if "roles" in wish:
                wish = wish | {"roles": [_role(name) for name in wish["roles"]]}
            if wish.get("authorisation", "ok") != "ok":
                self._forget_access(seller_id)
            seller.update(wish)
            self.touch()
            return dict(seller)

    def _forget_access(self, seller_id: str) -> None:
        access = self._part["access"]
        for token in [token for token, row in access.items() if row["seller"] == seller_id]:
            access[token]["dead"] = True

    def authorise(self, seller_id: str) -> None:
        """The seller consents now. Tokens of an ended authorisation stay dead, those of a living one live on."""
        with self.world.lock:
            seller = self.get(seller_id)
            if seller["authorisation"] != "ok":
                for row in self._part["refresh"].values():
                    if row["seller"] == seller_id:
                        row["dead"] = True
            seller["authorisation"] = "ok"
            seller["authorised_at"] = self.world.clock.now().isoformat()
            self.touch()

    def new_code(self, seller_id: str, redirect_uri: str) -> str:
        """A single-use code of five minutes, given to the app through the browser."""
        code = self.world.secret("RH", 18)
        with self.world.lock:
            born = self.world.clock.now().isoformat()
            self._part["codes"][code] = {"seller": seller_id, "born": born, "redirect_uri": redirect_uri}
            self.touch()
        return code

    def redeem(self, code: str, redirect_uri: str | None) -> str | None:
        """The seller of a living, unused code (used up by this); None when it is dead."""
        with self.world.lock:
            row = self._part["codes"].pop(code, None)
            self.touch()
        if row is None or not self._within(row["born"], CODE_LIFE):
            return None
        if redirect_uri is not None and redirect_uri != row["redirect_uri"]:
            return None
        return str(row["seller"])

    def new_refresh(self, seller_id: str) -> str:
        """A refresh token for the present authorisation."""
        token = self.world.secret("Atzr|IwEB", 48)
        with self.world.lock:
            self._part["refresh"][token] = {"seller": seller_id, "born": self.world.clock.now().isoformat()}
            self.touch()
        return token

    def rotated(self, token: str) -> str:
        """The refresh token to use from now on: the same, or a new one when the seller's tokens rotate."""
        with self.world.lock:
            row = self._part["refresh"][token]
            grace = self.get(row["seller"])["rotation_grace_seconds"]
            if grace is None:
                return token
            ends = self.world.clock.now() + timedelta(seconds=float(grace))
            row.setdefault("replaced_until", ends.isoformat())
            return self.new_refresh(row["seller"])

    def seller_of_refresh(self, token: str) -> str | None:
        """Whose refresh token this is, if the authorisation behind it lives."""
        with self.world.lock:
            row = self._part["refresh"].get(token)
            if row is None or row.get("dead") or not self._within(row["born"], AUTHORISATION_LIFE):
                return None
            if "replaced_until" in row and not self._within(row["replaced_until"], timedelta(0)):
                return None
            seller_id = str(row["seller"])
            return seller_id if self.get(seller_id)["authorisation"] == "ok" else None

    def known_refresh(self, token: str) -> str:
        """Whose token it is or was ("" if never issued): for labels and the ledger only."""
        return str(self._part["refresh"].get(token, {}).get("seller", ""))

    def new_access(self, seller_id: str) -> tuple[str, int]:
        """An access token and its life in seconds."""
        token = self.world.secret("Atza|IwEB", 48)
        seconds = int(self.settings["token_seconds"])
        with self.world.lock:
            now = self.world.clock.now()
            access = self._part["access"]
            if len(access) > 2000:
                old = (now - timedelta(days=1)).timestamp()
                self._part["access"] = access = {key: row for key, row in access.items() if row["until"] > old}
            access[token] = {"seller": seller_id, "until": now.timestamp() + seconds}
            self.touch()
        return token, seconds

    def access(self, token: str) -> tuple[Seller | None, str]:
        """(seller, "ok" or "expired" or "invalid") of an access token."""
        with self.world.lock:
            row = self._part["access"].get(token)
            if row is None or row.get("dead"):
                return None, "invalid"
            state = "ok" if row["until"] > self.world.clock.timestamp() else "expired"
            return dict(self.get(row["seller"])), state

    def _within(self, born: str, life: timedelta) -> bool:
        return self.world.clock.now() <= datetime.fromisoformat(born) + life


def _lossy(wish: dict[str, Any] | None) -> Lossy:
    try:
        return Lossy(**(wish or {}))
    except TypeError as error:
        raise ValueError(f"lossy: {error}") from None


def _role(name: str) -> str:
    for key, title in ROLES.items():
        if name in (key, title):
            return key
    raise ValueError(f"role must be one of {list(ROLES)} or their titles")
