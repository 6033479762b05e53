"""The sandbox's GraphQL door by itself: limits, shapes and times as the documentation has them."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import pytest

from sources.ordergroove.graphql.limits import OverLimit, cost_of, refuse_over_limit
from sources.ordergroove.sandbox import DEMO_KEY, Sandbox, World, bulk_world, serve
from sources.ordergroove.sandbox.store import Record
from tests.graphql_api.generated import Maker

NOW = datetime(2026, 6, 2, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def past() -> World:
    return World(seed=3, customers=8, now=NOW, days=120)


def posted(sandbox: Sandbox, content: Any, path: str = "/graphql/2026-01/") -> httpx.Response:
    with httpx.Client(transport=httpx.MockTransport(sandbox.handle)) as client:
        return client.post(f"https://x{path}", json=content, headers={"x-api-key": DEMO_KEY})


def asked(sandbox: Sandbox, query: str, **variables: Any) -> Any:
    answer = posted(sandbox, {"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    assert "errors" not in answer.json(), answer.text
    return next(iter(answer.json()["data"].values()))


def test_door_and_counter_agree_on_what_is_too_much(past: World) -> None:
    sandbox = Sandbox(past)
    refused = 0
    for seed in range(150):
        rng = Random(f"door {seed}")
        query = Maker(rng, fields=rng.randint(3, 30), depth=rng.randint(4, 12)).made().query
        status = posted(sandbox, {"query": query}).status_code
        try:
            refuse_over_limit(cost_of(query))
        except OverLimit:
            assert status == 400, query
            refused += 1
        else:
            assert status == 200, query
    assert 20 < refused < 130


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("{ orders(first: 101) { edges { cursor } } }", "between 1 and 100"),
        ("query($n: Int) { orders(first: $n) { edges { cursor } } }", "between 1 and 100"),
        ("{ orders { edges { cursor } } subscriptions { edges { cursor } } }", "Only one"),
        ("{ orders { edges { cursor } }", "Syntax"),
        ("{ order(publicId: 1) { nothing } }", "nothing"),
        ("{ order { total } }", "publicId"),
    ],
)
def test_what_is_not_allowed_is_answered_with_400(past: World, query: str, word: str) -> None:
    answer = posted(Sandbox(past), {"query": query, "variables": {"n": 101}})
    assert answer.status_code == 400
    assert word in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("content", [[], [{"query": "{ a }"}], {"query": 1}, {}, "text"])
def test_a_body_that_is_no_query_is_answered_with_400(past: World, content: Any) -> None:
    assert posted(Sandbox(past), content).status_code == 400


@pytest.mark.parametrize("path", ["/graphql/", "/graphql/2020-01/", "/graphql/2026-01"])
def test_other_paths_are_not_found(past: World, path: str) -> None:
    assert posted(Sandbox(past), {"query": "{ a }"}, path).status_code == 404


def test_without_a_key_or_as_a_get_it_does_not_answer(past: World) -> None:
    with httpx.Client(transport=httpx.MockTransport(Sandbox(past).handle)) as client:
        url = "https://x/graphql/2026-01/"
        assert client.post(url, json={}).status_code == 401
        assert client.get(url, headers={"x-api-key": DEMO_KEY}).status_code == 405


@pytest.mark.parametrize("zone", ["America/Chicago", "America/New_York", "EST", "UTC"])
def test_times_carry_chicagos_offset_whatever_the_lists_show(zone: str) -> None:
    world = World(seed=3, customers=3, now=NOW, days=200, zone=zone)
    query = "query($id: String!) { order(publicId: $id) { created updated place } }"
    for row in world.rows("orders"):
        shown = asked(Sandbox(world), query, id=row.record["public_id"])
        created = datetime.fromisoformat(shown["created"])
        assert created.timestamp() == row.created_at
        assert shown["created"][-6:] in ("-05:00", "-06:00")
        assert shown["place"][:10] == row.record["place"][:10]


def test_the_hour_that_autumn_shows_twice_is_told_apart() -> None:
    first = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
    shown = []
    for now in (first, first.replace(hour=6), first.replace(hour=7)):
        world = World(customers=0, now=now, days=1, alive=False, zone="America/New_York")
        order = world.next_order(world.subscribe(world.create_customer()))
        query = "query($id: String!) { order(publicId: $id) { created } }"
        shown.append(asked(Sandbox(world), query, id=order)["created"])
        assert datetime.fromisoformat(shown[-1]) == now
    assert shown == [
        "2025-11-02T00:30:00-05:00",
        "2025-11-02T01:30:00-05:00",
        "2025-11-02T01:30:00-06:00",
    ]


def test_an_order_shows_what_it_holds(past: World) -> None:
    query = """query($id: String!) { order(publicId: $id) { total customer { merchantUserId }
      items { hasMore nodes { publicId price subscription { publicId } product { sku } } } } }"""
    for row in past.rows("orders"):
        key = row.record["public_id"]
        shown = asked(Sandbox(past), query, id=key)
        items = [made.record for made in past.rows("items") if made.record["order"] == key]
        assert shown["customer"] == {"merchantUserId": row.record["customer"]}
        assert shown["items"]["hasMore"] is False
        assert [node["publicId"] for node in shown["items"]["nodes"]] == [
            item["public_id"] for item in items
        ]


@pytest.mark.parametrize(("first", "last"), [(4, None), (None, 4)])
def test_lists_walk_forward_and_backward_to_the_same_end(
    past: World, first: int | None, last: int | None
) -> None:
    query = """query($first: Int, $after: String, $last: Int, $before: String) {
      subscriptions(first: $first, after: $after, last: $last, before: $before) {
        edges { node { publicId } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    found: list[str] = []
    after = before = None
    for _ in range(100):
        page = asked(Sandbox(past), query, first=first, after=after, last=last, before=before)
        found += [edge["node"]["publicId"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage" if first else "hasPreviousPage"]:
            break
        after = page["pageInfo"]["endCursor"] if first else None
        before = page["pageInfo"]["startCursor"] if last else None
    assert sorted(found) == sorted(r.record["public_id"] for r in past.rows("subscriptions"))


def test_orders_are_filtered_by_place_status_customer_and_subscription(past: World) -> None:
    sandbox = Sandbox(past)
    one = past.rows("orders")[-1].record
    item = next(r.record for r in past.rows("items") if r.record["order"] == one["public_id"])
    cases: dict[str, Callable[[Record], bool]] = {
        f'place: "{one["place"][:10]}"': lambda r: r["place"][:10] == one["place"][:10],
        f'placeStart: "{one["place"][:10]}"': lambda r: r["place"][:10] >= one["place"][:10],
        f'placeEnd: "{one["place"][:10]}"': lambda r: r["place"][:10] <= one["place"][:10],
        f'customer: "{one["customer"]}"': lambda r: r["customer"] == one["customer"],
        "status: [1, 5]": lambda r: r["status"] in (1, 5),
    }
    for arguments, wanted in cases.items():
        page = asked(
            sandbox, f"{{ orders(first: 100, {arguments}) {{ edges {{ node {{ publicId }} }} }} }}"
        )
        shown = {edge["node"]["publicId"] for edge in page["edges"]}
        truth = {r.record["public_id"] for r in past.rows("orders") if wanted(r.record)}
        assert shown <= truth
        assert len(shown) == min(len(truth), 100)
    query = "query($id: String!) { orders(subscription: $id) { edges { node { publicId } } } }"
    page = asked(sandbox, query, id=item["subscription"])
    shown = {edge["node"]["publicId"] for edge in page["edges"]}
    assert one["public_id"] in shown


def test_it_answers_over_http_and_for_worlds_made_on_demand() -> None:
    sandbox = Sandbox(bulk_world(orders=50, zone="UTC", now=NOW))
    with serve(sandbox) as server, httpx.Client(headers={"x-api-key": DEMO_KEY}) as client:
        content = {"query": "{ orders(first: 50) { edges { node { items { hasMore } } } } }"}
        answer = client.post(f"{server.url}/graphql/unstable/", json=content)
    assert len(answer.json()["data"]["orders"]["edges"]) == 50
