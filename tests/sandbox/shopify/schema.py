"""Owns the executable schema: the subset's SDL, scalars that really parse, resolvers with their scope guard, documents.

Parsed and validated documents are kept, because a journey sends the same few a thousand times. Knows no shop's data.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_ast_schema,
    default_field_resolver,
    parse,
    validate,
)

from tests.sandbox.shopify import scopes
from tests.sandbox.shopify.errors import validation_errors

SUBSET = Path(__file__).parents[1] / "schema" / "admin_subset.graphql"
KEPT_DOCUMENTS = 500
Resolver = Callable[..., Any]
Info = GraphQLResolveInfo[Any]
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,20})?")


def parse_decimal(value: Any) -> str:
    """A Decimal or Money as its digits. Raises GraphQLError on anything that is not a plain decimal number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise GraphQLError(f"invalid decimal {value!r}")
    text = str(value)
    try:
        if not _DECIMAL.fullmatch(text) or not Decimal(text).is_finite():
            raise GraphQLError(f"invalid decimal '{text}'")
    except InvalidOperation as error:
        raise GraphQLError(f"invalid decimal '{text}'") from error
    return text


def parse_date_time(value: Any) -> str:
    """An ISO 8601 instant with its zone, unchanged. Raises GraphQLError otherwise."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise GraphQLError(f"invalid DateTime '{value}'") from error
    if moment.tzinfo is None:
        raise GraphQLError(f"invalid DateTime '{value}'")
    return str(value)


def parse_url(value: Any) -> str:
    """An absolute http or https address. Raises GraphQLError otherwise."""
    try:
        parts = urlsplit(value)
        good = isinstance(value, str) and parts.scheme in ("http", "https") and bool(parts.hostname)
    except (TypeError, ValueError, AttributeError):
        good = False
    if not good or re.search(r"\s", value):
        raise GraphQLError(f"Invalid URL '{value}', missing scheme or host")
    return str(value)


def parse_json(value: Any) -> Any:
    """Any JSON value, as text or as it stands. Raises GraphQLError on text that is not JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise GraphQLError("invalid JSON") from error


SCALARS: dict[str, Callable[[Any], Any]] = {
    "Decimal": parse_decimal,
    "Money": parse_decimal,
    "DateTime": parse_date_time,
    "URL": parse_url,
    "JSON": parse_json,
}


@dataclass(frozen=True)
class Document:
    """A parsed text: either `errors` in Shopify's shape, or something that can be executed."""

    node: DocumentNode | None
    operations: Mapping[str, OperationDefinitionNode]
    errors: list[dict[str, Any]]


class AdminSchema:
    """The schema with its resolvers, and the documents seen so far."""

    def __init__(self, resolvers: Mapping[tuple[str, str], Resolver], sdl: str | None = None) -> None:
        self.schema: GraphQLSchema = build_ast_schema(parse(sdl or SUBSET.read_text("utf-8")), assume_valid=True)
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._lock = Lock()
        for name, parser in SCALARS.items():
            scalar = self.schema.type_map.get(name)
            if isinstance(scalar, GraphQLScalarType):
                _teach(scalar, parser)
        for (type_name, field_name), resolver in resolvers.items():
            self._field(type_name, field_name).resolve = resolver
        for (type_name, field_name), needed in scopes.FIELDS.items():
            field = self._field(type_name, field_name)
            field.resolve = guarded(field.resolve, needed)

    def _field(self, type_name: str, field_name: str) -> Any:
        type_ = self.schema.type_map[type_name]
        if not isinstance(type_, GraphQLObjectType):
            raise TypeError(f"{type_name} is not an object type")
        return type_.fields[field_name]

    def document(self, text: str) -> Document:
        """Parse and validate, or take what an earlier request has left."""
        with self._lock:
            if text in self._documents:
                self._documents.move_to_end(text)
                return self._documents[text]
        fresh = self._read(text)
        with self._lock:
            self._documents[text] = fresh
            while len(self._documents) > KEPT_DOCUMENTS:
                self._documents.popitem(last=False)
        return fresh

    def _read(self, text: str) -> Document:
        try:
            node = parse(text)
        except GraphQLError as error:
            places = [{"line": place.line, "column": place.column} for place in error.locations or ()]
            return Document(None, {}, [{"message": error.message, "locations": places}])
        operations = {
            one.name.value if one.name is not None else "": one
            for one in node.definitions
            if isinstance(one, OperationDefinitionNode)
        }
        errors = validation_errors(self.schema, node) if validate(self.schema, node) else []
        return Document(node, operations, errors)


def _teach(scalar: GraphQLScalarType, parser: Callable[[Any], Any]) -> None:
    """Give a scalar of the SDL, which would take anything, a real parser (under both names graphql-core knows)."""
    fresh = GraphQLScalarType(scalar.name, parse_value=parser)
    for name in ("parse_value", "parse_literal", "coerce_input_value", "coerce_input_literal"):
        if hasattr(fresh, name):
            setattr(scalar, name, getattr(fresh, name))


def guarded(resolver: Resolver | None, needed: tuple[str, ...]) -> Resolver:
    """Refuse with ACCESS_DENIED unless the shop has granted one of the scopes."""

    def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        if info.context.granted.isdisjoint(needed):
            words = scopes.in_words(needed)
            raise GraphQLError(
                f"Access denied for {info.field_name} field. Required access: {words}",
                extensions={
                    "code": "ACCESS_DENIED",
                    "documentation": "https://shopify.dev/api/usage/access-scopes",
                    "requiredAccess": words,
                },
            )
        if resolver is not None:
            return resolver(source, info, **arguments)
        return default_field_resolver(source, info, **arguments)

    return resolve
