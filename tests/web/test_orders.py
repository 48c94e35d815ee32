"""The list of orders: finding one, narrowing, paging, trying many again, taking them away as CSV."""

from __future__ import annotations

from tests.web.conftest import Merchant, add_account, add_order


def test_an_empty_list_says_what_to_do_first(client: Merchant, shop_id: int) -> None:
    page = client.page("/orders")
    assert 'href="/accounts/new"' in page
    assert "<s-table" not in page
    add_account(shop_id)
    page = client.page("/orders")
    assert 'href="/accounts/new"' not in page
    assert "by themselves" in page


def test_an_order_is_found(client: Merchant, shop_id: int) -> None:
    add_order(shop_id, add_account(shop_id), "304-8812345-2217755")
    assert "304-8812345-2217755" in client.page("/orders?q=304-88")
