"""What is kept, for how long: buyers' data, and every row of every table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from shopapp import clock
from shopapp.records import db
from shopapp.records.db import Base
from shopapp.records.models import Backfill, Incident, ListingPush, Mail, Order, PriorImport
from shopapp.shops import retention
from tests.unit.shops.ground import Ground, both_databases
from tests.unit.shops.test_shop_privacy import count, fill

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("state", "remote_state", "bought", "changed", "found", "purged"),
    [
        pytest.param("imported", "SHIPPED", 40, 31, 40, True, id="shipped 31 days ago"),
        pytest.param("imported", "SHIPPED", 40, 29, 40, False, id="shipped 29 days ago"),
        pytest.param("imported", "UNSHIPPED", 89, 88, 89, False, id="open for 89 days"),
        pytest.param("imported", "UNSHIPPED", 91, 1, 91, True, id="open for 91 days"),
        pytest.param("cancelled", "Cancelled", 40, 31, 40, True, id="cancelled 31 days ago"),
        pytest.param("ignored", "refunded", 40, 31, 40, True, id="refunded 31 days ago"),
        pytest.param("received", "SHIPPED", 80, 79, 0, False, id="old order, backfill under way"),
        pytest.param("received", "SHIPPED", 95, 94, 0, False, id="very old order, backfill under way"),
        pytest.param("received", "SHIPPED", 95, 94, 3, True, id="very old order, backfill stuck"),
        pytest.param("held", "SHIPPED", 91, 50, 80, True, id="held too long"),
    ],
)
def test_buyers_are_forgotten_in_time(
    ground: Ground, state: str, remote_state: str, bought: int, changed: int, found: int, purged: bool
) -> None:
    shop = ground.install()
    now = clock.now()
    values: dict[str, datetime | str | None] = {
        "state": state,
        "remote_state": remote_state,
        "remote_created_at": now - bought * DAY,
        "remote_updated_at": now - changed * DAY,
        "found_at": now - found * DAY,
        "cancelled_at": None,
    }
    fill(shop, **values)
    assert retention.purge_buyers() == int(purged)
    with db.reading() as s:
        order = s.scalars(select(Order)).one()
    assert (order.buyer_name == "") is purged
    assert (order.payload == {}) is purged
    assert retention.purge_buyers() == 0


@both_databases
def test_many_orders_are_purged_in_batches(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = ground.install()
    first = fill(shop, remote_created_at=clock.now() - 100 * DAY, found_at=clock.now() - 100 * DAY)
    with db.writing() as s:
        row = dict(s.execute(select(Order.__table__).where(Order.id == first)).mappings().one())
        del row["id"]
        for number in range(7):
            s.execute(insert(Order).values(**row | {"uid": f"uid-{number}", "remote_order_id": f"r-{number}"}))
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setattr(retention, "WINDOW", 5)
    assert retention.purge_buyers() == 8
    assert retention.purge_buyers() == 0


def test_every_table_says_how_long_its_rows_are_kept() -> None:
    limited = {life.model.__tablename__ for life in retention.LIFETIMES if life.values is None}
    tables = {table.name for table in Base.metadata.sorted_tables}
    assert not limited & set(retention.KEPT)
    assert limited | set(retention.KEPT) == tables


def age(days: float, *, state: str = "imported") -> None:
    """As if everything had been written that long ago and was settled then; the only order is in this state."""
    then = clock.now() - timedelta(days=days)
    with db.writing() as s:
        for life in retention.LIFETIMES:
            table = life.model.__table__
            times = {column.name: then for column in table.columns if isinstance(column.type, db.Moment)}
            times |= {column.name: then.date() for column in table.columns if column.name == "day"}
            if times:
                s.execute(update(table).values(**times))
        s.execute(update(Mail).values(state="sent"))
        s.execute(update(ListingPush).values(state="accepted"))
        s.execute(update(Order).values(state=state, remote_order_id="304-1"))
        s.execute(update(PriorImport).values(token="304-1"))


def left() -> set[str]:
    """Tables with a limited life that still have rows."""
    return {life.model.__tablename__ for life in retention.LIFETIMES if count(life.model.__tablename__)}


LASTING = {"journal_entry", "inbox_message", "incident", "mail", "backfill", "day_count"} | {
    "listing_push",
    "listing_feed",
}


@both_databases
@pytest.mark.parametrize(
    ("days", "rest"),
    [
        pytest.param(6, LASTING | {"audit_entry", "receipt", "login_attempt", "prior_import", "fx_rate"}, id="a week"),
        pytest.param(8, LASTING | {"audit_entry", "receipt", "prior_import", "fx_rate"}, id="a login"),
        pytest.param(31, LASTING | {"audit_entry", "fx_rate"}, id="a month"),
        pytest.param(399, LASTING | {"audit_entry", "fx_rate"}, id="almost the history"),
        pytest.param(402, {"audit_entry", "fx_rate"}, id="the history"),
        pytest.param(732, set(), id="two years"),
    ],
)
def test_rows_end_in_their_time_and_those_of_now_stay(ground: Ground, days: float, rest: set[str]) -> None:
    shop, other = ground.install(), ground.install()
    fill(shop)
    with db.writing() as s:
        s.execute(insert(Base.metadata.tables["fx_rate"]).values(day=clock.now().date(), currency="SEK", per_euro=11))
    age(days)
    retention.run()
    assert left() == rest
    fill(other)
    before = left()
    assert retention.run() == 0
    assert left() == before


def test_what_is_still_open_is_kept_however_old(ground: Ground) -> None:
    shop = ground.install()
    fill(shop)
    age(800, state="failed")
    with db.writing() as s:
        s.execute(update(Incident).values(resolved_at=None))
    retention.run()
    assert {"incident", "inbox_message", "mail", "prior_import", "backfill"} <= left()
    with db.writing() as s:
        s.execute(update(Incident).values(resolved_at=clock.now()))
        s.execute(update(Order).values(state="imported"))
    retention.run()
    assert left() == {"incident", "mail"}, "a settled incident and its mail are history from then on"


def test_an_import_of_older_orders_under_way_keeps_what_another_app_had_made(ground: Ground) -> None:
    shop = ground.install()
    fill(shop)
    age(100)
    with db.writing() as s:
        s.execute(update(Backfill).values(ended_at=None))
    retention.run()
    assert "prior_import" in left()


def test_to_whom_a_mail_went_is_forgotten_before_the_mail(ground: Ground) -> None:
    fill(ground.install())
    age(91)
    retention.run()
    with db.reading() as s:
        assert [mail.to_address for mail in s.scalars(select(Mail))] == [""]


@both_databases
def test_a_large_table_ends_in_small_transactions(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """None reads more than a window, none writes more than a batch; the young end of the table is not read at all."""
    shop = ground.install()
    fill(shop)
    journal = Base.metadata.tables["journal_entry"]
    with db.writing() as s:
        for number in range(90):
            then = clock.now() - timedelta(days=500 if number < 40 else 1)
            s.execute(
                insert(journal).values(shop_id=shop.id, subject="order:1", at=then, event=f"e{number}", params={})
            )
    monkeypatch.setattr(retention, "BATCH", 7)
    monkeypatch.setattr(retention, "WINDOW", 10)
    life = retention.LIFETIMES[0]
    batches = list(retention._outlived(life.model, life.over(clock.now()), life.born, _limit(life)))
    assert [len(batch) for batch in batches] == [7, 1, 7, 3, 7, 3, 7, 3, 2]
    assert retention.run() >= 40
    assert count("journal_entry") == 52


def _limit(life: retention.Lifetime) -> datetime:
    return clock.now() - life.longest()


@both_databases
def test_a_restored_backup_is_purged_again(ground: Ground) -> None:
    shop = ground.install()
    old: dict[str, Any] = {"remote_created_at": clock.now() - 100 * DAY, "found_at": clock.now() - 100 * DAY}
    fill(shop, state="imported", **old)
    with db.reading() as s:
        backup = dict(s.execute(select(Order.__table__)).mappings().one())
    assert retention.purge_buyers() == 1
    with db.writing() as s:
        s.execute(update(Order).values(**backup))
    assert retention.purge_buyers() == 1
    with db.reading() as s:
        assert s.scalars(select(Order)).one().payload == {}
