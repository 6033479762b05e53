"""The cost of a query, and what is refused before it is sent."""

from random import Random

import pytest
from graphql import parse, validate

from sources.ordergroove.graphql.limits import (
    MOST_POINTS,
    VERSION,
    VERSIONS,
    OverLimit,
    cost_of,
    refuse_over_limit,
)
from tests.graphql_api.generated import Made, Maker, schema

DOCUMENTED = """
{
  subscription(publicId: "abc") {
    publicId        # 1
    quantity        # 1
    product {       # 5
      name          # 1
      sku           # 1
    }
  }
}
"""


def made(seed: int) -> Made:
    rng = Random(seed)
    return Maker(rng, fields=rng.randint(1, 12), depth=rng.randint(2, 7)).made()


def test_the_documented_example_costs_nine_points() -> None:
    assert cost_of(DOCUMENTED).points == 9


def test_five_hundred_generated_queries_cost_what_was_written_into_them() -> None:
    queries = [made(seed) for seed in range(500)]

    for query in queries:
        assert not validate(schema(), parse(query.query)), query.query
        cost = cost_of(query.query)
        assert (cost.points, cost.depth) == (query.points, query.depth), query.query
    assert min(query.points for query in queries) < MOST_POINTS < max(q.points for q in queries)


def test_fragments_count_where_they_are_used() -> None:
    written = "{ subscription(publicId: 1) { product { name sku } other: product { name sku } } }"
    shared = (
        "query Q { subscription(publicId: 1) { product { ...F } other: product { ...F } } }"
        " fragment F on ProductType { ... @include(if: true) { name } sku }"
    )
    assert cost_of(shared).points == cost_of(written).points == 14


def test_the_costliest_branches_are_named() -> None:
    scalars = " ".join(f"f{number}" for number in range(90))
    query = (
        f"{{ orders {{ edges {{ node {{ total items {{ nodes {{ {scalars} }} }}"
        f" payment {{ {scalars} }} customer {{ email }} }} }} }} }}"
    )
    with pytest.raises(OverLimit) as caught:
        refuse_over_limit(cost_of(query))

    error = caught.value
    assert f"costs {cost_of(query).points} points" in error.what
    assert "orders.edges.node.items (100), orders.edges.node.payment (95)" in error.do
    assert error.do.index("node.payment") < error.do.index("node.customer (6)")
    assert error.state == "Nothing was sent."


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("{ orders { edges { cursor } } subscriptions { edges { cursor } } }", "2 root fields"),
        ("mutation { order { total } }", "nothing that writes"),
        ("query A { order { total } } query B { order { total } }", "one query a request"),
        ("{ order(publicId: 1) { ...F } }", "'F' is not there"),
        ("{ order { ...F } } fragment F on OrderType { items { ...F } }", "used in itself"),
        ("{ order { total }", "line 1"),
        ("", "no GraphQL query"),
        ("select 1", "no GraphQL query"),
        ("{ order { " + "a { " * 9 + "b" + " }" * 11, "11 fields deep"),
        ("{ order { " + "a { " * 20_000 + "b" + " }" * 20_002, "nested too deeply"),
        ("{ orders(first: 101) { edges { cursor } } }", "pages of 101"),
        ("query($n: Int) { orders(first: $n) { edges { cursor } } }", "pages of 300"),
        ("query($m: Int = 500) { orders(last: $m) { edges { cursor } } }", "pages of 500"),
    ],
)
def test_what_ordergroove_would_refuse_is_refused_here(query: str, word: str) -> None:
    with pytest.raises(OverLimit) as caught:
        refuse_over_limit(cost_of(query, {"n": 300}))
    assert word in caught.value.what
    assert caught.value.exit_code == 2


def test_fragments_in_fragments_without_end_are_refused() -> None:
    chain = "".join(f"fragment F{n} on OrderType {{ ...F{n + 1} }} " for n in range(2_000))
    with pytest.raises(OverLimit, match="nested deeper"):
        cost_of(f"{{ order {{ ...F0 }} }} {chain} fragment F2000 on OrderType {{ total }}")


def test_fragments_that_multiply_are_refused_in_time() -> None:
    doubled = "".join(
        f"fragment F{n} on OrderType {{ ...F{n + 1} ...F{n + 1} }} " for n in range(40)
    )
    query = f"{{ order {{ ...F0 }} }} {doubled} fragment F40 on OrderType {{ total }}"
    with pytest.raises(OverLimit, match="names more than"):
        cost_of(query)


def test_a_page_of_a_variable_without_value_is_left_to_the_server() -> None:
    query = "query($n: Int) { orders(first: $n) { edges { cursor } } }"
    assert cost_of(query).largest_page is None
    assert cost_of(query, {"n": 100}).largest_page == 100


@pytest.mark.parametrize("version", [*VERSIONS, "2031-12"])
def test_versions_read_as_documented(version: str) -> None:
    assert VERSION.fullmatch(version)


@pytest.mark.parametrize("version", ["2026-13", "2026", "2026-01/", "latest", "\uff12026-01"])
def test_other_versions_do_not(version: str) -> None:
    assert not VERSION.fullmatch(version)
