"""The best guess at what a SKU means: near spellings, additions, slips, titles; of two equally good ones, none."""

from __future__ import annotations

import random

import pytest

from shopapp.skus import guess
from shopapp.skus.guess import How, distance, guesses
from shopapp.skus.shelf import Product

SHELF = [
    ("ABC-1", "Blue mug"),
    ("ABC-2", "Green mug with a lid"),
    ("TSHIRT-RED-L", "Shirt red, large"),
    ("TSHIRT-RED-M", "Shirt red, medium"),
    ("KEY-1007", "Key"),
    ("12", "Pen"),
    ("", "Without"),
    ("ÅÄÖ-9", "Odd"),
]


def shelf(*more: tuple[str, str]) -> list[Product]:
    return [Product(f"gid:{number}", sku, title) for number, (sku, title) in enumerate([*SHELF, *more])]


def best(sku: str, title: str = "", *more: tuple[str, str]) -> tuple[str, How] | None:
    found = guesses({sku: title}, shelf(*more)).get(sku)
    return (found.product.sku, found.how) if found else None


@pytest.mark.parametrize(
    ("sku", "expected"),
    [
        ("abc1", ("ABC-1", How.SAME_SIGNS)),
        ("ABC_1 ", ("ABC-1", How.SAME_SIGNS)),
        ("a b c / 1", ("ABC-1", How.SAME_SIGNS)),
        ("åäö9", ("ÅÄÖ-9", How.SAME_SIGNS)),
        ("ABC-1-FBA", ("ABC-1", How.PART_OF_IT)),
        ("AMZ.ABC-1", ("ABC-1", How.PART_OF_IT)),
        ("KEY-1070", ("KEY-1007", How.A_SLIP)),
        ("KEZ-1007", ("KEY-1007", How.A_SLIP)),
        ("KEY-107", ("KEY-1007", How.A_SLIP)),
        ("TSHIRT-RED-XL", ("TSHIRT-RED-L", How.A_SLIP)),
        ("TSHIRT-RED", None),
        ("12-A", None),
        ("ABC-3", None),
        ("--", None),
        ("SOMETHING", None),
    ],
)
def test_what_looks_like_a_sku_of_the_shop_is_proposed(sku: str, expected: tuple[str, How] | None) -> None:
    assert best(sku) == expected


def test_the_title_helps_where_the_sku_tells_nothing() -> None:
    assert best("X-900", "Green mug with a lid") == ("ABC-2", How.SAME_TITLE)
    assert best("X-900", "mug GREEN, with lid") == ("ABC-2", How.SAME_TITLE)
    assert best("X-900", "Key") is None, "one word says too little"
    assert best("X-900", "Shirt red") is None, "two products fit equally well"
    assert best("ABC1", "Green mug with a lid") == ("ABC-1", How.SAME_SIGNS), "the SKU is surer"


def test_of_two_equally_good_ones_none_is_proposed() -> None:
    assert best("abc1", "", ("ABC.1", "Another")) is None
    assert best("abc1", "", ("ABC-1", "The same SKU at another product")) == ("ABC-1", How.SAME_SIGNS)


def test_in_a_huge_shop_the_later_products_are_still_found_by_their_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guess, "THOROUGH", 2)
    assert best("key1007") == ("KEY-1007", How.SAME_SIGNS)
    assert best("KEY-1070") is None


def test_the_distance_is_the_number_of_changed_letters() -> None:
    assert [distance(*pair) for pair in (("", ""), ("a", ""), ("kitten", "sitting"), ("ab", "ba"))] == [0, 1, 3, 2]
    dice = random.Random(3)
    for _ in range(200):
        left, right = ("".join(dice.choices("ab", k=dice.randint(0, 6))) for _ in range(2))
        assert distance(left, right) == distance(right, left) <= max(len(left), len(right))
