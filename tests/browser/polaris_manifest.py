"""Owns the check of rendered pages against Polaris' own manifest: tags, attributes, values, slots, labels, ids.

The manifest (`dist/custom-elements.json` of @shopify/polaris-types) carries no licence and is never kept here:
POLARIS_MANIFEST names a copy. Works on rendered HTML, so tones and slots that come from data are seen as they are.
"""

import json
import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

SIZE = r"(none|base|(small|large)(-[1-5]00)?)"
GLOBAL = {"id", "slot", "class", "hidden", "role", "lang", "dir", "title", "tabindex"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BRIDGE = {"s-app-nav": set(), "s-app-window": {"src"}}
# App Bridge's own additions: rel="home" in the menu, a badge beside the heading of a page.
MORE_ATTRIBUTES = {"s-link": {"rel"}}
MORE_SLOTS = {"s-page": {"accessory"}}
SLOT_RULES = {
    ("s-page", "primary-action"): ({"s-button"}, 1),
    ("s-page", "breadcrumb-actions"): ({"s-link"}, 1),
    ("s-banner", "secondary-actions"): ({"s-button"}, 2),
    ("s-empty-state", "primary-action"): ({"s-button"}, 1),
    ("s-modal", "primary-action"): ({"s-button"}, 1),
}


@dataclass(frozen=True)
class Attribute:
    """What one attribute may hold: one of `words` (when closed), a size, a number, or anything."""

    words: frozenset[str] = frozenset()
    sizes: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Element:
    """One element of the manifest."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    slots: frozenset[str] = frozenset()


def manifest_path() -> Path | None:
    """The manifest named by POLARIS_MANIFEST, if it is there."""
    named = os.environ.get("POLARIS_MANIFEST")
    return Path(named) if named and Path(named).is_file() else None


def load(path: Path) -> dict[str, Element]:
    """Read the manifest into elements by tag name."""
    elements = {}
    for module in json.loads(path.read_text("utf-8"))["modules"]:
        for declared in module.get("declarations", []):
            if tag := declared.get("tagName"):
                attributes = {one["name"].lower(): _attribute(one) for one in declared.get("attributes", [])}
                slots = {one["name"] for one in declared.get("slots", [])} | MORE_SLOTS.get(tag, set())
                elements[tag] = Element(attributes, frozenset(slots))
    return elements


def _attribute(declared: dict[str, dict[str, str]]) -> Attribute:
    text = (declared.get("type") or {}).get("text", "").strip()
    if text in {"boolean", "number"}:
        return Attribute(kind=text)
    closed = re.fullmatch(r'(\s*\|?\s*("[^"]*"|undefined))+\s*', text) is not None
    sizes = "PaddingKeyword" in text or "SpacingKeyword" in text
    return Attribute(frozenset(re.findall(r'"([^"]*)"', text)) if closed else frozenset(), sizes)


class _Reader(HTMLParser):
    def __init__(self, elements: dict[str, Element]) -> None:
        super().__init__()
        self.elements = elements
        self.findings: list[str] = []
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.filled: list[dict[str, int]] = []

    def say(self, words: str) -> None:
        self.findings.append(f"line {self.getpos()[0]}: {words}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if "-" in tag:
            self.say(f"<{tag}/> does not close itself in HTML")
        self.handle_starttag(tag, attrs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) < len(attrs):
            self.say(f"<{tag}> names an attribute twice")
        self._identity(given)
        if tag.startswith(("s-", "ui-")):
            self._element(tag, given)
        if slot := given.get("slot"):
            self._slot(tag, slot)
        if tag not in VOID:
            self.open.append(tag)
            self.filled.append({})

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.open:
            return
        while (last := self.open.pop()) != tag:
            self.filled.pop()
            if "-" in last:
                self.say(f"<{last}> is not closed before </{tag}>")
        self.filled.pop()

    def _identity(self, given: dict[str, str | None]) -> None:
        name = given.get("id")
        if name and name in self.ids:
            self.say(f'id="{name}" is used twice')
        self.ids.add(name or "")
        for attribute in given:
            if re.fullmatch(r"on[a-z]+", attribute) or attribute == "style":
                self.say(f"{attribute} is refused by a strict content security policy")

    def _element(self, tag: str, given: dict[str, str | None]) -> None:
        if tag in BRIDGE:
            known = {name: Attribute() for name in BRIDGE[tag]}
        elif tag in self.elements:
            known = self.elements[tag].attributes
        else:
            self.say(f"there is no <{tag}>")
            return
        free = GLOBAL | MORE_ATTRIBUTES.get(tag, set())
        for name, value in given.items():
            if name.startswith(("data-", "aria-")) or (name in free and name not in known):
                continue
            if name not in known:
                self.say(f"<{tag}> has no attribute {name}")
            else:
                self._value(tag, name, value, known[name])
        if "label" in known and tag != "s-option-group" and not (given.get("label") or given.get("accessibilitylabel")):
            self.say(f"<{tag}> has no label")
        icon_only = tag == "s-button" and "icon" in given and not given.get("accessibilitylabel")
        if icon_only and tag in self.elements:
            self.say("<s-button icon> has no accessibilityLabel")

    def _value(self, tag: str, name: str, value: str | None, known: Attribute) -> None:
        where = f'<{tag} {name}="{value}">'
        if known.kind == "boolean":
            if (value or "").lower() == "false":
                self.say(f"{where}: a boolean that is present is true")
        elif value is None:
            self.say(f"<{tag} {name}> needs a value")
        elif known.kind == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            self.say(f"{where} is not a number")
        elif known.words and value not in known.words:
            self.say(f"{where} is not one of {sorted(known.words)[:8]}")
        elif known.sizes and not value.startswith("@container") and not re.fullmatch(rf"{SIZE}( {SIZE}){{0,3}}", value):
            self.say(f"{where} is not a size")

    def _slot(self, tag: str, slot: str) -> None:
        parent = self.open[-1] if self.open else ""
        if parent not in self.elements:
            self.say(f'slot="{slot}" in <{parent}>: only a direct child of an element is slotted')
            return
        if slot not in self.elements[parent].slots:
            self.say(f'<{parent}> has no slot "{slot}"')
        tags, most = SLOT_RULES.get((parent, slot), (None, 0))
        if tags is not None:
            count = self.filled[-1][slot] = self.filled[-1].get(slot, 0) + 1
            if tag not in tags or count > most:
                self.say(f'slot "{slot}" of <{parent}> takes at most {most} of {sorted(tags)}')


def findings(html: str, elements: dict[str, Element]) -> list[str]:
    """Everything in the page that the manifest does not know; empty when all is well."""
    reader = _Reader(elements)
    reader.feed(html)
    reader.close()
    return reader.findings
