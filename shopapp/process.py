"""Life of a process among others: dying with its parent, so that a kill -9 of the supervisor leaves no orphan."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import threading

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(sig: int = signal.SIGTERM) -> None:
    """Ask the kernel to send `sig` when the parent ends; elsewhere than on Linux a thread watches the parent.

    The kernel watches the parent's THREAD that forked, so children must be started from the main thread.
    """
    parent = os.getppid()
    if platform.system() == "Linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sig)
        return
    threading.Thread(target=_watch, args=(parent, sig), daemon=True, name="parent-watch").start()


def _watch(parent: int, sig: int) -> None:
    pause = threading.Event()
    while not pause.wait(1.0):
        if os.getppid() != parent:
            os.kill(os.getpid(), sig)
            return
