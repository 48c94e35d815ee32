"""Owns JSON_LISTINGS_FEED (Feeds API 2021-06-30): documents in, one message after the other checked, a report out.

What a message is refused for is decided as for a patch. Accepted messages are applied one by one while it is worked on.
"""

import gzip
import json
from decimal import Decimal
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.amazon import answers, attributes
from tests.sandbox.amazon.applier import Applier
from tests.sandbox.amazon.attributes import Json
from tests.sandbox.amazon.catalogue import Catalogue, Listing
from tests.sandbox.amazon.documents import LARGEST, Documents
from tests.sandbox.amazon.job_calls import JobCalls, Worked, asked
from tests.sandbox.amazon.jobs import Job, Jobs
from tests.sandbox.amazon.listings import SHOWN, check, shown, sound
from tests.sandbox.amazon.orders import Api
from tests.sandbox.amazon.sellers import Seller
from tests.sandbox.world import World

TYPE = "JSON_LISTINGS_FEED"
MOST_MESSAGES = 25_000
# A rule of its own beside the usage plan: so many of this type in so many seconds.
MOST_FEEDS, WINDOW = 5, 300
SLICE = 250
OPERATIONS = {
    "UPDATE": {"productType", "attributes", "requirements"},
    "PARTIAL_UPDATE": {"productType", "attributes"},
    "PATCH": {"productType", "patches"},
    "DELETE": set(),
}


class Unreadable(Exception):
    """The whole document is refused."""


class Feeds:
    """Works on feeds."""

    def __init__(self, world: World, api: Api, documents: Documents) -> None:
        self.world = world
        self.sellers = api.sellers
        self.documents = documents
        self.jobs = Jobs(world, api.sellers, "feed", self.work)

    def work(self, seller_id: str, job: Job) -> dict[str, Any]:
        """Check and submit every message, write the processing report."""
        run = Run(self, Catalogue(self.world, self.sellers.get(seller_id)), job)
        try:
            run.read(self.documents.path(job["input"]))
        except Unreadable as wrong:
            run.issues.append({"code": "4000003", "severity": "ERROR", "message": str(wrong)})
        run.messages_all()
        document = self.documents.create(seller_id, "application/json; charset=UTF-8", "GZIP")
        with gzip.open(self.documents.path(document), "wt", 1, "utf-8") as file:
            json.dump(run.report(), file, ensure_ascii=False)
        return {"document": document, "counts": run.counts(), "seconds": run.seconds}


class Run:
    """One feed being worked on."""

    def __init__(self, feeds: Feeds, catalogue: Catalogue, job: Job) -> None:
        self.feeds, self.catalogue, self.job = feeds, catalogue, job
        self.site = str(job["marketplaceIds"][0])
        self.messages: list[Any] = []
        self.included: set[str] = set()
        self.issues: list[Json] = []
        self.items: list[Json] = []
        self.accepted = 0
        self.seconds = 0.0
        self._seen: set[int] = set()
        self._refusing = catalogue.refusing()

    def read(self, path: Any) -> None:
        """Raises Unreadable when there is no good document."""
        if not path.exists():
            raise Unreadable("The document was never uploaded.")
        raw = path.read_bytes()
        if len(raw) > LARGEST:
            raise Unreadable("The document is larger than allowed.")
        try:
            body: Any = attributes.read_body(raw)
            header, messages = body["header"], body["messages"]
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable("The document is no listings feed.") from error
        if header.get("version") != "2.0" or header.get("sellerId") != self.catalogue.id:
            raise Unreadable("The header must have version 2.0 and the seller's own id.")
        if not isinstance(messages, list) or not 1 <= len(messages) <= MOST_MESSAGES:
            raise Unreadable(f"A feed has between 1 and {MOST_MESSAGES} messages.")
        self.included = set((header.get("report") or {}).get("includedData") or ()) & SHOWN
        self.messages = messages
        delays = self.catalogue.delays
        self.seconds = max(delays["feed_process"], len(messages) / delays["feed_rate"])

    def messages_all(self) -> None:
        """Every message in turn, some at a time in one transaction."""
        share = self.seconds / max(1, len(self.messages))
        for start in range(0, len(self.messages), SLICE):
            if self.feeds.world.stopping.is_set():
                return
            with self.catalogue.store.open():
                slice_ = self.messages[start : start + SLICE]
                skus = {str(one.get("sku")) for one in slice_ if isinstance(one, dict)}
                held = self.catalogue.held_of(sorted(skus))
                for index, message in enumerate(slice_, start):
                    self._message(message, held, self.job["started"] + share * index)

    def _message(self, message: Any, held: dict[str, Listing], due: float) -> None:
        problem = self._shape(message)
        if problem is not None:
            self._refuse(message, [attributes.issue("4000002", problem, "operationType")])
            return
        patches, listing = _patches(message), held.get(message["sku"])
        found = check(listing, message.get("productType", "PRODUCT"), patches, self.site)
        if message["sku"] in self._refusing:
            found += self.catalogue.refusals(message["sku"], attributes.touched(patches), late=False)
        self._refuse(message, found)
        if any(one["severity"] == "ERROR" for one in found):
            return
        self.accepted += 1
        self.catalogue.submit(message["sku"], patches, self.site, "feed", due, self.job["id"])
        if self.included:
            self._item(message["sku"], patches)

    def _shape(self, message: Any) -> str | None:
        """What is wrong with the form of a message."""
        if not isinstance(message, dict) or not isinstance(message.get("messageId"), int) or not message.get("sku"):
            return "A message must have messageId, sku and operationType."
        if message["messageId"] in self._seen:
            return "The messageId stands more than once in this feed."
        self._seen.add(message["messageId"])
        fields = OPERATIONS.get(message.get("operationType", ""))
        if fields is None:
            return "The operationType is unknown."
        if not fields - {"requirements"} <= set(message) - {"messageId", "sku", "operationType"} <= fields:
            return f"A message of type {message['operationType']} has other fields."
        if "patches" in fields and not (message["patches"] and all(map(sound, message["patches"]))):
            return "The patches are not sound."
        return None

    def _refuse(self, message: Any, found: list[Json]) -> None:
        named = message if isinstance(message, dict) else {}
        about = {name: named[name] for name in ("messageId", "sku") if named.get(name)}
        for one in found:
            told = {"code": one["code"], "severity": one["severity"], "message": one["message"]}
            self.issues.append({**about, **told, "attributeName": one["attributeNames"][0]})

    def _item(self, sku: str, patches: list[Json]) -> None:
        listing = self.catalogue.find(sku)
        if listing is not None:
            listing.issues = self.catalogue.refusals(sku, attributes.touched(patches), late=True)
            self.items.append(shown(listing, self.site, self.included))

    def counts(self) -> dict[str, int]:
        """The summary's numbers."""
        errors = sum(one["severity"] == "ERROR" for one in self.issues)
        return {
            "errors": errors,
            "warnings": len(self.issues) - errors,
            "messagesProcessed": len(self.messages),
            "messagesAccepted": self.accepted,
            "messagesInvalid": len(self.messages) - self.accepted,
        }

    def report(self) -> Json:
        """The processing report."""
        header: Json = {"sellerId": self.catalogue.id, "version": "2.0", "feedId": self.job["id"]}
        told: Json = {"header": header, "issues": self.issues, "summary": self.counts()}
        if self.included:
            header["report"] = {"includedData": sorted(self.included), "apiVersion": "2021-08-01"}
            told["items"] = self.items
            issues = [one["severity"] for item in self.items for one in item.get("issues", ())]
            errors = issues.count("ERROR")
            summary = {"items": len(self.items), "errors": errors, "warnings": len(issues) - errors}
            told["summary"]["itemSummary"] = summary
        return told


def _patches(message: Json) -> list[Json]:
    match message["operationType"]:
        case "PATCH":
            return list(message["patches"])
        case "DELETE":
            names = (attributes.OFFER, attributes.STOCK)
            return [{"op": "delete", "path": f"/attributes/{name}"} for name in names]
    given = message["attributes"]
    return [{"op": "replace", "path": f"/attributes/{name}", "value": value} for name, value in given.items()]


def register(app: Flask, api: Api, applier: Applier, documents: Documents) -> None:
    """Add the operations."""
    feeds = Feeds(api.world, api, documents)
    applier.chores.append(feeds.jobs.advance)
    base = "/amazon/api/<region>/feeds/2021-06-30"

    @app.post(f"{base}/documents")
    def create_feed_document(region: str) -> Response:
        return api.call(region, "createFeedDocument", lambda seller: _create_document(api, documents, seller))

    @app.post(f"{base}/feeds")
    def create_feed(region: str) -> Response:
        return api.call(region, "createFeed", lambda seller: _create(api, applier, feeds, seller))

    JobCalls(api, feeds.jobs, documents, "Feed", TYPE, "resultFeedDocumentId").register(app, base)


def _create_document(api: Api, documents: Documents, seller: Seller) -> Worked:
    try:
        wish: Any = json.loads(request.get_data(), parse_float=Decimal)
        content_type = wish["contentType"]
    except (ValueError, KeyError, TypeError):
        raise answers.InvalidInput("The body must have contentType.") from None
    if set(wish) != {"contentType"} or not isinstance(content_type, str) or "json" not in content_type:
        raise answers.InvalidInput("contentType must be the one of a JSON document.")
    document_id = documents.create(seller["seller_id"], content_type)
    told = {"feedDocumentId": document_id, "url": documents.url(document_id, "PUT")}
    return answers.answer(201, told, api.buckets.rate("createFeedDocument")), {"document": document_id}


def _create(api: Api, applier: Applier, feeds: Feeds, seller: Seller) -> Worked:
    wish = asked(seller, {"feedType", "marketplaceIds", "inputFeedDocumentId"}, {"feedOptions"})
    if wish["feedType"] != TYPE or len(wish["marketplaceIds"]) != 1:
        raise answers.InvalidInput(f"Here feeds are {TYPE} for exactly one marketplace.")
    seller_id, document_id = seller["seller_id"], str(wish["inputFeedDocumentId"])
    earlier = [job for _, owner, job in feeds.documents.store.things("feed") if owner == seller_id]
    if feeds.documents.find(document_id, seller_id) is None:
        raise answers.InvalidInput("inputFeedDocumentId is not a document of this seller.")
    if any(job["input"] == document_id for job in earlier):
        raise answers.InvalidInput("inputFeedDocumentId was used before.")
    since = api.world.clock.timestamp() - WINDOW
    if api.sellers.settings["buckets"] and sum(job["created"] > since for job in earlier) >= MOST_FEEDS:
        return answers.quota_exceeded(), {"document": document_id}
    fields = {"marketplaceIds": wish["marketplaceIds"], "feedType": TYPE, "input": document_id}
    key = feeds.jobs.add(seller_id, fields)
    applier.start()
    return answers.answer(202, {"feedId": key}, api.buckets.rate("createFeed")), {"feed": key}
