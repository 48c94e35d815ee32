"""A shop's life in fast motion: one merchant at the pages, buyers at the marketplace, workers that run when told."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from shopapp import clock, jobs, runtime
from shopapp.config import Config
from shopapp.orders import place
from shopapp.records import db
from shopapp.records.models import Account, Chore, InboxMessage, Incident, Order, Shop
from shopapp.work import claim
from tests.sandbox.merchant import Merchant, Page
from tests.stage import buckets
from tests.stage.box import Box

DE, FR = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"


def forget_what_is_remembered() -> None:
    """What this process remembers is remembered by shop ids, and every test begins to count them anew."""
    place.MEMORY, place.LOOKUPS = type(place.MEMORY)(), type(place.LOOKUPS)()


def settle() -> None:
    """The chores as in an installation that has run for long: done just now, each due again after its interval."""
    now = clock.now()
    with db.writing() as s:
        for name, duty in jobs.CHORES.items():
            row = {
                "name": name,
                "due_at": now + duty.every,
                "done_at": now,
                "lease_token": "",
                "attempt": 0,
                "words": "",
            }
            db.insert_new(s, Chore, row, key=["name"])


def first_start() -> None:
    """The chores as after a first start: all of them are due."""
    with db.writing() as s:
        s.execute(update(Chore).values(due_at=clock.now(), done_at=None))


class Life:
    """One shop of the sandbox with the application installed in it by its first page."""

    def __init__(self, box: Box, **wish: Any) -> None:
        self.box = box
        made = box.post("/shops", {"name": f"j-{secrets.token_hex(5)}", **wish})
        self.domain: str = made["domain"]
        box.post(f"/shops/{self.domain}/settings", {"index_lag_seconds": 0})
        self.email: str = box.get(f"/shops/{self.domain}")["email"]
        self.merchant = Merchant(box.url, box.app_url, self.domain)
        self.others: list[Life] = []
        self.still = False
        home = self.merchant.open("/")
        assert home.status == 200, home.text[:300]
        with db.reading() as s:
            self.shop_id: int = s.scalars(select(Shop.id).where(Shop.domain == self.domain)).one()
        settle()

    def another(self, **wish: Any) -> Life:
        """A second shop in the same application."""
        self.others.append(Life(self.box, **wish))
        return self.others[-1]

    def end(self) -> None:
        """Close the browsers, take the faults and the clock back."""
        for one in (self, *self.others):
            one.merchant.close()
        self.box.clear_faults()
        self.box.set_clock(None)

    # --- time ---------------------------------------------------------------------------------------------------------

    def pass_time(self, **by: float) -> None:
        """Let time pass for us and for the sandbox alike; nothing works meanwhile."""
        clock.travel(by=timedelta(**by), freeze=self.still)
        self.box.set_clock(clock.now())
        buckets.refill()

    def stand_still(self, still: bool = True) -> None:
        """From now on our clock moves only when told; False: it runs again."""
        self.still = still
        clock.travel(clock.now(), freeze=still)

    def stand_at(self, moment: datetime) -> None:
        """Put both clocks there."""
        clock.travel(moment, freeze=self.still)
        self.box.set_clock(clock.now())

    def work(self, **by: float) -> None:
        """The workers do what is due, after this much time."""
        if by:
            self.pass_time(**by)
        jobs.drain_all()

    def poll(self, **by: float) -> None:
        """After this much time the accounts that are due are polled, and nothing else is worked on."""
        self.pass_time(**by)
        while claim.drain([work for work in jobs.QUEUES["bulk"] if work.name == "poll"]):
            pass

    def work_on(self, until: timedelta, every: timedelta) -> None:
        """The workers at their trade for so long, in steps."""
        for _ in range(until // every):
            self.work(seconds=every.total_seconds())

    def work_until(self, moment: datetime, every: timedelta = timedelta(hours=1)) -> None:
        """The workers at their trade until then, in steps of at most `every`."""
        while clock.now() < moment:
            self.work(seconds=min(every, moment - clock.now()).total_seconds())

    # --- what happens outside -----------------------------------------------------------------------------------------

    def product(self, sku: str, **wish: Any) -> dict[str, Any]:
        """A product of the shop."""
        made: dict[str, Any] = self.box.post(
            f"/shops/{self.domain}/products",
            {"sku": sku, "title": f"Thing {sku}", "price": "1.00", "available": 500, **wish},
        )
        return made

    def seller(self, **wish: Any) -> str:
        """A fresh seller whose orders are visible at once."""
        told = {"seller_id": f"A{secrets.token_hex(6).upper()}", "marketplaces": [DE], **wish}
        seller: str = self.box.post("/amazon/sellers", told)["seller_id"]
        self.state(seller, visible_lag_seconds=0)
        return seller

    def state(self, seller: str, **wish: Any) -> None:
        """The seller's switches."""
        self.box.post(f"/amazon/sellers/{seller}/state", wish)

    def sell(self, seller: str, **wish: Any) -> list[str]:
        """Orders at the marketplace; their ids."""
        ids: list[str] = self.box.post(f"/amazon/sellers/{seller}/orders", {"shipping": "0.00", **wish})["order_ids"]
        return ids

    def created(self) -> list[str]:
        """Marketplace ids of the shop's orders, in the order in which Shopify created them."""
        rows = self.box.ledger(system="shopify", effect="order.created")
        return [row["key"].rsplit(":", 1)[-1] for row in rows if row["body"].get("shop") == self.domain]

    def in_shopify(self) -> list[dict[str, Any]]:
        """The shop's orders as Shopify has them."""
        orders: list[dict[str, Any]] = self.box.get(f"/shops/{self.domain}")["orders"]
        return orders

    def searches(self, seller: str) -> int:
        """How often the marketplace was asked for orders of this seller."""
        return len(self.box.ledger(system="amazon", effect="amazon.searchOrders", key=seller))

    def mails(self) -> list[dict[str, Any]]:
        """Mails to the shop's owner."""
        return self.box.mails(self.email)

    # --- at the pages -------------------------------------------------------------------------------------------------

    def connect(self, seller: str, realm: str = "", channel: str = "amazon") -> int:
        """Create the connection at the pages and take over from now; the account's id."""
        page = self.merchant.visit(f"/accounts/new/{channel}")
        chosen = {"realm": realm} if realm else {}
        back = self.merchant.leave(self.merchant.submit(page, "login", **chosen), seller)
        assert "/import" in back.url, f"{back.url}: {back.text[:300]}"
        account_id = int(back.url.split("/accounts/")[1].split("/")[0])
        assert self.merchant.submit(back, "import").status == 200
        return account_id

    def sync(self, account_id: int) -> None:
        """*Sync now*, and the workers run."""
        self.merchant.submit(self.merchant.visit(f"/accounts/{account_id}"), "sync-form")
        jobs.drain_all()

    def banners(self) -> list[dict[str, str]]:
        """The banners of the dashboard."""
        return self.merchant.open("/").banners

    def tick(self, *categories: str) -> None:
        """Tick these categories of mails and save."""
        page = self.merchant.visit("/settings")
        form = page.form("settings")
        kept = [value for name, value in form.pairs if name == "notify"]
        assert self.merchant.submit(page, "settings", notify=[*kept, *categories]).status == 200

    # --- what we have -------------------------------------------------------------------------------------------------

    def account(self, account_id: int) -> Account:
        """The account as it is now."""
        with db.reading() as s:
            return s.get_one(Account, account_id)

    def order(self, remote_order_id: str) -> Order:
        """The order as it is now."""
        with db.reading() as s:
            found = select(Order).where(Order.shop_id == self.shop_id, Order.remote_order_id == remote_order_id)
            row = s.scalars(found).one()
            assert row.lines is not None
            return row

    def orders(self) -> list[Order]:
        """All orders of the shop, oldest sale first."""
        with db.reading() as s:
            found = select(Order).where(Order.shop_id == self.shop_id)
            return list(s.scalars(found.order_by(Order.remote_created_at, Order.id)))

    def incidents(self, kind: str, *, all_time: bool = False) -> list[Incident]:
        """Open incidents of this kind, or all there ever were."""
        with db.reading() as s:
            found = select(Incident).where(Incident.shop_id == self.shop_id, Incident.kind == kind)
            return list(s.scalars(found if all_time else found.where(Incident.resolved_at.is_(None))))

    def inbox(self) -> list[InboxMessage]:
        """The messages in the inbox."""
        with db.reading() as s:
            return list(s.scalars(select(InboxMessage).where(InboxMessage.shop_id == self.shop_id)))


@contextmanager
def as_settings(**changes: str) -> Iterator[None]:
    """Run with some settings changed."""
    before = runtime.config()
    runtime.setup(Config(dict(before.env) | changes))
    try:
        yield
    finally:
        runtime.setup(before)


def settled(page: Page) -> str:
    """The readable text of a page that must be there."""
    assert page.status == 200, f"{page.url}: {page.status} {page.text[:300]}"
    return page.text
