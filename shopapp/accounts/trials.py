"""Tests of access for which somebody waits on a page: one of a shop at a time, and so many in a process. Asks nobody.

Whoever types the address of a marketplace decides how long its answer takes, and a web process has few threads for all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from shopapp.accounts.outcome import Outcome

AT_ONCE = 6  # of the sixteen threads of a web process
P = ParamSpec("P")
R = TypeVar("R")
_lock = threading.Lock()
_under_way: set[int] = set()  # shops


def waited_for(test: Callable[Concatenate[int, P], R]) -> Callable[Concatenate[int, P], R | Outcome]:
    """`test(shop_id, ...)`, or at once the outcome "unanswered" while another of the shop, or too many, are under way."""

    @wraps(test)
    def tried(shop_id: int, /, *args: P.args, **kwargs: P.kwargs) -> R | Outcome:
        with _lock:
            if shop_id in _under_way or len(_under_way) >= AT_ONCE:
                return Outcome("failed", cause="unanswered")
            _under_way.add(shop_id)
        try:
            return test(shop_id, *args, **kwargs)
        finally:
            with _lock:
                _under_way.discard(shop_id)

    return tried
