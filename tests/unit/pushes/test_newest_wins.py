"""The newest wish wins, whatever the order of answers, retries and crashes.

SHOPAPP_INTERLEAVINGS=1000 plays a thousand random interleavings; a seeded tenth otherwise.
"""

from __future__ import annotations

import os
import random

from sqlalchemy import func, select

from marketplaces.errors import RemoteError
from shopapp import clock
from shopapp.accounts import line
from shopapp.listings import push
from shopapp.records import db
from shopapp.records.models import Listing, ListingPush, ListingStatus, PushState
from shopapp.work import claim
from tests.unit.pushes.counter import Item
from tests.unit.pushes.scene import PUSH, STOP, Scene

INTERLEAVINGS = int(os.environ.get("SHOPAPP_INTERLEAVINGS", "30"))
STEPS = 16
DEEDS = ("change", "change", "push", "push", "die before", "die after", "hang", "hang", "wake", "time", "time", "time")
MOODS = ("take", "take", "take", "lost", "late", "down", "throttle")


def test_the_newest_wish_wins_in_every_interleaving(scene: Scene) -> None:
    account = scene.account()
    for seed in range(INTERLEAVINGS):
        _play(scene, account, random.Random(seed), f"S{seed}")
    with db.reading() as s:
        states = dict(s.execute(select(ListingPush.state, func.count()).group_by(ListingPush.state)).all())
    assert set(states) == {PushState.ACCEPTED, PushState.SUPERSEDED}
    assert states[PushState.SUPERSEDED] > INTERLEAVINGS // 2  # the tale was no easy one


def _play(scene: Scene, account: int, dice: random.Random, sku: str) -> None:
    variant = scene.variant(sku, 5)
    listing = scene.listing(account, variant, sku)
    hung: list[push.Job] = []
    newest = 5
    for _ in range(STEPS):
        match dice.choice(DEEDS):
            case "change":
                newest = dice.randint(0, 9)
                scene.change(variant, newest)
            case "push":
                scene.counter.moods = [dice.choice(MOODS)]
                scene.drain(STOP, PUSH)
            case "die before":
                _begin()
            case "die after":
                scene.counter.moods = [dice.choice(MOODS)]
                _send(_begin(), writes=False)
            case "hang":
                hung += [job for job in (_begin(),) if job]
            case "wake" if hung:  # it may have slept through its lease; it sends, and writes what was said
                scene.counter.moods = [dice.choice(MOODS)]
                _send(hung.pop(0))
            case "time":
                scene.wait(dice.choice((1, 20, 62)))
                scene.drain(STOP, PUSH)
                scene.wait(dice.choice((1, 20)))
                scene.counter.arrive()
                scene.wait(dice.choice((1, 20, 130)))
    scene.counter.moods = []
    for job in hung:
        _send(job)
    scene.wait(30)
    scene.counter.arrive()
    scene.settle()
    row = scene.row(listing)
    assert scene.there(sku) == ("19.90", newest), (sku, newest, scene.states(listing))
    assert row.acked_version == row.version
    assert row.status == ListingStatus.LINKED
    assert PushState.SENT not in scene.states(listing)


def _begin() -> push.Job | None:
    """A process claims a row and commits its intent; what becomes of the process is up to the caller."""
    for work in (STOP, PUSH):
        with db.writing() as s:
            claims = claim.claim(s, work, 1)
        if claims:
            return push._begin(claims[0])
    return None


def _send(job: push.Job | None, *, writes: bool = True) -> None:
    """The process sends what it had begun to; unless it dies of it, it writes what was said."""
    if job is None or job.change is None:
        return
    change = job.change
    try:
        result = line.speak(job.account_id, lambda to: job.channel.push(to, job.site, change), job.held)
    except RemoteError as error:
        if writes:
            push._put_back(job, error)
    else:
        if writes:
            push._answered(job, result)


def test_a_listing_is_claimed_by_one_process_at_a_time(scene: Scene) -> None:
    account, variant = scene.account(), scene.variant("A")
    scene.listing(account, variant, "A")
    scene.counter.items["A"] = Item("19.90", 5)
    scene.change(variant, 3)
    assert _begin() is not None
    assert _begin() is None
    scene.change(variant, 0)
    assert _begin() is None
    clock.travel(by=claim.LEASE, freeze=True)
    scene.wait(1)
    again = _begin()
    assert again is not None
    assert again.change is not None
    assert again.change.quantity == 0
    with db.reading() as s:
        assert s.scalars(select(Listing.sent_version)).one() == 2
