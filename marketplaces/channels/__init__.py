"""The channels there are: every package in this folder that offers a `CHANNEL`. A new one is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from marketplaces.channel import Channel


@cache
def registry() -> Mapping[str, Channel]:
    """All channels by key, in the order of their names. Stateless objects, shared by everybody."""
    found: dict[str, Channel] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        channel = importlib.import_module(f"{__name__}.{info.name}").CHANNEL
        if not isinstance(channel, Channel) or channel.key != info.name:
            raise TypeError(f"{info.name} offers no channel of its name")
        found[channel.key] = channel
    return MappingProxyType(found)
