"""`ordergroove graphql` as people type it, over loopback."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sources.ordergroove.sandbox import Fault, Rules, Sandbox, World
from tests.stories.stage import Stage, staged

NOW = datetime(2026, 6, 2, 15, tzinfo=UTC)
QUERY = "query($id: String!) { order(publicId: $id) { total customer { merchantUserId } } }"


def world(now: datetime | None = NOW) -> World:
    return World(seed=3, customers=3, now=now, days=60)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(Sandbox(world()), tmp_path_factory.mktemp("graphql")) as stage:
        yield stage


def test_a_query_prints_its_data_as_json_and_its_cost_beside(stage: Stage) -> None:
    order = stage.world.rows("orders")[0].record
    variables = json.dumps({"id": order["public_id"]})
    done = stage.command("graphql", QUERY, "--variables", variables)

    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        {"order": {"total": order["total"], "customer": {"merchantUserId": order["customer"]}}},
    )
    assert "7 of 200 points, 3 of 9 deep" in done.stderr
    assert list(stage.directory.iterdir()) == []


def test_json_holds_data_cost_and_sunset(stage: Stage) -> None:
    done = stage.command("graphql", "{ orders(first: 1) { edges { cursor } } }", "--json")
    told = json.loads(done.stdout)

    assert set(told) == {"data", "cost", "sunset"}
    assert told["cost"]["points"] == 6
    assert done.stderr == ""


def test_a_dry_run_counts_and_sends_nothing(stage: Stage) -> None:
    before = len(stage.sandbox.calls)
    done = stage.command("graphql", QUERY, "--dry-run")

    assert done.returncode == 0
    assert done.stdout.startswith("7 of 200 points")
    assert len(stage.sandbox.calls) == before


def test_what_is_over_the_limits_is_refused_with_its_costliest_branches(stage: Stage) -> None:
    before = len(stage.sandbox.calls)
    fields = " ".join(f"f{number}" for number in range(200))
    done = stage.command("graphql", f"{{ order(publicId: 1) {{ total items {{ {fields} }} }} }}")

    assert done.returncode == 2
    assert "order.items (205)" in done.stderr
    assert "Nothing was sent." in done.stderr
    assert len(stage.sandbox.calls) == before


def test_what_the_server_refuses_is_told_without_a_traceback(stage: Stage) -> None:
    done = stage.command("graphql", '{ order(publicId: "a") { totl } }')
    assert (done.returncode, done.stdout) == (1, "")
    assert "totl" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_key_ends_with_seven(stage: Stage) -> None:
    done = stage.command("graphql", '{ order(publicId: "a") { total } }', api_key="another")
    assert done.returncode == 7
    assert "another" not in done.stderr


def test_a_server_in_trouble_ends_with_six(tmp_path: Path) -> None:
    with staged(Sandbox(world(), faults=[Fault(kind="503")]), tmp_path) as stage:
        query = '{ order(publicId: "a") { total } }'
        done = stage.command("graphql", query, "--retry-limit", "0.2s")
    assert done.returncode == 6


def test_the_end_of_a_version_is_told_before_and_after(tmp_path: Path) -> None:
    sunsets = {
        "2026-01": datetime.now(UTC) + timedelta(days=40, hours=5),
        "2025-01": NOW,
    }
    with staged(Sandbox(world(None), rules=Rules(sunsets=sunsets)), tmp_path) as stage:
        query = '{ order(publicId: "a") { total } }'
        soon = stage.command("graphql", query)
        over = stage.command("graphql", query, "--graphql-version", "2025-01")

    assert (soon.returncode, over.returncode) == (0, 2)
    assert "in 40 days" in soon.stderr
    assert "ORDERGROOVE_GRAPHQL_VERSION=2026-01" in over.stderr
