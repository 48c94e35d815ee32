"""Owns what a bulk query means: checked against the schema and turned into a way from a node to its lines. Runs nothing."""

from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    parse,
    validate,
    value_from_ast_untyped,
)

from tests.sandbox.shopify import scopes
from tests.sandbox.shopify.state import Record

MOST_CONNECTIONS, DEEPEST = 5, 2
Emit = Callable[[Record, str | None], None]
Project = Callable[[Record, str | None, Emit], Record]
ROOT = "productVariants"


class Unfit(Exception):
    """A query that cannot be run in bulk."""


class Plan:
    """A checked query: how a node becomes lines, and the scopes it needs."""

    def __init__(self, schema: GraphQLSchema, text: str) -> None:
        self._schema = schema
        self.needed: list[tuple[str, ...]] = []
        self._connections = 0
        field = self._only_root(self._read(text))
        if field.name.value != ROOT:
            raise Unfit(f"Queries over {field.name.value} are not supported by this stand-in")
        self._need("QueryRoot", ROOT)
        query = schema.query_type
        assert query is not None
        self.project = self._connection(field, query, 1)
        if self._connections > MOST_CONNECTIONS:
            raise Unfit(f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections.")

    def _read(self, text: str) -> DocumentNode:
        try:
            document = parse(text)
        except GraphQLError as error:
            raise Unfit(f"Invalid bulk query: {error.message}") from error
        if errors := validate(self._schema, document):
            raise Unfit(f"Invalid bulk query: {errors[0].message}")
        return document

    def _only_root(self, document: DocumentNode) -> FieldNode:
        operation = document.definitions[0]
        if len(document.definitions) != 1 or not isinstance(operation, OperationDefinitionNode):
            raise Unfit("Invalid bulk query: exactly one operation is needed.")
        fields = [one for one in operation.selection_set.selections if isinstance(one, FieldNode)]
        if operation.operation.value != "query" or operation.variable_definitions or len(fields) != 1:
            raise Unfit("Invalid bulk query: one top-level field, no variables.")
        if not any(isinstance(one, FieldNode) and one.name.value == "edges" for one in _below(fields[0])):
            raise Unfit("Bulk queries must contain at least one connection.")
        return fields[0]

    def _need(self, type_name: str, field_name: str) -> None:
        needed = scopes.FIELDS.get((type_name, field_name))
        if needed is not None:
            self.needed.append(needed)

    def _connection(self, field: FieldNode, parent: GraphQLObjectType, depth: int) -> Project:
        """How one node of a connection becomes a line."""
        self._connections += 1
        if depth > DEEPEST:
            raise Unfit(f"Bulk queries cannot contain connections with a nesting depth greater than {DEEPEST}.")
        named: Any = get_named_type(parent.fields[field.name.value].type)
        for edges in _below(field):
            if isinstance(edges, FieldNode) and edges.name.value == "edges":
                edge: Any = get_named_type(named.fields["edges"].type)
                for inner in _below(edges):
                    if isinstance(inner, FieldNode) and inner.name.value == "node":
                        node: Any = get_named_type(edge.fields["node"].type)
                        return self._object(inner.selection_set, node, depth)
        raise Unfit("Connections of a bulk query need edges { node { … } }.")

    def _object(self, selection: SelectionSetNode | None, type_: GraphQLObjectType, depth: int) -> Project:
        parts: list[tuple[str, str, dict[str, Any], Project | None, bool]] = []
        for field in selection.selections if selection is not None else ():
            if not isinstance(field, FieldNode):
                raise Unfit("Fragments are not supported by this stand-in")
            name, below = field.name.value, None
            listed = False
            if not name.startswith("__"):
                self._need(type_.name, name)
                inner: Any = get_named_type(type_.fields[name].type)
                listed = inner.name.endswith("Connection")
                if listed:
                    below = self._connection(field, type_, depth + 1)
                elif isinstance(inner, GraphQLObjectType):
                    below = self._object(field.selection_set, inner, depth)
            arguments = {one.name.value: value_from_ast_untyped(one.value) for one in field.arguments or ()}
            parts.append((name, (field.alias or field.name).value, arguments, below, listed))
        return _projector(parts)


def _below(field: FieldNode) -> tuple[Any, ...]:
    return tuple(field.selection_set.selections) if field.selection_set is not None else ()


def _projector(parts: list[tuple[str, str, dict[str, Any], Project | None, bool]]) -> Project:
    def project(value: Record, parent: str | None, emit: Emit) -> Record:
        told: Record = {}
        # The line above a connection's line is the nearest node, however deep the object is in which it stands.
        own = parent if parent is not None else value.get("id")
        for name, alias, arguments, below, listed in parts:
            held = value.get(name)
            if listed and below is not None:
                for node in _nodes(held):
                    emit(below(node, node.get("id"), emit), own)
                continue
            if callable(held):
                held = held(None, **arguments)
            if below is not None and held is not None:
                inner = below
                held = [inner(one, own, emit) for one in held] if isinstance(held, list) else inner(held, own, emit)
            told[alias] = held
        return told

    return project


def _nodes(held: Any) -> Iterator[Record]:
    after = None
    while True:
        page = held(None, first=250, after=after)
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]
