"""Cuts Shopify's full Admin schema down to what the app's operations touch, and checks that the cut is still right.

    python -m tests.sandbox.schema.prune             writes admin_subset.graphql anew
    python -m tests.sandbox.schema.prune --check     compares it with a fresh cut, validates every operation

The full schema is looked for under CONTRACTS_DIR, else under ../shared/specs. Knows no resolver and no shop.
"""

import argparse
import gzip
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    NoDeprecatedCustomRule,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    Visitor,
    build_client_schema,
    get_named_type,
    parse,
    print_schema,
    type_from_ast,
    validate,
    visit,
)

ROOT = Path(__file__).resolve().parents[3]
OPERATIONS = ROOT / "shopapp" / "shopify_admin" / "operations"
QUESTIONS = Path(__file__).with_name(
    "questions"
)  # what the app composes at run time, and what the stand-in's tests ask
SUBSET = Path(__file__).with_name("admin_subset.graphql")
NOTICE = Path(__file__).with_name("NOTICE")
CONTRACT = Path("shopify") / "admin_2026-10.json.gz"
BUILT_IN = frozenset({"String", "Int", "Float", "Boolean", "ID"})
# `node(id:)` and what it answers let a person look at any object of the stand-in; no operation of the app asks for it.
ALWAYS = "query Always($id: ID!) { node(id: $id) { id } }"


def contract_path() -> Path | None:
    """Where the full schema lies, or None when this checkout has no contracts beside it."""
    folder = Path(os.environ.get("CONTRACTS_DIR") or ROOT.parent / "shared" / "specs")
    path = folder / CONTRACT
    return path if path.exists() else None


def load_contract(path: Path) -> Any:
    """The introspection result (the value of `data`) of the full schema."""
    with gzip.open(path) as file:
        return json.load(file)["data"]


def files() -> dict[str, Path]:
    """Name -> file, for every operation."""
    return {path.stem: path for folder in (OPERATIONS, QUESTIONS) for path in sorted(folder.glob("*.graphql"))}


def read_operations() -> dict[str, DocumentNode]:
    """Name -> parsed document, for every operation."""
    return {name: parse(path.read_text("utf-8")) for name, path in files().items()}


class _Usage(Visitor):
    """Collects the types and fields a document touches; whole input types, because callers send what they like."""

    def __init__(self, schema: GraphQLSchema, type_info: TypeInfo) -> None:
        super().__init__()
        self.schema = schema
        self.type_info = type_info
        self.fields: dict[str, set[str]] = {"Node": {"id"}}
        self.whole: set[str] = set()
        self.unions: set[str] = set()

    def take(self, type_: Any) -> None:
        """Keep an input, enum or scalar type, with everything below it."""
        named = get_named_type(type_)
        if not isinstance(named, GraphQLInputObjectType | GraphQLEnumType | GraphQLScalarType):
            return
        if named.name in self.whole:
            return
        self.whole.add(named.name)
        if isinstance(named, GraphQLInputObjectType):
            for field in named.fields.values():
                self.take(field.type)

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent, field = self.type_info.get_parent_type(), self.type_info.get_field_def()
        if parent is None or field is None or node.name.value.startswith("__"):
            return
        self.fields.setdefault(parent.name, set()).add(node.name.value)
        for argument in field.args.values():
            self.take(argument.type)
        named = get_named_type(field.type)
        if isinstance(named, GraphQLUnionType):
            self.unions.add(named.name)
        elif isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            self.fields.setdefault(named.name, set())
        self.take(named)

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:
        self.take(type_from_ast(self.schema, node.type))

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> None:
        if node.type_condition is not None:
            self.fields.setdefault(node.type_condition.name.value, set())


def _kept(type_: dict[str, Any], usage: _Usage) -> dict[str, Any] | None:
    """The introspected type without its unused parts, or None when nothing uses it."""
    name = type_["name"]
    if name.startswith("__") or name in BUILT_IN or name in usage.whole:
        return {**type_, "description": None}
    possible = [one for one in type_.get("possibleTypes") or [] if one["name"] in usage.fields]
    if name in usage.unions:
        return {**type_, "possibleTypes": possible}
    if name not in usage.fields:
        return None
    fields = [field for field in type_["fields"] if field["name"] in usage.fields[name] or field["name"] == "id"]
    interfaces = [one for one in type_.get("interfaces") or [] if one["name"] == "Node"]
    return {**type_, "fields": fields or type_["fields"][:1], "interfaces": interfaces, "possibleTypes": possible}


def _without_descriptions(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: None if key == "description" else _without_descriptions(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_descriptions(one) for one in value]
    return value


def prune(raw: Any, documents: Iterable[DocumentNode]) -> str:
    """The SDL of the part of `raw` that the documents touch, under a header with the licence notice."""
    schema = build_client_schema(raw, assume_valid=True)
    usage = _Usage(schema, info := TypeInfo(schema))
    for document in [*documents, parse(ALWAYS)]:
        visit(document, TypeInfoVisitor(info, usage))
    kept = [one for type_ in raw["__schema"]["types"] if (one := _kept(type_, usage))]
    # Shopify's own directives are used by none of the operations; the standard ones remain.
    directives = [one for one in raw["__schema"]["directives"] if one["name"] in ("include", "skip", "oneOf")]
    cut = {**raw["__schema"], "types": kept, "directives": directives, "subscriptionType": None}
    plain: Any = {"__schema": _without_descriptions(cut)}
    text = print_schema(build_client_schema(plain, assume_valid=True))
    header = "".join(f"# {line}".rstrip() + "\n" for line in NOTICE.read_text("utf-8").splitlines())
    return f"{header}#\n# Made by tests/sandbox/schema/prune.py; do not edit.\n\n{text}\n"


def faults_of(raw: Any, documents: dict[str, DocumentNode]) -> list[str]:
    """What the full schema says against the operations, deprecations included; empty when nothing."""
    schema = build_client_schema(raw, assume_valid=True)
    found = []
    for name, document in documents.items():
        errors = validate(schema, document) + validate(schema, document, [NoDeprecatedCustomRule])
        found += [f"{name}: {error.message}" for error in errors]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Write the subset, or with --check say what is wrong with it. Exit status 0, 1 (wrong) or 2 (no contracts)."""
    parser = argparse.ArgumentParser(description="Cut the Admin schema down to what the app's operations touch.")
    parser.add_argument("--check", action="store_true", help="change nothing, compare and validate")
    check = parser.parse_args(arguments).check
    path = contract_path()
    if path is None:
        print(f"no full schema: set CONTRACTS_DIR to the folder that holds {CONTRACT}", file=sys.stderr)
        return 2
    raw, documents = load_contract(path), read_operations()
    found = faults_of(raw, documents)
    fresh = prune(raw, documents.values())
    if not check:
        SUBSET.write_text(fresh, "utf-8")
    elif not SUBSET.exists() or SUBSET.read_text("utf-8") != fresh:
        found.append(f"{SUBSET.name} is not what the operations need: run this script without --check")
    for one in found:
        print(one, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
