"""What a marketplace's SKU means in the shop: own mapping, mapping for all, itself; and what a saved one sets going."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from shopapp import clock
from shopapp.orders import retry
from shopapp.orders.unmatched import unmatched
from shopapp.records import db
from shopapp.records.models import Account, AuditEntry, Incident, Order, OrderLine, OrderState, SkuMapping
from shopapp.skus import keep, mapping
from shopapp.skus.keep import Pair, Refused
from tests.unit.orders.scene import Scene, both_databases


def save(scene: Scene, sku: str, store_sku: str, account_id: int | None = None) -> int:
    """Save a mapping as the page does; how many orders are tried."""
    with db.writing() as s:
        keep.save(s, scene.shop_id, Pair(account_id, sku, store_sku), "71")
    return retry.mapped(scene.shop_id, account_id, [sku])


def second_account(scene: Scene) -> int:
    """Another account of the shop, without a login."""
    now = clock.now()
    values: dict[str, Any] = {"channel": "amazon", "realm": "na", "seller_id": "A2", "label": "Other"}
    with db.writing() as s:
        account = Account(shop_id=scene.shop_id, status_since=now, created_at=now, **values)
        s.add(account)
        s.flush()
        return account.id


def meant(scene: Scene, account_id: int, *skus: str) -> dict[str, str]:
    with db.reading() as s:
        return mapping.meant(s, scene.shop_id, account_id, skus)


def waiting(scene: Scene, **wish: Any) -> Order:
    """An order that failed because nothing in the shop has its SKU."""
    (order_id,) = scene.sell(**wish)
    scene.poll()
    scene.place()
    row = scene.row(order_id)
    assert (row.state, row.cause) == (OrderState.FAILED, "sku_unknown")
    return row


def open_incidents(scene: Scene) -> list[str]:
    with db.reading() as s:
        found = select(Incident.kind).where(Incident.shop_id == scene.shop_id, Incident.resolved_at.is_(None))
        return list(s.scalars(found))


@both_databases
def test_the_accounts_own_word_counts_before_the_one_for_all_and_both_before_the_sku_itself(scene: Scene) -> None:
    mine, other = scene.account_id, second_account(scene)
    save(scene, "M-1", "ALL-1")
    save(scene, "M-1", "MINE-1", mine)
    save(scene, "M-2", "ALL-2")
    save(scene, "ALL-2", "NEVER")  # what came out of a mapping is not mapped again
    assert meant(scene, mine, "M-1", "M-2", "M-3", "") == {"M-1": "MINE-1", "M-2": "ALL-2", "M-3": "M-3"}
    assert meant(scene, other, "M-1", "M-2") == {"M-1": "ALL-1", "M-2": "ALL-2"}
    with db.reading() as s:
        assert mapping.meant(s, scene.shop_id + 1, mine, ["M-1"]) == {"M-1": "M-1"}, (
            "another shop's mappings are not ours"
        )


def test_letters_and_blanks_of_a_sku_count(scene: Scene) -> None:
    save(scene, "M  1", "A-1")
    asked = meant(scene, scene.account_id, "M  1", "M 1", "m  1")
    assert asked == {"M  1": "A-1", "M 1": "M 1", "m  1": "m  1"}


def test_many_skus_are_asked_for_in_portions(scene: Scene) -> None:
    skus = [f"M-{number}" for number in range(3 * mapping.CHUNK)]
    with db.writing() as s:
        pairs = [Pair(None, sku, f"S{sku}") for sku in skus]
        assert keep.save_many(s, scene.shop_id, pairs, "71") == pairs
        assert keep.save_many(s, scene.shop_id, pairs, "71") == [], "nothing differs"
        other = [*pairs[1:], Pair(None, "M-0", "OTHER")]
        assert keep.save_many(s, scene.shop_id, other, "71") == other[-1:]
    assert meant(scene, scene.account_id, *skus) == {sku: f"S{sku}" for sku in skus} | {"M-0": "OTHER"}


def test_what_is_mapped_already_is_read_once_for_a_whole_file(scene: Scene) -> None:
    pairs = [Pair(None, f"M-{number}", "A") for number in range(2 * keep.CHUNK)]
    save(scene, "M-1", "OTHER")
    asked: list[str] = []

    def note(*about: Any) -> None:
        asked.append(about[2])

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        with db.writing() as s:
            assert len(keep.save_many(s, scene.shop_id, pairs, "71")) == len(pairs)
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert len([one for one in asked if one.startswith("SELECT sku_mapping.marketplace_sku")]) == 2
    assert meant(scene, scene.account_id, "M-1") == {"M-1": "A"}


@both_databases
def test_a_saved_mapping_imports_the_orders_that_wait_for_it_and_no_others(scene: Scene) -> None:
    scene.product("A-1")
    first, second = waiting(scene, sku="MKT-1"), waiting(scene, sku="MKT-2")
    assert open_incidents(scene).count("order_import_failed") == 2
    assert save(scene, "MKT-1", "A-1") == 1
    assert scene.place() == 1
    assert scene.row(first.remote_order_id).state == OrderState.IMPORTED
    assert len(scene.made(first.remote_order_id)) == 1
    other = scene.row(second.remote_order_id)
    assert other.state == OrderState.FAILED
    assert other.due_at == second.due_at, "what still has no match is left alone"
    assert open_incidents(scene).count("order_import_failed") == 1
    assert "sku_mapped" in scene.events(first)
    assert scene.row(first.remote_order_id).lines[0].variant_gid


def test_a_mapping_for_all_leaves_orders_of_accounts_with_an_own_one_alone(scene: Scene) -> None:
    save(scene, "MKT-1", "GONE", scene.account_id)
    row = waiting(scene, sku="MKT-1")
    assert row.cause_params["skus"] == ["GONE"], "the SKU that the shop lacks is named"
    assert save(scene, "MKT-1", "A-1") == 0
    assert save(scene, "MKT-1", "A-1", second_account(scene)) == 0
    scene.product("A-1")
    assert save(scene, "MKT-1", "A-1", scene.account_id) == 1
    scene.place()
    assert scene.row(row.remote_order_id).state == OrderState.IMPORTED


@both_databases
def test_what_waits_is_told_by_sku_with_the_most_wanted_first(scene: Scene) -> None:
    save(scene, "MKT-2", "GONE", scene.account_id)
    for sku in ("MKT-1", "MKT-2", "MKT-2"):
        waiting(scene, sku=sku)
    with db.reading() as s:
        found = unmatched(s, scene.shop_id)
        assert [(one.sku, one.orders, one.account_ids, one.mapped_to) for one in found] == [
            ("MKT-2", 2, [scene.account_id], ["GONE"]), ("MKT-1", 1, [scene.account_id], [])
        ]  # fmt: skip
        assert [one.sku for one in unmatched(s, scene.shop_id, "MKT-1")] == ["MKT-1"]
        assert [one.sku for one in unmatched(s, scene.shop_id, only=["MKT-2"])] == ["MKT-2"]
        assert unmatched(s, scene.shop_id + 1) == []


def test_an_order_waits_for_those_of_its_skus_that_have_no_match(scene: Scene) -> None:
    scene.product("A-1")
    lines = [{"sku": "A-1", "quantity": 1, "price": "5.00"}, {"sku": "MKT-1", "quantity": 1, "price": "5.00"}]
    row = waiting(scene, lines=lines)
    assert [bool(line.variant_gid) for line in row.lines] == [True, False]
    assert save(scene, "A-1", "A-1") == 0, "this line has its variant already"
    assert save(scene, "MKT-1", "A-1") == 1


def test_a_mapping_saved_while_shopify_is_asked_is_taken_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from shopapp.orders import place

    scene.product("A-1")
    (order_id,) = scene.sell(sku="MKT-1")
    scene.poll()
    asked = place._matches

    def meanwhile(*given: Any) -> Any:
        answer = asked(*given)
        save(scene, "MKT-1", "A-1")
        return answer

    monkeypatch.setattr(place, "_matches", meanwhile)
    scene.place()
    row = scene.row(order_id)
    assert row.state == OrderState.IMPORTED, row.cause
    assert not open_incidents(scene)
    assert len(scene.made(order_id)) == 1


def test_orders_of_mapped_and_of_unmapped_skus_of_one_product_ask_shopify_for_it_once(scene: Scene) -> None:
    from shopapp.orders import place

    scene.product("A-1")
    save(scene, "MKT-1", "A-1")
    sold = [*scene.sell(sku="MKT-1"), *scene.sell(sku="A-1"), *scene.sell(sku="MKT-1")]
    scene.poll()
    scene.place()
    assert {scene.row(order_id).state for order_id in sold} == {OrderState.IMPORTED}
    assert place.MEMORY.known(scene.shop_id, "A-1")
    assert not place.MEMORY.known(scene.shop_id, "MKT-1")


@pytest.mark.parametrize("sku", ["", "  ", "x" * 256, "a\x00b", "a\nb", "a\tb", "a\u202eb", "\ud800"])
def test_what_is_no_sku_is_refused_by_field(scene: Scene, sku: str) -> None:
    for pair, field in ((Pair(None, sku, "A-1"), "marketplace_sku"), (Pair(None, "A-1", sku), "store_sku")):
        with pytest.raises(Refused) as refused, db.writing() as s:
            keep.save(s, scene.shop_id, pair, "71")
        assert list(refused.value.errors) == [field]


def test_an_account_of_another_shop_is_refused(scene: Scene) -> None:
    with pytest.raises(Refused) as refused, db.writing() as s:
        keep.save(s, scene.shop_id, Pair(99999, "A", "B"), "71")
    assert list(refused.value.errors) == ["account"]


def test_who_mapped_what_is_in_the_audit_log(scene: Scene) -> None:
    save(scene, " M-1 ", "OLD")
    save(scene, "M-1", "NEW")
    with db.writing() as s:
        (row,) = s.scalars(select(SkuMapping)).all()
        assert (row.marketplace_sku, row.store_sku, row.created_by) == ("M-1", "NEW", "71")
        assert keep.delete(s, scene.shop_id + 1, row.id, "71") is None
        assert keep.delete(s, scene.shop_id, row.id, "72") == Pair(None, "M-1", "NEW")
    with db.reading() as s:
        told = select(AuditEntry).where(AuditEntry.action.like("sku_%")).order_by(AuditEntry.id)
        assert [(one.user_id, one.action, one.changes["before"], one.changes["after"]) for one in s.scalars(told)] == [
            ("71", "sku_mapped", "", "OLD"), ("71", "sku_mapped", "OLD", "NEW"), ("72", "sku_unmapped", "NEW", "")
        ]  # fmt: skip
        assert s.scalars(select(SkuMapping)).all() == []


@both_databases
def test_the_product_chosen_for_one_order_counts_before_every_mapping_and_survives_a_newer_version(
    scene: Scene,
) -> None:
    scene.product("A-1")
    chosen = scene.product("B-1")
    row = waiting(scene, sku="MKT-1")
    other = waiting(scene, sku="MKT-1")
    with db.writing() as s:
        line = s.scalars(select(OrderLine).where(OrderLine.order_id == row.id)).one()
        line.chosen_sku, line.chosen_gid, line.variant_title = "B-1", chosen["variant_id"], "Chosen"
    save(scene, "MKT-1", "A-1")
    for status in ("PENDING", "UNSHIPPED"):
        scene.wait(1)
        scene.change(row.remote_order_id, status=status)
        scene.poll()
    scene.place()
    assert scene.row(row.remote_order_id).lines[0].variant_gid == chosen["variant_id"]
    assert scene.row(row.remote_order_id).lines[0].chosen_sku == "B-1"
    mapped = scene.row(other.remote_order_id).lines[0]
    assert (bool(mapped.variant_gid), mapped.chosen_sku) == (True, "")
    assert mapped.variant_gid != chosen["variant_id"]
