"""Owns how a test reaches into the app's frame and knows that its scripts are listening."""

from typing import Any
from urllib.parse import urlsplit

LISTENING = "() => Boolean(window.relayStop) && document.readyState !== 'loading'"


def inside(page: Any) -> Any:
    """The app's frame of an admin page (a playwright Frame); the one that was put in last."""
    admin = urlsplit(page.url).netloc
    return [frame for frame in page.frames if frame.url.startswith("http") and urlsplit(frame.url).netloc != admin][-1]


def ready(page: Any, tries: int = 80) -> Any:
    """Wait until the app's relay script listens, also across a reload of the frame; the frame."""
    from playwright.sync_api import Error

    for _ in range(tries):
        try:
            frame = inside(page)
            if frame.evaluate(LISTENING):
                return frame
        except (IndexError, Error):
            pass
        page.wait_for_timeout(50)
    raise AssertionError("the app's frame did not get ready")
