"""Shopify's messages: verified on the raw bytes, committed, then answered. What they mean is found out by a drain."""

from __future__ import annotations

import logging

from flask import Blueprint, request
from werkzeug.wrappers import Response

from shopapp.logs import event
from shopapp.shopify_admin import webhooks
from shopapp.shops import receipts

log = logging.getLogger(__name__)
blueprint = Blueprint("webhooks", __name__)


@blueprint.post("/webhooks/shopify")
def shopify() -> Response:
    """200 once the delivery is committed (or was before), 401 when it is not Shopify's, 400 when it says too little."""
    found = webhooks.verify(request)
    if isinstance(found, int):
        event(log, "webhook_refused", logging.WARNING, status=found)
        return Response("", found, content_type="text/plain")
    receipts.take_in(found)
    return Response("", 200, content_type="text/plain")
