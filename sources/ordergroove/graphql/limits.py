"""What Ordergroove allows of a GraphQL query, counted before it is sent.

Source: Ordergroove docs "GraphQL: Limits", "Complexity Costs". Not documented, and taken as the
examples read: the root field is free, `edges` and `node` cost as every object does, and `first`
multiplies nothing. Fragments count where they are used, all alternatives of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sources.ordergroove.errors import ConfigError

if TYPE_CHECKING:
    from graphql import (
        DocumentNode,
        FieldNode,
        FragmentDefinitionNode,
        OperationDefinitionNode,
        SelectionSetNode,
        ValueNode,
    )

SCALAR_POINTS = 1
OBJECT_POINTS = 5
MOST_POINTS = 200
MOST_DEPTH = 9
PAGE_SIZE = 100
"""The largest page; 10 where a query names no size."""

MOST_ITEMS = 100
"""Items that are returned of one order; `hasMore` tells of the rest."""

LATEST = "2026-01"
NEWEST = "unstable"
VERSIONS = (LATEST, NEWEST)
"""Documented versions, the dated ones oldest first."""

VERSION = re.compile(r"\d{4}-(0[1-9]|1[0-2])|unstable", re.ASCII)

# fragments that use each other can describe more fields than a machine can hold
MOST_FIELDS = 5_000

NOTHING_SENT = "Nothing was sent."


class OverLimit(ConfigError):
    """A query that Ordergroove would refuse."""

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what, do, NOTHING_SENT)


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A field of a query with everything below it."""

    path: str
    own: int
    below: tuple["Branch", ...] = ()

    @property
    def points(self) -> int:
        return self.own + sum(branch.points for branch in self.below)

    @property
    def depth(self) -> int:
        return 1 + max((branch.depth for branch in self.below), default=0)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a query takes of the limits."""

    root: Branch
    largest_page: int | None
    """The largest `first` or `last`; None where none is named, or its variable has no value."""

    @property
    def points(self) -> int:
        return self.root.points

    @property
    def depth(self) -> int:
        """Fields on the longest way down, the root's own among them."""
        return self.root.depth

    def costliest(self, most: int = 3) -> list[Branch]:
        """The branches that a reader would cut: below what everything hangs on."""
        branch = self.root
        while branch.below:
            heaviest = max(branch.below, key=lambda child: child.points)
            is_most = heaviest.points >= 0.8 * branch.points
            if not is_most or not any(child.below for child in heaviest.below):
                break
            branch = heaviest
        return sorted(branch.below, key=lambda child: -child.points)[:most]


def cost_of(query: str, variables: Mapping[str, Any] | None = None) -> Cost:
    """Counts a query. Raises OverLimit for one that is no single read of one root field."""
    try:
        operation, fragments = parsed(query)
        counter = Counter(operation, fragments, variables or {})
        roots = list(counter.fields(operation.selection_set, "", ()))
    except RecursionError:
        raise OverLimit(
            "The query is nested deeper than can be read.",
            f"Ordergroove allows {MOST_DEPTH} fields.",
        ) from None
    if len(roots) != 1:
        raise OverLimit(
            f"The query has {len(roots)} root fields ({', '.join(r.path for r in roots)});"
            " Ordergroove takes one a request.",
            "Send each as a query of its own.",
        )
    root = Branch(path=roots[0].path, own=0, below=roots[0].below)
    return Cost(root=root, largest_page=max(counter.sizes, default=None))


def refuse_over_limit(cost: Cost) -> None:
    """Raises OverLimit, naming what costs most, for a query that Ordergroove would refuse."""
    if cost.points > MOST_POINTS:
        named = ", ".join(f"{branch.path} ({branch.points})" for branch in cost.costliest())
        raise OverLimit(
            f"The query costs {cost.points} points; Ordergroove allows {MOST_POINTS}.",
            f"Ask for less, or in several queries. The costliest branches: {named}.",
        )
    if cost.depth > MOST_DEPTH:
        raise OverLimit(
            f"The query is {cost.depth} fields deep; Ordergroove allows {MOST_DEPTH}.",
            f"Ask for what lies deep in a query of its own. The deepest: {deepest(cost.root)}.",
        )
    if cost.largest_page is not None and cost.largest_page > PAGE_SIZE:
        raise OverLimit(
            f"The query asks for pages of {cost.largest_page}; Ordergroove gives at most"
            f" {PAGE_SIZE}.",
            f"Write first: {PAGE_SIZE}, and go on with after: and the page's endCursor.",
        )


def deepest(branch: Branch) -> str:
    while branch.below:
        branch = max(branch.below, key=lambda child: child.depth)
    return branch.path


def parsed(query: str) -> tuple["OperationDefinitionNode", dict[str, "FragmentDefinitionNode"]]:
    """The one operation of a query, and its fragments. Raises OverLimit for anything else."""
    from graphql import FragmentDefinitionNode, OperationDefinitionNode, OperationType

    document = document_of(query)
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
        raise OverLimit(
            "Ordergroove's GraphQL API takes one query a request, and nothing that writes.",
            "Write it as { order(publicId: ...) { ... } } or query NAME { ... }.",
        )
    fragments = [d for d in document.definitions if isinstance(d, FragmentDefinitionNode)]
    return operations[0], {fragment.name.value: fragment for fragment in fragments}


def document_of(query: str) -> "DocumentNode":
    from graphql import GraphQLSyntaxError, parse

    try:
        return parse(query, max_tokens=100_000)
    except GraphQLSyntaxError as error:
        place = error.locations[0] if error.locations else None
        at = f" (line {place.line}, column {place.column})" if place else ""
        raise OverLimit(
            f"That is no GraphQL query: {error.message.removeprefix('Syntax Error: ')}{at}",
            'Write it like { subscription(publicId: "...") { publicId quantity } }.',
        ) from None


class Counter:
    """Walks one operation, fragments replaced by what they stand for."""

    def __init__(
        self,
        operation: "OperationDefinitionNode",
        fragments: Mapping[str, "FragmentDefinitionNode"],
        variables: Mapping[str, Any],
    ) -> None:
        self.fragments = fragments
        self.defaults = {
            made.variable.name.value: made.default_value
            for made in operation.variable_definitions or ()
            if made.default_value is not None
        }
        self.variables = variables
        self.sizes: list[int] = []
        self.seen = 0

    def fields(
        self, selections: "SelectionSetNode", above: str, inside: tuple[str, ...]
    ) -> Iterator[Branch]:
        """The fields of a selection as branches; `inside` are the fragments it stands in."""
        from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                yield self.field(selection, above, inside)
            elif isinstance(selection, InlineFragmentNode):
                yield from self.fields(selection.selection_set, above, inside)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                fragment = self.fragment(name, inside)
                yield from self.fields(fragment.selection_set, above, (*inside, name))

    def fragment(self, name: str, inside: tuple[str, ...]) -> "FragmentDefinitionNode":
        if name not in self.fragments:
            raise OverLimit(f"The fragment {name!r} is not there.", "Write it below the query.")
        if name in inside:
            raise OverLimit(f"The fragment {name!r} is used in itself.", "Correct the query.")
        return self.fragments[name]

    def field(self, node: "FieldNode", above: str, inside: tuple[str, ...]) -> Branch:
        self.seen += 1
        if self.seen > MOST_FIELDS:
            raise OverLimit(
                f"The query names more than {MOST_FIELDS:,} fields.",
                f"Ask for less: Ordergroove allows {MOST_POINTS} points.",
            )
        for argument in node.arguments or ():
            if argument.name.value in ("first", "last"):
                self.sizes += self.number(argument.value)
        path = f"{above}.{node.name.value}" if above else node.name.value
        if node.selection_set is None:
            return Branch(path=path, own=SCALAR_POINTS)
        below = tuple(self.fields(node.selection_set, path, inside))
        return Branch(path=path, own=OBJECT_POINTS, below=below)

    def number(self, value: "ValueNode") -> list[int]:
        """The whole number that an argument has, if it is known."""
        from graphql import IntValueNode, VariableNode

        if isinstance(value, VariableNode):
            name = value.name.value
            given = self.variables.get(name)
            if isinstance(given, int):
                return [given]
            default = self.defaults.get(name) if name not in self.variables else None
            return self.number(default) if default is not None else []
        return [int(value.value)] if isinstance(value, IntValueNode) else []
