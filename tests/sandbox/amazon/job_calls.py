"""Owns the calls that feeds and reports have in common: how one stands, ending it in the queue, and its document."""

import json
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, request

from tests.sandbox.amazon import answers
from tests.sandbox.amazon.documents import Documents
from tests.sandbox.amazon.jobs import Jobs
from tests.sandbox.amazon.orders import Api
from tests.sandbox.amazon.sellers import Seller

Worked = tuple[Response, dict[str, Any]]


@dataclass(frozen=True)
class JobCalls:
    """The calls about the `kind` "Feed" or "Report" of type `type`; `result` names the field of an ended one's document."""

    api: Api
    jobs: Jobs
    documents: Documents
    kind: str
    type: str
    result: str

    def register(self, app: Flask, base: str) -> None:
        """Add get, cancel and the document, the latter two below `base` like everything about this kind."""
        one, rows = self.kind.lower(), f"{base}/{self.kind.lower()}s/<key>"
        for method, path, operation, call in (
            ("GET", rows, f"get{self.kind}", self.get),
            ("DELETE", rows, f"cancel{self.kind}", self.cancel),
            ("GET", f"{base}/documents/<key>", f"get{self.kind}Document", self.document),
        ):

            def view(region: str, key: str, operation: str = operation, call: Any = call) -> Response:
                return self.api.call(region, operation, lambda seller: call(operation, seller, key))

            app.add_url_rule(path, f"amazon_{one}_{operation}", view, methods=[method])

    def get(self, operation: str, seller: Seller, key: str) -> Worked:
        """How it stands."""
        one, rate = self.kind.lower(), self.api.buckets.rate(operation)
        job = self.jobs.find(key, seller["seller_id"])
        if job is None:
            return answers.refusal(404, "NotFound", f"{self.kind} {key} not found.", "", rate), {one: key}
        told = {f"{one}Id": key, f"{one}Type": self.type, "marketplaceIds": job["marketplaceIds"]} | self.jobs.times(
            job
        )
        if job["state"] == "DONE":
            told[self.result] = job["document"]
        return answers.answer(200, told, rate), {one: key, "state": job["state"]}

    def cancel(self, operation: str, seller: Seller, key: str) -> Worked:
        """End it while it is in the queue."""
        one, rate = self.kind.lower(), self.api.buckets.rate(operation)
        if not self.jobs.cancel(key, seller["seller_id"]):
            words = f"Only a {one} in the queue can be cancelled."
            return answers.refusal(400, "InvalidInput", words, "", rate), {one: key}
        return answers.answer(200, {}, rate), {one: key}

    def document(self, operation: str, seller: Seller, key: str) -> Worked:
        """Where a document of the seller can be fetched."""
        rate, facts = self.api.buckets.rate(operation), {"document": key}
        told = self.documents.find(key, seller["seller_id"])
        if told is None:
            return answers.refusal(404, "NotFound", "The document was not found.", "", rate), facts
        shown = {f"{self.kind.lower()}DocumentId": key, "url": self.documents.url(key, "GET")}
        shown |= {"compressionAlgorithm": told["compression"]} if told["compression"] else {}
        return answers.answer(200, shown, rate), facts


def asked(seller: Seller, needed: set[str], more: set[str]) -> dict[str, Any]:
    """The request's body with these fields and one or more marketplaces of the seller. Raises InvalidInput."""
    try:
        wish = json.loads(request.get_data())
    except ValueError:
        raise answers.InvalidInput("The body is not JSON.") from None
    if not isinstance(wish, dict) or not needed <= set(wish) <= needed | more:
        raise answers.InvalidInput(f"The body must have {', '.join(sorted(needed))}.")
    sites = wish["marketplaceIds"]
    if not isinstance(sites, list) or not 1 <= len(sites) <= 25 or set(sites) - set(seller["marketplaces"]):
        raise answers.InvalidInput("marketplaceIds must be between 1 and 25 marketplaces of the seller.")
    return wish
