"""Help: every guide opens, no link is dead, and the channels' own steps are in it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from marketplaces.channels import registry
from shopapp.alerts.causes import CAUSES
from shopapp.alerts.links import GUIDES as MAIL_GUIDES
from shopapp.web.help import GUIDES
from tests.web.desk import Desk

PAGES = ["/", "/settings", "/inbox", "/plan", "/help", "/preflight", "/orders", "/accounts"]


@pytest.mark.parametrize("name", GUIDES)
def test_each_guide_opens_with_the_way_back(desk: Desk, name: str) -> None:
    page = desk.get(f"/help/{name}")
    assert page.status == 200
    assert page.tags("s-link", slot="breadcrumb-actions")[0]["href"] == "/help"
    assert f"/help/{name}" in desk.get("/help").links


def test_a_guide_that_does_not_exist_is_not_found(desk: Desk) -> None:
    for name in ("nothing", "guide", "index", "..%2Fbase"):
        assert desk.get(f"/help/{name}").status == 404


def test_no_link_of_any_page_is_dead(desk: Desk) -> None:
    account = desk.break_account()
    desk.order(account, "failed", cause="sku_unknown", cause_params={"skus": ["A"]})
    desk.incident("plan_over", "plan")
    seen: dict[str, set[str]] = {}
    for path in [*PAGES, *(f"/help/{name}" for name in GUIDES), f"/accounts/{account}", "/inbox/1"]:
        page = desk.get(path)
        assert page.status == 200, path
        for link in page.links:
            if link.startswith("/"):
                seen.setdefault(link, set()).add(path)
            else:
                assert urlsplit(link).scheme in ("http", "https"), f"{link} on {path}"
    # One channel on offer: choosing it is spared by a redirect.
    dead = {link: where for link, where in seen.items() if desk.get(link).status not in (200, 302)}
    assert not dead


def test_fragments_lead_to_places_that_exist(desk: Desk) -> None:
    desk.change(paused_at=desk.shop().installed_at)
    assert "/settings#pause" in desk.get("/").links
    assert 'id="pause"' in desk.get("/settings").html


def test_the_guides_that_mails_and_causes_name_are_there() -> None:
    assert set(MAIL_GUIDES) <= set(GUIDES)
    assert {cause.help for cause in CAUSES.values()} <= set(GUIDES)


def test_the_connection_guide_holds_each_channels_steps_by_cause_with_our_name(desk: Desk) -> None:
    page = desk.get("/help/connections")
    for channel in registry().values():
        assert channel.account_needed in page.text
        for cause, steps in channel.steps.items():
            assert f'id="{channel.key}-{cause}"' in page.html
            for step in steps:
                assert step.text in page.text
        for realm in channel.realms if len(channel.realms) > 1 else ():
            assert f"Open ({realm.label})" in page.text
    assert "as Marketplace Relay, application id amzn1.sp.solution.sandbox" in page.text


def test_links_are_those_of_the_regions_that_the_shop_uses(desk: Desk) -> None:
    desk.account(realm="na")
    page = desk.get("/help/connections")
    abroad = {link for link in page.links if "/sellercentral/" in link}
    assert abroad
    assert all(re.search(r"/sellercentral/na/", link) for link in abroad)
    assert f"Regions: {registry()['amazon'].realm('na').label}." in page.text


def test_the_order_guide_explains_each_error_without_holes(desk: Desk) -> None:
    page = desk.get("/help/orders")
    assert "Unknown SKU" in page.text
    assert "The amounts do not add up" in page.text
    assert "%(" not in page.text
