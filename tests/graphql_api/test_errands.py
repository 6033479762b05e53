"""How many requests the enrichment takes, and that fewer of them bring the same."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
from graphql import parse, validate

from pipelines.ordergroove.graphql.due import Candidate
from pipelines.ordergroove.graphql.errands import Prices, errands_for
from pipelines.ordergroove.graphql.reading import Queries, Reader, queries_of
from pipelines.ordergroove.graphql.rows import Read, tables_of
from sources.ordergroove.graphql.client import GraphQL
from sources.ordergroove.graphql.limits import MOST_DEPTH, MOST_POINTS, PAGE_SIZE, cost_of
from sources.ordergroove.graphql.queries import list_queries_for
from sources.ordergroove.graphql.shared import ROOTS
from sources.ordergroove.graphql.wanted import TABLES, WANTED
from sources.ordergroove.sandbox import DEMO_KEY, Key, Sandbox, World
from tests.graphql_api.generated import schema

DAY = date(2026, 3, 1)
NOW = datetime(2026, 6, 2, 15, tzinfo=UTC)
Days = tuple[date, date] | None


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=3, customers=40, now=NOW, days=200, alive=False)


def due_in(world: World, *, every: int = 1) -> list[Candidate]:
    """One of so many records, as the tables would name them."""
    found = []
    for entity in ROOTS:
        for row in world.rows(entity)[::every]:
            place = row.record.get("place")
            day = date.fromisoformat(place[:10]) if place else None
            key = row.record["public_id"]
            found.append(Candidate(entity=entity, key=key, stamp=None, day=day))
    return found


def counted(world: World, entity: str, days: Days) -> int:
    rows = world.rows(entity)
    if days is None:
        return len(rows)
    first, last = (day.isoformat() for day in days)
    return sum(first <= row.record["place"][:10] <= last for row in rows)


def reader_of(sandbox: Sandbox, **given: Any) -> Reader:
    client = GraphQL(
        base_url="https://sandbox.test",
        key=DEMO_KEY,
        queries_a_second=5_000,
        transport=httpx.MockTransport(sandbox.handle),
    )
    queries = {entity: queries_of(entity) for entity in ROOTS}
    usual: dict[str, Any] = {"queries": queries, "most_queries": 5_000}
    return Reader(client=client, **(usual | given))


def run(reader: Reader, world: World, due: list[Candidate]) -> list[Read]:
    prices = {entity: queries.prices for entity, queries in reader.queries.items()}
    errands = errands_for(due, prices, lambda entity, days: counted(world, entity, days))
    return [read for errand in errands for read in reader.read(errand)]


def contents(reads: list[Read]) -> dict[str, list[Any]]:
    found = {}
    for name, table in tables_of(reads).items():
        rows = table.drop_columns(["_synced_at", "_deleted_at"]).to_pylist()
        found[name] = sorted(rows, key=str)
    return found


def test_lists_bring_the_same_rows_as_single_records_with_fewer_requests(world: World) -> None:
    due = due_in(world)
    by_list = reader_of(Sandbox(world))
    # such a key has to name a customer, or a record
    by_id = reader_of(Sandbox(world, keys={DEMO_KEY: Key(bulk=False)}))
    listed, single = run(by_list, world, due), run(by_id, world, due)

    assert {*contents(listed)} == {*TABLES}
    assert contents(listed) == contents(single)
    assert len(listed) == len(single) == len(due)
    assert by_id.client.spent.requests > len(due)
    pages = sum(-(-len(world.rows(entity)) // PAGE_SIZE) for entity in ROOTS)
    assert by_list.client.spent.requests == pages < len(due) / 50


def test_a_few_changes_cost_no_more_than_one_request_each(world: World) -> None:
    due = due_in(world, every=60)
    reader = reader_of(Sandbox(world))
    assert len(run(reader, world, due)) == len(due)
    assert 0 < reader.client.spent.requests <= len(due)


def drawn(seed: int) -> tuple[list[Candidate], dict[str, list[date]]]:
    """Records of several densities, of which some are due."""
    rng = Random(seed)
    days = [DAY + timedelta(days=int(rng.expovariate(1 / 40))) for _ in range(rng.randint(1, 900))]
    records = {"orders": days, "subscriptions": days[: rng.randint(0, 900)]}
    share = rng.choice([0.005, 0.05, 0.5, 1.0])
    due = [
        Candidate(
            entity=entity,
            key=f"{entity} {number}",
            stamp=None,
            day=day if entity == "orders" and rng.random() < 0.98 else None,
        )
        for entity, mine in records.items()
        for number, day in enumerate(mine)
        if rng.random() < share
    ]
    return due, records


@pytest.mark.parametrize("seed", range(40))
def test_every_record_is_in_one_errand_and_none_costs_more_than_by_itself(seed: int) -> None:
    due, records = drawn(seed)
    prices = {entity: Prices(single=1 + seed % 2, page=1 + seed % 3) for entity in ROOTS}

    def count(entity: str, days: Days) -> int:
        return sum(days is None or days[0] <= day <= days[1] for day in records[entity])

    errands = errands_for(due, prices, count)

    assert sorted(c.key for e in errands for c in e.due) == sorted(c.key for c in due)
    for errand in errands:
        price = prices[errand.entity]
        assert errand.requests <= price.single * len(errand.due)
        if errand.is_list:
            assert errand.requests == price.of_list(count(errand.entity, errand.days))
            days = {candidate.day for candidate in errand.due}
            assert errand.days is None or all(
                day is not None and errand.days[0] <= day <= errand.days[1] for day in days
            )


def test_what_a_list_leaves_out_is_asked_for_by_itself(world: World) -> None:
    due = [*due_in(world), Candidate(entity="orders", key="gone", stamp=None, day=DAY)]
    reads = {read.key: read for read in run(reader_of(Sandbox(world)), world, due)}
    assert len(reads) == len(due)
    assert reads["gone"].found is None


def test_the_limit_ends_a_list_and_what_was_read_is_kept(world: World) -> None:
    reader = reader_of(Sandbox(world), most_queries=2)
    reads = run(reader, world, due_in(world))
    assert reader.client.spent.requests == 2
    assert PAGE_SIZE <= len(reads) <= 2 * PAGE_SIZE


def test_lists_of_several_queries_are_laid_over_each_other(world: World) -> None:
    whole = queries_of("subscriptions")
    paths = [path for w in WANTED if w.root == "subscription" for path in w.paths()]
    half = len(paths) // 2
    page = [
        query
        for some in (paths[:half], paths[half:])
        for query in list_queries_for("subscriptions", some)
    ]
    due = [c for c in due_in(world) if c.entity == "subscriptions"]
    one = reader_of(Sandbox(world))
    parted = {"subscriptions": Queries(single=whole.single, page=page)}
    other = reader_of(Sandbox(world), queries=parted)
    assert contents(run(one, world, due)) == contents(run(other, world, due))
    assert other.client.spent.requests == 2 * one.client.spent.requests


def test_an_order_with_more_items_than_graphql_shows_is_counted() -> None:
    world = World(seed=3, customers=1, now=NOW, days=5, alive=False)
    order = next(r.record["public_id"] for r in world.rows("orders") if r.record["status"] == 1)
    for _ in range(PAGE_SIZE):
        world.add_upsell(order)
    reader = reader_of(Sandbox(world))
    run(reader, world, due_in(world))
    assert reader.cut_off == 1


def all_queries() -> Iterator[str]:
    for entity in ROOTS:
        queries = queries_of(entity)
        yield from (*queries.single, *queries.page)


@pytest.mark.parametrize("query", [*all_queries()])
def test_no_query_that_is_sent_exceeds_a_limit(query: str) -> None:
    assert not validate(schema(), parse(query))
    cost = cost_of(query)
    assert cost.points <= MOST_POINTS
    assert cost.depth <= MOST_DEPTH
    assert cost.largest_page in (None, PAGE_SIZE)
