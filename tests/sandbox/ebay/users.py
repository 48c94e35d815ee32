"""Owns users, their consent to the app, codes and tokens. It answers no HTTP itself.

An authorisation ends when the user revokes it, when the control API says so, or 547.5 days after it was given; a refresh
does not prolong it.
"""

import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.sandbox.world import World

User = dict[str, Any]
PART = "ebay"
CODE_LIFE = timedelta(seconds=299)
REFRESH_SECONDS = 47_304_000
BASE = "https://api.ebay.com/oauth/api_scope"
SCOPES = (
    BASE,
    f"{BASE}/sell.fulfillment",
    f"{BASE}/sell.inventory",
    f"{BASE}/sell.account.readonly",
    f"{BASE}/commerce.identity.readonly",
    f"{BASE}/commerce.notification.subscription",
)
SITES = {
    "EBAY_DE": ("EUR", "DE"),
    "EBAY_GB": ("GBP", "GB"),
    "EBAY_FR": ("EUR", "FR"),
    "EBAY_US": ("USD", "US"),
    "EBAY_AU": ("AUD", "AU"),
}


@dataclass(frozen=True)
class App:
    """The app as it is registered at this stand-in."""

    client_id: str
    client_secret: str
    runame: str
    verification_token: str


def app_of() -> App:
    """From the environment, as the app itself is set, or this stand-in's own."""
    return App(
        os.environ.get("EBAY_CLIENT_ID") or "Sandbox-App-PRD-sandbox",
        os.environ.get("EBAY_CLIENT_SECRET") or "PRD-sandbox-ebay-secret",
        os.environ.get("EBAY_RUNAME") or "Sandbox_Company-SandboxA-Sandbx-sndbx",
        os.environ.get("EBAY_VERIFICATION_TOKEN") or "sandbox_verification_token_of_forty_marks",
    )


class Users:
    """All access to the state of this stand-in, one lock for all."""

    def __init__(self, world: World, app: App) -> None:
        self.world = world
        self.app = app
        self.part = world.part(PART)
        for table in ("users", "codes", "refresh", "access", "app_tokens", "orders", "items", "offers", "refusals"):
            self.part.setdefault(table, {})
        self.settings: dict[str, Any] = self.part.setdefault(
            "settings", {"quotas": {}, "access_seconds": 7200, "one_sku": False}
        )

    def touch(self) -> None:
        """Say that the state changed."""
        self.world.touch(PART)

    def add(self, wish: dict[str, Any]) -> User:
        """A new user from {user_id?, username?, site?, business?, password?}. Raises ValueError for nonsense."""
        unknown = set(wish) - {"user_id", "username", "site", "business", "password"}
        site = str(wish.get("site") or "EBAY_DE")
        if unknown or site not in SITES:
            raise ValueError(f"unknown: {sorted(unknown) or site}")
        user_id = str(wish.get("user_id") or f"u{secrets.token_hex(5)}")
        user: User = {
            "user_id": user_id,
            "username": str(wish.get("username") or f"example_store_{self.world.next_id('ebay.user')}"),
            "site": site,
            "business": str(wish.get("business") or "Example Store"),
            "password": str(wish.get("password") or ""),
            "status": "CONFIRMED",
            "registered": True,
            "suspended": False,
            "authorisation": "none",
            "authorised_at": "",
            "scopes": list(SCOPES),
            "lag_seconds": 0,
        }
        with self.world.lock:
            if user_id in self.part["users"]:
                raise ValueError(f"there is a user {user_id} already")
            self.part["users"][user_id] = user
            for table in ("orders", "items", "offers", "refusals"):
                self.part[table][user_id] = {}
        self.touch()
        return user

    def get(self, user_id: str) -> User:
        """The user; KeyError when there is none."""
        user: User = self.part["users"][user_id]
        return user

    def listed(self) -> list[User]:
        """All users."""
        return list(self.part["users"].values())

    def authorise(self, user_id: str) -> None:
        """The user agrees: older refresh tokens stay as they are."""
        with self.world.lock:
            self.get(user_id).update(authorisation="ok", authorised_at=self.world.clock.now().isoformat())
        self.touch()

    def end(self, user_id: str, how: str) -> None:
        """All tokens of the user die: revoked or expired."""
        with self.world.lock:
            self.get(user_id)["authorisation"] = how
            for table in ("refresh", "access"):
                for row in self.part[table].values():
                    if row["user"] == user_id:
                        row["dead"] = True
        self.touch()

    def new_code(self, user_id: str, runame: str) -> str:
        """A code of the form that eBay's have: with signs that must be encoded exactly once."""
        code = f"v^1.1#i^1#f^0#p^3#r^1#I^3#k^0#t^{secrets.token_urlsafe(24)}+/=%2B"
        with self.world.lock:
            born = self.world.clock.now().isoformat()
            self.part["codes"][code] = {"user": user_id, "runame": runame, "born": born}
        self.touch()
        return code

    def redeem(self, code: str, runame: str) -> str | None:
        """The user of a code, once and within five minutes."""
        with self.world.lock:
            row = self.part["codes"].pop(code, None)
        self.touch()
        if row is None or row["runame"] != runame or self._age(row) > CODE_LIFE:
            return None
        return str(row["user"])

    def new_refresh(self, user_id: str) -> str:
        """A refresh token with the scopes that the user agrees to now."""
        return self._token("refresh", user_id, {"scopes": list(self.get(user_id)["scopes"])})

    def of_refresh(self, token: str) -> dict[str, Any] | None:
        """The row of a living refresh token."""
        row: dict[str, Any] | None = self.part["refresh"].get(token)
        if row is None or row.get("dead") or self._age(row) > timedelta(seconds=REFRESH_SECONDS):
            return None
        return row

    def known_refresh(self, token: str) -> str:
        """Whose refresh token it is or was, "" for an invented one."""
        return str(self.part["refresh"].get(token, {}).get("user", ""))

    def new_access(self, user_id: str, scopes: list[str]) -> tuple[str, int]:
        """An access token and its seconds."""
        seconds = int(self.settings["access_seconds"])
        return self._token("access", user_id, {"scopes": scopes, "seconds": seconds}), seconds

    def of_access(self, token: str) -> dict[str, Any] | None:
        """The row of a living access token."""
        row: dict[str, Any] | None = self.part["access"].get(token)
        if row is None or row.get("dead") or self._age(row) > timedelta(seconds=row["seconds"]):
            return None
        return row

    def new_app_token(self) -> tuple[str, int]:
        """Access of the application itself."""
        return self._token("app_tokens", "", {"seconds": 7200}), 7200

    def is_app_token(self, token: str) -> bool:
        """Whether the application itself may speak with it."""
        row = self.part["app_tokens"].get(token)
        return row is not None and self._age(row) <= timedelta(seconds=row["seconds"])

    def _token(self, table: str, user_id: str, more: dict[str, Any]) -> str:
        token = f"v^1.1#i^1#p^3#r^{int(table == 'refresh')}#t^{secrets.token_urlsafe(60)}"
        with self.world.lock:
            self.part[table][token] = {"user": user_id, "born": self.world.clock.now().isoformat(), **more}
        self.touch()
        return token

    def _age(self, row: dict[str, Any]) -> timedelta:
        return self.world.clock.now() - datetime.fromisoformat(row["born"])
