"""What an order is flagged with is told to the merchant: every flag of every channel has words of ours."""

from __future__ import annotations

from typing import Any

import pytest

from shopapp.web.reasons import FLAGS, IGNORED
from tests.channels.double import row_id, rows


@pytest.mark.parametrize(("key", "row"), rows("orders"), ids=row_id)
def test_whatever_an_order_is_flagged_with_has_words(key: str, row: dict[str, Any]) -> None:
    flags = row["expect"].get("flags", [])
    assert [flag for flag in flags if flag not in FLAGS] == []
    assert row["expect"].get("ignore_reason", "") in ("", *IGNORED)
