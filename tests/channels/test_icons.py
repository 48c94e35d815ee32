"""What is asked of every channel's icon: a small still picture in shapes alone, which is told from the others at 20 px."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from marketplaces.channels import registry

FOLDER = Path(__file__).parents[2] / "static" / "channels"
KEYS = list(registry())
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"rect", "circle", "polygon", "path"}
GEOMETRY = {"x", "y", "width", "height", "rx", "cx", "cy", "r", "points", "d"}
PAINT = {"fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin"}
MOST_BYTES = 2_000
CONTRAST = 4.5  # WCAG AA of text, as tiles are read like letters
THINNEST = 0.09  # of the side: 1.8 px of 20


def _svg(key: str) -> ET.Element:
    return ET.fromstring((FOLDER / f"{key}.svg").read_text("utf-8"))


def _light(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The WCAG contrast of two colours like #1a2b3c."""
    dark, bright = sorted((_light(one), _light(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("key", KEYS)
def test_an_icon_is_a_small_square_of_shapes_and_nothing_else(key: str) -> None:
    source = (FOLDER / f"{key}.svg").read_bytes()
    assert len(source) < MOST_BYTES
    assert b"<!" not in source
    assert b"<?" not in source
    root = _svg(key)
    assert root.tag == f"{SVG}svg"
    assert set(root.attrib) == {"viewBox"}
    left, top, width, height = root.attrib["viewBox"].split()
    assert (left, top) == ("0", "0")
    assert int(width) == int(height) > 0
    parts = list(root.iter())[1:]
    assert {one.tag.removeprefix(SVG) for one in parts} <= SHAPES
    assert {name for one in parts for name in one.attrib} <= GEOMETRY | PAINT
    assert not [one for one in parts if (one.text or "").strip() or (one.tail or "").strip()]


@pytest.mark.parametrize("key", KEYS)
def test_an_icon_is_readable_on_white_at_20_pixels(key: str) -> None:
    root = _svg(key)
    side = int(root.attrib["viewBox"].split()[2])
    ground, *marks = list(root)
    assert marks
    assert contrast(ground.attrib["fill"], "#ffffff") >= CONTRAST
    for mark in marks:
        colours = {mark.attrib.get("fill", "none"), mark.attrib.get("stroke", "none")} - {"none"}
        assert colours
        assert all(contrast(ground.attrib["fill"], one) >= CONTRAST for one in colours)
        if "stroke" in mark.attrib:
            assert float(mark.attrib["stroke-width"]) >= THINNEST * side


def test_no_two_icons_are_alike_without_their_colours() -> None:
    for part in (0, 1):  # the tile by itself, and what stands on it
        drawn = [list(_svg(key))[part] for key in KEYS]
        shapes = [
            tuple((name, value) for name, value in sorted(one.attrib.items()) if name in GEOMETRY) for one in drawn
        ]
        assert len(set(shapes)) == len(KEYS)


def test_every_icon_belongs_to_a_channel() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{key}.svg" for key in KEYS}


def test_colours_are_told_from_each_other_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < CONTRAST
