"""The same merchant in every engine: each table equals the truth, column by column."""

import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pendulum
import pytest

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Rules, Sandbox, World
from tests.simulation.older import without_packages
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage, assert_true, staged
from tests.stories.test_truth import deleted

NOW = dt.datetime(2035, 3, 9, 20, tzinfo=dt.UTC)
ROUNDS = int(os.environ.get("ROUNDS", "6"))
"""Of changes; `make test-targets` plays more."""


@pytest.fixture
def stage(tmp_path: Path, destination: str) -> Iterator[Stage]:
    world = World(seed=5, customers=6, zone="America/New_York", now=NOW, days=90)
    sandbox = Sandbox(world, rules=Rules())
    with staged(sandbox, tmp_path, destination=destination) as made:
        yield made


def run(stage: Stage) -> None:
    made = stage.sync(now=pendulum.instance(stage.world.now))
    assert made.exit_code() == 0, [str(p.error) for p in made.failures]


def test_first_load_and_rounds_of_changes_equal_the_truth_and_twice_is_once(stage: Stage) -> None:
    rng = Random(11)
    run(stage)
    assert_true(stage, ghosts={})
    for _ in range(ROUNDS):
        before = {name: stage.truth(name) for name in ENTITIES}
        stage.world.advance(hours=rng.choice((1, 5, 26)))
        something_happens(stage.world, rng, 12)
        run(stage)
        changed = [name for name in ENTITIES if stage.truth(name) != before[name]]
        assert_true(stage, names=changed, ghosts=deleted(stage.world))
    assert_true(stage, ghosts=deleted(stage.world))
    first = {name: stage.rows(name) for name in ENTITIES}
    run(stage)
    assert {name: stage.rows(name) for name in ENTITIES} == first


def test_what_an_older_release_has_made_is_taken_over(stage: Stage) -> None:
    assert_taken_over(stage, run)


def assert_taken_over(stage: Stage, run: Callable[[Stage], None]) -> None:
    """A run of an older release, a few changes, then a run of this one."""
    with without_packages():
        run(stage)
    stage.world.advance(hours=5)
    something_happens(stage.world, Random(3), 10)
    run(stage)
    assert_true(stage, ghosts=deleted(stage.world))
