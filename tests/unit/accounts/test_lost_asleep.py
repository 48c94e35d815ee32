"""Sites that another shop took while nobody here could be told: said as soon as the account, or the shop, is back."""

from __future__ import annotations

from shopapp import clock
from shopapp.accounts import link, repair
from shopapp.accounts.outcome import Outcome
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, Shop, ShopStatus
from tests.unit.accounts.steps import DE, UK, USER, Stage


def imports(stage: Stage, shop: int, seller: str) -> int:
    """An account that imports the seller from now on."""
    account_id = stage.linked(shop, seller)
    with db.writing() as s:
        link.set_take_over(s, s.get_one(Account, account_id), clock.now(), USER)
    return account_id


def deactivate(account_id: int) -> None:
    with db.writing() as s:
        repair.deactivate(s, s.get_one(Account, account_id), USER)


def activate(stage: Stage, shop: int, account_id: int, seller: str) -> Outcome:
    outcome = repair.activate(shop, USER, account_id)
    return link.confirm(shop, USER, stage.log_in(outcome.login_url.split("ticket=")[1], seller))


def test_an_account_that_lost_its_sites_while_deactivated_says_so_once_it_is_active_again(stage: Stage) -> None:
    mine, theirs, seller = stage.shop("blue"), stage.shop("red"), stage.seller(DE, UK)
    account_id = imports(stage, mine, seller)
    deactivate(account_id)
    other = imports(stage, theirs, seller)
    assert stage.open(mine) == {}, "a deactivated account raises nothing"
    assert activate(stage, mine, account_id, seller).kind == "linked"
    assert stage.account(account_id).status == AccountStatus.ACTIVE
    told = stage.open(mine)["import_taken_over"]
    assert told.subject == f"account:{account_id}"
    assert told.params["sites"] == "Amazon.co.uk, Amazon.de"
    assert told.mail_id is not None
    assert stage.importing(other) == {DE, UK}
    assert stage.open(theirs) == {}


def test_what_was_told_once_is_not_told_at_the_next_activation(stage: Stage) -> None:
    mine, theirs, seller = stage.shop("blue"), stage.shop("red"), stage.seller(DE)
    account_id = imports(stage, mine, seller)
    deactivate(account_id)
    imports(stage, theirs, seller)
    activate(stage, mine, account_id, seller)
    deactivate(account_id)
    assert stage.open(mine) == {}
    activate(stage, mine, account_id, seller)
    assert stage.open(mine) == {}


def test_an_account_of_a_shop_that_had_left_says_so_to_who_comes_back(stage: Stage) -> None:
    mine, theirs, seller = stage.shop("blue"), stage.shop("red"), stage.seller(DE)
    account_id = imports(stage, mine, seller)
    with db.writing() as s:
        s.get_one(Shop, mine).status = ShopStatus.UNINSTALLED
    imports(stage, theirs, seller)
    told = stage.open(mine)["import_taken_over"]
    assert (told.subject, told.mail_id, told.mail_skipped) == (f"account:{account_id}", None, "uninstalled")


def test_nothing_is_said_where_nothing_was_lost(stage: Stage) -> None:
    mine, seller = stage.shop("blue"), stage.seller(DE)
    account_id = imports(stage, mine, seller)
    deactivate(account_id)
    activate(stage, mine, account_id, seller)
    assert stage.open(mine) == {}
    assert stage.importing(account_id) == {DE}
