"""The watch over what pages ask the database for: it must be able to see a query that forgets the shop."""

from __future__ import annotations

import pytest
from flask import Flask, g
from sqlalchemy import Select, select

from shopapp.records import db
from shopapp.records.models import Account, Incident, Mail, Order, OrderLine
from tests.web.desk import Desk
from tests.web.ownership import unowned, watched


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        (select(Order).where(Order.shop_id == 1), []),
        (select(Order).where(Order.id == 1), []),
        (select(Order.id).where(Order.state == "failed"), ["order"]),
        (select(Incident).where(Incident.kind == "plan_over"), ["incident"]),
        (select(OrderLine).where(OrderLine.order_id == 1), []),
        (select(OrderLine).where(OrderLine.sku == "A-1"), ["order_line"]),
        (select(Order).join(Account).where(Account.shop_id == 1, Order.account_id == Account.id), []),
        (select(Order.id).where(Order.remote_order_id.in_(select(Mail.uid))), ["order", "mail"]),
    ],
)
def test_a_query_without_a_shop_is_seen(query: Select[object], wrong: list[str]) -> None:
    assert unowned(str(query.compile())) == wrong


def test_a_page_that_forgets_the_shop_is_seen_and_work_outside_of_pages_is_not(desk: Desk) -> None:
    app: Flask = desk.app
    with watched() as seen:
        with app.test_request_context("/"), db.reading() as s:
            g.shop_id = desk.shop_id
            s.scalars(select(Order).where(Order.state == "failed")).all()
        with db.reading() as s:
            s.scalars(select(Order).where(Order.state == "failed")).all()
    assert [one.partition(":")[0] for one in seen] == ["order"]
