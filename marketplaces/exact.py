"""JSON text with exact numbers: a Decimal is written with its own digits, where Python's writer knows only floats."""

from __future__ import annotations

import json
import re
import secrets
from decimal import Decimal
from typing import Any


def exact_json(value: Any) -> str:
    """`value` as JSON. ValueError for numbers that JSON cannot hold, TypeError for what is no JSON at all."""
    mark, numbers = secrets.token_hex(8), []

    def exact(unknown: Any) -> str:
        if not isinstance(unknown, Decimal):
            raise TypeError(f"{type(unknown).__name__} is no JSON")
        if not unknown.is_finite():
            raise ValueError("JSON holds finite numbers only")
        numbers.append(format(unknown, "f"))
        return f"{mark}:{len(numbers) - 1}"

    text = json.dumps(value, default=exact, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return re.sub(f'"{mark}:(\\d+)"', lambda found: numbers[int(found[1])], text) if numbers else text
