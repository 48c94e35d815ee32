"""A crowd of orders, made inside PostgreSQL: shops with as many orders as wished, their lines, incidents and ledger.

Two years of trade, evenly: most are imported, the rest failed, held, ignored and cancelled, at least a page of each; what
is older than 90 days has lost its buyer, as the retention does; three accounts, the last of which sold only in the first
months. A search finds as many orders among few as among many, unless its name says "common".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import JSON, Boolean, Engine, LargeBinary, String, Table, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase

from shopapp import clock
from shopapp.plans.entitlements import begin_trial
from shopapp.records import db, tallies
from shopapp.records.models import Account, Incident, JournalEntry, Order, OrderLine, Shop, UsageEntry

BESTSELLER = "BEST-1"
DAYS = 730
# How the orders stand, by where their number falls in a cycle.
STATE = (
    "CASE WHEN n % :cycle < 10 THEN 'failed' WHEN n % :cycle < 20 THEN 'held' WHEN n % :cycle < 30 THEN 'ignored'"
    " WHEN n % :cycle < 40 THEN 'cancelled' ELSE 'imported' END"
)
CREATED = f"now() - interval '{DAYS} days' * ((:count - n)::float8 / :count)"
YOUNG = f"(:count - n)::float8 / :count < 90.0 / {DAYS}"


def remote_id(number: int) -> str:
    """The marketplace's id of order `number` of a shop."""
    return f"{300 + number % 10}-{number * 7919 % 10_000_000:07d}-{number:07d}"


def skus(count: int) -> int:
    """How many SKUs a shop with `count` orders sells."""
    return max(1, count // 100)


def buyer(number: int, count: int) -> str:
    """The name of the buyer of order `number` of `count`, while it is kept."""
    return f"Buyer{number % max(1, count // 20):05d} Example"


REMOTE_ID = (
    "(300 + n % 10)::text || '-' || lpad((n::bigint * 7919 % 10000000)::text, 7, '0') || '-' || lpad(n::text, 7, '0')"
)
BUYER = "'Buyer' || lpad((n % greatest(1, :count / 20))::text, 5, '0') || ' Example'"


def _plain(column: Any) -> str:
    """A value for a column that nobody looks at."""
    if column.nullable:
        return "NULL"
    match column.type:
        case String():
            return "''"
        case Boolean():
            return "false"
        case JSON():
            return "'{}'"
        case LargeBinary():
            return "''::bytea"
    return "0"


def _insert(
    connection: Connection, model: type[DeclarativeBase], source: str, given: dict[str, str], **told: Any
) -> None:
    """INSERT INTO the model's table, SELECT FROM `source`: columns as `given`, the others empty."""
    table = model.__table__
    assert isinstance(table, Table)
    columns = [column for column in table.columns if column.name != "id" or "id" in given]
    names = ", ".join(column.name for column in columns)
    values = ", ".join(given.get(column.name) or _plain(column) for column in columns)
    connection.execute(text(f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM {source}'), told)  # noqa: RUF100


def _people(number: int) -> tuple[int, list[int]]:
    now = clock.now()
    fine = {
        "scopes": "write_orders",
        "access_token": "sealed",
        "refresh_token": "sealed",
        "gid": "gid://shopify/Shop/1",
    }
    times = {"installed_at": now - timedelta(days=DAYS), "last_opened_at": now, "ref_definition_at": now}
    ends = {"access_expires_at": now + timedelta(hours=5), "refresh_expires_at": now + timedelta(days=30)}
    with db.writing() as s:
        shop = Shop(domain=f"crowd-{number}.myshopify.com", currency="EUR", timezone="Europe/Berlin", locale="en",
                    location_count=1, **(fine | times | ends))  # fmt: skip
        begin_trial(shop)
        s.add(shop)
        s.flush()
        accounts = []
        for one in range(3):
            known = {"channel": "amazon", "realm": "eu", "seller_id": f"A{number}{one}", "label": f"Seller {one}"}
            whens = dict.fromkeys(("status_since", "created_at", "worked_at", "take_over_at", "polled_at"), now)
            account = Account(shop_id=shop.id, status="active", **(known | whens))
            s.add(account)
            s.flush()
            accounts.append(account.id)
        return shop.id, accounts


def fill(engine: Engine, orders: int, shops: int = 2) -> list[int]:
    """Make `shops` shops with `orders` orders each in a migrated database; their ids. About 20 s for a million."""
    db.use(engine)
    people = [_people(number) for number in range(shops)]
    models: tuple[type[DeclarativeBase], ...] = (Order, OrderLine, JournalEntry, UsageEntry, Incident)
    tables = [model.__table__ for model in models]
    later = [index for table in tables if isinstance(table, Table) for index in table.indexes if not index.unique]
    _each(engine, [index.drop for index in later], 1)
    _each(engine, [partial(_trade, count=orders, shop_id=one, accounts=accounts) for one, accounts in people], 2)
    _each(engine, [index.create for index in later], 2)
    told = logging.getLogger(tallies.__name__)
    told.disabled = True  # every counter differs, of course
    for shop_id, _ in people:
        with db.writing() as s:
            tallies.recount(s, shop_id)
    told.disabled = False
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return [shop_id for shop_id, _ in people]


def _each(engine: Engine, steps: Sequence[Callable[[Connection], object]], at_once: int) -> None:
    """Run each step in a transaction of its own, so many at once."""

    def one(step: Callable[[Connection], object]) -> None:
        with engine.begin() as connection:
            # Our rows fit each other: no foreign key is looked up, a million times.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
            step(connection)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, steps))


def _trade(connection: Connection, count: int, shop_id: int, accounts: list[int]) -> None:
    cycle = max(100, min(1000, count // 6))
    told = {
        "count": count,
        "cycle": cycle,
        "shop": shop_id,
        "first": accounts[0],
        "second": accounts[1],
        "third": accounts[2],
    }
    account = "CASE WHEN n < :count / 10 THEN :third WHEN n % 3 = 0 THEN :second ELSE :first END"
    order = {
        "uid": "md5(:shop || '-' || n)", "shop_id": ":shop", "account_id": account,
        "channel": "'amazon'", "realm": "'eu'", "seller_id": "'A' || (n % 3)", "remote_order_id": REMOTE_ID,
        "state": STATE, "remote_created_at": CREATED, "remote_updated_at": CREATED, "found_at": CREATED,
        "held_reason": "CASE WHEN n % :cycle BETWEEN 10 AND 18 THEN 'plan' WHEN n % :cycle = 19 THEN 'unknown' ELSE '' END",
        "cause": "CASE WHEN n % :cycle < 8 THEN 'sku_unknown' WHEN n % :cycle < 10 THEN 'rejected_by_shopify' ELSE '' END",
        "due_at": "CASE WHEN n % :cycle < 10 THEN now() + interval '1 day' END",
        "currency": "'EUR'", "total_minor": "1990 + n % 500",
        "buyer_name": f"CASE WHEN {YOUNG} THEN {BUYER} ELSE '' END",
        "buyer_key": f"CASE WHEN {YOUNG} THEN lower({BUYER}) ELSE '' END",
        "purged_at": f"CASE WHEN {YOUNG} THEN NULL ELSE now() END",
        "shopify_name": "CASE WHEN n % :cycle >= 40 THEN '#' || (1000 + n) ELSE '' END",
        "shopify_gid": "CASE WHEN n % :cycle >= 40 THEN 'gid://shopify/Order/' || n ELSE '' END",
        "imported_at": f"CASE WHEN n % :cycle >= 40 THEN {CREATED} END",
    }  # fmt: skip
    _insert(connection, Order, "generate_series(1, :count) AS n", order, **told)
    mine = '"order" AS o WHERE o.shop_id = :shop'
    sku = f"CASE WHEN o.id % 20 = 0 THEN '{BESTSELLER}' ELSE 'SKU-' || (o.id % {skus(count)}) END"
    line = {"shop_id": ":shop", "order_id": "o.id", "line_id": "'1'", "sku": sku, "quantity": "1",
            "total_minor": "o.total_minor", "title": "'Mug'", "variant_gid": "'gid://shopify/ProductVariant/1'"}  # fmt: skip
    _insert(connection, OrderLine, mine, line, **told)
    note = {"shop_id": ":shop", "subject": "'order:' || o.id", "at": "o.found_at", "event": "'found'"}
    _insert(connection, JournalEntry, mine, note, **told)
    booked = {"shop_id": ":shop", "order_id": "o.id", "at": "o.imported_at", "currency": "'EUR'",
              "amount_minor": "o.total_minor", "gmv_minor": "o.total_minor", "rate": "'1'"}  # fmt: skip
    _insert(connection, UsageEntry, f"{mine} AND o.state = 'imported'", booked, **told)
    trouble = {
        "uid": "o.uid", "shop_id": ":shop", "kind": "'order_import_failed'", "subject": "'order:' || o.id",
        "severity": "'warning'", "opened_at": "o.found_at", "seen_at": "o.found_at", "count": "1",
        "mail_skipped": "'category_off'", "resolved_at": "CASE WHEN o.state <> 'failed' THEN o.found_at END",
    }  # fmt: skip
    _insert(connection, Incident, f"{mine} AND (o.state = 'failed' OR o.id % 33 = 0)", trouble, **told)
