"""What REST and GraphQL both show of an order or a subscription, column by column.

GraphQL's names are REST's in camel case, and a reference is an object whose key can be asked for
(docs: "REST vs GraphQL"). What is otherwise stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.graphql.queries import Path
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import Column

ROOTS: Mapping[str, str] = {"subscriptions": "subscription", "orders": "order"}
"""The entities that GraphQL lists, with the root field for a single one."""

PLACED: Mapping[str, str] = {"orders": "place"}
"""Lists that can be asked for by day, and the column that holds it."""

ELSEWHERE: Mapping[str, str] = {
    "merchant": "merchantPublicId",
    "offer": "offerPublicId",
    # REST: the code, as a text or a number
    "cancel_reason_code": "cancelReasonCode.code",
}
ONE_SIDED: Mapping[str, frozenset[str]] = {
    "orders": frozenset({"type"}),
    "subscriptions": frozenset(
        {
            *("product_attribute", "iteration", "sequence", "customer_rep", "club"),
            # of these two, it is REST that does not show them
            *("raw_subscription_type", "external_id"),
        }
    ),
}
"""Columns of which only one of the two tells."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A column that both show."""

    column: Column
    path: Path
    """Where GraphQL shows it, from a single object down."""


def shared_of(entity: str) -> tuple[Shared, ...]:
    """Every column of an entity that can be compared value by value."""
    return tuple(
        Shared(column=column, path=path_of(column))
        for column in ENTITIES[entity].columns
        if column.name not in ONE_SIDED[entity] and is_plain(column)
    )


def is_plain(column: Column) -> bool:
    """Whether it holds one value; `extra_data` is a JSON text there."""
    return column.kind is not Kind.JSON or column.name == "extra_data"


def path_of(column: Column) -> Path:
    if column.name in ELSEWHERE:
        return tuple(ELSEWHERE[column.name].split("."))
    if column.references:
        return camel(column.name), camel(column.references.partition(".")[2])
    return (camel(column.name),)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
