"""The sandbox's GraphQL door: one query in, JSON out, limits as documented.

Assumptions that no page documents: whatever is wrong with a query is answered with 400 and an
`errors` list; an object that is not there is null; a version that never was is 404; a key without
the Bulk permission has to name a customer. It counts by the schema's types, where the program's
own counter reads the query alone.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from sources.ordergroove.sandbox.exchange import Answer, Ask, detail, json_answer
from sources.ordergroove.sandbox.graphql_books import Roots
from sources.ordergroove.sandbox.graphql_shapes import Books

if TYPE_CHECKING:
    from graphql import (
        DocumentNode,
        FragmentDefinitionNode,
        GraphQLNamedType,
        GraphQLSchema,
        SelectionSetNode,
    )

PREFIX = "/graphql/"
PATH = re.compile(r"/graphql/([^/]+)/")
VERSIONS = ("2026-01", "unstable")
FILE = Path(__file__).parents[1] / "graphql" / "schema.graphql"

# documented: 1 for a scalar, 5 for an object, 200 in all, nine deep, pages of 100
COSTS = {True: 5, False: 1}
MOST_POINTS = 200
MOST_DEPTH = 9
LARGEST_PAGE = 100


class RefusedError(Exception):
    """A query that is not executed, in the words of the answer."""


@cache
def schema() -> "GraphQLSchema":
    from graphql import build_schema

    return build_schema(FILE.read_text("utf-8"))


def answer(
    ask: Ask, books: Books, *, sunsets: Mapping[str, datetime], now: datetime, has_bulk: bool
) -> Answer:
    """Answers one request that carries a valid key."""
    found = PATH.fullmatch(ask.path)
    version = found[1] if found else ""
    if version not in {*VERSIONS, *sunsets}:
        return detail(404, "Not found.")
    if ask.method != "POST":
        return detail(405, f'Method "{ask.method}" not allowed.')
    end = sunsets.get(version)
    if end is not None and end <= now:
        return detail(410, "This version is no longer available.")
    try:
        shown = executed(ask.body, books, has_bulk=has_bulk)
    except RefusedError as error:
        shown = json_answer(400, {"errors": [{"message": str(error)}]})
    if end is None:
        return shown
    return replace(shown, headers={**shown.headers, "Sunset": format_datetime(end, usegmt=True)})


def executed(body: bytes, books: Books, *, has_bulk: bool) -> Answer:
    """Runs the query of a body. Raises RefusedError for one that is not taken."""
    from graphql import GraphQLError, execute_sync, parse, validate

    query, variables = question_in(body)
    try:
        document = parse(query)
    except GraphQLError as error:
        raise RefusedError(error.message) from error
    faults = validate(schema(), document)
    if faults:
        raise RefusedError("; ".join(fault.message for fault in faults))
    check_limits(document, variables)
    result = execute_sync(
        schema(), document, Roots(books, has_bulk=has_bulk).fields(), variable_values=variables
    )
    return json_answer(200, result.formatted)


def question_in(body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError("POST body sent invalid JSON.") from error
    if not isinstance(sent, dict) or not isinstance(sent.get("query"), str):
        raise RefusedError("Must provide query string; batching is not supported.")
    variables = sent.get("variables") or {}
    if not isinstance(variables, dict):
        raise RefusedError("Variables must be an object.")
    return sent["query"], variables


def check_limits(document: "DocumentNode", variables: Mapping[str, Any]) -> None:
    """Raises RefusedError for a valid query that asks for too much."""
    from graphql import FragmentDefinitionNode, OperationDefinitionNode

    fragments = {
        made.name.value: made
        for made in document.definitions
        if isinstance(made, FragmentDefinitionNode)
    }
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    root = schema().query_type
    if len(operations) != 1 or operations[0].operation.value != "query" or root is None:
        raise RefusedError("One query operation per request.")
    scale = Scale(fragments, variables)
    points, depth = scale.weigh(operations[0].selection_set, root)
    if scale.roots != 1:
        raise RefusedError("Only one top-level field is supported per request.")
    if points - COSTS[True] > MOST_POINTS:
        cost = points - COSTS[True]
        raise RefusedError(f"Query complexity {cost} exceeds the maximum of {MOST_POINTS}.")
    if depth > MOST_DEPTH:
        raise RefusedError(f"Query depth {depth} exceeds the maximum of {MOST_DEPTH}.")


class Scale:
    """Weighs selections against the schema."""

    def __init__(
        self, fragments: Mapping[str, "FragmentDefinitionNode"], variables: Mapping[str, Any]
    ) -> None:
        self.fragments = fragments
        self.variables = variables
        self.roots = 0

    def weigh(self, selections: "SelectionSetNode", kind: "GraphQLNamedType") -> tuple[int, int]:
        """Points and depth of a selection on a type."""
        from graphql import FieldNode, FragmentSpreadNode

        points = depth = 0
        for chosen in selections.selections:
            if isinstance(chosen, FieldNode):
                more, deeper = self.weigh_field(chosen, kind)
            else:
                part: Any = chosen
                if isinstance(chosen, FragmentSpreadNode):
                    part = self.fragments[chosen.name.value]
                name = part.type_condition
                inner = schema().type_map[name.name.value] if name else kind
                more, deeper = self.weigh(part.selection_set, inner)
            points, depth = points + more, max(depth, deeper)
        return points, depth

    def weigh_field(self, field: Any, kind: Any) -> tuple[int, int]:
        from graphql import get_named_type, is_leaf_type

        self.roots += kind is schema().query_type
        name = field.name.value
        if name.startswith("__"):
            return COSTS[False], 1
        self.check_page(field)
        inner = get_named_type(kind.fields[name].type)
        if is_leaf_type(inner):
            return COSTS[False], 1
        points, depth = self.weigh(field.selection_set, inner)
        return points + COSTS[True], depth + 1

    def check_page(self, field: Any) -> None:
        for argument in field.arguments or ():
            if argument.name.value in ("first", "last"):
                value = argument.value
                text = getattr(value, "value", None)
                size = self.variables.get(value.name.value) if text is None else int(text)
                if size is not None and not 0 < size <= LARGEST_PAGE:
                    raise RefusedError(f"A page holds between 1 and {LARGEST_PAGE} records.")
