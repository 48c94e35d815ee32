"""Owns the documents of feeds and reports: files in the data folder behind addresses that are good for five minutes.

The addresses stand for another company's storage: they take no token of Amazon's, and an upload must carry the content
type it was announced with.
"""

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from tests.sandbox.amazon.store import store_of
from tests.sandbox.world import World

LIFE = 300
LARGEST = 10 * 1024 * 1024
CHUNK = 256 * 1024
_KEY = b"the sandbox signs its addresses with this"


class Documents:
    """Makes documents and the addresses that lead to them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = store_of(world)
        self.folder = world.settings.data / "amazon-files"

    def path(self, document_id: str) -> Path:
        """Where its content lies."""
        self.folder.mkdir(exist_ok=True)
        return self.folder / document_id.replace("/", "_")

    def create(self, seller_id: str, content_type: str, compression: str | None = None) -> str:
        """A new, empty document."""
        document_id = f"amzn1.tortuga.4.eu.{uuid.uuid4()}.T{self.world.digits(12)}"
        self.store.keep("document", document_id, seller_id, {"content_type": content_type, "compression": compression})
        return document_id

    def find(self, document_id: str, seller_id: str) -> dict[str, Any] | None:
        """What was said of a seller's document."""
        return self.store.thing("document", document_id, seller_id)

    def url(self, document_id: str, method: str) -> str:
        """An address for one method."""
        until = int(self.world.clock.timestamp()) + LIFE
        query = {"X-Amz-Expires": LIFE, "X-Amz-Date": until, "X-Amz-Signature": self._sign(document_id, method, until)}
        return f"{self.world.url}/amazon/files/{document_id}?{urlencode(query)}"

    def _sign(self, document_id: str, method: str, until: int) -> str:
        return hmac.new(_KEY, f"{method} {document_id} {until}".encode(), hashlib.sha256).hexdigest()

    def refusal(self, document_id: str) -> Response | None:
        """What is wrong with the request at hand; None when nothing."""
        until = request.args.get("X-Amz-Date", "0")
        if not until.isdigit():
            return _xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        good = self._sign(document_id, request.method, int(until))
        if not hmac.compare_digest(good, request.args.get("X-Amz-Signature", "")):
            return _xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        if "Authorization" in request.headers or "x-amz-access-token" in request.headers:
            # Storage of somebody else: a token that is sent there has left the house.
            self.world.ledger.record("amazon", "document.token_sent", document_id)
            return _xml(400, "InvalidArgument", "Only one auth mechanism allowed.")
        if self.world.clock.timestamp() > int(until):
            return _xml(403, "AccessDenied", "Request has expired")
        return None


def _xml(status: int, code: str, message: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(text, status, content_type="application/xml")


def register(app: Flask, documents: Documents) -> None:
    """Add PUT and GET of the addresses; operations uploadDocument and downloadDocument, label seller."""
    world = documents.world

    def owner(document_id: str) -> str:
        row = documents.store.one("SELECT seller FROM thing WHERE kind = 'document' AND id = ?", document_id)
        return str(row["seller"]) if row else ""

    @app.put("/amazon/files/<document_id>")
    def upload(document_id: str) -> Response:
        labels = {"seller": owner(document_id)}
        return world.faults.run("amazon", "uploadDocument", labels, lambda: _upload(documents, document_id))

    @app.get("/amazon/files/<document_id>")
    def download(document_id: str) -> Response:
        labels = {"seller": owner(document_id)}
        return world.faults.run("amazon", "downloadDocument", labels, lambda: _download(documents, document_id))


def _upload(documents: Documents, document_id: str) -> Response:
    told = documents.store.thing("document", document_id)
    refused = documents.refusal(document_id)
    if refused is not None or told is None:
        return refused or _xml(404, "NoSuchKey", "The specified key does not exist.")
    if request.headers.get("Content-Type", "") != told["content_type"]:
        return _xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    content = request.get_data()
    documents.path(document_id).write_bytes(content)
    documents.world.ledger.record("amazon", "document.uploaded", document_id, {"bytes": len(content)})
    return Response("", 200)


def _download(documents: Documents, document_id: str) -> Response:
    told = documents.store.thing("document", document_id)
    refused = documents.refusal(document_id)
    path = documents.path(document_id)
    if refused is not None or told is None or not path.exists():
        return refused or _xml(404, "NoSuchKey", "The specified key does not exist.")

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece

    response = Response(pieces(), 200, content_type=told["content_type"])
    response.headers["Content-Length"] = str(path.stat().st_size)
    return response
