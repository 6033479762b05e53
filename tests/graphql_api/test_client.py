"""The GraphQL client: over the sandbox's door, and against servers that are not as documented."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pendulum
import pytest

from sources.ordergroove.errors import (
    BadRequest,
    ConfigError,
    KeyRefused,
    NoPage,
    OrdergrooveError,
    Transient,
    Unpageable,
)
from sources.ordergroove.graphql.answer import QueryFailed, VersionGone, sunset_warning
from sources.ordergroove.graphql.client import GraphQL
from sources.ordergroove.graphql.limits import OverLimit
from sources.ordergroove.sandbox import Fault, Key, Rules, Sandbox, World
from tests.answering import in_turn

NOW = datetime(2026, 6, 2, 15, tzinfo=UTC)
ORDERS = """
query($after: String) {
  orders(first: 7, after: $after) {
    edges { node { publicId total } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


@pytest.fixture(scope="module")
def past() -> World:
    return World(seed=3, customers=8, now=NOW, days=120)


def asking(sandbox: Sandbox, **settings: Any) -> GraphQL:
    given: dict[str, Any] = {
        "key": "sandbox-key",
        "back_off_s": 0.001,
        "retry_limit_s": 5.0,
    } | settings
    transport = httpx.MockTransport(sandbox.handle)
    return GraphQL(base_url="https://sandbox.test", transport=transport, **given)


def told(*answers: httpx.Response | Exception, **settings: Any) -> GraphQL:
    """A client of a server that gives these answers in turn."""
    given: dict[str, Any] = {"key": "a-key", "back_off_s": 0.001, "retry_limit_s": 0.2} | settings
    return GraphQL(base_url="https://one.test", transport=in_turn(*answers), **given)


def test_every_order_comes_once_page_by_page(past: World) -> None:
    sandbox = Sandbox(past)
    client = asking(sandbox)
    pages = [nodes for nodes, _ in client.pages(ORDERS)]

    ids = [node["publicId"] for nodes in pages for node in nodes]
    assert sorted(ids) == sorted(row.record["public_id"] for row in past.rows("orders"))
    assert len(pages) == len(sandbox.calls) > 2
    assert all(b.started >= a.ended for a, b in zip(sandbox.calls, sandbox.calls[1:], strict=False))
    assert client.spent.requests == len(pages)


def test_a_query_over_the_limits_is_never_sent(past: World) -> None:
    sandbox = Sandbox(past)
    with pytest.raises(OverLimit):
        asking(sandbox).ask("{ orders(first: 500) { edges { cursor } } }")
    assert sandbox.calls == []


def test_variables_reach_the_server_and_the_cost_comes_back(past: World) -> None:
    record = past.rows("orders")[0].record
    query = "query($id: String!) { order(publicId: $id) { total customer { email } } }"
    found = asking(Sandbox(past)).ask(query, {"id": record["public_id"]})

    customer = past.find("customers", record["customer"])
    assert customer is not None
    assert found.root == {"total": record["total"], "customer": {"email": customer.record["email"]}}
    assert found.cost.points == 7
    assert found.sunset is None


def test_an_object_that_is_not_there_is_null(past: World) -> None:
    assert asking(Sandbox(past)).ask('{ order(publicId: "none") { total } }').root is None


def test_a_query_that_the_server_does_not_take_is_told_in_its_words(past: World) -> None:
    with pytest.raises(BadRequest, match="totl"):
        asking(Sandbox(past)).ask('{ order(publicId: "a") { totl } }')


def test_errors_in_a_200_are_a_failure_even_beside_data(past: World) -> None:
    with pytest.raises(QueryFailed, match="needs a customer"):
        asking(Sandbox(past)).ask("{ subscriptions(live: true) { edges { cursor } } }")
    both = {"data": {"order": {"total": "1"}}, "errors": [{"message": "one\nline"}, "two", None]}
    with pytest.raises(QueryFailed, match="3 errors: one line; two; an error without"):
        told(httpx.Response(200, json=both)).ask("{ order { total } }")


def test_a_key_without_bulk_has_to_name_a_customer(past: World) -> None:
    sandbox = Sandbox(past, keys={"sandbox-key": Key(bulk=False)})
    with pytest.raises(QueryFailed, match="without a customer"):
        list(asking(sandbox).pages(ORDERS))


def test_unknown_fields_and_types_in_an_answer_are_taken_as_they_come() -> None:
    data = {"order": {"total": 1.5, "novelty": {"deep": [None]}}, "beside": 1}
    found = told(httpx.Response(200, json={"data": data, "extensions": {"cost": 9}})).ask(
        "{ order { total novelty { deep } } }"
    )
    assert found.root == data["order"]


@pytest.mark.parametrize(
    ("answer", "kind", "word"),
    [
        (httpx.Response(400, json={"errors": [{"message": "too complex"}]}), BadRequest, "complex"),
        (httpx.Response(400, text="<html>"), BadRequest, "no reason"),
        (httpx.Response(401, json={"detail": "x"}), KeyRefused, "ORDERGROOVE_API_KEY"),
        (httpx.Response(403, json={"detail": "x"}), KeyRefused, "API Access"),
        (httpx.Response(404, json={"detail": "x"}), ConfigError, "2026-01"),
        (httpx.Response(410), VersionGone, "ORDERGROOVE_GRAPHQL_VERSION=unstable"),
        (httpx.Response(302, headers={"Location": "https://two.test"}), NoPage, "302"),
        (httpx.Response(200, json={"data": None}), NoPage, "neither data nor errors"),
        (httpx.Response(200, json=[1]), NoPage, "neither data nor errors"),
        (httpx.Response(200, text="<html>"), NoPage, "neither data nor errors"),
        (httpx.Response(200, text='{"data": {"ord'), Transient, "cut off"),
        (httpx.Response(503), Transient, "503"),
        (httpx.Response(423), Transient, "423"),
        (httpx.ConnectError("x"), Transient, "connection failed"),
        (httpx.ReadTimeout("x"), Transient, "no answer in time"),
    ],
)
def test_each_bad_answer_has_its_error(
    answer: httpx.Response | Exception, kind: type[OrdergrooveError], word: str
) -> None:
    with pytest.raises(kind) as caught:
        told(answer).ask("{ order { total } }")
    assert word in str(caught.value)
    assert caught.value.state == "Nothing was written."


@pytest.mark.parametrize("kind", ["500", "423", "429", "reset", "timeout", "truncated", "502 html"])
def test_what_passes_is_tried_again(past: World, kind: str) -> None:
    sandbox = Sandbox(past, faults=[Fault(kind=kind, entity="graphql", nth=1)])
    client = asking(sandbox)
    assert client.ask("{ orders { edges { cursor } } }").root["edges"]
    assert (client.spent.requests, client.spent.retries) == (2, 1)


@pytest.mark.parametrize(
    "root",
    [
        {"edges": None, "pageInfo": {"hasNextPage": False}},
        {"edges": [], "pageInfo": {}},
        {"edges": []},
        {"edges": [], "pageInfo": {"hasNextPage": True, "endCursor": None}},
        None,
        [],
    ],
)
def test_a_list_of_another_shape_is_never_an_empty_page(root: object) -> None:
    with pytest.raises(NoPage, match="is no page"):
        list(told(httpx.Response(200, json={"data": {"orders": root}})).pages(ORDERS))


def test_a_cursor_that_comes_a_second_time_ends_the_reading() -> None:
    page = {"edges": [{"node": 1}], "pageInfo": {"hasNextPage": True, "endCursor": "c"}}
    with pytest.raises(Unpageable, match="second time"):
        list(told(httpx.Response(200, json={"data": {"orders": page}})).pages(ORDERS))


def test_an_announced_end_is_told_with_the_days_left(past: World) -> None:
    end = NOW + timedelta(days=40, hours=3)
    client = asking(Sandbox(past, rules=Rules(sunsets={"2026-01": end})))
    found = client.ask("{ orders { edges { cursor } } }")

    assert found.sunset == pendulum.instance(end)
    warning = sunset_warning(client.version, found.sunset, NOW)
    assert "2026-01 ends on 2026-07-12, in 40 days" in warning
    assert "ORDERGROOVE_GRAPHQL_VERSION" in warning


def test_after_its_end_the_message_names_setting_and_newer_version(past: World) -> None:
    sandbox = Sandbox(past, rules=Rules(sunsets={"2026-01": NOW, "2025-01": NOW}))
    with pytest.raises(VersionGone, match="ORDERGROOVE_GRAPHQL_VERSION=unstable") as caught:
        asking(sandbox).ask("{ orders { edges { cursor } } }")
    assert caught.value.exit_code == 2
    with pytest.raises(VersionGone, match="ORDERGROOVE_GRAPHQL_VERSION=2026-01"):
        asking(sandbox, version="2025-01").ask("{ orders { edges { cursor } } }")
    assert asking(sandbox, version="unstable").ask("{ orders { edges { cursor } } }").data


@pytest.mark.parametrize(
    ("header", "day"),
    [("Sun, 12 Jul 2026 18:00:00 GMT", 12), ("2026-07-12", 12), ("soon", None), ("", None)],
)
def test_the_sunset_header_is_read_in_either_form(header: str, day: int | None) -> None:
    answer = httpx.Response(200, json={"data": {"order": None}}, headers={"Sunset": header})
    found = told(answer).ask("{ order { total } }")
    assert (found.sunset and found.sunset.day) == day


def test_one_day_and_none_are_told_as_such() -> None:
    end = pendulum.datetime(2026, 7, 12)
    assert "in 1 day:" in sunset_warning("2026-01", end, end.subtract(hours=30))
    assert "in 0 days:" in sunset_warning("2026-01", end, end.subtract(hours=3))
    assert "was to end on 2026-07-12" in sunset_warning("2026-01", end, end.add(hours=3))
    assert sunset_warning("2026-01", None, end) == ""


@pytest.mark.parametrize("version", ["", "2026", "../orders", "2026-01/x"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match="ORDERGROOVE_GRAPHQL_VERSION"):
        told(httpx.Response(200), version=version)


def test_the_key_is_sent_to_the_host_and_told_to_nobody() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"Location": "https://elsewhere.test/graphql/"})

    transport = httpx.MockTransport(answer)
    client = GraphQL(base_url="https://one.test", key="s3cr3t", transport=transport)
    with pytest.raises(NoPage) as caught:
        client.ask("{ order { total } }")
    assert "s3cr3t" not in str(caught.value)
    assert [str(request.url) for request in seen] == ["https://one.test/graphql/2026-01/"]
    assert seen[0].headers["x-api-key"] == "s3cr3t"


def test_a_stop_ends_the_waiting() -> None:
    client = told(httpx.Response(503))
    client.stop.set()
    with pytest.raises(OrdergrooveError, match="Stopped"):
        client.ask("{ order { total } }")
