from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stage.box import Box
from tests.stage.queue import Queue
from tests.unit.orders.scene import ready_scene
from tests.unit.shipments.parcels import Packing


@pytest.fixture
def packing(request: pytest.FixtureRequest, box: Box, queue: Queue, tmp_path: Path) -> Iterator[Packing]:
    for scene in ready_scene(request, box, queue, tmp_path):
        yield Packing(scene)
