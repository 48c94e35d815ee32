"""Owns Tradera's members: who may sell, the keys of logins under way, and the tokens that came of them.

A login's key works once, for the member who logged in with it. A token has a hard end and is never renewed.
"""

import copy
from datetime import datetime, timedelta
from typing import Any

from tests.sandbox.world import World

Member = dict[str, Any]
PART = "tradera"
APP_ID = "4711"
APP_KEY = "5a8d1c20-0000-4000-8000-5a4db0c50001"
PUBLIC_KEY = "5a8d1c20-0000-4000-8000-5a4db0c50002"
KEY_LIFE = timedelta(minutes=10)
FIRST_ID = 3_000_100
STATES = ("ok", "revoked", "expired")
SWITCHES = {
    "authorisation", "active", "has_shop", "alias", "token_days", "token_delay_seconds", "strict_ship", "price_seconds",
}  # fmt: skip


class Members:
    """All access to members, keys and tokens; one lock for all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._part = world.part(PART)
        for table in ("members", "keys", "tokens", "orders", "items", "requests", "refusals"):
            self._part.setdefault(table, {})
        self._part.setdefault("settings", {"app_refused": False})

    @property
    def settings(self) -> dict[str, Any]:
        """app_refused: our application's key is refused; daily_calls, when it was set by hand."""
        settings: dict[str, Any] = self._part["settings"]
        return settings

    def table(self, name: str) -> dict[str, Any]:
        """One of the tables; change it under the world's lock, then `touch`."""
        found: dict[str, Any] = self._part[name]
        return found

    def touch(self) -> None:
        """Have the state saved soon."""
        self.world.touch(PART)

    def add(self, wish: dict[str, Any]) -> Member:
        """Make a member from {seller_id?, name?, has_shop?, password?}. Raises ValueError on nonsense."""
        with self.world.lock:
            number = self.world.next_id("tradera.member")
            member_id = str(wish.get("seller_id") or FIRST_ID + number)
            if not member_id.isdigit() or member_id in self._part["members"]:
                raise ValueError(f"not a free number of a member: {member_id}")
            member: Member = {
                "seller_id": member_id,
                "alias": str(wish.get("name") or wish.get("alias") or f"exempel_{number}"),
                "has_shop": bool(wish.get("has_shop", True)),
                "active": True,
                "authorisation": "none",
                "token_days": 548,
                "token_delay_seconds": 0,
                "strict_ship": False,
                "price_seconds": 5,
            }
            self._part["members"][member_id] = member
            self.touch()
            return dict(member)

    def get(self, member_id: str) -> Member:
        """The member itself (change it through `change`). Raises ValueError when unknown."""
        member: Member | None = self._part["members"].get(member_id)
        if member is None:
            raise ValueError(f"no such member: {member_id}")
        return member

    def listed(self) -> list[Member]:
        """All members, oldest first."""
        with self.world.lock:
            return [dict(member) for member in self._part["members"].values()]

    def change(self, member_id: str, wish: dict[str, Any]) -> Member:
        """Apply SWITCHES. `authorisation`: ok (tokens live again), revoked, or expired (they ended just now)."""
        if set(wish) - SWITCHES:
            raise ValueError(f"unknown fields: {sorted(set(wish) - SWITCHES)}")
        with self.world.lock:
            member = self.get(member_id)
            if wish.get("authorisation", "ok") not in STATES:
                raise ValueError(f"authorisation must be one of {STATES}")
            if wish.get("authorisation") == "expired":
                just_now = (self.world.clock.now() - timedelta(seconds=1)).isoformat()
                for row in self._part["tokens"].values():
                    if row["member"] == member_id:
                        row["until"] = min(row["until"], just_now)
            member.update(wish)
            self.touch()
            return dict(member)

    def allow(self, member_id: str, key: str) -> None:
        """The member logs in with the key of one login and allows the application."""
        with self.world.lock:
            self.get(member_id)["authorisation"] = "ok"
            born = self.world.clock.now().isoformat()
            self._part["keys"][key] = {"member": member_id, "born": born}
            self.touch()

    def redeem(self, member_id: str, key: str) -> tuple[str, Any]:
        """("ok", (token, its end)), ("late", None) while it is being made, ("refused", None): no open key of this member."""
        now = self.world.clock.now()
        with self.world.lock:
            row = self._part["keys"].get(key)
            if row is None or row["member"] != member_id:
                return "refused", None
            born, member = datetime.fromisoformat(row["born"]), self.get(member_id)
            if now > born + KEY_LIFE:
                return "refused", None
            if now < born + timedelta(seconds=float(member["token_delay_seconds"])):
                return "late", None
            del self._part["keys"][key]
            token, until = self.world.secret("tok-", 36), now + timedelta(days=float(member["token_days"]))
            self._part["tokens"][token] = {"member": member_id, "until": until.isoformat()}
            self.touch()
            return "ok", (token, until)

    def holder(self, member_id: str, token: str) -> Member | None:
        """The member whose living token this is; None when it is dead or another's."""
        with self.world.lock:
            row = self._part["tokens"].get(token)
            if row is None or row["member"] != member_id:
                return None
            member = self.get(member_id)
            alive = self.world.clock.now() < datetime.fromisoformat(row["until"])
            return copy.deepcopy(member) if alive and member["authorisation"] != "revoked" else None

    def end_of(self, member_id: str) -> str:
        """When the newest token of a member ends (ISO), "" without one."""
        with self.world.lock:
            ends = [row["until"] for row in self._part["tokens"].values() if row["member"] == member_id]
        return max(ends, default="")
