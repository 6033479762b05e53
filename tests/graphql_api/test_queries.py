"""Queries made from wanted paths stay within the limits, and their answers fit together again."""

from random import Random

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type, parse, validate

from sources.ordergroove.graphql.limits import OverLimit, cost_of
from sources.ordergroove.graphql.queries import (
    ChangedMeanwhile,
    Path,
    laid_over,
    queries_for,
    rows_at,
)
from sources.ordergroove.graphql.wanted import TABLES, WANTED, Wanted, columns_of
from tests.graphql_api.generated import schema

ROOTS = {"order": "OrderType", "subscription": "SubscriptionType"}


def every_path(kind: str, depth: int, above: Path = ()) -> list[Path]:
    """Every leaf below a type, down to a depth."""
    made = schema().type_map[kind]
    assert isinstance(made, GraphQLObjectType | GraphQLInterfaceType)
    found: list[Path] = []
    for name, field in made.fields.items():
        inner = get_named_type(field.type)
        if not isinstance(inner, GraphQLObjectType | GraphQLInterfaceType):
            found.append((*above, name))
        elif depth > 1:
            found += every_path(inner.name, depth - 1, (*above, name))
    return found


def assert_within_limits(query: str) -> None:
    cost = cost_of(query)
    assert cost.points <= 200
    assert cost.depth <= 9
    assert not validate(schema(), parse(query)), query


@pytest.mark.parametrize("root", ROOTS)
def test_the_shipped_tables_are_asked_within_the_limits_and_by_the_documented_schema(
    root: str,
) -> None:
    paths = [path for wanted in WANTED if wanted.root == root for path in wanted.paths()]
    queries = queries_for(root, paths)
    assert 1 <= len(queries) <= 2
    for query in queries:
        assert_within_limits(query)


@pytest.mark.parametrize("root", ROOTS)
def test_whatever_is_wanted_no_query_exceeds_a_limit_and_no_leaf_is_lost(root: str) -> None:
    every = every_path(ROOTS[root], 6)
    rng = Random(root)
    for size in (1, 30, 200, 1_000):
        wanted = rng.sample(every, min(size, len(every)))
        queries = queries_for(root, wanted)
        for query in queries:
            assert_within_limits(query)
        asked = sum(cost_of(query).points for query in queries)
        assert asked >= len(wanted)
        for path in wanted[:40]:
            assert any(path[-1] in query for query in queries)


def test_a_path_that_no_query_can_hold_is_refused() -> None:
    deep = ("items", "nodes", "subscription", "product", "groups", "a", "b", "c", "d")
    with pytest.raises(OverLimit):
        queries_for("order", [deep])
    with pytest.raises(ValueError, match="too deep"):
        Wanted(
            table="t", root="order", parent="order", at=".".join(deep), fields=(("x", "y", "text"),)
        )


def test_answers_of_several_queries_are_one_again() -> None:
    one = {"total": "1", "items": {"nodes": [{"publicId": "a", "price": "2"}, {"publicId": "b"}]}}
    other = {"items": {"nodes": [{"publicId": "a", "tax": None}, {"publicId": "b"}]}, "extra": []}
    assert laid_over(one, other) == {
        "total": "1",
        "items": {"nodes": [{"publicId": "a", "price": "2", "tax": None}, {"publicId": "b"}]},
        "extra": [],
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": {"publicId": "x"}}, {"a": {"publicId": "y"}}),
        ({"a": None}, {"a": {"b": 1}}),
        (None, {"b": 1}),
    ],
)
def test_answers_that_contradict_each_other_are_noticed(one: object, other: object) -> None:
    with pytest.raises(ChangedMeanwhile):
        laid_over(one, other)


def test_rows_carry_what_identifies_those_above_them() -> None:
    found = {
        "items": {
            "nodes": [
                {"publicId": "a", "gifts": [{"n": 1}, {"n": 2}]},
                {"publicId": "b", "gifts": None},
                "junk",
                {"publicId": "c", "gifts": [None, {"n": 3}]},
            ]
        }
    }
    above = [("item", ("items", "nodes", "publicId"))]
    rows = list(rows_at(found, ("items", "nodes", "gifts"), above))
    assert [(known["item"], number, entry["n"]) for known, number, entry in rows] == [
        ("a", 0, 1),
        ("a", 1, 2),
        ("c", 1, 3),
    ]
    assert list(rows_at({}, ("items", "nodes"), above)) == []


@pytest.mark.parametrize("table", TABLES)
def test_no_column_of_a_table_stands_twice_or_for_two_things(table: str) -> None:
    places = [wanted for wanted in WANTED if wanted.table == table]
    assert len({wanted.parent for wanted in places}) == 1
    for wanted in places:
        names = [wanted.parent, "ordinal", *(c for c, _ in wanted.above)]
        names += [column for column, _, _ in wanted.fields]
        assert sorted(names) == sorted(set(names))
    assert not {"_synced_at", "_deleted_at", "_unparsed"} & set(columns_of(table))
