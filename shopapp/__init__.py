"""shopapp: an embedded Shopify app that imports marketplace orders and flags what failed.

Importing has no side effect; `create_app` wires everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from shopapp.config import Config


def create_app(config: Config | None = None) -> Flask:
    """The web application, ready to serve; also sets up this process for workers and commands. ConfigError if unsafe."""
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    from shopapp import clock, jobs, logs, runtime, web
    from shopapp.alerts import outbox
    from shopapp.config import ROOT
    from shopapp.config import Config as Settings
    from shopapp.records import db, vault
    from shopapp.shops import receipts
    from shopapp.work import bell

    config = config or Settings.load()
    runtime.setup(config)
    logs.configure(config["LOG_LEVEL"])
    clock.configure(config.scale, config.epoch)
    vault.configure(config.encryption_keys)
    app = Flask(__name__, root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.config.update(SECRET_KEY=config["SECRET_KEY"], MAX_CONTENT_LENGTH=10 * 1024 * 1024)
    db.init_app(app, config.database_url)
    bell.configure(config.redis_url, "shopapp.jobs.horse")
    receipts.configure(jobs.TOPICS)
    outbox.init_app(app)
    web.init_app(app)
    proxies = config.number("TRUSTED_PROXIES")
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, proxies, proxies, proxies, proxies)  # type: ignore[method-assign]
    return app
