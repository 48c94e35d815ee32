"""Owns the stand-in for Shopify's admin: the start page, the page around the app's frame, the two scripts."""

from tests.sandbox.admin.pages import register

__all__ = ["register"]
