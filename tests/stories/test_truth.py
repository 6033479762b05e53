"""Nothing is missed: after every run the warehouse equals what the API showed before it."""

import datetime as dt
from pathlib import Path
from random import Random
from typing import Any

import pendulum
import pytest

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Call, Rules, Sandbox, World
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage, assert_true, staged

# both clock changes lie inside; far enough ahead that no machine's clock is there yet
SPRING = dt.datetime(2035, 3, 9, 20, tzinfo=dt.UTC)
AUTUMN = dt.datetime(2035, 11, 2, 20, tzinfo=dt.UTC)
ROUNDS = 7
CHANCE_WHILE_PAGING = 0.15
MARKED = "select public_id from {name} where _deleted_at is not null"

SCENES = [
    # the server's zone, the day, our clock's lead in seconds, the setting
    ("America/New_York", SPRING, 0, "America/New_York"),
    ("America/New_York", AUTUMN, 0, "America/New_York"),
    ("America/Chicago", SPRING, 600, "America/New_York"),
    ("America/Chicago", AUTUMN, -600, "America/Chicago"),
    ("EST", SPRING, -600, "America/New_York"),
    ("EST", AUTUMN, 600, "America/New_York"),
    ("America/New_York", AUTUMN, 600, "America/Chicago"),
    ("America/Chicago", SPRING, 0, "EST"),
]


@pytest.mark.parametrize(("server_zone", "day", "lead_s", "setting"), SCENES)
def test_every_round_of_changes_is_in_the_warehouse_after_the_next_run(
    tmp_path: Path, server_zone: str, day: dt.datetime, lead_s: int, setting: str
) -> None:
    rng = Random(f"{server_zone} {day} {lead_s} {setting}")
    world = World(seed=5, customers=25, zone=server_zone, now=day, days=90)

    def while_paging(world: Any, call: Call) -> None:
        if rng.random() < CHANCE_WHILE_PAGING:
            something_happens(world, rng, 1)
            world.advance(seconds=rng.randint(0, 20))

    sandbox = Sandbox(world, rules=Rules(newest_first=rng.random() < 0.5))
    with staged(sandbox, tmp_path) as stage:
        run_at(stage, lead_s, setting)
        assert_true(stage, zone=setting)
        for _ in range(ROUNDS):
            began = world.now
            world.advance(hours=rng.choice((0, 1, 2, 5, 11, 26)))
            something_happens(world, rng, rng.randint(1, 12))
            sandbox.on_page = while_paging
            run_at(stage, lead_s, setting)
            sandbox.on_page = None
            before = len(sandbox.calls)
            # what changed while the pages were read is the next run's
            run_at(stage, lead_s, setting)
            assert_true(stage, zone=setting, ghosts=deleted(world))
            assert_marked(stage)
            assert_only_the_window(stage, before, began)


def run_at(stage: Stage, lead_s: int, setting: str) -> None:
    now = pendulum.instance(stage.world.now).add(seconds=lead_s)
    run = stage.sync(now=now, timezone=setting)
    assert run.exit_code() == 0, [str(p.error) for p in run.failures]


def is_sweep(call: Call) -> bool:
    """Whether the request serves deletions alone: a single object, or a list of one status."""
    return call.path_key is not None or "status" in dict(call.query)


def assert_marked(stage: Stage) -> None:
    """Orders and items that are no longer there are marked, and no others are."""
    for name in ("orders", "items"):
        marked = {key for (key,) in stage.query(MARKED.format(name=name))}
        there = {key for (key,) in stage.truth(name)}
        gone = {key for (key,) in stage.rows(name)} - there
        assert marked == gone, name


def deleted(world: World) -> dict[str, set[Any]]:
    """Keys of what is gone: its rows stay, marked."""
    gone: dict[str, set[Any]] = {}
    for entry in world.deleted:
        gone.setdefault(entry.entity, set()).add(entry.key)
    return gone


def assert_only_the_window(stage: Stage, before: int, began: dt.datetime) -> None:
    """No list with a change filter was asked for more than the last run's start calls for."""
    # two hours of overlap, one of doubt about the zone, another for the clock change, the skew
    earliest = (began - dt.timedelta(hours=2 + 7 + 1, minutes=11)).replace(tzinfo=None)
    windows = [call for call in stage.calls_since(before) if not is_sweep(call)]
    for call in windows:
        changes = ENTITIES[str(call.entity)].changes
        if changes is not None and "cursor" not in dict(call.query):
            start = dt.datetime.fromisoformat(dict(call.query)[changes.start])
            assert start >= earliest, f"{call.entity} was asked from {start} on, {began} would do"
