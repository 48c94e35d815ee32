"""Owns the price of a GraphQL document and the bucket it is paid from, by the rules fitted to live captures.

scalar 0; object or list of objects 1; money, address, page info 0; count 10; connection 2 + floor(2 ln n) for each
node with its children; mutation 10 and what lies below the payload's entity. Knows no shop's data.
"""

import math
from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)

MAX_SINGLE_COST = 1000
FREE_TYPES = frozenset({"MoneyV2", "MoneyBag", "MailingAddress", "PageInfo"})
COUNT_COST = 10
MUTATION_COST = 10
DEAR_MUTATIONS = {"fulfillmentTrackingInfoUpdate": 50}
MAX_PAGE = 250
_COMPOSITE = (GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType)
_ABSTRACT = (GraphQLInterfaceType, GraphQLUnionType)


def page_factor(size: int) -> int:
    """How much dearer a page of `size` rows is than one row."""
    return math.floor(2 * math.log(max(2, min(size, MAX_PAGE)))) if size > 0 else 0


class Price:
    """The price of one operation: `requested()` from the text and variables, `actual(data)` from what came back."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: dict[str, Any] | None = None,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._variables = {
            one.variable.name.value: value_from_ast_untyped(one.default_value)
            for one in operation.variable_definitions or ()
            if one.default_value is not None
        } | (variables or {})
        self._measured = False

    def requested(self) -> int:
        """The static price, taken from the bucket before anything runs."""
        self._measured = False
        return self._whole(None)

    def actual(self, data: Any) -> int:
        """The price of the answer; never above `requested()`."""
        self._measured = True
        return min(self._whole(data), self.requested())

    def _whole(self, data: Any) -> int:
        selection = self._operation.selection_set
        if self._operation.operation != OperationType.MUTATION:
            root = self._schema.query_type
            return self._selection(selection, root, data)
        total = 0
        for field, parent in self._fields(selection, self._schema.mutation_type):
            total += DEAR_MUTATIONS.get(field.name.value, MUTATION_COST)
            payload = get_named_type(parent.fields[field.name.value].type)
            below = _below(data, field)
            for inner, inner_parent in self._fields(field.selection_set, payload):
                entity = get_named_type(inner_parent.fields[inner.name.value].type)
                # The entity itself and the user errors are free; what hangs below the entity is not.
                if inner.selection_set is not None and not entity.name.endswith("Error"):
                    total += self._selection(inner.selection_set, entity, _below(below, inner))
        return total

    def _fields(self, selection: SelectionSetNode | None, type_: Any) -> Iterator[tuple[FieldNode, Any]]:
        for node in selection.selections if selection is not None else ():
            if isinstance(node, FieldNode):
                if not node.name.value.startswith("__"):
                    yield node, type_
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                on = self._schema.type_map[fragment.type_condition.name.value]
                yield from self._fields(fragment.selection_set, on)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                on = self._schema.type_map[condition.name.value] if condition is not None else type_
                yield from self._fields(node.selection_set, on)

    def _selection(self, selection: SelectionSetNode | None, type_: Any, data: Any) -> int:
        if not isinstance(type_, _ABSTRACT):
            return sum(self._field(field, parent, data) for field, parent in self._fields(selection, type_))
        common, concrete = 0, dict[str, int]()
        for field, parent in self._fields(selection, type_):
            price = self._field(field, parent, data)
            if parent is type_ or isinstance(parent, GraphQLInterfaceType):
                common += price
            else:
                concrete[parent.name] = concrete.get(parent.name, 0) + price
        return common + max(concrete.values(), default=0)

    def _field(self, field: FieldNode, parent: Any, data: Any) -> int:
        type_ = get_named_type(parent.fields[field.name.value].type)
        if not isinstance(type_, _COMPOSITE) or type_.name in FREE_TYPES:
            return 0
        if type_.name == "Count":
            return COUNT_COST
        below = _below(data, field)
        if type_.name.endswith("Connection"):
            return self._connection(field, type_, below)
        if self._measured and below is None:
            return 1
        return 1 + self._selection(field.selection_set, type_, below)

    def _connection(self, field: FieldNode, type_: Any, data: Any) -> int:
        row = 0
        for inner, _ in self._fields(field.selection_set, type_):
            if inner.name.value == "nodes":
                node = get_named_type(type_.fields["nodes"].type)
                row += 1 + self._selection(inner.selection_set, node, _first(_below(data, inner)))
            elif inner.name.value == "edges":
                edge = get_named_type(type_.fields["edges"].type)
                first = _first(_below(data, inner))
                for leaf, _ in self._fields(inner.selection_set, edge):
                    if leaf.name.value == "node":
                        node = get_named_type(edge.fields["node"].type)
                        row += 1 + self._selection(leaf.selection_set, node, _below(first, leaf))
        return 2 + page_factor(_length(data) if self._measured else self._page_size(field)) * row

    def _page_size(self, field: FieldNode) -> int:
        for argument in field.arguments or ():
            if argument.name.value in ("first", "last"):
                if isinstance(argument.value, IntValueNode):
                    return int(argument.value.value)
                if isinstance(argument.value, VariableNode):
                    return int(self._variables.get(argument.value.name.value) or 0)
        return 1


def _below(data: Any, field: FieldNode) -> Any:
    key = (field.alias or field.name).value
    return data.get(key) if isinstance(data, dict) else None


def _first(rows: Any) -> Any:
    return rows[0] if isinstance(rows, list) and rows else None


def _length(data: Any) -> int:
    rows = next((value for value in data.values() if isinstance(value, list)), []) if isinstance(data, dict) else []
    return len(rows)


class Bucket:
    """A leaky bucket of points on the sandbox's clock (`now` in unix seconds, points restored per second)."""

    def __init__(self, now: float, size: float, restore: float) -> None:
        self.size = size
        self.restore = restore
        self._level = size
        self._at = now

    def available(self, now: float) -> float:
        """Points that are there at `now`. A clock that was set back restores nothing."""
        self._level = min(self.size, self._level + max(0.0, now - self._at) * self.restore)
        self._at = now
        return self._level

    def take(self, now: float, points: float) -> bool:
        """Take `points`, or take nothing and answer False when they are not there."""
        if self.available(now) < points:
            return False
        self._level -= points
        return True

    def give_back(self, points: float) -> None:
        """Refund what was reserved and not used."""
        self._level = min(self.size, self._level + points)

    def resize(self, size: float, restore: float) -> None:
        """Change the plan; the bucket starts again, full."""
        self._level = self.size = size
        self.restore = restore

    def status(self, now: float) -> dict[str, Any]:
        """The `throttleStatus` of an answer."""
        return {
            "maximumAvailable": float(self.size),
            "currentlyAvailable": math.floor(self.available(now)),
            "restoreRate": float(self.restore),
        }
