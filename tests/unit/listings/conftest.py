from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.listings.stall import Stall
from tests.unit.orders.scene import ready_scene


@pytest.fixture
def stall(request: pytest.FixtureRequest, box: Box, queue: Queue, tmp_path: Path) -> Iterator[Stall]:
    for scene in ready_scene(request, box, queue, tmp_path):
        yield Stall(scene)
