"""A line to an account: one refresh at a time, saved before use; no refusal is believed before a second look."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from marketplaces.channel import Line
from marketplaces.channels import registry
from marketplaces.errors import AccountInactive, AuthRevoked, OurFault, PermissionMissing, RateLimited, Transient
from shopapp import clock, runtime
from shopapp.accounts import line, permits
from shopapp.config import Config
from shopapp.records import db, vault
from shopapp.records.models import Account, Incident
from shopapp.work import bell
from tests.unit.accounts.steps import Stage

AMAZON = registry()["amazon"]


@pytest.fixture
def account_id(stage: Stage) -> int:
    return stage.linked(stage.shop(), stage.seller())


def seller_of(stage: Stage, account_id: int) -> str:
    return stage.account(account_id).seller_id or ""


def refreshes(stage: Stage, account_id: int) -> int:
    return len(stage.box.ledger(system="lwa", effect="lwa.refresh", key=seller_of(stage, account_id)))


def outdate(account_id: int) -> None:
    """The access ends now."""
    with db.writing() as s:
        s.execute(update(Account).where(Account.id == account_id).values(access_expires_at=clock.now()))


def test_fresh_access_is_used_as_it_is(stage: Stage, account_id: int) -> None:
    assert line.line(account_id).seller_id == seller_of(stage, account_id)
    assert refreshes(stage, account_id) == 0


def test_ending_access_is_refreshed_and_saved_before_use(stage: Stage, account_id: int) -> None:
    outdate(account_id)
    new = line.line(account_id).credentials.access_token
    row = stage.account(account_id)
    assert vault.unseal(row, "access_token") == new
    assert row.access_expires_at is not None
    assert row.access_expires_at > clock.now() + timedelta(minutes=50)
    assert row.token_lease_until is None
    assert line.line(account_id).credentials.access_token == new
    assert refreshes(stage, account_id) == 1


def test_sixteen_threads_make_one_refresh(stage: Stage, account_id: int) -> None:
    outdate(account_id)
    stage.fault("lwa", "slow", "token", params={"seconds": 0.5}, match={"seller": seller_of(stage, account_id)})
    start = threading.Barrier(16)
    told: set[float | None] = set()

    def ask(_: int) -> str:
        start.wait()
        while True:
            try:
                return line.line(account_id).credentials.access_token
            except RateLimited as busy:
                told.add(busy.retry_after)
                time.sleep(0.1)

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    assert refreshes(stage, account_id) == 1
    assert told == {2.0}


def test_a_refresh_left_behind_by_a_crash_is_taken_over_after_its_lease(stage: Stage, account_id: int) -> None:
    outdate(account_id)
    with db.writing() as s:
        left = {"token_lease_until": clock.now() + timedelta(seconds=60), "token_fence": 9}
        s.execute(update(Account).where(Account.id == account_id).values(**left))
    with pytest.raises(RateLimited):
        line.line(account_id)
    clock.travel(by=timedelta(seconds=61))
    assert line.line(account_id).credentials.access_token
    assert stage.account(account_id).token_fence == 10


def test_a_refresh_left_behind_before_the_clock_was_set_back_is_taken_over(stage: Stage, account_id: int) -> None:
    with db.writing() as s:
        s.execute(update(Account).where(Account.id == account_id).values(token_lease_until=clock.now() + line.LEASE))
    clock.travel(by=-timedelta(hours=5))
    outdate(account_id)
    assert line.line(account_id).credentials.access_token
    assert stage.account(account_id).token_lease_until is None


def test_stale_access_is_refreshed_once_and_the_call_repeated_once(stage: Stage, account_id: int) -> None:
    with db.writing() as s:
        row = s.get_one(Account, account_id)
        vault.seal(row, "access_token", "Atza|made-up-and-unknown")
    asked: list[str] = []

    def identify(to: Line) -> str:
        asked.append(to.credentials.access_token)
        return AMAZON.identify(to).seller_id

    assert line.speak(account_id, identify) == seller_of(stage, account_id)
    assert len(asked) == 2
    assert refreshes(stage, account_id) == 1


def test_fresh_access_that_is_refused_again_is_no_refusal_of_the_account(stage: Stage, account_id: int) -> None:
    body = {
        "errors": [
            {"code": "Unauthorized", "message": "denied", "details": "The access token you provided has expired."}
        ]
    }
    match = {"seller": seller_of(stage, account_id)}
    params = {"status": 403, "body": body}
    stage.fault("amazon", "status", "getMarketplaceParticipations", times=2, match=match, params=params)
    with pytest.raises(Transient):
        line.speak(account_id, AMAZON.identify)
    assert refreshes(stage, account_id) == 1


def test_newer_secrets_saved_by_another_process_are_tried_before_a_refusal_is_believed(
    stage: Stage, account_id: int
) -> None:
    """The old authorisation is dead; while its refusal is on the way, a login elsewhere saves the new one."""
    shop, seller = stage.account(account_id).shop_id, seller_of(stage, account_id)
    stage.state(seller, authorisation="revoked")
    outdate(account_id)
    match = {"grant": "refresh_token", "seller": seller}
    stage.fault("lwa", "slow", "token", match=match, params={"seconds": 3})
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(line.line, account_id)
        while stage.account(account_id).token_lease_until is None:
            time.sleep(0.02)
        assert stage.link(shop, seller, account_id).kind == "linked"
        assert not slow.done(), "the refusal must come after the login"
        fresh = slow.result(20).credentials
    assert fresh.access_token == line.line(account_id).credentials.access_token
    assert len(stage.box.ledger(system="lwa", effect="lwa.refused", key=seller)) == 1


def test_a_real_refusal_is_raised_and_the_lease_given_back(stage: Stage, account_id: int) -> None:
    stage.state(seller_of(stage, account_id), authorisation="revoked")
    outdate(account_id)
    with pytest.raises(AuthRevoked) as caught:
        line.line(account_id)
    assert "Atzr" not in str(caught.value)
    assert stage.account(account_id).token_lease_until is None


@pytest.mark.parametrize("kind", ["status", "html", "empty", "null", "truncate", "reset"])
def test_a_token_endpoint_in_trouble_is_not_read_as_death(stage: Stage, account_id: int, kind: str) -> None:
    """peers 9: only a definitive answer ends an account."""
    outdate(account_id)
    stage.fault("lwa", kind, "token", times=1, match={"seller": seller_of(stage, account_id)})
    with pytest.raises(Transient):
        line.line(account_id)
    assert stage.account(account_id).token_lease_until is None
    assert line.line(account_id).credentials.access_token


def test_a_wrong_client_secret_is_our_fault(stage: Stage, account_id: int) -> None:
    outdate(account_id)
    runtime.setup(Config({**runtime.config().env, "AMAZON_CLIENT_SECRET": "rotated-away"}))
    with pytest.raises(OurFault):
        line.line(account_id)


def test_a_suspended_seller_is_told_apart_from_a_missing_role(stage: Stage, account_id: int) -> None:
    seller = seller_of(stage, account_id)

    def denied(_: Line) -> None:
        raise PermissionMissing("role", "denied")

    with pytest.raises(PermissionMissing):
        line.speak(account_id, denied)
    stage.state(seller, active=False)
    with pytest.raises(AccountInactive):
        line.speak(account_id, denied)


def test_nobody_speaks_to_a_marketplace_inside_a_transaction(stage: Stage, account_id: int) -> None:
    current = line.line(account_id)
    with db.reading(), pytest.raises(RuntimeError, match="transaction"):
        AMAZON.identify(current)
    outdate(account_id)
    with db.reading() as s:
        assert s.query(Incident).count() == 0
        with pytest.raises(RuntimeError, match="transaction"):
            line.line(account_id)


def test_an_account_without_credentials_has_no_line(stage: Stage) -> None:
    shop = stage.shop()
    stage.begin(shop)
    with pytest.raises(line.NotLinked):
        line.line(stage.accounts(shop)[0].id)


def test_what_can_wait_leaves_permits_to_what_cannot(stage: Stage) -> None:
    for _ in range(2):
        permits.permit("test:spared", "0.01", 5, spare=2)
    with pytest.raises(RateLimited) as waiting:
        permits.permit("test:spared", "0.01", 5, spare=2)
    assert 90 <= (waiting.value.retry_after or 0) <= 101
    for _ in range(2):
        permits.permit("test:spared", "0.01", 5)
    permits.permit("test:one", "0.01", 1, spare=5)  # a bucket that holds less than is to be spared is not barred


def test_a_bucket_without_permits_says_when_to_come_back(stage: Stage) -> None:
    assert [permits.permit("test:bucket", "0.01", 3) for _ in range(2)] == [None, None]  # the third is the margin
    with pytest.raises(RateLimited) as caught:
        permits.permit("test:bucket", "0.01", 3)
    assert 90 <= (caught.value.retry_after or 0) <= 100


def test_of_many_that_wait_for_a_permit_within_the_second_nobody_comes_back(stage: Stage) -> None:
    permits.permit("test:many", "40", 2)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: permits.permit("test:many", "40", 2), range(8))) == [None] * 8


def test_the_rate_that_a_channel_states_is_the_rate_at_which_it_is_asked(stage: Stage) -> None:
    for nonsense in ("", "fast", "nan", "-1", "0", "inf"):
        permits.heed("test:stated", nonsense)
    assert permits.permit("test:stated", "0.001", 1) is None
    with pytest.raises(RateLimited):
        permits.permit("test:stated", "0.001", 1)
    permits.heed("test:stated", "5")
    assert permits.permit("test:stated", "0.001", 1) is None


def test_calls_heed_the_rate_in_the_answers(stage: Stage, account_id: int) -> None:
    line.speak(account_id, AMAZON.identify)
    bucket = f"pace:amazon:eu:{seller_of(stage, account_id)}:getMarketplaceParticipations"
    assert float(bell.connection().hget(bucket, "rate") or 0) > 1, "a thousand times the vendor's default"


def test_a_moved_ciphertext_does_not_open(stage: Stage, account_id: int) -> None:
    other = stage.linked(stage.shop("red"), stage.seller())
    with db.writing() as s:
        stolen = s.get_one(Account, account_id).credentials
        s.execute(update(Account).where(Account.id == other).values(credentials=stolen))
    with pytest.raises(OurFault):
        line.line(other)


def test_a_slow_refresh_does_not_overwrite_a_login_that_came_meanwhile(stage: Stage, account_id: int) -> None:
    shop, seller = stage.account(account_id).shop_id, seller_of(stage, account_id)
    outdate(account_id)
    match = {"grant": "refresh_token", "seller": seller}
    stage.fault("lwa", "slow", "token", match=match, params={"seconds": 2})
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(line.line, account_id)
        while stage.account(account_id).token_lease_until is None:
            time.sleep(0.02)
        assert stage.link(shop, seller, account_id).kind == "linked"
        chosen = vault.unseal(stage.account(account_id), "credentials")
        assert not slow.done(), "the refresh must end after the login"
        used = slow.result(20).credentials
    row = stage.account(account_id)
    assert vault.unseal(row, "credentials") == chosen
    assert vault.unseal(row, "access_token") == used.access_token
