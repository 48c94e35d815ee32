"""Life of a process among others: dying with its parent, so that a kill -9 of the supervisor leaves no orphan."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import threading

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


_forks_for = 0  # the process that said it is about to fork


def will_fork() -> None:
    """Say that this process forks children which then ask to die with it."""
    global _forks_for
    _forks_for = os.getpid()


def die_with_parent(sig: int = signal.SIGTERM, parent: int = 0) -> None:
    """Ask the kernel to send `sig` when the parent ends; elsewhere than on Linux a thread watches the parent.

    `parent` (default: who called `will_fork`, else whoever is the parent now) may have ended before this was asked:
    then this process ends at once. The kernel watches the parent's THREAD that forked, so children must be started
    from the main thread.
    """
    parent = parent or (_forks_for if _forks_for != os.getpid() else 0) or os.getppid()
    if platform.system() == "Linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sig)
    else:
        threading.Thread(target=_watch, args=(parent, sig), daemon=True, name="parent-watch").start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int, sig: int) -> None:
    pause = threading.Event()
    while not pause.wait(1.0):
        if os.getppid() != parent:
            os.kill(os.getpid(), sig)
            return
