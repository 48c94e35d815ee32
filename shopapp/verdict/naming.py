"""How incidents and the journal call what they are about. Data for texts, no texts."""

from __future__ import annotations

from typing import Any

from marketplaces.channels import registry
from marketplaces.errors import RemoteError
from shopapp.records.models import Account


def subject(account: Account) -> str:
    """The subject of an account."""
    return f"account:{account.id}"


def channel_subject(channel: str, realm: str) -> str:
    """The subject of a channel's realm."""
    return f"channel:{channel}:{realm}"


def channel_name(key: str) -> str:
    """What people call the channel; its key when it is no longer offered."""
    channel = registry().get(key)
    return channel.name if channel else key


def naming(account: Account, error: Exception | None = None, call: str = "") -> dict[str, Any]:
    """Params that say which account it is, and what a support case needs (call, code, request id)."""
    known = error if isinstance(error, RemoteError) else RemoteError()
    return {
        "account_id": account.id,
        "label": account.label,
        "channel": channel_name(account.channel),
        "channel_key": account.channel,
        "realm": account.realm,
        "call": call or known.call,
        "code": known.code,
        "request_id": known.request_id,
    }
