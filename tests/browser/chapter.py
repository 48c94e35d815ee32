"""Owns what the stories by clicks have in common: a story, the seat it is lived at, and what its looks find wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.browser.seat import Seat
from tests.sandbox.story import Story, sync


class Chapter:
    """A story and the seat it is lived at; what a look finds wrong is kept to the end."""

    name = "story"

    def __init__(self, story: Story, seat: Seat) -> None:
        self.story, self.seat = story, seat
        self.account = ""
        self.wrong: list[str] = []

    def look(self, name: str) -> None:
        """Judge the page that is shown now."""
        self.wrong += self.seat.look(f"{self.name}-{name}", keys=False)

    def sync(self) -> None:
        """Do not wait for the next poll."""
        time.sleep(1.2)
        sync(self.story, self.account)

    def home(self, tone: str) -> Any:
        """Home, as soon as its banner has this tone ("" = no banner); the frame."""

        def shown() -> bool:
            return [banner.get("tone", "") for banner in self.story.merchant.open("/").banners] == (
                [tone] if tone else []
            )

        self.story.wait(f"Home with banner {tone!r}", shown, 60)
        frame = self.seat.open("/")
        assert frame.locator("s-banner").count() == (1 if tone else 0)
        return frame


@contextmanager
def lived(live: Chapter) -> Iterator[None]:
    """Live it; afterwards nothing may have been found wrong. Closes what the merchant holds open."""
    try:
        yield
    finally:
        live.story.merchant.close()
        live.story.http.close()
    assert not live.wrong, "\n".join(live.wrong)
