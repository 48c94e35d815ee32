"""What must never stand in a log: collected from the settings, the opened vault and the marketplace's own buyers."""

from __future__ import annotations

import json
import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from shopapp.accounts.line import stored
from shopapp.records import vault
from shopapp.records.models import Account, Order, Shop
from tests.stage.box import Box
from tests.stage.settings import ENCRYPTION_KEY, SECRET_KEY


class Ear(logging.Handler):
    """Hears every line as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the formatted line."""
        self.lines.append(self.format(record))


def secrets_in(s: Session, box: Box) -> list[tuple[str, str]]:
    """(what it is, the secret) for all that this journey knew."""
    found = [
        ("app secret", box.api_secret),
        ("amazon secret", "sandbox-amazon-secret"),
        ("secret key", SECRET_KEY),
        ("encryption key", ENCRYPTION_KEY),
    ]
    for shop in s.scalars(select(Shop)):
        found += [("shop's e-mail", shop.email), ("typed address", shop.alert_address)]
        for column in ("access_token", "refresh_token"):
            if getattr(shop, column):
                found.append((f"shop's {column}", vault.unseal(shop, column)))
    for account in s.scalars(select(Account)).unique():
        if account.credentials:
            kept = stored(account)
            found += [(f"account's {name}", value) for name, value in kept.secrets.items()]
            found.append(("account's access token", kept.access_token))
    for order in s.scalars(select(Order)):
        found.append(("buyer's name", order.buyer_name))
        found += [(f"buyer's {name}", value) for name, value in _personal(order.payload)]
    return [(name, secret) for name, secret in found if len(secret) > 5]


def _personal(payload: dict[str, object]) -> list[tuple[str, str]]:
    text = json.loads(json.dumps(payload))
    names = ("buyer_email", "phone", "line1")
    found: list[tuple[str, str]] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in names and isinstance(value, str):
                    found.append((key, value))
                walk(value)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    walk(text)
    return found
