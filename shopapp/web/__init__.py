"""What answers HTTP: the session of a merchant, one small module per page family, webhooks, health."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Put the session's guard, the templates' words and all routes on `app`."""
    from shopapp.web import errors, health, login, mail_links, notices, pages, presentation, session, webhooks

    session.init_app(app)
    presentation.init_app(app)
    errors.init_app(app)
    for module in (health, webhooks, notices, login, mail_links):
        app.register_blueprint(module.blueprint)
    pages.register(app)
    app.wsgi_app = errors.Bodies(webhooks.Door(app.wsgi_app))  # type: ignore[method-assign]  # Flask's own way to wrap
