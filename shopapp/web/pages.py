"""The page families: which blueprints make up the app inside the admin."""

from __future__ import annotations

import importlib
import importlib.util

from flask import Flask

FAMILIES = (
    "home",
    "orders",
    "order",
    "accounts",
    "accounts_new",
    "repair",
    "backfills",
    "inbox",
    "settings",
    "plan",
    "help",
)


def register(app: Flask) -> None:
    """Register every page family's blueprint, named `blueprint` in its module."""
    for name in FAMILIES:
        if importlib.util.find_spec(f"shopapp.web.{name}"):
            app.register_blueprint(importlib.import_module(f"shopapp.web.{name}").blueprint)
