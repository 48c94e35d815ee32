"""What the way of a plain order asks of the database: one statement more would be noticed by nothing but the bill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from shopapp.orders import place
from shopapp.records import db
from shopapp.records.models import OrderState
from shopapp.work import claim
from tests.unit.orders.scene import ORDERS, Scene

MOST = 13 + 3  # statements of both transactions, and what is asked again every few seconds


@contextmanager
def _said() -> Iterator[list[str]]:
    said: list[str] = []

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            said.append(statement)

    event.listen(db.engine(), "before_cursor_execute", heard)
    try:
        yield said
    finally:
        event.remove(db.engine(), "before_cursor_execute", heard)


def test_an_order_that_needs_no_question_is_read_twice_and_no_column_of_it_alone(scene: Scene) -> None:
    scene.product("A-1")
    scene.sell(sku="A-1", count=2)
    scene.poll()
    assert scene.place() == 2  # the SKU is remembered now, and what else a process knows for a while
    sold = scene.sell(sku="A-1")
    scene.poll()
    with db.writing() as s:
        (mine,) = claim.claim(s, ORDERS)
    with _said() as said:
        place.due_order(mine)
    assert scene.row(sold[0]).state == OrderState.IMPORTED
    assert len([one for one in said if one.startswith('SELECT "order".')]) == 2
    assert not [one for one in said if one.startswith("SELECT shop.")]
    assert len(said) <= MOST, "\n".join(said)
