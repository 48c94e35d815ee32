"""A listing's page and the rules of an account: error, advice, *Update*, history; the difference, the yes, the undo."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from marketplaces.data import PushResult, PushVerdict
from shopapp import clock
from shopapp.listings import outcome, runs, wish
from shopapp.records import db
from shopapp.records.models import AccountRules, Listing, ListingPush, ListingRun, Variant
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.web.desk import HOSTILE, Desk, install

RUN = Work("listing_run", ListingRun, runs.due_run, only=runs.mine, threads=1)
HERE, BACK = "gid://shopify/Location/1", "gid://shopify/Location/2"


def listed(desk: Desk, account: int = 0, *, sku: str = "MUG-1", on: bool = True, level: int = 3, **more: Any) -> int:
    """A linked listing that offers 5 pieces at 19.90 while the shop has `level` at 24.90; its id."""
    account = account or desk.account()
    with db.writing() as s:
        if s.scalars(select(AccountRules).where(AccountRules.account_id == account)).first() is None:
            s.add(AccountRules(shop_id=desk.shop_id, account_id=account, push_stock=on, push_price=on))
        variant = Variant(
            shop_id=desk.shop_id, gid=f"gid://shopify/ProductVariant/{sku}", sku=sku, title="Mug", price_minor=2490,
            levels={HERE: level}, read_at=clock.now(),
        )  # fmt: skip
        s.add(variant)
        s.flush()
        row = Listing(
            shop_id=desk.shop_id, account_id=account, site="A1PA6795UKMFR9", sku=sku, title="Mug", status="linked",
            variant_id=variant.id, currency="EUR", there_price_minor=1990, there_quantity=5, there_at=clock.now(),
        )  # fmt: skip
        for key, value in more.items():
            setattr(row, key, value)
        s.add(row)
        s.flush()
        return row.id


def refuse(listing: int, words: str = "The price is too low.", **more: str) -> None:
    """The marketplace refuses the listing's newest wish."""
    with db.writing() as s:
        row = s.get_one(Listing, listing)
        wish.put(row, 2490, 3, again=True)
        row.sent_version = row.version
        push = ListingPush(shop_id=row.shop_id, listing_id=row.id, version=row.version, at=clock.now())
        push.old_price_minor, push.old_quantity, push.price_minor, push.quantity = 1990, 5, 2490, 3
        s.add(push)
        s.flush()
        outcome.refused(s, row, push, PushResult("", row.sku, PushVerdict.REFUSED, words, **more))
        row.due_at = None


def row_of(listing: int) -> Listing:
    with db.reading() as s:
        return s.get_one(Listing, listing)


def test_an_update_error_shows_the_words_the_advice_and_update(desk: Desk) -> None:
    listing = listed(desk)
    refuse(listing, "The price is too low.", field="price", code="90244")
    page = desk.get(f"/listings/{listing}")
    assert page.tags("s-section", heading="The marketplace refused the price")
    assert "The price is too low." in page.text
    assert page.tags("blockquote")
    assert "press Update" in page.text
    assert "/help/stock" in page.links
    assert page.tags("form", id="update", method="post")
    assert len(page.tags("s-button", variant="primary")) == 1
    assert "Refused" in page.text
    assert "5 → 3" in page.text
    done = desk.post(f"/listings/{listing}/update")
    assert done.goes_to == f"/listings/{listing}?done=update_queued"
    page = desk.get(done.goes_to)
    assert page.tags("s-stack", id="listing")[0]["data-poll"] == f"/listings/{listing}/live"
    assert not page.tags("section", id="cause")
    part = desk.get(f"/listings/{listing}/live")
    assert not part.tags("s-page")
    row = row_of(listing)
    assert (row.status, row.due_at is not None) == ("pending", True)


def test_hostile_words_of_a_marketplace_are_only_words(desk: Desk) -> None:
    listing = listed(desk, sku=f"S{HOSTILE}"[:60], title=HOSTILE)
    refuse(listing, HOSTILE)
    for path in (f"/listings/{listing}", "/listings?status=update_error", "/"):
        assert "<script>alert" not in desk.get(path).html


def test_a_listing_of_another_shop_is_not_there(desk: Desk) -> None:
    other = install("red.myshopify.com")
    with db.writing() as s:
        row = s.get_one(Listing, listed(desk))
        row.shop_id = other
        listing = row.id
    assert desk.get(f"/listings/{listing}").status == 404
    assert desk.post(f"/listings/{listing}/update").status == 404
    desk.post("/listings/update", listing=str(listing))
    assert row_of(listing).version == 0


def test_it_says_why_something_is_not_pushed(desk: Desk) -> None:
    account = desk.account()
    text = desk.get(f"/listings/{listed(desk, account, currency='GBP')}").text
    assert "sells in another currency" in text
    text = desk.get(f"/listings/{listed(desk, account, sku='B', by_channel=True)}").text
    assert "keeps and ships this stock itself" in text
    off = desk.get(f"/listings/{listed(desk, sku='C', on=False)}")
    assert "switched off for this account" in off.text
    assert not off.tags("form", id="update")


def test_update_for_all_in_update_error_takes_only_those(desk: Desk) -> None:
    account = desk.account()
    fine, first, second = (listed(desk, account, sku=sku) for sku in ("A", "B", "C"))
    for one in (first, second):
        refuse(one)
    page = desk.get("/listings?status=update_error")
    assert page.tags("form", id="update-all")
    assert "Update 2 listings" in page.text
    assert "The marketplace refused the update" in desk.get("/").text
    done = desk.post("/listings/update", all="1")
    assert done.goes_to == "/listings?status=pending&done=update_queued"
    assert [row_of(one).status for one in (fine, first, second)] == ["linked", "pending", "pending"]


def test_where_no_push_is_on_update_says_so(desk: Desk) -> None:
    listing = listed(desk, on=False)
    assert desk.post(f"/listings/{listing}/update").goes_to == f"/listings/{listing}?done=update_off"
    assert desk.post("/listings/update", all="1").goes_to == "/listings?status=update_error&done=update_off"


def test_switching_on_leads_to_the_difference_asks_and_then_switches(desk: Desk) -> None:
    account = desk.account()
    desk.change(locations={HERE: "Shop", BACK: "Warehouse"})
    listing = listed(desk, account, on=False)
    page = desk.get(f"/accounts/{account}")
    assert page.tags("form", action=f"/accounts/{account}/pushing")
    assert "Warehouse" in page.text
    done = desk.post(f"/accounts/{account}/pushing", stock="1", price="1", buffer="1", brake_percent="20")
    assert done.goes_to.startswith("/listings/runs/")
    assert desk.get(done.goes_to).tags("s-stack", id="run")[0]["data-poll"]
    claim.drain([RUN], seconds=20)
    shown = desk.get(done.goes_to)
    assert "Here and there: what would change" in shown.text
    assert "5 → 2" in shown.text
    assert "€19.90 → €24.90" in shown.text
    assert row_of(listing).version == 0
    assert desk.post(f"{done.goes_to}/undo").status == 409
    assert desk.post(f"{done.goes_to}/yes").goes_to == f"{done.goes_to}?done=push_begun"
    assert desk.post(f"{done.goes_to}/yes").status == 409
    claim.drain([RUN], seconds=20)
    row = row_of(listing)
    assert (row.price_minor, row.quantity, row.due_at is not None) == (2490, 2, True)
    assert desk.get(done.goes_to).tags("form", id="undo")
    assert "Push of prices and stock switched on" in desk.get("/settings").text


def test_the_answer_no_changes_nothing(desk: Desk) -> None:
    account = desk.account()
    listing = listed(desk, account, on=False)
    run = desk.post(f"/accounts/{account}/pushing", stock="1").goes_to
    claim.drain([RUN], seconds=20)
    assert desk.post(f"{run}/no").goes_to == f"/accounts/{account}?done=nothing_changed"
    assert row_of(listing).version == 0
    with db.reading() as s:
        assert not s.scalars(select(AccountRules)).one().push_stock
        assert not s.scalars(select(ListingPush)).all()


def test_what_cannot_be_saved_comes_back_with_what_was_typed(desk: Desk) -> None:
    account = desk.account()
    for field, typed in (("buffer", "-1"), ("maximum", "many"), ("brake_percent", "101")):
        page = desk.post(f"/accounts/{account}/pushing", stock="1", **{field: typed})
        assert page.status == 422
        assert page.tags("s-number-field", name=field, value=typed)[0]["error"]
    with db.reading() as s:
        assert not s.scalars(select(ListingRun)).all()


def test_the_brake_asks_and_the_answer_counts(desk: Desk) -> None:
    account = desk.account()
    listings = [listed(desk, account, sku=f"V{n}", level=0) for n in range(12)]
    with db.writing() as s:
        wish.for_listings(s, desk.shop_id, listings)
    assert {row_of(one).due_at for one in listings} == {None}
    home = desk.get("/")
    assert "so many listings would be set to 0" in home.text
    [link] = [one for one in home.links if one.startswith("/listings/runs/")][:1]
    page = desk.get(link)
    assert "12 listings would be set to 0" in page.text
    assert ">0</s-text>" in page.html
    assert "12 of them keep their quantity" in page.text
    held = desk.get(f"/listings/{listings[0]}")
    assert link in held.links, "what is held leads to the question"
    desk.post(f"{link}/yes")
    assert all(row_of(one).due_at is not None for one in listings)
    answered = desk.get(link)
    assert "Closed" in answered.text
    assert "V0" not in answered.text, "nothing is held any more"


def test_a_listing_that_is_not_linked_says_why_and_leads_to_the_mapping(desk: Desk) -> None:
    listing = listed(desk, status="not_linked", cause="sku_unknown", variant_id=None)
    page = desk.get(f"/listings/{listing}")
    assert "None of your products has this SKU." in page.text
    assert any(one.startswith("/listings/skus/new?sku=MUG-1&account=") for one in page.links)


def test_while_nothing_is_pushed_the_page_shows_what_is_here_all_the_same(desk: Desk) -> None:
    account = desk.account()
    page = desk.get(f"/listings/{listed(desk, account, on=False, level=7)}")
    assert ">7</s-text>" in page.html
    assert f"/accounts/{account}#pushing" in page.links
    assert page.text.count("Not pushed: switched off for this account.") == 1


def test_a_run_is_under_way_until_the_marketplace_has_answered(desk: Desk) -> None:
    account = desk.account()
    listing = listed(desk, account, on=False)
    run = desk.post(f"/accounts/{account}/pushing", stock="1", price="1").goes_to
    claim.drain([RUN], seconds=20)
    desk.post(f"{run}/yes")
    claim.drain([RUN], seconds=20)
    page = desk.get(run)
    assert "Being pushed" in page.text
    assert "0 of 1 accepted by Amazon" in page.text
    assert "Waiting to be sent" in page.text
    assert page.tags("s-stack", id="run")[0]["data-poll"]
    with db.writing() as s:
        row, push = s.get_one(Listing, listing), s.scalars(select(ListingPush)).one()
        row.sent_version = row.version
        outcome.holds(s, row, push)
    page = desk.get(run)
    assert "1 of 1 accepted by Amazon" in page.text
    assert "data-poll" not in page.tags("s-stack", id="run")[0]
    assert page.tags("form", id="undo")


def test_home_counts_listings_as_listings(desk: Desk) -> None:
    refuse(listed(desk))
    assert ">1 listing</s-badge>" in desk.get("/").html


def test_a_run_of_another_shop_is_not_there(desk: Desk) -> None:
    account = desk.account()
    run = desk.post(f"/accounts/{account}/pushing", stock="1").goes_to
    with db.writing() as s:
        s.scalars(select(ListingRun)).one().shop_id = install("red.myshopify.com")
    for path in ("", "/live"):
        assert desk.get(run + path).status == 404
    for path in ("/yes", "/no", "/undo"):
        assert desk.post(run + path).status == 404


def test_ids_that_are_none_of_ours_are_passed_over(desk: Desk) -> None:
    listing = listed(desk)
    refuse(listing)
    for typed in ("9" * 5000, "\u0663", "-1", "1e3", "99999999999999999999"):
        assert desk.post("/listings/update", listing=typed).status == 303
        assert desk.post("/listings/update", all="1", account=typed).status == 303
        assert desk.get(f"/listings?account={typed}").status == 200
        assert desk.get(f"/orders?account={typed}").status == 200
    assert row_of(listing).status == "update_error"
