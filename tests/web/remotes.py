"""The wire of any channel as its vectors tell it, one answer after the other or each on its own way. Knows no channel."""

from __future__ import annotations

import random
import socket
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.channels.calls import CALLS, spoken
from tests.channels.double import Row, played, wire
from tests.unit.marketplaces.rawserver import RawServer

_given: set[str] = set()


@dataclass
class Remote:
    """The wire of one channel: it says the answers one after the other, the last one for ever, or each on its own way."""

    answers: list[Row] = field(default_factory=list)
    ways: dict[str, Row] = field(default_factory=dict)
    words: dict[str, Any] = field(default_factory=dict)
    server: RawServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = RawServer(self._play)

    def _play(self, peer: socket.socket) -> None:
        now = self.ways.get(way_of(self.server.requests[-1], str(self.words["seller_id"])))
        if now is None:
            now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        peer.sendall(wire(now, {**self.words, "url": self.server.url}))


def way_of(request: bytes, seller_id: str) -> str:
    """Method and path of a request, whoever the seller is."""
    method, path = request.split(b"\r\n", 1)[0].decode().split(" ")[:2]
    return f"{method} {path.partition('?')[0]}".replace(seller_id, "{seller_id}")


@cache
def ways(key: str, *calls: str) -> Mapping[str, Row]:
    """On which way each of the good answers to these calls is asked for, found out by asking once."""
    found: dict[str, Row] = {}
    for name in calls:
        if name in spoken(key):
            good = CALLS[name].good(key)
            with played(key, *good) as play:
                CALLS[name].make(play)
                asked = [way_of(request, play.seller_id) for request in play.server.requests]
            found |= dict(zip(asked, good, strict=False))
    return found


def alike(sample: str) -> str:
    """Another id of the same shape, never the same twice: letters stay letters, digits digits, the first sign as it is."""
    kinds = (string.digits, string.ascii_uppercase, string.ascii_lowercase)
    while True:
        made = sample[0] + "".join(
            next((random.choice(kind) for kind in kinds if sign in kind), sign) for sign in sample[1:]
        )
        if made != sample and made not in _given:
            _given.add(made)
            return made
