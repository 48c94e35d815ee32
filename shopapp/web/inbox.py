"""Inbox: messages with repair instructions, read and unread, linked to what they are about."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from shopapp.accounts import repair
from shopapp.alerts import inbox, wording
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, InboxMessage, Incident
from shopapp.shops import privacy
from shopapp.web.accounts import realm_label
from shopapp.web.presentation import language
from shopapp.web.session import current_shop

blueprint = Blueprint("inbox", __name__)


def _seen(message: InboxMessage) -> dict[str, Any]:
    return {"row": message, "words": wording.of_message(language(), message)}


def _account(s: Session, row: InboxMessage) -> Account | None:
    """The account that the message is about, while it is one of the shop's."""
    sort, _, key = row.subject.partition(":")
    account = s.get(Account, int(key)) if sort == "account" and key.isdigit() else None
    return account if account is not None and account.shop_id == g.shop_id else None


def _shown(s: Session, row: InboxMessage) -> dict[str, Any]:
    incident = s.get(Incident, row.incident_id) if row.incident_id else None
    account = _account(s, row)
    broken = account is not None and account.status not in (AccountStatus.ACTIVE, AccountStatus.DEACTIVATED)
    return {
        "message": _seen(row),
        "resolved_at": incident.resolved_at if incident else None,
        "channel_steps": repair.steps(account) if account is not None and broken else [],
        "our_app": repair.our_app(account) if account is not None and broken else None,
        "region": realm_label(account) if account is not None and broken else "",
        "download": row.kind == privacy.DATA_REQUEST,
    }


@blueprint.get("/inbox")
def listing() -> str:
    """All messages, newest first."""
    after, before = request.args.get("after", ""), request.args.get("before", "")
    with db.reading() as s:
        page = inbox.messages(s, g.shop_id, after=after, before=before)
        unread = inbox.unread(s, g.shop_id)
    return render_template("inbox/list.html", messages=[_seen(row) for row in page.rows], page=page, unread=unread)


@blueprint.get("/inbox/<int:message_id>")
def message(message_id: int) -> str:
    """One message with its steps, and whether its trouble is over."""
    with db.reading() as s:
        row = inbox.message(s, g.shop_id, message_id)
        if row is None:
            abort(404)
        shown = _shown(s, row)
    return render_template("inbox/message.html", **shown)


@blueprint.post("/inbox/<int:message_id>/download")
def download(message_id: int) -> Response:
    """What is stored about a customer who asked for it, as a JSON file. Noted in the audit log."""
    with db.writing() as s:
        row = inbox.message(s, g.shop_id, message_id)
        found = privacy.download(s, current_shop(s), row.uid, g.visitor.user_id) if row else None
    if found is None:
        abort(404)
    headers = {"Content-Disposition": f'attachment; filename="customer-request-{message_id}.json"'}
    return Response(json.dumps(found, ensure_ascii=False, default=str), 200, headers, mimetype="application/json")


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
