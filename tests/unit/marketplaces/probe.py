"""A line to a raw server that plays what it is told, and what a call on it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from marketplaces.errors import Transient
from marketplaces.wire import Answer, Http
from tests.unit.marketplaces.rawserver import Play, RawServer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@contextmanager
def served(play: Play | bytes, **options: Any) -> Iterator[tuple[Http, RawServer]]:
    """An Http that may talk to a raw server playing `play`, with a short deadline."""
    with RawServer(play) as server:
        http = Http((server.url,), now=lambda: NOW, **{"seconds": 1.0, **options})
        try:
            yield http, server
        finally:
            http.close()


def ask(http: Http, server: RawServer, **more: Any) -> Answer:
    return http.request("probe", "GET", f"{server.url}/orders?token=Atza|hidden-in-query", **more)


def transient(play: Play | bytes, **options: Any) -> Transient:
    with served(play, **options) as (http, server), pytest.raises(Transient) as caught:
        ask(http, server)
    assert "hidden-in-query" not in whole_text(caught.value)
    return caught.value


def whole_text(error: BaseException | None) -> str:
    text = ""
    while error is not None:
        text += f" {error!r} {error}"
        error = error.__cause__ or error.__context__
    return text
