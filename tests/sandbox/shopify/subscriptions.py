"""Owns which topics the app listens to: what its deployed configuration file names. Sends nothing.

Only this file of the app is read, as Shopify reads it at a deploy; a topic that is missing there never arrives, and
`include_fields` cut what does.
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.sandbox.world import World


def fields_of(world: World, topic: str) -> list[str] | None:
    """The fields a message of that topic is cut to; [] when it is sent whole, None when the app does not listen."""
    path = Path(world.settings.app_toml)
    return _read(path, path.stat().st_mtime_ns).get(topic)


@lru_cache(maxsize=32)
def _read(path: Path, _: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    config: Any = tomllib.loads(path.read_text("utf-8"))
    for one in config.get("webhooks", {}).get("subscriptions", []):
        for topic in [*one.get("topics", ()), *one.get("compliance_topics", ())]:
            found[topic] = list(one.get("include_fields", ()))
    return found


def cut(payload: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """The payload with the named fields only; a dotted name keeps a field of each record below."""
    if not fields:
        return payload
    below: dict[str, list[str]] = {}
    for name in fields:
        head, _, rest = name.partition(".")
        below.setdefault(head, []).extend([rest] if rest else [])
    kept: dict[str, Any] = {}
    for name, value in payload.items():
        if name in below:
            inner = below[name]
            kept[name] = [cut(one, inner) for one in value] if inner and isinstance(value, list) else value
    return kept
