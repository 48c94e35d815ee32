"""Shopify's messages: verified on the raw bytes, committed, then answered. What they mean is found out by a drain.

The `Door` stands before the application and answers them without its routing, session and headers: hundreds may come in
a second. The route below is the same way in for whoever runs the application without the door.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Blueprint, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from shopapp.logs import event
from shopapp.shopify_admin import webhooks
from shopapp.shops import intake

log = logging.getLogger(__name__)
blueprint = Blueprint("webhooks", __name__)
PATH = "/webhooks/shopify"
LARGEST = 10 * 1024 * 1024  # bytes of one delivery
_HEADERS = {"Content-Type": "text/plain", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Door:
    """WSGI: deliveries are answered here, everything else by `application`."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a delivery, or pass on."""
        if environ.get("PATH_INFO") != PATH or environ.get("REQUEST_METHOD") != "POST":
            return self.application(environ, start_response)
        delivery = Request(environ)
        delivery.max_content_length = LARGEST
        try:
            answer: WSGIApplication = _answer(delivery)
        except HTTPException as refused:  # too large, or cut off
            answer = refused
        return answer(environ, start_response)


@blueprint.post(PATH)
def shopify() -> Response:
    """The same way in."""
    return _answer(request)


def _answer(delivery: Request) -> Response:
    """200 once it is committed (or was before), 401 not Shopify's, 400 says too little, 503 to be sent again."""
    found = webhooks.verify(delivery)
    if isinstance(found, int):
        event(log, "webhook_refused", logging.WARNING, status=found)
        return Response("", found, _HEADERS)
    try:
        intake.take_in(found)
    except (SQLAlchemyError, intake.NotKept) as error:
        event(log, "webhook_not_kept", logging.ERROR, error=type(error).__name__, topic=found.topic)
        return Response("", 503, _HEADERS)
    return Response("", 200, _HEADERS)
