"""The list of listings: what is here and there, why one is not linked, finding one, paging, asking for another read."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from shopapp import clock
from shopapp.listings import duties, find
from shopapp.records import db
from shopapp.records.models import (
    AccountRules,
    AccountSite,
    AccountStatus,
    Listing,
    ListingRun,
    ListingStatus,
    RunState,
    Shop,
    ShopSweep,
    SweepKind,
    Variant,
)
from shopapp.records.models.order import search_key
from tests.web.desk import HOSTILE, Desk, Page, install

DE = "A1PA6795UKMFR9"


def listed(desk: Desk, account_id: int, sku: str, **columns: Any) -> int:
    """A listing; linked to a variant of the same price and stock unless said otherwise."""
    levels, price = columns.pop("levels", {"gid://shopify/Location/1": 3}), columns.pop("here", 1990)
    shop_id, title = columns.pop("shop_id", desk.shop_id), columns.pop("title", f"Title of {sku[:20]}")
    values: dict[str, Any] = {
        "site": DE, "status": ListingStatus.LINKED, "currency": "EUR", "there_price_minor": 1990, "there_quantity": 3,
    } | columns  # fmt: skip
    with db.writing() as s:
        row = Listing(
            shop_id=shop_id, account_id=account_id, sku=sku, title=title, title_key=search_key(title)[:100], **values
        )
        if row.status != ListingStatus.NOT_LINKED:
            row.variant = Variant(
                shop_id=shop_id, gid=f"gid://{sku}", sku=sku, read_at=clock.now(), price_minor=price, levels=levels
            )
        s.add(row)
        s.flush()
        return row.id


def skus(page: Page) -> list[str]:
    """The rows shown, in order."""
    return re.findall(r'<s-link id="listing-\d+"[^>]*>([^<]*)<', page.html)


def run(desk: Desk, account_id: int, state: str, site: str = DE, **columns: Any) -> None:
    with db.writing() as s:
        s.add(AccountSite(
            shop_id=desk.shop_id, account_id=account_id, channel="amazon", realm="eu", seller_id=f"A{account_id}",
            site=site, name="Amazon.de" if site == DE else site, importing=True,
        ))  # fmt: skip
        s.add(ListingRun(
            shop_id=desk.shop_id, account_id=account_id, site=site, kind="read", state=state,
            asked_at=clock.now(), **columns
        ))  # fmt: skip


# --- states of the page -----------------------------------------------------------------------------------------------


def test_an_empty_list_names_the_one_next_step(desk: Desk) -> None:
    page = desk.get("/listings")
    assert page.tags("s-empty-state", heading="No listings yet")
    assert "/accounts/new" in page.links
    account = desk.account()
    assert "/accounts/new" not in desk.get("/listings").links
    run(desk, account, RunState.RUNNING)
    page = desk.get("/listings")
    assert page.tags("s-empty-state", heading="Your listings are being read")
    assert page.tags("s-section", id="reading")[0]["data-poll"] == "/listings/reading"


def test_the_list_stands_in_the_navigation_after_the_orders(desk: Desk) -> None:
    nav = desk.get("/").html.split("<s-app-nav>")[1].split("</s-app-nav>")[0]
    assert [part.split('"')[0] for part in nav.split('href="')[1:4]] == ["/", "/orders", "/listings"]


def test_a_row_shows_what_belongs_there_and_what_is_there(desk: Desk) -> None:
    account = desk.account(label="Blue mugs")
    with db.writing() as s:
        s.add(AccountRules(shop_id=desk.shop_id, account_id=account, buffer=2, locations=["gid://shopify/Location/1"]))
    listed(
        desk, account, "MUG-1", here=2150, pushed_at=clock.now() - timedelta(minutes=2),
        levels={"gid://shopify/Location/1": 9, "gid://shopify/Location/2": 100},
    )  # fmt: skip
    page = desk.get("/listings")
    for said in ("MUG-1", "Title of MUG-1", "Blue mugs", "Linked", "2 minutes ago"):
        assert said in page.text
    assert '7 | <s-text type="strong">3</s-text>' in page.html
    assert "€21.50 | " in page.text
    assert '<s-text type="strong">€19.90</s-text>' in page.html
    slots = [one["listslot"] for one in page.tags("s-table-header")]
    assert (slots.count("primary"), slots.count("inline")) == (1, 1)


def test_what_the_marketplace_ships_shows_no_stock_of_ours(desk: Desk) -> None:
    listed(desk, desk.account(), "FBA", by_channel=True, there_quantity=None)
    assert "shipped by the marketplace" in desk.get("/listings").text


@pytest.mark.parametrize(
    ("cause", "params", "words"),
    [
        ("sku_unknown", {}, "None of your products has this SKU"),
        ("sku_unknown", {"sku": "STORE"}, "Mapped to STORE, which none of your products has"),
        ("sku_ambiguous", {"count": 2}, "Several of your products have the SKU MUG-1"),
        ("variant_gone", {}, "Its product was deleted in Shopify"),
    ],
)
def test_a_listing_that_is_not_linked_says_why_and_what_to_do(
    desk: Desk, cause: str, params: dict[str, Any], words: str
) -> None:
    account = desk.account()
    listed(desk, account, "MUG-1", status=ListingStatus.NOT_LINKED, cause=cause, cause_params=params)
    page = desk.get("/listings")
    assert words in page.text
    assert f"/listings/skus/new?sku=MUG-1&account={account}" in page.links


def test_hostile_words_are_shown_and_not_obeyed(desk: Desk) -> None:
    account = desk.account(label=HOSTILE)
    listed(desk, account, HOSTILE, title=HOSTILE, status=ListingStatus.UPDATE_ERROR, cause_words=HOSTILE)
    page = desk.get(f"/listings?{urlencode({'q': HOSTILE, 'account': HOSTILE, 'status': HOSTILE})}")
    assert page.status == 200
    for html in (page.html, desk.get("/listings").html):
        assert "<script>alert" not in html
        assert "<s-banner heading='y'>" not in html


# --- finding ----------------------------------------------------------------------------------------------------------


def test_the_counters_are_right_and_narrow_the_list(desk: Desk) -> None:
    account, other = desk.account(label="One"), desk.account(label="Two")
    for number, status in enumerate(ListingStatus):
        for more in range(number + 1):
            listed(desk, account, f"S{number}{more}", status=status)
    listed(desk, account, "OLD", live=False)
    listed(desk, other, "OTHER")
    page = desk.get("/listings")
    for said in ("All 11", "Not linked 1", "Linked 3", "Pending 3", "Update error 4", "No longer there 1"):
        assert said in page.text
    assert skus(desk.get("/listings?status=pending")) == ["S20", "S21", "S22"]
    assert skus(desk.get("/listings?status=ended")) == ["OLD"]
    assert skus(desk.get(f"/listings?account={other}")) == ["OTHER"]
    assert "Linked 2" in desk.get(f"/listings?account={account}").text
    assert "OLD" not in skus(page)


def test_the_beginning_of_a_sku_or_of_a_title_finds(desk: Desk) -> None:
    account = desk.account()
    listed(desk, account, "MUG-1", title="Blue mug")
    listed(desk, account, "MUG-2", title="Große Tasse")
    listed(desk, account, "CUP", title="Mug-like cup")
    assert skus(desk.get("/listings?q=MUG-")) == ["MUG-1", "MUG-2", "CUP"]
    assert skus(desk.get("/listings?q=MUG-2")) == ["MUG-2"]
    assert skus(desk.get("/listings?q=GRO%C3%9FE")) == ["MUG-2"]
    page = desk.get("/listings?q=nothing&status=linked")
    assert page.tags("s-empty-state", heading="Nothing matches")
    assert page.tags("s-search-field", value="nothing")
    assert "/listings" in page.links


def test_pages_go_on_and_back_and_lose_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    account = desk.account()
    for number in range(123):
        listed(desk, account, f"S{number:03}")
    seen, path = [], "/listings"
    back = []
    while path:
        page = desk.get(path)
        seen += skus(page)
        (table,) = page.tags("s-table")
        path, before = table.get("data-next", ""), table.get("data-previous", "")
        back.append(before)
    assert seen == [f"S{number:03}" for number in range(123)]
    assert skus(desk.get(back[-1])) == seen[find.PAGE : 2 * find.PAGE]
    for nonsense in ("x", "-1", "9" * 30, "٣"):
        assert skus(desk.get(f"/listings?{urlencode({'after': nonsense})}"))[0] == "S000"


def test_many_hits_are_counted_up_to_a_bound_and_all_of_them_are_shown(desk: Desk) -> None:
    account = desk.account()
    with db.writing() as s:
        for number in range(find.FEW + 20):
            s.add(Listing(shop_id=desk.shop_id, account_id=account, site=DE, sku=f"A-{number:04}", status="not_linked"))
    page = desk.get("/listings?q=A-")
    assert f"All {find.FEW + 20}" in page.text
    assert len(skus(page)) == find.PAGE


def test_another_shops_listings_are_not_there(desk: Desk) -> None:
    other = install("red.myshopify.com", gid="gid://shopify/Shop/2")
    account = desk.account(shop_id=other)
    listed(desk, account, "THEIRS", shop_id=other)
    for path in ("/listings", f"/listings?account={account}", "/listings?q=THEIRS"):
        assert "Title of THEIRS" not in desk.get(path).text
    desk.post("/listings/read", account=str(account))
    with db.reading() as s:
        assert s.query(ListingRun).count() == 0


# --- reading ----------------------------------------------------------------------------------------------------------


def test_read_again_queues_one_read_of_each_site_and_shows_how_far_it_is(desk: Desk) -> None:
    account = desk.account()
    run(desk, account, RunState.DONE, ended_at=clock.now() - timedelta(hours=2))
    listed(desk, account, "MUG")
    assert "2 hours ago" in desk.get("/listings").text
    for _ in range(2):
        assert desk.post("/listings/read").status == 303
    with db.reading() as s:
        rows = s.query(ListingRun).order_by(ListingRun.id).all()
        assert [(row.state, row.asked_by != "") for row in rows] == [("done", False), ("queued", True)]
        assert s.query(ShopSweep).filter_by(kind=SweepKind.CATALOGUE).count() == 1
    page = desk.get("/listings")
    assert "My Amazon · Amazon.de" in page.text
    assert page.tags("s-section", id="reading")[0]["data-poll"]
    with db.writing() as s:
        row = s.get_one(ListingRun, rows[1].id)
        row.state, row.found, row.done = RunState.RUNNING, 200_000, 50_000
    part = desk.get("/listings/reading")
    assert "50,000 of 200,000" in part.text
    assert part.tags("s-progress")[0]["value"] == "0.25"


def test_many_sites_that_wait_for_their_read_are_told_in_one_line(desk: Desk) -> None:
    account = desk.account()
    for site in ("A1", "A2", "A3"):
        run(desk, account, RunState.QUEUED, site=site)
    run(desk, account, RunState.RUNNING, site="A4")
    page = desk.get("/listings")
    assert "My Amazon · 3 sites" in page.text
    assert page.text.count("Queued") == 1
    assert "My Amazon · A4" in page.text


def test_a_read_that_was_given_up_is_told_with_the_marketplaces_words(desk: Desk) -> None:
    run(desk, desk.account(), RunState.FAILED, words="Amazon gave the report up (FATAL)", ended_at=clock.now())
    page = desk.get("/listings")
    for said in ("Could not be read", "Amazon gave the report up (FATAL)", "We try again tonight."):
        assert said in page.text


def test_home_and_guide_count_what_is_not_linked(desk: Desk) -> None:
    account = desk.account()
    assert "not linked" not in desk.get("/").text
    listed(desk, account, "A", status=ListingStatus.NOT_LINKED)
    listed(desk, account, "B", status=ListingStatus.NOT_LINKED, live=False)
    page = desk.get("/")
    assert "Listings that are not linked to a product" in page.text
    assert page.links.count("/listings?status=not_linked") == 2


def test_listings_of_a_deactivated_account_need_nobody(desk: Desk) -> None:
    account = desk.account(status=AccountStatus.DEACTIVATED)
    listed(desk, account, "A-1", status=ListingStatus.NOT_LINKED)
    listed(desk, account, "A-2", status=ListingStatus.UPDATE_ERROR, cause="listing_refused")
    page = desk.get("/")
    assert "Listings that are not linked to a product" not in page.text
    assert "/listings?status=update_error" not in page.html


def test_the_page_is_in_german_too(desk: Desk) -> None:
    desk.language = "de"
    desk.change(locale="de")
    listed(desk, desk.account(), "A", status=ListingStatus.NOT_LINKED, cause="sku_unknown")
    text = desk.get("/listings").text
    for said in ("Angebote", "Nicht verknüpft"):
        assert said in text


def test_a_paused_or_uninstalled_shop_queues_nothing(desk: Desk) -> None:
    run(desk, desk.account(), RunState.DONE, ended_at=clock.now())
    with db.writing() as s:
        s.get_one(Shop, desk.shop_id).status = "frozen"
        assert duties.read_again(s, desk.shop_id, "71") == 0
