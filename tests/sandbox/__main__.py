"""Owns the command `python -m tests.sandbox`: arguments, the one line of JSON when ready, and the end."""

import argparse
import ctypes
import json
import logging
import os
import signal
import sys
import threading
from types import FrameType

from tests.sandbox.server import create_sandbox
from tests.sandbox.settings import read_settings

PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal or, with --die-with-parent, until the parent is gone."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    parser.add_argument("--data", help="folder that keeps the state (SANDBOX_DATA)")
    parser.add_argument("--port", type=int, help="HTTP port, 0 for a free one (SANDBOX_PORT)")
    parser.add_argument("--smtp-port", type=int, help="mail port, 0 for a free one (SANDBOX_SMTP_PORT)")
    parser.add_argument("--app-url", help="address of the app (APP_URL)")
    parser.add_argument("--api-key", help="the app's key at Shopify (SHOPIFY_API_KEY)")
    parser.add_argument("--api-secret", help="the app's secret at Shopify (SHOPIFY_API_SECRET)")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starting process ends")
    given = vars(parser.parse_args(arguments))
    die_with_parent = given.pop("die_with_parent")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    try:
        settings = read_settings(given)
    except ValueError as wrong:
        parser.error(str(wrong))
    ended = threading.Event()
    parent = os.getppid()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if die_with_parent:
        _ask_for_a_signal()
    with create_sandbox(settings) as sandbox:
        print(json.dumps({"url": sandbox.url, "smtp_port": sandbox.smtp_port}), flush=True)
        # The signal comes when the starting *thread* ends; only a changed parent means that the process is gone.
        while not ended.wait(0.5):
            if die_with_parent and os.getppid() != parent:
                break
    return 0


def _ask_for_a_signal() -> None:
    if sys.platform.startswith("linux"):
        signal.signal(signal.SIGUSR2, lambda number, frame: None)
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGUSR2)


if __name__ == "__main__":
    sys.exit(main())
