"""Reads a channel's vectors and plays them over a real socket. Knows no channel: all differences are in the vectors."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from marketplaces.channel import AppKeys, Channel, Line, LoginRequest
from marketplaces.channels import registry
from marketplaces.data import Credentials
from marketplaces.wire import Http
from tests.unit.marketplaces.rawserver import Play, RawServer, answer

VECTORS = Path(__file__).parent.parent / "vectors"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STATE = "state-of-this-login"


def vectors(key: str, name: str) -> Any:
    """The vector file `name` of the channel `key`; a missing one is an error."""
    return json.loads((VECTORS / key / f"{name}.json").read_text("utf-8"))


def rows(name: str) -> list[tuple[str, dict[str, Any]]]:
    """(channel key, row) for every row of this file over all channels."""
    return [(key, row) for key in registry() for row in vectors(key, name)]


def row_id(value: object) -> str:
    """A readable test id of a key or a row."""
    return str(value["name"]) if isinstance(value, dict) else str(value)


def wire(row: Mapping[str, Any]) -> bytes:
    """The bytes of an answer row {status, body | raw, headers?}."""
    body = row["raw"].encode() if "raw" in row else json.dumps(row.get("body")).encode()
    headers = "".join(f"{name}: {value}\r\n" for name, value in row.get("headers", {}).items())
    return answer(body, status=f"{row.get('status', 200)} Said", headers=headers)


@dataclass
class Played:
    """A channel whose remote is a raw server that plays one answer after the other, the last one for ever."""

    channel: Channel
    facts: dict[str, Any]
    server: RawServer
    http: Http
    keys: AppKeys

    def credentials(self, *, ended: bool = False) -> Credentials:
        """Working credentials; `ended` puts the known end of the authorisation into the past."""
        return Credentials(
            secrets=dict(self.facts["secrets"]),
            public={"seller_id": self.facts["seller_id"]},
            access_token="Atza|example-access-secret",
            access_expires_at=NOW + timedelta(minutes=50),
            authorised_at=NOW - timedelta(days=30),
            expires_at=NOW - timedelta(days=1) if ended else NOW + timedelta(days=300),
        )

    def line(self, credentials: Credentials | None = None) -> Line:
        """A line for the vectors' seller."""
        site = (self.facts["site"],)
        held = credentials or self.credentials()
        return Line(self.http, self.keys, self.facts["realm"], self.facts["seller_id"], site, held, lambda: NOW)

    def login(self) -> LoginRequest:
        """A login under way."""
        return LoginRequest(self.keys, self.facts["realm"], STATE, "https://app.example/login/return", "verifier" * 6)

    def returned(self, seller_id: str = "") -> dict[str, str]:
        """What the browser brings back from the login, as the vectors' seller or another one."""
        seller = seller_id or self.facts["seller_id"]
        return {
            key: value.replace("{state}", STATE).replace("{seller_id}", seller)
            for key, value in self.facts["login_answer"].items()
        }

    def secrets(self) -> list[str]:
        """Every secret that the channel holds in these vectors."""
        told = [value for value in self.facts["token_answer"].values() if isinstance(value, str) and len(value) > 10]
        held = [*self.facts["secrets"].values(), *self.facts["login_answer"].values(), *told]
        mine = [value for key, value in self.keys.values.items() if "SECRET" in key]
        return [value.partition("|")[2] or value for value in held + mine if "{" not in value]


@contextmanager
def played(key: str, *answers: bytes | Play, url: str = "", **limits: Any) -> Iterator[Played]:
    """Channel `key` against a server that plays `answers`: bytes, or what writes to the socket by itself.

    `url` replaces the address that the channel is given ({port} is the server's); `limits` are those of the wire.
    """
    facts, left = vectors(key, "channel"), list(answers)

    def play(line: Any) -> None:
        now = left.pop(0) if len(left) > 1 else left[0]
        if callable(now):
            now(line)
        else:
            line.sendall(now)

    channel = registry()[key]
    with RawServer(play) as server:
        address = url.replace("{port}", str(server.port)) or server.url
        keys = AppKeys({name: value.replace("{url}", address) for name, value in facts["keys"].items()})
        http = Http(channel.hosts(keys), now=lambda: NOW, **{"seconds": 3, **limits})
        try:
            yield Played(channel, facts, server, http, keys)
        finally:
            http.close()


def chain(error: BaseException | None) -> str:
    """Everything that a log of `error` could show: its text and repr and those of its causes."""
    text = ""
    while error is not None:
        text += f" {error!r} {error} {getattr(error, 'words', '')} {getattr(error, 'code', '')}"
        error = error.__cause__ or error.__context__
    return text


def contracts() -> Path | None:
    """The folder of the vendors' contracts, if it is here."""
    named = os.environ.get("CONTRACTS_DIR")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "specs"
    return folder if folder.is_dir() else None
