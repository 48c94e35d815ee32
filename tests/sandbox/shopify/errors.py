"""Owns the shapes of top-level GraphQL errors: graphql-core's words become Shopify's, with `extensions.code`."""

import json
import re
from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    is_required_input_field,
    print_ast,
    specified_rules,
    type_from_ast,
    validate,
)

MAX_ARRAY = 250
GID = re.compile(r"gid://shopify/[A-Za-z]+/[A-Za-z0-9-]+(\?.*)?")
_CODES = {
    "FieldsOnCorrectTypeRule": "undefinedField",
    "KnownArgumentNamesRule": "argumentNotAccepted",
    "ProvidedRequiredArgumentsRule": "missingRequiredArguments",
    "ValuesOfCorrectTypeRule": "argumentLiteralsIncompatible",
    "NoUnusedVariablesRule": "variableNotUsed",
    "NoUndefinedVariablesRule": "variableNotDefined",
    "KnownDirectivesRule": "undefinedDirective",
    "KnownTypeNamesRule": "undefinedType",
    "ScalarLeafsRule": "selectionMismatch",
    "VariablesInAllowedPositionRule": "variableMismatch",
    "KnownFragmentNamesRule": "useAndDefineFragment",
}
_REWORDED = (
    (r"Cannot query field '(\w+)' on type '(\w+)'\..*", r"Field '\1' doesn't exist on type '\2'"),
    (r"Unknown argument '(\w+)' on field '\w+\.(\w+)'\..*", r"Field '\2' doesn't accept argument '\1'"),
    (
        r"Argument '(?:\w+\.)?(\w+)\((\w+):\)' of type '.*' is required,? but .*",
        r"Field '\1' is missing required arguments: \2",
    ),
    (r"Field '(\w+)' argument '(\w+)' of type .*", r"Field '\1' is missing required arguments: \2"),
    (r"Variable '\$(\w+)' is never used in operation '(\w+)'\.", r"Variable $\1 is declared by \2 but not used"),
    (r"Unknown directive '(@\w+)'\.", r"Directive \1 is not defined"),
)
Problem = tuple[list[str | int], str]


def places(error: GraphQLError) -> list[dict[str, int]]:
    """Line and column of an error in the document."""
    return [{"line": one.line, "column": one.column} for one in error.locations or ()]


def validation_errors(schema: GraphQLSchema, document: DocumentNode) -> list[dict[str, Any]]:
    """What is wrong with the document, each error with the code of the rule it breaks."""
    found = []
    for rule in specified_rules:
        for error in validate(schema, document, [rule]):
            message = error.message
            for pattern, words in _REWORDED:
                message = re.sub(pattern, words, message, flags=re.DOTALL)
            code = _CODES.get(rule.__name__, "invalidDocument")
            found.append({"message": message, "locations": places(error), "extensions": {"code": code}})
    return found


def execution_error(error: GraphQLError) -> dict[str, Any]:
    """An error raised while a field was resolved; a crash of the sandbox's own becomes INTERNAL_SERVER_ERROR."""
    shaped: dict[str, Any] = {"message": error.message, "locations": places(error), "path": error.path}
    extensions = error.extensions
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        shaped["message"] = "Internal error. Looks like something went wrong on our end."
        extensions = {"code": "INTERNAL_SERVER_ERROR"}
    if extensions:
        shaped["extensions"] = dict(extensions)
    return shaped


def variable_errors(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: dict[str, Any]
) -> list[dict[str, Any]]:
    """What is wrong with the values of the variables: INVALID_VARIABLE, or MAX_INPUT_SIZE_EXCEEDED for long arrays."""
    found: list[dict[str, Any]] = []
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        type_ = type_from_ast(schema, definition.type)
        if name not in variables and definition.default_value is not None:
            continue
        problems = list(_problems(variables.get(name), type_, []))
        if not problems:
            continue
        shaped = [{"path": path, "explanation": words} for path, words in problems]
        where = ", ".join(f"{'.'.join(map(str, path))} ({words})" for path, words in problems if path)
        message = f"Variable ${name} of type {print_ast(definition.type)} was provided invalid value"
        extensions = {"code": "INVALID_VARIABLE", "value": variables.get(name), "problems": shaped}
        found.append({"message": f"{message} for {where}" if where else message, "extensions": extensions})
    size = max((longest_array(value) for value in variables.values()), default=0)
    if size > MAX_ARRAY:
        message = f"The input array size of {size} is greater than the maximum allowed of {MAX_ARRAY}."
        found.append({"message": message, "extensions": {"code": "MAX_INPUT_SIZE_EXCEEDED"}})
    return found


def longest_array(value: Any) -> int:
    """The length of the longest list anywhere inside a JSON value."""
    if isinstance(value, dict):
        return max((longest_array(one) for one in value.values()), default=0)
    if isinstance(value, list):
        return max([len(value), *(longest_array(one) for one in value)])
    return 0


def _problems(value: Any, type_: Any, path: list[str | int]) -> Iterator[Problem]:
    if isinstance(type_, GraphQLNonNull):
        if value is None or value is Undefined:
            yield path, "Expected value to not be null"
        else:
            yield from _problems(value, type_.of_type, path)
    elif value is None or value is Undefined:
        return
    elif isinstance(type_, GraphQLList):
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            yield from _problems(one, type_.of_type, [*path, index])
    elif isinstance(type_, GraphQLInputObjectType):
        yield from _object_problems(value, type_, path)
    elif isinstance(type_, GraphQLEnumType):
        if not isinstance(value, str) or value not in type_.values:
            yield path, f"Expected {json.dumps(value)} to be one of: {', '.join(type_.values)}"
    elif isinstance(type_, GraphQLScalarType):
        yield from _scalar_problems(value, type_, path)


def _object_problems(value: Any, type_: GraphQLInputObjectType, path: list[str | int]) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield path, f"Expected {json.dumps(value)} to be a key-value object."
        return
    for name in value:
        if name not in type_.fields:
            yield [*path, name], f"Field is not defined on {type_.name}"
    for name, field in type_.fields.items():
        if name in value or is_required_input_field(field):
            yield from _problems(value.get(name), field.type, [*path, name])
    if type_.is_one_of and len([one for one in value.values() if one is not None]) != 1:
        yield path, f"'{type_.name}' requires exactly one argument, but {len(value)} were provided."


def _scalar_problems(value: Any, type_: GraphQLScalarType, path: list[str | int]) -> Iterator[Problem]:
    if type_.name == "ID":
        if not isinstance(value, str) or not GID.fullmatch(value):
            yield path, f"Invalid global id '{value}'"
        return
    try:
        type_.coerce_input_value(value)
    except GraphQLError as error:
        custom = type_.name in ("Decimal", "Money", "DateTime", "URL", "JSON")
        yield path, error.message if custom else f"Could not coerce value {json.dumps(value)} to {type_.name}"
