"""The main story, over real HTTP: everything at first, and only what changed tomorrow."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.run import Run
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Call, Rules, Sandbox, World
from state.ordergroove.ledger import LEDGER
from tests.stories.stage import Stage, assert_true, staged

INCREMENTAL = [name for name, entity in ENTITIES.items() if entity.is_incremental]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=3, customers=40, zone="America/New_York", days=120, alive=False)
    # history ends a day ago: nothing of it lies in the second run's overlap
    world.advance(hours=20)
    sandbox = Sandbox(world, rules=Rules(is_ticking=True))
    with staged(sandbox, tmp_path, delay_s=0.01) as made:
        yield made


def test_a_first_sync_brings_every_record_of_every_entity_in_all_its_columns(stage: Stage) -> None:
    run = stage.sync()

    assert run.exit_code() == 0
    assert_true(stage, ghosts={})


def test_tables_are_there_even_when_nothing_is_in_them(stage: Stage) -> None:
    stage.sync("cancel_reasons")

    found = stage.query(
        "select table_name from information_schema.tables where table_schema = 'ordergroove'"
    )
    assert {*ENTITIES, *LEDGER} <= {name for (name,) in found}


def test_syncing_twice_changes_nothing_but_when_rows_were_synced(stage: Stage) -> None:
    stage.sync()
    first = contents(stage)

    stage.sync()

    assert contents(stage) == first


def test_nothing_new_costs_one_request_for_each_incremental_entity(stage: Stage) -> None:
    stage.sync()
    before = len(stage.sandbox.calls)

    stage.sync(ask=Ask(sweep=False))

    asked = by_entity(stage.calls_since(before))
    for name in INCREMENTAL:
        assert len(asked[name]) == 1
        changes = ENTITIES[name].changes
        assert changes is not None
        assert changes.start in dict(asked[name][0].query)


def test_a_run_is_polite(stage: Stage) -> None:
    stage.sync()

    calls = by_entity(stage.sandbox.calls)
    for mine in calls.values():
        for earlier, later in pairwise(mine):
            assert later.started >= earlier.ended, "two requests of one entity were in flight"
    assert most_at_once(stage.sandbox.calls) >= 3, "entities are read side by side"
    for call in stage.sandbox.calls:
        assert call.headers["x-og-api-version"] == "2"
        assert "cursor" in dict(call.query) or dict(call.query)["page_size"] == "100"


def test_each_run_leaves_a_row_for_each_entity(stage: Stage) -> None:
    run = stage.sync()

    found = stage.query("select entity, status, rows, finished_at is null from sync_runs")
    assert sorted(found) == sorted(
        (name, "done", len(stage.rows(name)), False) for name in ENTITIES
    )
    windows = stage.query("select entity, since, until from sync_windows")
    opened_at = {name: window_end(run, name) for name in ENTITIES}
    assert {name: (since, until.timestamp()) for name, since, until in windows} == {
        name: (None, pytest.approx(opened_at[name])) for name in ENTITIES
    }


def window_end(run: Run, name: str) -> float:
    window = run.progress[name].window
    assert window is not None
    return window.opened_at.timestamp()


def contents(stage: Stage) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: stage.query(f"select * exclude (_synced_at) from {name} order by all")
        for name in ENTITIES
    }


def by_entity(calls: Iterable[Call]) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        found[str(call.entity)].append(call)
    return found


def most_at_once(calls: list[Call]) -> int:
    """The largest number of requests that were in flight at the same time."""
    edges = sorted([(call.started, 1) for call in calls] + [(call.ended, -1) for call in calls])
    flying = most = 0
    for _, step in edges:
        flying += step
        most = max(most, flying)
    return most
