"""Owns the stand-in for Shopify's admin: the start page, the page with the app's frame, and the two script stand-ins."""

from tests.sandbox.admin.pages import register

__all__ = ["register"]
