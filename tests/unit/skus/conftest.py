"""The stage of these tests: a shop with a linked seller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.orders.scene import Scene, ready_scene


@pytest.fixture
def scene(request: pytest.FixtureRequest, box: Box, queue: Queue, tmp_path: Path) -> Iterator[Scene]:
    yield from ready_scene(request, box, queue, tmp_path)
