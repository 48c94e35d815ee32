"""The page families: which blueprints make up the app inside the admin."""

from __future__ import annotations

import importlib

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

FAMILIES = (
    "home",
    "orders",
    "order",
    "shipments",
    "accounts",
    "accounts_new",
    "count_now",
    "repair",
    "backfills",
    "listings",
    "listing",
    "pushing",
    "skus",
    "sku_files",
    "order_product",
    "inbox",
    "settings",
    "plan",
    "help",
)


class RowId(IntegerConverter):
    """A key of ours in an address. A number that no table can hold is not found, instead of failing in a driver."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


def register(app: Flask) -> None:
    """Register every page family's blueprint, named `blueprint` in its module."""
    app.url_map.converters["int"] = RowId
    # The redirect that merges slashes would repeat whatever host the caller names.
    app.url_map.merge_slashes = False
    for name in FAMILIES:
        app.register_blueprint(importlib.import_module(f"shopapp.web.{name}").blueprint)
