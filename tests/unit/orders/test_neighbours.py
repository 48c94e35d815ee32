"""Two shops in the same threads: what breaks in the middle of one shop's work never reaches the other's."""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from shopapp.logs import JsonFormatter
from shopapp.orders import intent, place
from shopapp.records import db
from shopapp.records.models import Incident, JournalEntry, Order, OrderState, Shop
from shopapp.shopify_admin.client import Admin
from shopapp.work import claim
from shopapp.work.claim import Work
from tests.unit.orders.scene import Scene, furnish

JOBS = int(os.environ.get("SHOPAPP_NEIGHBOUR_JOBS", "50"))  # of each shop; 1000 for the whole of it
FAULTS = (
    ("reset", {}), ("status", {"status": 500}), ("html", {}), ("truncate", {}), ("null", {}), ("throttled", {}),
    ("commit_then_reset", {}), ("commit_then_status", {"status": 502}),
)  # fmt: skip
# In order of their ids, so that the two shops alternate, in few threads, so that each thread serves both.
IN_TURN = Work("order", Order, place.due_order, order=lambda: Order.id, threads=3)


class Lines(logging.Handler):
    """The log as it is written, line by line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.told: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append({**json.loads(self.format(record)), "thread": record.threadName})


@pytest.fixture
def lines() -> Iterator[Lines]:
    heard, logger = Lines(), logging.getLogger("shopapp")
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    yield heard
    logger.removeHandler(heard)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """(domain asked, its token, reference of the order sent) of every creation, as it leaves."""
    seen: list[tuple[str, str, str]] = []
    run = Admin.run

    def watched(self: Admin, name: str, variables: Any = None, **more: Any) -> Any:
        if name == "OrderCreate":
            seen.append((self.domain, str(self._session.token), json.dumps(variables)))
        return run(self, name, variables, **more)

    monkeypatch.setattr(Admin, "run", watched)
    return seen


def _break(monkeypatch: pytest.MonkeyPatch, shop_id: int) -> Counter[str]:
    """Every third job of the shop raises in the middle: before its intent, or right after Shopify's answer."""
    broken: Counter[str] = Counter()
    number = itertools.count()
    real_commit, real_created = intent.commit, place._created

    def commit(job: Any, matches: Any) -> Any:
        if job.shop_id == shop_id and next(number) % 6 == 0:
            broken["before"] += 1
            raise RuntimeError(f"broken in the middle of {job.remote_order_id}")
        return real_commit(job, matches)

    def created(job: Any, made: Any) -> None:
        if job.shop_id == shop_id and next(number) % 6 == 3:
            broken["after"] += 1
            raise ZeroDivisionError(f"broken after {job.remote_order_id}")
        real_created(job, made)

    monkeypatch.setattr(place.intent, "commit", commit)
    monkeypatch.setattr(place, "_created", created)
    return broken


def test_a_failing_job_of_one_shop_leaves_no_trace_in_the_next_of_another(
    scene: Scene, lines: Lines, calls: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = furnish(scene.ground)
    for one in (scene, other):
        one.product("A-1")
    ids: dict[str, list[str]] = {scene.domain: [], other.domain: []}
    for _ in range(max(1, JOBS // 10)):
        for one in (scene, other):
            ids[one.domain] += one.sell(sku="A-1", count=10)
            one.poll()
    for kind, params in FAULTS:
        for operation in ("OrderCreate", "VariantsBySku", "OrdersByMarketplaceRefs"):
            match = {"shop": scene.domain}
            scene.box.fault("shopify", kind, operation, match=match, times=max(1, JOBS // 100), params=params)
    broken = _break(monkeypatch, scene.shop_id)
    place.MEMORY, place.LOOKUPS = type(place.MEMORY)(), type(place.LOOKUPS)()
    for _ in range(60):  # a shop that answers with faults is left alone for a while, again and again
        claim.drain([IN_TURN], seconds=120)
        if sum(broken.values()) >= JOBS // 10:
            break
        scene.wait(10)
    print(f"\n{JOBS} jobs each; the first shop's raised {dict(broken)} and met {len(FAULTS) * 3} kinds of faults; "
          f"states {Counter(row.state for row in scene.rows())}")  # fmt: skip
    assert sum(broken.values()) >= JOBS // 10
    _neighbour_is_whole(other, ids[other.domain])
    _nothing_crossed(scene, other, ids, calls)
    _log_names_the_right_shop(scene, other, ids, lines)


def _neighbour_is_whole(other: Scene, sold: list[str]) -> None:
    rows = {row.remote_order_id: row for row in other.rows()}
    assert set(rows) == set(sold)
    assert {row.state for row in rows.values()} == {OrderState.IMPORTED}
    assert sorted(one["source_identifier"] for one in other.in_shopify()) == sorted(sold)
    with db.reading() as s:
        assert s.scalars(select(Incident).where(Incident.shop_id == other.shop_id)).all() == []
        assert s.get_one(Shop, other.shop_id).status == "active"


def _nothing_crossed(scene: Scene, other: Scene, ids: dict[str, list[str]], calls: list[tuple[str, str, str]]) -> None:
    foreign = {scene.domain: (other.seller, other.domain, *ids[other.domain]),
               other.domain: (scene.seller, scene.domain, *ids[scene.domain])}  # fmt: skip
    tokens: dict[str, set[str]] = {}
    for domain, token, sent in calls:
        assert not [word for word in foreign[domain] if word in sent]
        tokens.setdefault(domain, set()).add(token)
    assert set(tokens) == set(foreign)
    assert not tokens[scene.domain] & tokens[other.domain]
    with db.reading() as s:
        for one in (scene, other):
            for table in db.Base.metadata.sorted_tables:
                if "shop_id" not in table.c:
                    continue
                text = repr(s.execute(select(table).where(table.c.shop_id == one.shop_id)).all())
                assert not [word for word in foreign[one.domain] if word in text], table.name
        subjects = s.execute(
            select(JournalEntry.shop_id, JournalEntry.subject).where(JournalEntry.subject.like("order:%"))
        )
        owners = {f"order:{row.id}": one.shop_id for one in (scene, other) for row in one.rows()}
        assert not [subject for shop_id, subject in subjects if owners[subject] != shop_id]


def _log_names_the_right_shop(scene: Scene, other: Scene, ids: dict[str, list[str]], lines: Lines) -> None:
    owners = {row.id: one for one in (scene, other) for row in one.rows()}
    served: dict[str, set[int]] = {}
    for line in lines.told:
        text = json.dumps(line)
        if line.get("job") != "order" or "row" not in line:
            continue
        owner = owners[line["row"]]
        stranger = other if owner is scene else scene
        served.setdefault(line["thread"], set()).add(owner.shop_id)
        assert line.get("shop", owner.shop_id) in (owner.shop_id, owner.domain), line
        assert line.get("order", line["row"]) == line["row"], line
        assert not [word for word in (stranger.seller, stranger.domain, *ids[stranger.domain]) if word in text], line
    assert [line for line in lines.told if line["event"] == "work_crashed"]
    assert any(len(shops) == 2 for shops in served.values()), "no thread served both, so nothing was tried"
