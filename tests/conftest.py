"""What every suite shares: markers that skip with a reason (or fail where CI demands them), databases, queue, sandbox, app."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from xdist.scheduler import LoadScopeScheduling

from shopapp import clock, create_app
from shopapp.records import db
from shopapp.work import bell
from tests.stage import kept, tables
from tests.stage.box import Box
from tests.stage.postgres import Postgres, find_postgres
from tests.stage.queue import Queue
from tests.stage.settings import settings_for

REQUIRED = frozenset(os.environ.get("SHOPAPP_REQUIRE", "").split())
kept.keep()
LONGEST = ("tests/crash/", "tests/browser/", "tests/unit/test_bench", "tests/journeys/")
TOGETHER = {"tests/crash/boundaries/": "boundaries", "tests/crash/": "kills", "tests/browser/": "browser"}
ROOT = Path(__file__).resolve().parent.parent


def contracts_dir() -> Path | None:
    """Where the vendors' contracts are, None when they are not here."""
    path = Path(os.environ.get("CONTRACTS_DIR") or ROOT.parent / "shared" / "specs")
    return path if path.is_dir() else None


def _missing(marker: str) -> str:
    """Why a suite cannot run here, "" when it can."""
    match marker:
        case "contracts":
            return "" if contracts_dir() else "the vendors' contract files are not here (CONTRACTS_DIR)"
        case "postgres":
            return "" if find_postgres() else "no PostgreSQL server on this machine"
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in ("contracts", "postgres"):
        if item.get_closest_marker(marker) and (why := _missing(marker)):
            if marker in REQUIRED:
                pytest.fail(f"required here, but {why}")
            pytest.skip(why)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side (`-n 4`) the longest come first: for one that began last, all would wait."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: next((at for at, part in enumerate(LONGEST) if part in item.nodeid), len(LONGEST)))


class SideBySide(LoadScopeScheduling):
    """Gives every process the next test, and those of `TOGETHER` to one process: they share a start, or time kills."""

    def _split_scope(self, nodeid: str) -> str:
        return next((name for part, name in TOGETHER.items() if part in nodeid), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SideBySide:
    """How `-n` deals the tests out."""
    return SideBySide(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Journeys run on PostgreSQL, and a fixed quarter of them on SQLite too; without a server all run on SQLite."""
    if "database" not in metafunc.fixturenames:
        return
    kinds = ["sqlite"]
    if metafunc.definition.get_closest_marker("journey") and find_postgres():
        quarter = zlib.crc32(metafunc.definition.nodeid.encode()) % 4 == 0
        always = metafunc.definition.get_closest_marker("both_databases") is not None
        once = metafunc.definition.get_closest_marker("one_database") is not None
        kinds = ["postgres", "sqlite"] if (quarter or always) and not once else ["postgres"]
    metafunc.parametrize("database", kinds, indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this run's own."""
    server = Postgres.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def queue() -> Iterator[Queue]:
    """The embedded queue."""
    server = Queue.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """The sandbox as a process of its own, for the whole run; each test makes its own shop and seller."""
    running = Box.start(tmp_path_factory.mktemp("sandbox"))
    yield running
    running.stop()


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database with all tables."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        with server.database(tables=True) as url:
            yield url
    else:
        yield f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def app(database: str, queue: Queue, box: Box, tmp_path: Path) -> Iterator[Flask]:
    """The application on an empty database, the sandbox as every remote, the clock on the wall."""
    queue.clear()
    made = create_app(settings_for(tmp_path, database, queue.url, box))
    tables.make(db.engine())
    yield made
    with made.app_context():
        db.db.session.remove()
        db.engine().dispose()
    bell.connection().close()
    bell.connection.cache_clear()


@pytest.fixture(autouse=True)
def _clock_back() -> Iterator[None]:
    yield
    clock.travel()
