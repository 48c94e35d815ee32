"""Linking by a login: bound to shop, user and browser, single use; whatever is refused changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from shopapp import clock, runtime
from shopapp.accounts import link, repair, settle
from shopapp.accounts.outcome import LoginProblem
from shopapp.config import Config
from shopapp.records import db
from shopapp.records.models import Account, AccountStatus, AuditEntry, LoginAttempt, LoginDoor
from tests.unit.accounts.steps import DE, UK, USER, Stage


def test_a_login_links_the_seller_with_all_its_sites(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller(DE, UK)
    outcome = stage.link(shop, seller)
    assert outcome.kind == "linked"
    assert outcome.ask_take_over
    account = stage.account(outcome.account_id or 0)
    assert (account.status, account.seller_id, account.realm) == (AccountStatus.ACTIVE, seller, "eu")
    assert stage.importing(account.id) == {DE, UK}
    assert account.expires_at is not None
    assert account.expires_at - clock.now() > timedelta(days=364)
    assert account.due_at is None, "not polled before the merchant said from when on"
    assert account.credentials
    assert "Atzr" not in account.credentials
    assert stage.open(shop) == {}


def test_the_answer_about_taking_over_starts_the_polling(stage: Stage) -> None:
    shop = stage.shop()
    account_id = stage.linked(shop, stage.seller())
    with db.writing() as s:
        account = s.get_one(Account, account_id)
        link.set_take_over(s, account, clock.now(), USER)
    assert stage.account(account_id).due_at is not None


def test_only_chosen_sites_import(stage: Stage) -> None:
    account_id = stage.linked(stage.shop(), stage.seller(DE, UK), sites=[UK])
    assert stage.importing(account_id) == {UK}


def test_secrets_of_the_way_are_stored_as_hashes_only(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    ticket = stage.begin(shop)
    departure = link.start(ticket)
    state = stage.consent(departure.url, seller)["state"]
    with db.reading() as s:
        row = s.query(LoginAttempt).one()
        stored = [str(getattr(row, column.name)) for column in LoginAttempt.__table__.columns]
    assert not [value for value in stored if ticket in value or state in value or departure.cookie in value]


def test_a_ticket_works_once(stage: Stage) -> None:
    ticket = stage.begin(stage.shop())
    link.start(ticket)
    with pytest.raises(LoginProblem, match="used"):
        link.start(ticket)


def test_a_ticket_ends_after_ten_minutes(stage: Stage) -> None:
    ticket = stage.begin(stage.shop())
    clock.travel(by=timedelta(minutes=10, seconds=1))
    with pytest.raises(LoginProblem, match="late"):
        link.start(ticket)


def test_a_callback_in_another_browser_stores_nothing_and_leaves_the_login_usable(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    departure = link.start(stage.begin(shop))
    args = stage.consent(departure.url, seller)
    for cookie in ("", "somebody-else"):
        with pytest.raises(LoginProblem, match="other_browser"):
            link.come_back("amazon", args, cookie)
    assert stage.accounts(shop)[0].credentials == ""
    assert link.come_back("amazon", args, departure.cookie).url


def test_a_callback_works_once_and_needs_the_right_state(stage: Stage) -> None:
    departure = link.start(stage.begin(stage.shop()))
    args = stage.consent(departure.url, stage.seller())
    with pytest.raises(LoginProblem, match="unknown"):
        link.come_back("amazon", {**args, "state": "x" * 43}, departure.cookie)
    with pytest.raises(LoginProblem, match="unknown"):
        link.come_back("amazon", {}, departure.cookie)
    link.come_back("amazon", args, departure.cookie)
    with pytest.raises(LoginProblem, match="used"):
        link.come_back("amazon", args, departure.cookie)


def test_another_user_or_shop_cannot_confirm_a_login(stage: Stage) -> None:
    shop, other = stage.shop("blue"), stage.shop("red")
    token = stage.log_in(stage.begin(shop), stage.seller())
    assert link.confirm(other, USER, token).kind == "expired"
    assert link.confirm(shop, "72", token).kind == "expired"
    assert link.confirm(shop, USER, "x" * 43).kind == "expired"
    assert stage.accounts(other) == []
    assert stage.accounts(shop)[0].credentials == ""
    assert link.confirm(shop, USER, token).kind == "linked"


def test_a_consent_link_sent_to_somebody_else_links_nothing(stage: Stage) -> None:
    """The victim agrees at Amazon with the attacker's link: without the attacker's cookie nothing comes of it."""
    attacker = stage.shop("evil")
    sent = link.start(stage.begin(attacker)).url
    args = stage.consent(sent, stage.seller())
    with pytest.raises(LoginProblem):
        link.come_back("amazon", args, "")
    with db.reading() as s:
        assert s.query(LoginAttempt).filter(LoginAttempt.result != "").count() == 0
    assert stage.accounts(attacker)[0].credentials == ""


def test_a_second_confirm_is_harmless(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    token = stage.log_in(stage.begin(shop), seller)
    first, second = link.confirm(shop, USER, token), link.confirm(shop, USER, token)
    assert (first.kind, second.kind, second.account_id) == ("linked", "linked", first.account_id)
    with db.reading() as s:
        assert s.query(AuditEntry).filter_by(action="account_linked").count() == 1
        assert s.query(LoginAttempt).one().result == "", "what the login gave is wiped"


def test_a_login_given_up_leaves_a_pending_account_that_can_be_resumed(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    link.start(stage.begin(shop))
    clock.travel(by=timedelta(hours=3))
    (pending,) = stage.accounts(shop)
    assert (pending.status, pending.cause) == (AccountStatus.PENDING, "")
    assert stage.open(shop) == {}
    clock.travel()
    assert stage.linked(shop, seller) == pending.id
    assert len(stage.accounts(shop)) == 1


def test_a_declined_login_changes_nothing_and_says_so(stage: Stage) -> None:
    shop = stage.shop()
    departure = link.start(stage.begin(shop))
    state = dict(p.split("=") for p in urlsplit(departure.url).query.split("&") if p.startswith("state="))["state"]
    arrival = link.come_back("amazon", {"state": state, "error": "access_denied"}, departure.cookie)
    outcome = link.confirm(shop, USER, arrival.url.split("return=")[1])
    assert (outcome.kind, outcome.words) == ("declined", "access_denied")
    (pending,) = stage.accounts(shop)
    assert (pending.status, pending.credentials) == (AccountStatus.PENDING, "")


def test_reauth_with_wrong_seller_changes_nothing_and_names_both(stage: Stage) -> None:
    shop, right, wrong = stage.shop(), stage.seller(), stage.seller()
    account_id = stage.linked(shop, right, label="My shop")
    before = stage.account(account_id)
    outcome = stage.link(shop, wrong, account_id)
    assert (outcome.kind, outcome.expected, outcome.actual) == ("wrong_seller", right, wrong)
    after = stage.account(account_id)
    assert (after.credentials, after.seller_id, after.status) == (before.credentials, right, AccountStatus.ACTIVE)
    assert outcome.can_link_new
    new = link.link_as_new(shop, USER, outcome.token)
    assert (new.kind, stage.account(new.account_id or 0).seller_id) == ("linked", wrong)
    assert new.account_id != account_id


def test_the_same_seller_again_is_the_same_account(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller(DE, UK)
    account_id = stage.linked(shop, seller, label="My shop", sites=[UK])
    assert stage.linked(shop, seller) == account_id
    (account,) = stage.accounts(shop)
    assert account.label == "My shop"
    assert stage.importing(account_id) == {UK}


def test_two_accounts_of_a_channel_have_labels_that_differ(stage: Stage) -> None:
    shop = stage.shop()
    labels = {stage.account(stage.linked(shop, stage.seller())).label for _ in range(2)}
    assert len(labels) == 2


def test_a_seller_imported_by_another_shop_is_taken_and_the_name_is_not_told(stage: Stage) -> None:
    first, second, seller = stage.shop("blue"), stage.shop("red"), stage.seller(DE, UK)
    loser = stage.linked(first, seller)
    outcome = stage.link(second, seller)
    assert (outcome.kind, set(outcome.sites)) == ("taken", {"Amazon.co.uk", "Amazon.de"})
    assert stage.accounts(second)[0].status == AccountStatus.PENDING, "nothing is written before the choice"
    assert "blue" not in repr(outcome)
    assert link.take_over(second, USER, outcome.token).kind == "linked"
    assert stage.importing(loser) == set()
    assert stage.importing(stage.accounts(second)[0].id) == {DE, UK}
    incident = stage.open(first)["import_taken_over"]
    assert incident.subject == f"account:{loser}"
    assert "red" not in str(incident.params)
    assert stage.account(loser).status == AccountStatus.ACTIVE
    assert link.take_over(second, USER, outcome.token).kind == "expired", "a choice is made once"


def test_who_takes_over_goes_on_where_the_other_stopped(stage: Stage) -> None:
    first, second, seller = stage.shop("blue"), stage.shop("red"), stage.seller()
    loser = stage.linked(first, seller)
    looked = clock.now() - timedelta(minutes=2)
    with db.writing() as s:
        row = s.get_one(Account, loser)
        row.take_over_at, row.cursor_at = clock.now() - timedelta(days=3), looked - timedelta(minutes=10)
    outcome = link.take_over(second, USER, stage.link(second, seller).token)
    assert not outcome.ask_take_over, "who imported until now is known"
    winner = stage.account(outcome.account_id or 0)
    assert winner.take_over_at == looked - settle.LOOK_BACK, "what shows late was sold before the last look"
    assert winner.due_at is not None


def test_linking_without_importing_leaves_the_sites_to_the_other_shop(stage: Stage) -> None:
    first, second, seller = stage.shop("blue"), stage.shop("red"), stage.seller()
    loser = stage.linked(first, seller)
    outcome = link.link_without_importing(second, USER, stage.link(second, seller).token)
    assert outcome.kind == "linked"
    assert stage.importing(loser) == {DE}
    assert stage.importing(outcome.account_id or 0) == set()
    assert stage.open(first) == {}


def test_a_seller_may_feed_one_shop_per_site(stage: Stage) -> None:
    german, british, seller = stage.shop("de"), stage.shop("uk"), stage.seller(DE, UK)
    one = stage.linked(german, seller, sites=[DE])
    two = stage.linked(british, seller, sites=[UK])
    assert (stage.importing(one), stage.importing(two)) == ({DE}, {UK})


def test_a_deactivated_account_gives_its_sites_away_without_a_word(stage: Stage) -> None:
    first, second, seller = stage.shop("blue"), stage.shop("red"), stage.seller()
    old = stage.linked(first, seller)
    with db.writing() as s:
        repair.deactivate(s, s.merge(stage.account(old)), USER)
    stage.linked(second, seller)
    assert stage.open(first) == {}
    assert stage.importing(old) == set()


def test_an_account_whose_first_check_fails_is_kept_and_told(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    token = stage.log_in(stage.begin(shop), seller)
    stage.state(seller, active=False)
    outcome = link.confirm(shop, USER, token)
    assert (outcome.kind, outcome.cause) == ("failed", "inactive")
    (account,) = stage.accounts(shop)
    assert (account.status, account.cause, account.seller_id) == (AccountStatus.PENDING, "inactive", seller)
    assert stage.open(shop)["account_expired"].params["cause"] == "never_worked"
    stage.state(seller, active=True)
    assert repair.continue_(shop, USER, account.id).kind == "linked"
    assert stage.open(shop) == {}
    assert stage.importing(account.id) == {DE}


def test_no_answer_at_the_first_check_is_not_a_broken_account(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    token = stage.log_in(stage.begin(shop), seller)
    stage.fault("amazon", "status", "getMarketplaceParticipations", times=1, match={"seller": seller})
    outcome = link.confirm(shop, USER, token)
    assert (outcome.kind, outcome.cause) == ("failed", "later")
    (account,) = stage.accounts(shop)
    assert account.due_at is not None
    assert stage.open(shop) == {}
    assert repair.probe(account.id) is None
    assert stage.account(account.id).status == AccountStatus.ACTIVE
    assert stage.importing(account.id) == {DE}


def test_a_login_is_refused_for_another_shops_account(stage: Stage) -> None:
    account_id = stage.linked(stage.shop("blue"), stage.seller())
    with pytest.raises(LookupError):
        link.begin(stage.shop("red"), USER, "amazon", "eu", account_id, LoginDoor.SAVE, {})


def test_what_a_login_gave_is_confirmed_within_its_time(stage: Stage) -> None:
    shop = stage.shop()
    token = stage.log_in(stage.begin(shop), stage.seller())
    clock.travel(by=timedelta(minutes=11))
    assert link.confirm(shop, USER, token).kind == "expired"


@pytest.mark.journey
def test_two_shops_at_the_same_moment_do_not_both_import_a_seller(stage: Stage) -> None:
    shops, seller = [stage.shop(f"shop{n}") for n in range(4)], stage.seller(DE, UK)
    tokens = [stage.log_in(stage.begin(shop), seller) for shop in shops]
    with ThreadPoolExecutor(4) as pool:
        kinds = list(pool.map(lambda pair: link.confirm(pair[0], USER, pair[1]).kind, zip(shops, tokens, strict=True)))
    assert sorted(kinds) == ["linked", "taken", "taken", "taken"]


def test_our_own_refused_keys_are_told_to_the_operator_and_not_blamed_on_the_login(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    departure = link.start(stage.begin(shop))
    args = stage.consent(departure.url, seller)
    runtime.setup(Config({**runtime.config().env, "AMAZON_CLIENT_SECRET": "rotated-away"}))
    arrival = link.come_back("amazon", args, departure.cookie)
    outcome = link.confirm(shop, USER, arrival.url.split("return=")[1])
    assert (outcome.kind, outcome.cause) == ("failed", "our_fault")
    assert set(stage.open(shop)) == {"our_fault"}


def test_a_dead_code_stores_nothing_and_breaks_nothing(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    account_id = stage.linked(shop, seller)
    before = stage.account(account_id)
    departure = link.start(stage.begin(shop, account_id, LoginDoor.SAVE))
    args = stage.consent(departure.url, seller) | {"spapi_oauth_code": "made-up"}
    arrival = link.come_back("amazon", args, departure.cookie)
    outcome = link.confirm(shop, USER, arrival.url.split("return=")[1])
    assert (outcome.kind, outcome.cause) == ("failed", "unanswered")
    assert "code" in outcome.words
    after = stage.account(account_id)
    assert (after.status, after.credentials) == (AccountStatus.ACTIVE, before.credentials)


def bent(stage: Stage, shop: int, real: str, claimed: str) -> str:
    """Log in as `real`, but let the browser claim to be `claimed` on the way back; the return token."""
    departure = link.start(stage.begin(shop))
    args = stage.consent(departure.url, real) | {"selling_partner_id": claimed}
    return link.come_back("amazon", args, departure.cookie).url.split("return=")[1]


def test_a_claimed_seller_id_takes_nothing_from_another_shop(stage: Stage) -> None:
    """Amazon names the seller in the browser's address only, so it is proved by a call that holds the id."""
    victim, evil = stage.shop("blue"), stage.shop("evil")
    seller, attacker = stage.seller(), stage.seller()
    theirs = stage.linked(victim, seller)
    claimed = link.confirm(evil, USER, bent(stage, evil, attacker, seller))
    assert (claimed.kind, claimed.token, claimed.field) == ("failed", "", "seller_id")
    assert [(one.worked_at, one.credentials) for one in stage.accounts(evil)] == [(None, "")]
    assert stage.importing(theirs) == {DE}
    assert stage.open(victim) == {}


def test_a_claimed_seller_id_takes_nothing_by_saving_either(stage: Stage) -> None:
    """Nor does an account that was once believed to be another seller's."""
    victim, evil = stage.shop("blue"), stage.shop("evil")
    seller, attacker = stage.seller(), stage.seller()
    theirs, mine = stage.linked(victim, seller), stage.linked(evil, attacker)
    with db.writing() as s:
        row = s.get_one(Account, mine)
        row.seller_id, row.public = seller, {"seller_id": seller}
        for site in row.sites:
            site.seller_id, site.importing = seller, False
    assert repair.save(evil, USER, mine, {"sites": [DE], "take_over": True}).kind == "failed"
    assert stage.importing(theirs) == {DE}


def test_a_poll_under_way_loses_its_claim_when_the_account_is_linked_anew(stage: Stage) -> None:
    shop, seller = stage.shop(), stage.seller()
    account_id = stage.linked(shop, seller)
    with db.writing() as s:
        row = s.get_one(Account, account_id)
        row.lease_token, row.lease_until = "poll-under-way", clock.now() + timedelta(seconds=120)
    stage.linked(shop, seller)
    assert stage.account(account_id).lease_token == ""
