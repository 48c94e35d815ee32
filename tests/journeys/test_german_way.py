"""What the founding articles show in German is shown in German to a German admin."""

from __future__ import annotations

import pytest

from tests.journeys.life import Life, as_settings
from tests.sandbox.merchant import Merchant

pytestmark = pytest.mark.journey


def test_the_notices_that_the_articles_quote_are_in_german_too(life: Life) -> None:
    german = Merchant(life.box.url, life.box.app_url, life.domain, locale="de")
    try:
        life.product("A-1")
        seller = life.seller()
        account_id = life.connect(seller)
        life.merchant.submit(life.merchant.visit(f"/accounts/{account_id}"), "account", label="Mein <Amazon>-Konto")
        with as_settings(PLAN_LIMITS="trial=1000"):
            for price, said in (("850.00", "fast erreicht"), ("200.00", "Bestellungs-Export")):
                life.sell(seller, sku="A-1", price=price)
                life.work(minutes=5)
                (banner,) = german.open("/").banners
                assert said in banner["heading"]
        german.open("/")
        life.work(minutes=2)
        life.state(seller, authorisation="revoked")
        life.work(hours=2)
        home = german.open("/")
        assert home.lang == "de"
        (banner,) = home.banners
        assert banner["heading"] == "Das Konto „Mein <Amazon>-Konto“ ist abgelaufen"
        assert "Mein <Amazon>" not in home.html
        page = german.visit(home.link("Verbindung bestätigen"))
        assert page.url.endswith(f"/accounts/{account_id}")
        life.work(minutes=1)
        (mail,) = life.mails()
        assert "abgelaufen" in mail["subject"]
        assert "Mein <Amazon>-Konto" in mail["text"]
    finally:
        german.close()
