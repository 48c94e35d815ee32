"""The offers behind a file of prices: read from the list or asked for one by one, whichever takes fewer calls."""

from __future__ import annotations

from typing import Any

import pytest

from marketplaces.channels.mirakl import prices
from marketplaces.data import ListingChange
from marketplaces.errors import Transient
from marketplaces.money import Money
from tests.channels.double import played, vectors

MANY = prices.SINGLY + 5


def offer(sku: str) -> dict[str, Any]:
    return {**vectors("mirakl", "listings")["item"]["body"]["offers"][0], "shop_sku": sku}


def change(number: int) -> ListingChange:
    return ListingChange(str(number), f"A-{number}", "", Money.parse("5.00", "EUR"), None)


def asked(*answers: dict[str, Any]) -> list[str]:
    """The paths of the calls for many changes."""
    with played("mirakl", *answers) as play:
        rows = prices.table(play.line(), [change(number) for number in range(MANY)])
        assert {row[0] for row in rows[1:]} == {f"A-{number}" for number in range(MANY)}
        return [request.split(b" ")[1].decode() for request in play.server.requests]


def page(numbers: range, total: int) -> dict[str, Any]:
    return {"body": {"offers": [offer(f"A-{number}") for number in numbers], "total_count": total}}


def test_a_list_of_few_pages_is_read_until_all_are_found() -> None:
    assert len(asked(page(range(20), 150), page(range(20, MANY), 150))) == 2


def test_in_a_list_of_more_pages_than_changes_each_is_asked_for() -> None:
    singly = (page(range(number, number + 1), 1) for number in range(MANY))
    calls = asked(page(range(100, 200), 10**18), *singly)
    assert ["sku=" in call for call in calls] == [False, *[True] * MANY]


def test_a_list_that_grows_while_it_is_read_is_not_read_for_ever() -> None:
    growing = [page(range(1000, 1100), 100 * (at + 2)) for at in range(MANY)]
    singly = (page(range(number, number + 1), 1) for number in range(MANY))
    assert len(asked(*growing, *singly)) == 2 * MANY


def test_a_page_that_hides_its_offers_deletes_no_prices() -> None:
    with pytest.raises(Transient):
        asked(page(range(20), 150), page(range(0), 150))
    with pytest.raises(Transient):
        asked(page(range(0), 10**18), page(range(0), 1))


def test_a_list_of_listings_does_not_end_at_a_page_that_hides_them() -> None:
    with played("mirakl", page(range(100), 150), page(range(0), 150)) as play:
        first = play.channel.read_listings(play.line(), play.facts["site"], "")
        assert first is not None
        with pytest.raises(Transient):
            play.channel.read_listings(play.line(), play.facts["site"], first.next)
