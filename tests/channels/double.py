"""Reads a channel's vectors and plays them over a real socket. Knows no channel: all differences are in the vectors.

Which keys the vector files have is told in marketplaces/channels/README.md, "The vectors".
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from marketplaces.channel import AppKeys, Channel, Line, LoginRequest
from marketplaces.channels import registry
from marketplaces.data import Credentials
from marketplaces.wire import Http
from tests.unit.marketplaces.rawserver import Play, RawServer, answer

VECTORS = Path(__file__).parent.parent / "vectors"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STATE = "state-of-this-login"
Row = Mapping[str, Any]


def vectors(key: str, name: str) -> Any:
    """The vector file `name` of the channel `key`; a missing one is an error."""
    return json.loads((VECTORS / key / f"{name}.json").read_text("utf-8"))


def rows(name: str, part: str = "", keys: Sequence[str] | None = None) -> list[tuple[str, dict[str, Any]]]:
    """(channel key, row) for every row of this file (or of its `part`) over all channels, or those of `keys`."""
    found = []
    for key in registry() if keys is None else keys:
        told = vectors(key, name)
        found += [(key, row) for row in (told.get(part, []) if part else told)]
    return found


def row_id(value: object) -> str:
    """A readable test id of a key or a row."""
    return str(value["name"]) if isinstance(value, dict) else str(value)


def as_list(told: Any) -> list[dict[str, Any]]:
    """The answers of a vector: one, or a list of them."""
    return [told] if isinstance(told, dict) else list(told)


def of_row(row: Row) -> list[dict[str, Any]]:
    """The answers of a row that is one itself, or has several."""
    return as_list(row["answers"]) if "answers" in row else [dict(row)]


def filled(told: Any, words: Mapping[str, Any]) -> Any:
    """`told` with every `{name}` of `words` put in; a text that is nothing but one becomes the value itself."""
    if isinstance(told, dict):
        return {name: filled(value, words) for name, value in told.items()}
    if isinstance(told, list):
        return [filled(value, words) for value in told]
    if not isinstance(told, str) or "{" not in told:
        return told
    if told.startswith("{int ") and told[5:-1] in words:
        return int(words[told[5:-1]])
    if told.startswith("{") and told.endswith("}") and told[1:-1] in words:
        return words[told[1:-1]]
    for name, value in words.items():
        told = told.replace(f"{{{name}}}", value) if isinstance(value, str) else told
    return told


def wire(row: Row, words: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of an answer {status?, body | raw, headers?}."""
    row = filled({name: row[name] for name in ("status", "body", "raw", "headers") if name in row}, words or {})
    status = row.get("status", 200)
    body = row["raw"].encode() if "raw" in row else json.dumps(row["body"]).encode() if "body" in row else b""
    headers = "".join(f"{name}: {value}\r\n" for name, value in row.get("headers", {}).items())
    return answer(b"" if status == 204 else body, status=f"{status} Said", headers=headers)


def assert_said(request: bytes, told: Row, words: Mapping[str, Any] | None = None) -> None:
    """`request` says what the vectors tell: method, end of the path, body with exact amounts, form, texts."""
    told = filled(dict(told), words or {})
    head, _, body = request.partition(b"\r\n\r\n")
    method, path = head.decode().split(" ")[:2]
    assert method == told.get("method", method)
    assert path.endswith(told.get("path", ""))
    if "body" in told:
        assert exact(body) == exact(json.dumps(told["body"]))
    if "form" in told:
        assert dict(parse_qsl(body.decode(), keep_blank_values=True)) == told["form"]
    text = request.decode("utf-8", "replace")
    assert [one for one in told.get("has", []) if one not in text] == []
    assert [one for one in told.get("lacks", []) if one in text.lower()] == []


def assert_all_said(requests: list[bytes], told: Any, words: Mapping[str, Any] | None = None) -> None:
    """Exactly these requests were made, in this order."""
    wanted = as_list(told)
    assert len(requests) == len(wanted)
    for request, one in zip(requests, wanted, strict=True):
        assert_said(request, one, words)


def exact(body: bytes | str) -> Any:
    """The JSON `body` with fractions as Decimal."""
    return json.loads(body, parse_float=Decimal)


@dataclass
class Played:
    """A channel whose remote is a raw server that plays one answer after the other, the last one for ever."""

    channel: Channel
    facts: dict[str, Any]
    server: RawServer
    http: Http
    keys: AppKeys
    seller_id: str

    def credentials(self, *, ended: bool = False) -> Credentials:
        """Working credentials; `ended` puts the known end of the authorisation into the past."""
        access = self.facts.get("access_token", "")
        end = NOW - timedelta(days=1) if ended else NOW + timedelta(days=300)
        return Credentials(
            secrets=dict(self.facts["secrets"]),
            public=self.public(),
            access_token=access,
            access_expires_at=NOW + timedelta(minutes=50) if access else None,
            authorised_at=NOW - timedelta(days=30),
            expires_at=end if self.facts.get("ends") else None,
        )

    def public(self) -> dict[str, str]:
        """What may be shown of the credentials."""
        return dict(self.facts.get("public", {"seller_id": self.facts["seller_id"]}))

    def line(self, credentials: Credentials | None = None) -> Line:
        """A line for the vectors' seller."""
        site = (self.facts["site"],)
        held = credentials or self.credentials()
        return Line(self.http, self.keys, self.facts["realm"], self.facts["seller_id"], site, held, lambda: NOW)

    def login(self) -> LoginRequest:
        """A login under way."""
        return LoginRequest(self.keys, self.facts["realm"], STATE, "https://app.example/login/return", "verifier" * 6)

    def returned(self) -> dict[str, str]:
        """What the browser brings back from the login, as the seller that is played."""
        found: dict[str, str] = filled(self.facts["login"]["callback"], {"state": STATE, "seller_id": self.seller_id})
        return found

    def typed(self) -> dict[str, str]:
        """What the seller that is played types."""
        found: dict[str, str] = filled(self.facts["typed"]["values"], {"seller_id": self.seller_id})
        return found

    def secrets(self) -> list[str]:
        """Every secret that the channel holds in these vectors."""
        told = [self.facts, self.facts.get("login", {}), self.facts.get("refresh", {}), self.facts.get("typed", {})]
        held = [text for one in told for text in [*one.get("secrets", {}).values(), one.get("access_token", "")]]
        held += self.facts.get("login", {}).get("callback", {}).values()
        mine = [value for key, value in self.keys.values.items() if "SECRET" in key]
        return [value.partition("|")[2] or value for value in held + mine if len(value) > 10 and "{" not in value]


@contextmanager
def played(
    key: str, *answers: bytes | Play | Row, url: str = "", seller_id: str = "", **limits: Any
) -> Iterator[Played]:
    """Channel `key` against a server that plays `answers`: of the vectors, bytes, or what writes to the socket itself.

    `url` replaces the address that the channel is given ({port} is the server's); `limits` are those of the wire.
    """
    facts, left = vectors(key, "channel"), list(answers)
    seller = seller_id or facts["seller_id"]

    def play(line: socket.socket) -> None:
        now = left.pop(0) if len(left) > 1 else left[0]
        if callable(now):
            now(line)
        elif isinstance(now, bytes):
            line.sendall(now)
        else:
            here = f"http://127.0.0.1:{line.getsockname()[1]}"
            line.sendall(wire(now, {"url": here, "seller_id": seller, "state": STATE}))

    channel = registry()[key]
    with RawServer(play) as server:
        address = url.replace("{port}", str(server.port)) or server.url
        keys = AppKeys({name: value.replace("{url}", address) for name, value in facts["keys"].items()})
        hosts = channel.hosts(keys, facts["realm"])
        http = Http(hosts, typed=channel.instance, now=lambda: NOW, **{"seconds": 3, **limits})
        try:
            yield Played(channel, facts, server, http, keys, seller)
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
