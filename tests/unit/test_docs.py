"""The documents say what the code does: settings table, commands, links between files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from shopapp.cli import _parser
from shopapp.config import SETTINGS, settings_table

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()


def test_the_readme_lists_every_setting_as_the_code_has_it() -> None:
    assert settings_table() in README
    assert len(re.findall(r"^\| `[A-Z_]+` \|", README, re.M)) == len(SETTINGS)


@pytest.mark.parametrize(
    "line",
    re.findall(r"`(?:\.venv/bin/)?shopapp ([a-z-]+[^`]*)`", README) + re.findall(r"/shopapp (demo)$", README, re.M),
)
def test_every_command_of_the_readme_is_understood(line: str) -> None:
    _parser().parse_args(line.split())


def test_every_file_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:shopapp|marketplaces|tests|templates|static|\.ci)/[\w./-]*)`", README)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_package_holds_every_file_that_the_app_reads() -> None:
    """What is installed without a checkout lacks nothing: pages, styles, pictures, operations, texts."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for folder in ("shopapp", "templates", "static"):
        assert f"{folder}*" in tools["packages"]["find"]["include"]
        packed = {file for pattern in tools["package-data"][folder] for file in (ROOT / folder).glob(pattern)}
        there = {file for file in (ROOT / folder).rglob("*") if file.is_file()}
        code = {file for file in there if file.suffix in (".py", ".pyc", ".md")}
        assert there - code <= packed


def test_decision_records_are_short_and_numbered_without_gaps() -> None:
    records = sorted((ROOT / "shopapp" / "decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text()
        assert len(text.splitlines()) <= 40, record.name
        assert all(f"**{word}.**" in text for word in ("Context", "Decision", "Consequence")), record.name
