"""A process that asks channels' remotes for orders, each once in a fork of its own, and prints what it cost. Linux only."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import cast

from marketplaces import errors
from marketplaces.channel import AppKeys
from marketplaces.channels import registry
from marketplaces.data import OrderQuery
from marketplaces.wire import Http
from tests.channels.double import NOW, Played, vectors
from tests.unit.marketplaces.rawserver import RawServer

SELF = Path("/proc/self")


def _megabytes(name: str) -> float:
    rows = (SELF / "status").read_text().splitlines()
    return int(next(row for row in rows if row.startswith(name)).split()[1]) / 1024


def main(key: str, *urls: str) -> None:
    """Ask channel `key` at each of `urls`: a line for each. What is imported is imported once, before the forks."""
    for url in urls:
        pid = os.fork()
        if not pid:
            try:
                ask(key, url)
                sys.stdout.flush()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)


def ask(key: str, url: str) -> None:
    """Ask at `url` with the shipped limits; prints {"error", "megabytes", "seconds"}."""
    channel, facts = registry()[key], vectors(key, "channel")
    keys = AppKeys({name: value.replace("{url}", url) for name, value in facts["keys"].items()})
    http = Http(channel.hosts(keys, facts["realm"]), typed=channel.instance, now=lambda: NOW)
    line = Played(channel, facts, cast("RawServer", None), http, keys, facts["seller_id"]).line()
    before = _megabytes("VmRSS")
    (SELF / "clear_refs").write_text("5")  # the peak counts from here
    began, said = time.monotonic(), ""
    try:
        channel.search_orders(line, OrderQuery((facts["site"],), updated_since=NOW - timedelta(days=1)))
    except errors.RemoteError as error:
        said = type(error).__name__
    seconds = time.monotonic() - began
    http.close()
    print(json.dumps({"error": said, "megabytes": _megabytes("VmHWM") - before, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
