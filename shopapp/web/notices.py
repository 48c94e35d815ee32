"""Where channels send their notices: anybody may knock, the channel's module finds out who it is. Decides nothing."""

from __future__ import annotations

import logging

from flask import Blueprint, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from marketplaces.data import Notice
from marketplaces.errors import RemoteError
from marketplaces.exact import exact_json
from shopapp import clock
from shopapp.accounts import notices
from shopapp.logs import event

log = logging.getLogger(__name__)
blueprint = Blueprint("notices", __name__)


@blueprint.route("/notices/<channel>", methods=["GET", "POST"])
def hear(channel: str) -> Response:
    """What the channel wants to read, once it is written down; 503 to have it sent again, 404 when it sends none."""
    request.max_content_length = notices.LARGEST
    headers = {name.lower(): value for name, value in request.headers.items()}
    notice = Notice(
        request.method, notices.address(channel), request.args, headers, request.get_data(cache=False), clock.now()
    )
    try:
        heard = notices.take_in(channel, notice)
    except (RemoteError, SQLAlchemyError) as error:
        event(log, "notice_not_kept", logging.WARNING, channel=channel[:40], error=type(error).__name__)
        return _answer(503)
    if heard is None:
        return _answer(404)
    if heard.status >= 400:
        event(log, "notice_refused", logging.WARNING, channel=channel[:40], status=heard.status)
    return _answer(heard.status, "" if heard.body is None else exact_json(heard.body))


def _answer(status: int, body: str = "") -> Response:
    kind = "application/json" if body else "text/plain"
    return Response(body, status, {"Cache-Control": "no-store"}, content_type=kind)
