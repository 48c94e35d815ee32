"""What an order is flagged with is told to the merchant: every flag of every channel has words of ours."""

from __future__ import annotations

from typing import Any

import pytest

from marketplaces.channels import registry
from shopapp.web.reasons import FLAGS, IGNORED, words
from tests.channels.double import row_id, rows


@pytest.mark.parametrize(("key", "row"), rows("orders"), ids=row_id)
def test_whatever_an_order_is_flagged_with_has_words(key: str, row: dict[str, Any]) -> None:
    told = [*row["expect"].get("flags", []), row["expect"].get("ignore_reason", "")]
    assert [one for one in told if one and not words(one)] == []


def test_no_two_say_something_else_with_the_same_key() -> None:
    declared = [*IGNORED, *FLAGS, *(key for channel in registry().values() for key in channel.words)]
    assert sorted(declared) == sorted(set(declared))
