"""Whether this process lives (/healthz, no input or output) and the installation works (/readyz). No details."""

from __future__ import annotations

import logging

from flask import Blueprint
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from shopapp import runtime
from shopapp.config import ConfigError
from shopapp.keys import parse_key
from shopapp.logs import event
from shopapp.records import db, migrate
from shopapp.work import bell, schedule

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Always 200 while the process can answer."""
    return Response("ok\n", content_type="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """200 when everything is there, else 503; what is missing stands in the log and in `shopapp doctor`."""
    missing = troubles()
    if missing:
        event(log, "not_ready", logging.WARNING, missing=missing)
        return Response("not ready\n", 503, content_type="text/plain")
    return Response("ready\n", content_type="text/plain")


def troubles() -> list[str]:
    """What is missing: database, migrations, scheduler, queue, encryption_key. [] when ready."""
    found = _database()
    if not bell.ping():
        found.append("queue")
    try:
        keys = [parse_key(key) for key in runtime.config().encryption_keys]
    except ConfigError:
        keys = []
    if not keys:
        found.append("encryption_key")
    return found


def _database() -> list[str]:
    try:
        if not db.ping():
            return ["database"]
        found = [] if migrate.at_head(db.engine()) else ["migrations"]
        if "migrations" not in found:
            with db.reading() as s:
                found += [] if schedule.alive(s) else ["scheduler"]
    except SQLAlchemyError:
        return ["database"]
    return found
