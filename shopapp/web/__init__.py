"""What answers HTTP: the session of a merchant, one small module per page family, webhooks, health."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Put the session's guard and all routes on `app`."""
    from shopapp.web import health, session, webhooks

    session.init_app(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(webhooks.blueprint)
