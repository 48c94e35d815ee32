"""Shops on an empty database, sellers in the sandbox, a browser that goes through Amazon's login as a person would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import select

from shopapp import clock
from shopapp.accounts import link
from shopapp.accounts.outcome import Outcome
from shopapp.records import db
from shopapp.records.models import Account, AccountSite, Incident, LoginDoor, Shop
from tests.stage.box import Box

DE, UK, FR = "A1PA6795UKMFR9", "A1F83G8C2ARO7P", "A13V1IB3VIYZZH"
USER = "71"


@dataclass
class Stage:
    """What a test of accounts needs: shops, sellers, logins, and a look at the rows."""

    box: Box
    faults: list[str] = field(default_factory=list)

    def shop(self, name: str = "blue", **values: Any) -> int:
        """An installed shop; its id."""
        with db.writing() as s:
            shop = Shop(domain=f"{name}.myshopify.com", installed_at=clock.now(), email=f"owner@{name}.test", **values)
            s.add(shop)
            s.flush()
            return shop.id

    def seller(self, *sites: str, region: str = "eu") -> str:
        """A fresh seller of the sandbox's Amazon; its id."""
        body = {"region": region, "marketplaces": list(sites or (DE,))}
        return str(self.box.post("/amazon/sellers", body)["seller_id"])

    def state(self, seller: str, **state: Any) -> None:
        """Change what Amazon says about a seller."""
        self.box.post(f"/amazon/sellers/{seller}/state", state)

    def fault(self, system: str, kind: str, operation: str | None = None, **more: Any) -> None:
        """A fault that the fixture takes back."""
        self.faults.append(self.box.fault(system, kind, operation, **more))

    def heal(self) -> None:
        """Take back the faults of this test."""
        while self.faults:
            self.box.delete(f"/faults/{self.faults.pop()}")

    def begin(
        self, shop_id: int, account_id: int | None = None, door: LoginDoor = LoginDoor.CREATE, **params: Any
    ) -> str:
        """A ticket for a login."""
        url = link.begin(shop_id, USER, "amazon", "eu", account_id, door, params)
        return dict(parse_qsl(urlsplit(url).query))["ticket"]

    def consent(self, url: str, seller: str) -> dict[str, str]:
        """Log in as `seller` at the marketplace and agree; the parameters it sends us back with."""
        answer = self.box.http.post(url, data={"seller": seller}, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text[:300]
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    def log_in(self, ticket: str, seller: str) -> str:
        """Through the whole login in one browser; the return token that the embedded page gets."""
        departure = link.start(ticket)
        arrival = link.come_back("amazon", self.consent(departure.url, seller), departure.cookie)
        return dict(parse_qsl(urlsplit(arrival.url).query))["return"]

    def link(self, shop_id: int, seller: str, account_id: int | None = None, **params: Any) -> Outcome:
        """Log in and confirm."""
        door = LoginDoor.CREATE if account_id is None else LoginDoor.SAVE
        return link.confirm(shop_id, USER, self.log_in(self.begin(shop_id, account_id, door, **params), seller))

    def linked(self, shop_id: int, seller: str, **params: Any) -> int:
        """The id of an account that works."""
        outcome = self.link(shop_id, seller, **params)
        assert outcome.kind == "linked", outcome
        assert outcome.account_id is not None
        return outcome.account_id

    def account(self, account_id: int) -> Account:
        """The row as it is now."""
        with db.reading() as s:
            account = s.get_one(Account, account_id)
            assert account.sites is not None
            return account

    def accounts(self, shop_id: int) -> list[Account]:
        """All accounts of a shop."""
        with db.reading() as s:
            return list(s.scalars(select(Account).filter_by(shop_id=shop_id).order_by(Account.id)).unique())

    def importing(self, account_id: int) -> set[str]:
        """The sites it imports."""
        with db.reading() as s:
            rows = select(AccountSite.site).filter_by(account_id=account_id, importing=True)
            return set(s.scalars(rows))

    def open(self, shop_id: int) -> dict[str, Incident]:
        """Open incidents by kind."""
        with db.reading() as s:
            rows = s.scalars(select(Incident).filter_by(shop_id=shop_id).where(Incident.resolved_at.is_(None)))
            return {row.kind: row for row in rows}
