"""The orders page's search box, filters, pages and CSV."""

from __future__ import annotations

from datetime import timedelta

from shopapp import clock
from shopapp.orders import find
from shopapp.orders.find import Filters
from shopapp.records import db
from tests.unit.orders.scene import Scene, both_databases


@both_databases
def test_one_box_finds_ids_names_skus_and_buyers_of_this_shop_only(scene: Scene) -> None:
    scene.product("A-1")
    (first,) = scene.sell(sku="A-1", buyer="Ada Lovelace")
    (second,) = scene.sell(sku="B_2", buyer="Bob Hope")
    scene.poll()
    scene.place()
    name = scene.row(first).shopify_name

    def hits(text: str, shop_id: int = scene.shop_id) -> set[str]:
        with db.reading() as s:
            return {row.remote_order_id for row in find.search(s, shop_id, text).orders}

    assert hits(first) == {first}
    assert hits(first[:12]) >= {first}
    assert hits(name) == hits(name.removeprefix("#")) == {first}
    assert hits("A-1") == {first}
    assert hits("B_2") == {second}
    assert hits("B%2") == hits("a-1") == hits("Hope") == set()
    assert hits("ada lov") == {first}
    assert hits("") == {first, second}
    assert hits("", scene.shop_id + 1) == set()


@both_databases
def test_pages_by_cursor_hold_every_order_once_newest_first(scene: Scene) -> None:
    start = clock.now() - timedelta(minutes=30)
    for minute in range(3):
        scene.sell(sku="A-1", count=5, created_at=(start + timedelta(minutes=minute)).isoformat())
    scene.poll()
    seen: list[tuple[object, int]] = []
    after = ""
    with db.reading() as s:
        for _ in range(10):
            page = find.search(s, scene.shop_id, after=after, limit=4)
            seen += [(row.remote_created_at, row.id) for row in page.orders]
            after = page.after
            if not after:
                break
        assert find.search(s, scene.shop_id, after="nonsense").orders
    assert len(seen) == 15
    assert seen == sorted(set(seen), reverse=True)


def test_counts_filters_and_the_export(scene: Scene) -> None:
    scene.sell(sku="=HYPERLINK(1)", count=2)
    scene.sell(sku="A-1", status="PENDING")
    scene.poll()
    scene.place()
    with db.reading() as s:
        assert find.counts(s, scene.shop_id) == find.Counts({"failed": 2, "held": 1})
        assert find.causes(s, scene.shop_id) == {"sku_unknown": 2}
        failed = find.search(s, scene.shop_id, filters=Filters(state="failed", cause="sku_unknown"))
        assert len(failed.orders) == 2
        assert not find.search(s, scene.shop_id, filters=Filters(since=clock.now() + timedelta(days=1))).orders
        text = "".join(find.export(s, scene.shop_id))
    assert text.count("\r\n") == 4
    assert text.count("sku_unknown") == 2
    assert find.safe_cell("=1+1") == "'=1+1"
    assert find.safe_cell("302-1") == "302-1"
