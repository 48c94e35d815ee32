"""Personal data: marked in every table, exported, redacted, erased."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import JSON, LargeBinary, String, func, insert, select, update

from shopapp import clock
from shopapp.records import db
from shopapp.records.db import Base, Exact, Moment
from shopapp.records.models import InboxMessage, Order, Receipt, Shop
from shopapp.shops import privacy
from tests.unit.shops.ground import Ground, both_databases

GLOBAL = {"chore", "fx_rate", "channel_outage"}  # of the whole installation, nothing of any shop


def canary(shop: Shop) -> str:
    """A person who is known to this shop only."""
    return f"Canary of shop {shop.id}, Elm Street"


def fill(shop: Shop, **order: Any) -> int:
    """One row in every table of the shop, with the canary in each personal column; the order's id."""
    ids = {"shop": shop.id}
    with db.writing() as s:
        for table in Base.metadata.sorted_tables:
            if table.name in GLOBAL:
                continue
            if table.name == "shop":
                marked = dict.fromkeys(privacy.personal_columns(table), canary(shop))
                s.execute(update(table).where(table.c.id == shop.id).values(**marked))
                continue
            values = {column.name: _value(column, ids, canary(shop)) for column in table.columns if column.name != "id"}
            if "shop_domain" in values:
                values["shop_domain"] = shop.domain
            if table.name == "order":
                values |= dict.fromkeys(("purged_at", "forget_at"))
                values |= {"shopify_gid": f"gid://shopify/Order/{shop.id}001", **order}
            made = s.execute(insert(table).values(**values))
            assert made.inserted_primary_key is not None
            ids[table.name] = made.inserted_primary_key[0]
    return ids["order"]


def _value(column: Any, ids: dict[str, int], name: str) -> Any:
    for key in column.foreign_keys:
        return ids[key.column.table.name]
    if column.info["personal"]:
        if isinstance(column.type, JSON):
            return {"name": name}
        return name.encode() if isinstance(column.type, LargeBinary) else name
    match column.type:
        case Moment():
            return clock.now() - timedelta(days=1)
        case JSON():
            return {}
        case Exact():
            return 1
        case String():
            unique = column.unique or column.name in ("uid", "webhook_id")
            return f"{column.table.name}-{ids['shop']}-{column.name}"[: column.type.length] if unique else "x"
    if column.type.python_type is bool:
        return False
    if column.type.python_type is int:
        return 1
    return clock.now().date()


def everything(only: Iterable[str] | None = None) -> str:
    """All rows of all tables as one text."""
    with db.reading() as s:
        rows = [
            [str(value) for value in row]
            for table in Base.metadata.sorted_tables
            if only is None or table.name in only
            for row in s.execute(select(table))
        ]
    return json.dumps(rows)


def count(table: str) -> int:
    with db.reading() as s:
        return s.execute(select(func.count()).select_from(Base.metadata.tables[table])).scalar_one()


def test_every_column_of_every_table_says_whether_it_is_personal() -> None:
    unmarked = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if not isinstance(column.info.get("personal"), bool)
    ]
    assert unmarked == []


def test_every_table_is_of_a_shop_or_of_nobody() -> None:
    for table in Base.metadata.sorted_tables:
        owned = {"shop_id", "shop_domain"} & set(table.columns.keys()) or table.name == "shop"
        assert owned or table.name in GLOBAL, table.name
        assert not (table.name in GLOBAL and privacy.personal_columns(table))


def test_every_personal_column_can_be_emptied() -> None:
    for table in Base.metadata.sorted_tables:
        assert set(privacy.blank(table)) == set(privacy.personal_columns(table))


@both_databases
def test_an_export_holds_what_is_known_of_a_buyer_and_nobody_elses(ground: Ground) -> None:
    shop, other = ground.install(), ground.install()
    fill(shop)
    fill(other, shopify_gid=f"gid://shopify/Order/{shop.id}001")
    with db.reading() as s:
        found = privacy.export(s, s.get_one(Shop, shop.id), [f"{shop.id}001", "404"])
    assert [row["buyer_name"] for row in found["tables"]["order"]] == [canary(shop)]
    assert found["tables"]["order"][0]["payload"] == {"name": canary(shop)}
    assert json.loads(json.dumps(found))["shop"] == shop.domain


@both_databases
def test_a_redaction_blanks_the_named_orders_only(ground: Ground) -> None:
    shop, other = ground.install(), ground.install()
    fill(shop)
    fill(other)
    with db.writing() as s:
        assert privacy.redact(s, s.get_one(Shop, shop.id), [f"{shop.id}001", f"{other.id}001"]) == 1
    with db.reading() as s:
        mine, others = s.scalars(select(Order).order_by(Order.shop_id)).all()
    assert (mine.buyer_name, mine.payload) == ("", {})
    assert mine.purged_at is not None
    assert others.buyer_name == canary(other)


@both_databases
def test_after_the_erasure_of_a_shop_no_word_of_it_is_left_in_any_table(ground: Ground) -> None:
    shop, other = ground.install(), ground.install()
    fill(shop)
    fill(other)
    before = {table.name: count(table.name) for table in Base.metadata.sorted_tables}
    assert all(before[name] >= 2 for name in before if name not in GLOBAL), before
    with db.writing() as s:
        privacy.erase(s, s.get_one(Shop, shop.id))
    text = everything()
    assert canary(shop) not in text
    assert text.count(canary(other)) >= 5
    assert shop.domain not in text
    assert all(count(name) >= 1 for name in before if name not in GLOBAL)


def test_the_receipt_of_the_order_to_erase_stays_without_its_body(ground: Ground) -> None:
    shop = ground.install()
    fill(shop)
    with db.reading() as s:
        receipt = s.scalars(select(Receipt)).one()
    with db.writing() as s:
        privacy.erase(s, s.get_one(Shop, shop.id), keep_receipt=receipt.id)
    with db.reading() as s:
        kept = s.scalars(select(Receipt)).one()
    assert (kept.id, kept.body) == (receipt.id, None)


def test_the_answer_to_a_request_is_downloaded_from_its_message_and_audited(ground: Ground) -> None:
    shop, other = ground.install(), ground.install()
    fill(shop)
    payload = {
        "orders_requested": [int(f"{shop.id}001")],
        "data_request": {"id": 7},
        "customer": {"email": canary(shop)},
    }
    with db.writing() as s:
        assert privacy.answer_request(s, s.get_one(Shop, shop.id), payload) == "found_1"
    assert canary(shop) not in everything(["audit_entry"])
    with db.writing() as s:
        message = s.scalars(select(InboxMessage).where(InboxMessage.kind == "data_request_ready")).one()
        assert canary(shop) not in f"{message.params} {message.words}"
        found = privacy.download(s, s.get_one(Shop, shop.id), message.uid, "17")
        assert found is not None
        assert found["tables"]["order"][0]["buyer_name"] == canary(shop)
        assert privacy.download(s, s.get_one(Shop, other.id), message.uid, "17") is None
        assert privacy.download(s, s.get_one(Shop, shop.id), "no-such-message", "17") is None
    assert "customer.data_exported" in everything(["audit_entry"])
