"""One order: where it stands, what happens next, its cause and its story; *Retry now*; what belongs to others is not there."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplaces.data import Money, OrderLine, ShippingLine, TaxLine
from marketplaces.data import Order as Sale
from marketplaces.data import OrderState as SaleState
from shopapp import clock, runtime
from shopapp.orders import outcome, stored
from shopapp.records import db
from shopapp.records.models import Order, OrderState
from shopapp.web.reasons import FLAGS, IGNORED
from tests.web.desk import HOSTILE, Desk, install


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def sale(**more: Any) -> dict[str, Any]:
    """A stored order of 24.89 euro: a mug and its shipping."""
    tax = (TaxLine("VAT", eur(318), Decimal("0.19")),)
    given: dict[str, Any] = {
        "order_id": "304-1", "site": "A1PA6795UKMFR9", "state": SaleState.READY, "created_at": clock.now(),
        "updated_at": clock.now(), "currency": "EUR", "total": eur(2489),
        "lines": (OrderLine("1", "SKU-1", "Mug", 1, eur(1990), eur(1990), eur(0), tax),),
        "charges": (ShippingLine("Shipping", eur(499), eur(499), eur(0)),), "buyer_name": "Erika Muster",
    }  # fmt: skip
    return stored.pack(Sale(**(given | more)))


def failed(desk: Desk, cause: str = "sku_unknown", words: str = "", **params: Any) -> int:
    """A failed order, the way the product fails one."""
    order = desk.order(desk.account(), OrderState.RECEIVED, remote_order_id="304-1", total_minor=2489, payload=sale())
    with db.writing() as s:
        outcome.fail(s, s.get_one(Order, order), cause, words, **params)
    return order


def change(order: int, **columns: Any) -> None:
    with db.writing() as s:
        row = s.get_one(Order, order)
        for name, value in columns.items():
            setattr(row, name, value)


def test_a_failed_order_says_why_what_to_do_and_when_it_is_tried(desk: Desk) -> None:
    order = failed(desk, skus=["SKU-1", "SKU-2"])
    page = desk.get(f"/orders/{order}")
    assert page.tags("s-section", heading="Unknown SKU: SKU-1, SKU-2")
    assert "Give a product in Shopify exactly this SKU" in page.text
    assert "/help/skus" in page.links
    assert "Next: Try again" in page.text
    assert "in 1 day" in page.text or "in 24 hours" in page.text
    assert page.tags("li", **{"class": "next"})
    assert page.tags("li", **{"class": "bad"})
    assert "data-poll" not in page.tags("s-stack", id="order")[0]
    assert len(page.tags("s-button", variant="primary")) == 1


def test_the_remotes_own_words_are_quoted_with_their_source(desk: Desk) -> None:
    order = failed(desk, "rejected_by_shopify", f"Line items {HOSTILE}")
    page = desk.get(f"/orders/{order}")
    assert page.tags("blockquote")
    assert "Shopify reported" in page.text
    assert "<script>alert" not in page.html


def test_retry_now_queues_it_and_the_page_looks_until_it_settles(desk: Desk) -> None:
    order = failed(desk, skus=["SKU-1"])
    done = desk.post(f"/orders/{order}/retry")
    assert (done.status, done.goes_to) == (303, f"/orders/{order}?done=retry_queued")
    page = desk.get(done.goes_to)
    (live,) = page.tags("s-stack", id="order")
    assert live["data-poll"] == f"/orders/{order}/live"
    assert "The next try begins now" in page.text
    assert page.tags("s-button", type="submit", disabled="")
    with db.writing() as s:
        row = s.get_one(Order, order)
        row.state, row.due_at, row.cause = OrderState.IMPORTED, None, ""
        row.shopify_name, row.shopify_gid = "#1001", "gid://shopify/Order/77"
    part = desk.get(live["data-poll"])
    assert "data-poll" not in part.tags("s-stack", id="order")[0]
    assert "Imported" in part.text
    assert not part.tags("s-page")


def test_an_order_that_did_not_fail_cannot_be_retried(desk: Desk) -> None:
    order = desk.order(desk.account())
    assert desk.post(f"/orders/{order}/retry").status == 409
    assert not desk.get(f"/orders/{order}").tags("form", id="retry")


def test_an_imported_order_leads_to_shopify_and_shows_both_totals(desk: Desk) -> None:
    order = desk.order(
        desk.account(), shopify_name="#1001", shopify_gid="gid://shopify/Order/9007", bound_how="created",
        shopify_total_minor=2489, total_minor=2489, payload=sale(),
    )  # fmt: skip
    page = desk.get(f"/orders/{order}")
    address = f"{runtime.config()['ADMIN_ORIGIN']}/store/blue/orders/9007"
    assert page.tags("s-link", href=address, target="_top")
    assert page.text.count("€24.89") == 2
    assert "€4.99" in page.text
    assert "Tax told by the marketplace: €3.18" in page.text
    assert "The totals differ" not in page.text
    change(order, shopify_total_minor=2490)
    assert "The totals differ" in desk.get(f"/orders/{order}").text


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"state": "received"}, "waits to be created"),
        ({"state": "sending"}, "wait for a clear answer"),
        ({"state": "held", "held_reason": "plan"}, "plan limit is reached"),
        ({"state": "held", "held_reason": "payment"}, "has not paid yet"),
        ({"state": "held", "held_reason": "unknown"}, "a state we do not know"),
        ({"state": "held", "held_reason": "paused"}, "Everything is paused"),
        ({"state": "cancelled"}, "before it was created"),
        ({"state": "imported", "bound_how": "prior"}, "Made by another app"),
        ({"state": "ignored", "ignore_reason": "made_up_tomorrow"}, "not for this app"),
        *(({"state": "ignored", "ignore_reason": key}, text) for key, text in IGNORED.items()),
        ({"state": "ignored", "ignore_reason": "fulfilled_by_amazon"}, "Amazon ships it from its own warehouse"),
    ],
)
def test_every_state_says_what_it_means(desk: Desk, columns: dict[str, str], said: str) -> None:
    page = desk.get(f"/orders/{desk.order(desk.account(), **columns)}")
    assert page.status == 200
    assert said in page.text
    assert len(page.tags("s-banner")) - html_templates(page.html) <= 1


def html_templates(html: str) -> int:
    """Banners that only wait in templates for the relay script."""
    return html.count("<template id=")


def test_what_is_due_soon_is_watched_and_what_is_due_late_is_not(desk: Desk) -> None:
    account = desk.account()
    for due, watched in ((timedelta(0), True), (timedelta(minutes=30), False)):
        order = desk.order(account, OrderState.RECEIVED, due_at=clock.now() + due)
        assert ("data-poll" in desk.get(f"/orders/{order}").tags("s-stack", id="order")[0]) is watched


def test_a_cancelled_order_says_whether_shopify_knows(desk: Desk) -> None:
    order = desk.order(desk.account(), cancelled_at=clock.now(), due_at=clock.now())
    assert "Next: Cancel it in Shopify" in desk.get(f"/orders/{order}").text
    change(order, cancel_mirrored_at=clock.now(), due_at=None)
    assert "passed on to Shopify" in desk.get(f"/orders/{order}").text


def test_an_order_from_before_the_import_leads_to_the_older_ones(desk: Desk) -> None:
    account = desk.account()
    order = desk.order(account, OrderState.IGNORED, ignore_reason="before_take_over")
    assert f"/accounts/{account}/older" in desk.get(f"/orders/{order}").links
    order = desk.order(account, OrderState.IGNORED, ignore_reason="fulfilled_by_amazon")
    assert f"/accounts/{account}/older" not in desk.get(f"/orders/{order}").links


def test_lines_show_the_matched_variant_and_the_one_that_is_missing(desk: Desk) -> None:
    order = failed(desk, skus=["SKU-1"])
    assert page_badge(desk, order) == 1
    order = desk.order(desk.account(), variant_gid="gid://shopify/ProductVariant/1")
    page = desk.get(f"/orders/{order}")
    assert "matched" in page.text


def page_badge(desk: Desk, order: int) -> int:
    html = desk.get(f"/orders/{order}").html
    return html.count('<s-badge tone="critical">Unknown SKU</s-badge>')


def test_the_stored_order_is_shown_escaped_and_gone_when_it_was_removed(desk: Desk) -> None:
    order = desk.order(desk.account(), payload=sale(buyer_name=HOSTILE), buyer_name=HOSTILE)
    page = desk.get(f"/orders/{order}")
    assert page.tags("details")
    assert "<script>alert" not in page.html
    change(order, payload={}, buyer_name="", purged_at=clock.now())
    page = desk.get(f"/orders/{order}")
    assert not page.tags("details")
    assert "removed on" in page.text


def test_an_order_stored_by_another_version_is_still_shown(desk: Desk) -> None:
    order = desk.order(desk.account(), payload={"order_id": "304-1", "from": "the future"})
    page = desk.get(f"/orders/{order}")
    assert page.status == 200
    assert json.dumps("the future") in page.text


def test_flags_are_told_in_words(desk: Desk) -> None:
    order = desk.order(desk.account(), payload=sale(flags=("cancel_requested", "prime", "unheard_of")))
    page = desk.get(f"/orders/{order}")
    assert FLAGS["cancel_requested"] in page.text
    assert "Prime" in page.text
    assert "unheard_of" not in page.html.replace("&#34;unheard_of&#34;", "")


def test_ids_can_be_copied(desk: Desk) -> None:
    order = desk.order(desk.account(), remote_order_id="304-1")
    assert desk.get(f"/orders/{order}").tags("s-button", **{"data-copy": "304-1"})


def test_another_shops_order_is_not_there(desk: Desk) -> None:
    mine, other = desk.shop_id, install("other.myshopify.com")
    account = desk.account(shop_id=other)
    desk.shop_id = other
    order = desk.order(account, state=OrderState.FAILED, cause="other")
    desk.shop_id = mine
    for path in (f"/orders/{order}", f"/orders/{order}/live", "/orders/999999", f"/orders/{10**30}"):
        assert desk.get(path).status == 404, path
    assert desk.post(f"/orders/{order}/retry").status == 404
    with db.reading() as s:
        assert s.get_one(Order, order).due_at is None
