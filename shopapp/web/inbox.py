"""Inbox: messages with repair instructions, read and unread, linked to what they are about."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from shopapp.alerts import inbox, wording
from shopapp.records import db
from shopapp.records.models import Incident, InboxMessage
from shopapp.web.presentation import language

blueprint = Blueprint("inbox", __name__)


def _seen(message: InboxMessage) -> dict[str, Any]:
    return {"row": message, "words": wording.of_message(language(), message)}


@blueprint.get("/inbox")
def listing() -> str:
    """All messages, newest first."""
    page = max(1, request.args.get("page", 1, type=int))
    with db.reading() as s:
        rows, more = inbox.messages(s, g.shop_id, page)
        unread = inbox.unread(s, g.shop_id)
    return render_template("inbox/list.html", messages=[_seen(row) for row in rows], page=page, more=more, unread=unread)


@blueprint.get("/inbox/<int:message_id>")
def message(message_id: int) -> str:
    """One message with its steps, and whether its trouble is over."""
    with db.reading() as s:
        row = inbox.message(s, g.shop_id, message_id)
        if row is None:
            abort(404)
        incident = s.get(Incident, row.incident_id) if row.incident_id else None
    resolved_at = incident.resolved_at if incident else None
    return render_template("inbox/message.html", message=_seen(row), resolved_at=resolved_at)


@blueprint.post("/inbox/<int:message_id>/read")
def mark(message_id: int) -> AnyResponse:
    """Mark one message as read or unread."""
    with db.writing() as s:
        if inbox.message(s, g.shop_id, message_id) is None:
            abort(404)
        inbox.mark_read(s, g.shop_id, message_id, read=request.form.get("read") != "0")
    return redirect("/inbox?done=marked", 303)


@blueprint.post("/inbox/read")
def mark_all() -> AnyResponse:
    """Mark everything as read."""
    with db.writing() as s:
        inbox.mark_read(s, g.shop_id)
    return redirect("/inbox?done=marked", 303)
