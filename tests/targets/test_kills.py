"""The plug is pulled while each engine is loading: readers see whole tables, and nothing is lost.

The DuckDB file has a story of its own, with many more kills (stories/test_crash.py).
"""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Rules, Sandbox, World
from tests.stories.stage import Stage, assert_true, staged

KILLS = 2
CHUNK_S = "0.2"


pytestmark = pytest.mark.parametrize("engine", ["sqlite", "postgres", "mariadb"])


@pytest.fixture
def stage(destination: str, tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=17, customers=100, zone="America/New_York", days=300)
    sandbox = Sandbox(world, rules=Rules(is_ticking=True))
    with staged(sandbox, tmp_path, delay_s=0.02, destination=destination) as made:
        yield made


def killed_sync(stage: Stage, after_s: float) -> None:
    process = stage.start("sync", "--full-refresh", chunk_seconds=CHUNK_S)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)


def finished_sync(stage: Stage) -> float:
    began = time.monotonic()
    done = stage.command("sync", chunk_seconds=CHUNK_S)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def counts(stage: Stage) -> dict[str, int]:
    return {name: len(stage.rows(name)) for name in ENTITIES}


@pytest.mark.slow
def test_a_load_that_is_killed_is_never_seen_half_merged(stage: Stage) -> None:
    rng = Random(stage.destination[:6])
    took_s = finished_sync(stage)
    before = counts(stage)
    for _ in range(KILLS):
        # every row of every table is merged again, over the one that is there
        killed_sync(stage, took_s * rng.uniform(0.4, 0.95))
        assert counts(stage) == before
        assert_true(stage, ghosts={})
    finished_sync(stage)
    assert_true(stage, ghosts={})


@pytest.mark.slow
def test_a_first_load_that_is_killed_goes_on_and_ends_right(stage: Stage) -> None:
    rng = Random(stage.destination[:6])
    for _ in range(KILLS):
        killed_sync(stage, 1.5 + rng.uniform(0, 3))
        for name in stage.tables() & ENTITIES.keys():
            truth = stage.truth(name)
            assert all(truth[key] == row for key, row in stage.rows(name).items())
    finished_sync(stage)
    assert_true(stage, ghosts={})
