from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.shops.ground import Ground, ready_ground


@pytest.fixture
def ground(request: pytest.FixtureRequest, box: Box, queue: Queue, tmp_path: Path) -> Iterator[Ground]:
    yield from ready_ground(request, box, queue, tmp_path)
