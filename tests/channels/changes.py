"""The changes of a channel's vectors, and the wire's words about documents. Knows no channel."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from marketplaces.data import ListingChange, Money
from tests.channels.double import vectors
from tests.unit.marketplaces.rawserver import Play, answer


def change(key: str, told: Mapping[str, Any] | None = None) -> ListingChange:
    """A change of the vectors, the first one unless told."""
    told = told or vectors(key, "pushes")["changes"][0]["change"]
    amount, _, currency = str(told["price"] or "").partition(" ")
    price = Money.parse(amount, currency) if currency else None
    return ListingChange(told["key"], told["sku"], told["product_type"], price, told["quantity"])


def document_taken(key: str) -> Play:
    """Whatever is asked about a document, this server itself is where it lies."""

    def play(line: socket.socket) -> None:
        text = json.dumps(vectors(key, "pushes")["document"])
        body = text.replace("{url}", f"http://127.0.0.1:{line.getsockname()[1]}").encode()
        line.sendall(answer(body))

    return play
