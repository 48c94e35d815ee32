"""Canaries: buyers whose every word is unique, and the search for these words in all that the application keeps or says."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import select

from shopapp import logs, runtime
from shopapp.logs import JsonFormatter
from shopapp.records import db
from tests.journeys.life import Life
from tests.journeys.secrets_seen import Ear

PARTS = (
    "name", "company", "line1", "line2", "city", "region", "postcode", "email", "gift", "purchase", "instruction", "tax",
)  # fmt: skip


@dataclass
class Canary:
    """One buyer. `words[part]` is a token that stands nowhere else in the world; `phone` its telephone number."""

    what: str
    words: dict[str, str] = field(default_factory=dict)
    phone: str = ""

    def __post_init__(self) -> None:
        self.words = {part: f"zq{secrets.token_hex(5)}" for part in PARTS}
        self.phone = "49" + "".join(secrets.choice("123456789") for _ in range(10))

    @property
    def email(self) -> str:
        """The address under which the marketplace passes mails on."""
        return f"{self.words['email']}@buyers.test"

    @property
    def tokens(self) -> dict[str, str]:
        """All that must be found nowhere: token -> what it is."""
        marks = {token: f"{self.what}: {part}" for part, token in self.words.items()}
        return marks | {self.phone[-9:]: f"{self.what}: phone"}

    def plant(self, order: dict[str, Any]) -> dict[str, Any]:
        """The order, bought by this person."""
        w = self.words
        person = f"{w['name']} Sample"
        buyer = {"buyerName": person, "buyerEmail": self.email, "buyerCompanyName": w["company"]}
        address = {
            "name": person, "companyName": w["company"], "addressLine1": f"{w['line1']} 7", "addressLine2": w["line2"],
            "city": w["city"], "stateOrRegion": w["region"], "postalCode": w["postcode"], "countryCode": "DE",
            "phone": f"+{self.phone}", "addressType": "RESIDENTIAL",
        }  # fmt: skip
        first, *others = order["orderItems"]
        handling = {
            "packing": {"giftOption": {"giftMessage": f"For {w['gift']} with love"}},
            "shipping": {"internationalShipping": {"iossNumber": w["tax"]}},
        }
        return order | {
            "buyer": buyer | {"buyerPurchaseOrderNumber": w["purchase"]},
            "recipient": {"deliveryAddress": address, "deliveryPreference": {"addressInstruction": w["instruction"]}},
            "orderItems": [first | {"fulfillment": first["fulfillment"] | handling}, *others],
        }


def orders_like(life: Life, **wish: Any) -> list[dict[str, Any]]:
    """Orders in the marketplace's shape, made at a seller that nobody links."""
    scratch = life.seller()
    life.sell(scratch, **wish)
    found: list[dict[str, Any]] = life.box.get(f"/amazon/sellers/{scratch}/orders")
    return found


@dataclass(frozen=True, slots=True)
class Find:
    """Where a canary was found."""

    place: str
    what: str
    personal: bool = False


def in_database(tokens: dict[str, str]) -> set[Find]:
    """Every table, every column, every row."""
    found: set[Find] = set()
    with db.reading() as s:
        for table in db.Base.metadata.sorted_tables:
            for row in s.execute(select(table)).mappings():
                for column in table.columns:
                    marked = bool(column.info.get("personal"))
                    for what in _seen(row[column.name], tokens):
                        found.add(Find(f"{table.name}.{column.name}", what, marked))
    return found


def in_queue(tokens: dict[str, str]) -> set[Find]:
    """Every key with whatever it holds."""
    found: set[Find] = set()
    with redis.Redis.from_url(runtime.config()["REDIS_URL"]) as queue:
        for key in queue.scan_iter("*"):
            kind = queue.type(key).decode()
            match kind:
                case "string":
                    held: Any = queue.get(key)
                case "hash":
                    held = queue.hgetall(key)
                case "list":
                    held = queue.lrange(key, 0, -1)
                case "set":
                    held = queue.smembers(key)
                case "zset":
                    held = queue.zrange(key, 0, -1, withscores=True)
                case _:
                    held = queue.dump(key)
            found |= {Find(f"queue {key.decode()}", what) for what in _seen((key, held), tokens)}
    return found


def in_mails(mails: list[dict[str, Any]], tokens: dict[str, str]) -> set[Find]:
    """Every mail that was ever received, in the raw and decoded."""
    return {Find(f"mail {mail['subject']}", what) for mail in mails for what in _seen(mail, tokens)}


def in_files(folder: Path, tokens: dict[str, str]) -> set[Find]:
    """Every file of the data folder but the database itself, whose rows are read as rows."""
    return {
        Find(f"file {path.name}", what)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("test.db")
        for what in _seen(path.read_bytes(), tokens)
    }


def in_log(lines: list[str], tokens: dict[str, str]) -> set[Find]:
    """The whole log."""
    return {Find(f"log {line[:300]}", what) for line in lines for what in _seen(line, tokens)}


def _seen(value: object, tokens: dict[str, str]) -> Iterator[str]:
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
    else:
        text = value if isinstance(value, str) else repr(value)
    small, digits = text.casefold(), "".join(one for one in text if one.isdigit() or one.isalpha())
    for token, what in tokens.items():
        coded = base64.b64encode(token.encode()).decode().rstrip("=")[:-1]
        if token in small or (token.isdigit() and token in digits) or coded in text:
            yield what


@contextmanager
def whole_log() -> Iterator[list[str]]:
    """All that would be written with LOG_LEVEL=DEBUG, by us and by every library."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    quiet = {name: one.level for name, one in root.manager.loggerDict.items() if isinstance(one, logging.Logger)}
    logs.configure("DEBUG")
    ear = Ear()
    ear.setFormatter(JsonFormatter())
    root.handlers[:] = [*before, ear]
    try:
        yield ear.lines
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        for name, kept in quiet.items():
            logging.getLogger(name).setLevel(kept)
