"""The plug is pulled at each named point, on each engine: nothing half-merged, next run right.

What is lost is counted: pages that were read and have to be read again. `pytest -s` shows how many.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx
import pendulum
import pytest

from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.warehouse import opened
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Call, Sandbox, World
from sources.ordergroove.trail import place_of
from state.ordergroove.watermark import position_of
from tests.simulation.child import Deed
from tests.simulation.forks import outcome
from tests.simulation.plug import POINTS
from tests.simulation.scene import CHANGES, SETTING
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage, assert_true, staged
from tests.stories.test_truth import deleted

INCREMENTAL = [name for name, entity in ENTITIES.items() if entity.is_incremental]
NAMES = (*INCREMENTAL, "cancel_reasons")
KILLED = -9

PASSED_BEFORE = {
    "between pages": 20,
    "after extract": 3,
    "in normalize": 3,
    "before the merge": 6,
    "in the merge": 6,
    "after the merge": 6,
    "before the package is done": 3,
    "after the package is done": 3,
}
"""How often a point is come to before the plug is pulled there: in the middle of the run."""

PAGES_A_CHUNK = 3
"""Of a run in pieces."""

ON_THEIR_WAY = 2
"""A page that waits for room in the queue, and one that is being asked for."""


@pytest.fixture
def stage(destination: str, tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=17, customers=6, zone=SETTING, now=CHANGES[0], days=60)
    with staged(Sandbox(world), tmp_path, destination=destination) as made:
        yield made


def run(stage: Stage, ask: Ask, names: tuple[str, ...] = NAMES, **more: Any) -> int:
    """One sync in a process of its own; its exit code, negative for a signal."""
    return outcome(
        Deed(
            url=stage.url,
            destination=stage.destination,
            directory=stage.directory,
            state_dir="state",
            now=stage.world.now.isoformat(),
            names=names,
            ask=ask,
            **more,
        )
    )


@pytest.mark.slow
def test_a_plug_pulled_anywhere_leaves_whole_tables_and_the_next_run_ends_right(
    stage: Stage,
) -> None:
    rng = Random(1)
    assert run(stage, Ask(named=True)) == 0
    for point in POINTS:
        if point == "between two turns":
            continue
        stage.world.advance(hours=1)
        something_happens(stage.world, rng, 6)
        before = {name: stage.rows(name) for name in NAMES}
        after = {name: stage.truth(name) for name in NAMES}
        began = len(stage.sandbox.calls)

        nth = PASSED_BEFORE.get(point, 1)
        code = run(stage, Ask(full_refresh=True), point=point, nth=nth, is_in_pieces=True)

        assert code == KILLED, f"{point}: was not come to"
        for name in NAMES:
            found = stage.rows(name)
            assert before[name].keys() <= found.keys(), f"{point}: {name} lacks rows"
            for key, row in found.items():
                assert row in (before[name].get(key), after[name].get(key)), f"{point}: {name}"
        lost = pages_lost(stage, stage.calls_since(began))
        print(f"{point}: {sum(lost.values())} pages, most of one: {max(lost.values())}")  # noqa: T201 - it is read for that
        assert max(lost.values()) <= 2 * PAGES_A_CHUNK + ON_THEIR_WAY, f"{point}: {lost}"

        assert run(stage, Ask(named=True)) == 0
        assert_true(stage, names=NAMES, ghosts=deleted(stage.world))


def test_the_merge_of_no_table_is_seen_half(stage: Stage) -> None:
    names = ("orders", "items")
    assert run(stage, Ask(named=True), names) == 0
    before = {name: stage.rows(name).keys() for name in names}
    for nth in itertools.count(1):
        code = run(stage, Ask(full_refresh=True), names, point="in the merge", nth=nth)
        if code != KILLED:
            break
        for name in names:
            assert stage.rows(name).keys() == before[name], f"{name}, in merge {nth}"
    assert code == 0
    assert nth > len(names)


def test_what_a_run_said_of_itself_is_not_believed_where_the_plug_was_pulled(stage: Stage) -> None:
    names = ("orders", "items")
    lately = Ask(since=pendulum.instance(stage.world.now).subtract(days=20), named=True)
    assert run(stage, lately, names) == 0
    for nth in itertools.count(1):
        done = count(stage, "sync_runs", "status = 'done'")
        code = run(stage, Ask(full_refresh=True), names, point="in the merge", nth=nth)
        assert code in (0, KILLED)
        if watermarks(stage):
            break
        assert run(stage, lately, names) == 0
        wholes = count(stage, "sync_windows", "since is null")
        assert wholes == 0, f"read to the end, says the plug in merge {nth}"
        done = count(stage, "sync_runs", "status = 'done'") - done
        assert done == len(names), f"done, says the plug in merge {nth}"
    assert nth > len(names)
    assert count(stage, "sync_windows", "since is null") == len(names)


def test_what_a_killed_run_has_loaded_is_older_than_the_next_one_though_clocks_stand_still(
    stage: Stage,
) -> None:
    names = ("orders",)
    assert run(stage, Ask(named=True), names) == 0
    last = "order by _synced_at desc limit 1"
    ((before,),) = ask(stage, "orders", "_synced_at", last)
    pulled = {"point": "before the package is done", "is_in_pieces": True}
    assert run(stage, Ask(full_refresh=True), names, **pulled) == KILLED
    ((order, loaded),) = ask(stage, "orders", "public_id, _synced_at", f"where status = 1 {last}")
    assert loaded > before
    stage.world.delete_order(order)

    assert run(stage, Ask(named=True), names) == 0

    assert ask(stage, "orders", "public_id", "where _deleted_at is not null") == [(order,)]


def watermarks(stage: Stage) -> int:
    """How many object types have been read to their end, says what positions are taken from."""
    with opened(stage.settings(), read_only=True) as warehouse:
        return sum("watermark" in position for position in warehouse.positions().values())


def count(stage: Stage, table: str, condition: str) -> int:
    ((number,),) = ask(stage, table, "count(*)", f"where {condition}")
    return int(number)


def ask(stage: Stage, table: str, what: str, which: str) -> list[tuple[Any, ...]]:
    with opened(stage.settings(), read_only=True) as warehouse:
        return warehouse.rows(f"select {what} from {warehouse.table(table)} {which}")


def pages_lost(stage: Stage, calls: Sequence[Call]) -> dict[str, int]:
    """Pages that the killed run had asked for and that lie behind its position, by object type."""
    with opened(stage.settings(), read_only=True) as warehouse:
        positions = warehouse.positions()
    now = pendulum.instance(stage.world.now)
    lost = {}
    for name in INCREMENTAL:
        pages = [place(call.query) for call in calls if call.entity == name and call.is_list]
        position = position_of(ENTITIES[name], positions.get(name))
        window = position.window
        if position.watermark == now:
            lost[name] = 0
        elif window is None or window.opened_at != now:
            lost[name] = len(pages)
        else:
            after = place(httpx.URL(window.next or "").params.multi_items())
            lost[name] = len(pages) - pages.index(after) if after in pages else 0
    return lost


def place(query: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """A query without the order of its parts, with the cursor that a position would have of it."""
    whole = place_of(f"?{urlencode([*query])}").whole
    return sorted(httpx.URL(whole).params.multi_items())
