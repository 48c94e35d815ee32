"""A merchant whose marketplace answers: the desk with the sandbox as every remote, and a browser for the logins."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask.testing import FlaskClient

from shopapp import create_app
from shopapp.records import db
from shopapp.records.models import Account, AccountSite, Incident
from shopapp.work import bell
from tests.stage import tables
from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.stage.settings import settings_for
from tests.web.desk import Desk, Page, install

DE, FR = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"


@dataclass
class LoginDesk(Desk):
    """The desk, sellers of the sandbox's Amazon, and a browser outside of the frame."""

    box: Box = field(kw_only=True)
    browser: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.browser = self.app.test_client()

    def neighbour(self) -> LoginDesk:
        """The merchant of another shop."""
        domain = f"shop-{secrets.token_hex(4)}.myshopify.com"
        return LoginDesk(self.app, install(domain), domain, box=self.box)

    def seller(self, *sites: str) -> str:
        """A fresh seller; its id."""
        body = {"region": "eu", "marketplaces": list(sites or (DE,))}
        return str(self.box.post("/amazon/sellers", body)["seller_id"])

    def state(self, seller: str, **state: object) -> None:
        """Change what Amazon says about a seller."""
        self.box.post(f"/amazon/sellers/{seller}/state", state)

    def token_of(self, seller: str) -> str:
        """The refresh token that a seller copies by hand."""
        return str(self.box.post(f"/amazon/sellers/{seller}/self_authorise")["refresh_token"])

    def consent_page(self, answer: Page) -> str:
        """Leave the frame as the relay does; the address of the marketplace's consent page."""
        assert answer.status == 200, answer.html[:500]
        top = urlsplit(answer.response.headers["X-Relay-Top"])
        assert top.path == "/login/start"
        left = self.browser.get(f"{top.path}?{top.query}")
        assert left.status_code == 302
        return str(left.location)

    def come_back(self, answer: Page, seller: str) -> str:
        """Log in as `seller`, agree, and return; the path of the embedded page."""
        sent = self.box.http.post(self.consent_page(answer), data={"seller": seller}, allow_redirects=False, timeout=30)
        assert sent.status_code == 302, sent.text[:300]
        query = dict(parse_qsl(urlsplit(sent.headers["Location"]).query))
        arrived = self.browser.get(f"/login/return/amazon?{urlencode(query)}")
        assert arrived.status_code == 302, arrived.text[:300]
        where = urlsplit(arrived.location)
        assert where.path.endswith("/accounts/linked")
        return f"/accounts/linked?{where.query}"

    def log_in(self, answer: Page, seller: str) -> Page:
        """The whole login; the embedded page that it ends at."""
        return self.get(self.come_back(answer, seller))

    def connect(self, seller: str) -> int:
        """A connection made by a login, its import begun; its id."""
        page = self.log_in(self.post("/accounts/new/amazon/login", realm="eu"), seller)
        assert page.status == 302, page.text[:500]
        account_id = int(page.goes_to.split("/")[2])
        self.post(f"/accounts/{account_id}/import")
        return account_id

    def row(self, account_id: int) -> Account:
        """The account as it is now."""
        with db.reading() as s:
            return s.get_one(Account, account_id)

    def rows(self) -> list[Account]:
        """All accounts of the shop."""
        with db.reading() as s:
            return list(s.query(Account).filter_by(shop_id=self.shop_id).order_by(Account.id))

    def importing(self, account_id: int) -> set[str]:
        """The sites that the account imports."""
        with db.reading() as s:
            return {one.site for one in s.query(AccountSite).filter_by(account_id=account_id, importing=True)}

    def open_kinds(self) -> set[str]:
        """Kinds of the shop's open incidents."""
        with db.reading() as s:
            found = s.query(Incident).filter_by(shop_id=self.shop_id).filter(Incident.resolved_at.is_(None))
            return {one.kind for one in found}


def open_login_desk(queue: Queue, box: Box, folder: Path) -> Iterator[LoginDesk]:
    """The app with one shop, on SQLite, the sandbox behind it; torn down after."""
    queue.clear()
    app = create_app(settings_for(folder, f"sqlite:///{folder / 'test.db'}", queue.url, box))
    tables.make(db.engine())
    domain = f"shop-{secrets.token_hex(4)}.myshopify.com"
    yield LoginDesk(app, install(domain), domain, box=box)
    box.clear_faults()
    with app.app_context():
        db.db.session.remove()
        db.engine().dispose()
    bell.connection().close()
    bell.connection.cache_clear()
