"""A crash costs time, not data: the plug is pulled at random moments of a first load."""

import signal
import subprocess
import time
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import httpx
import pytest

from pipelines.ordergroove.warehouse import opened
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Rules, Sandbox, World
from tests.stories.deeds import something_happens
from tests.stories.stage import Stage, assert_true, staged
from tests.stories.test_truth import deleted

KILLS = 20
CHUNK_S = "0.2"
DELAY_S = 0.1


@pytest.fixture(scope="module")
def first_load_s(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long an undisturbed first load takes here: kills are spread over that time."""
    with staged(merchant(0), tmp_path_factory.mktemp("calm"), delay_s=DELAY_S) as stage:
        began = time.monotonic()
        assert stage.command("sync", chunk_seconds=CHUNK_S).returncode == 0
        return time.monotonic() - began


def merchant(seed: int) -> Sandbox:
    world = World(seed=seed, customers=100, zone="America/New_York", days=400)
    return Sandbox(world, rules=Rules(is_ticking=True))


@pytest.mark.parametrize("number", range(KILLS))
def test_a_first_load_that_was_killed_ends_as_if_nothing_had_happened(
    tmp_path: Path, first_load_s: float, number: int
) -> None:
    rng = Random(number)
    with staged(merchant(number), tmp_path, delay_s=DELAY_S) as stage:
        kill_after(stage, first_load_s * rng.uniform(0.2, 0.95))
        assert_whole_or_absent(stage)
        saved = positions(stage)
        before = len(stage.sandbox.calls)
        if number % 3 == 0:
            stage.world.advance(days=1)
            something_happens(stage.world, rng, 10)

        done = stage.command("sync", chunk_seconds=CHUNK_S)

        assert done.returncode == 0, done.stderr
        assert_true(stage, ghosts=deleted(stage.world))
        assert stage.query("select count(*) from sync_runs where status = 'running'") == [(0,)]
        for name, entity in ENTITIES.items():
            if entity.is_incremental:
                assert_goes_on(stage, before, name, saved.get(name, {}))


def kill_after(stage: Stage, seconds: float) -> None:
    process = stage.start("sync", chunk_seconds=CHUNK_S)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)


def assert_whole_or_absent(stage: Stage) -> None:
    """What a reader sees after the kill is a table of whole rows, each as the sandbox has it."""
    for name in tables_of(stage):
        truth = stage.truth(name)
        for key, row in stage.rows(name).items():
            assert truth[key] == row


def tables_of(stage: Stage) -> list[str]:
    if not stage.file.exists():
        return []
    with duckdb.connect(str(stage.file), read_only=True) as connection:
        found = connection.execute("select schema, name from (show all tables)").fetchall()
    return [name for schema, name in found if schema == "ordergroove" and name in ENTITIES]


def positions(stage: Stage) -> dict[str, dict[str, Any]]:
    """Where each entity was, by the last package that was committed."""
    if not stage.file.exists():
        return {}
    with opened(stage.settings(), read_only=True) as warehouse:
        return warehouse.positions()


def assert_goes_on(stage: Stage, before: int, name: str, saved: dict[str, Any]) -> None:
    """The second run went on where the last package had left off.

    How far that may be behind what was read is counted in targets/test_crash_matrix.py.
    """
    again = [call for call in stage.calls_since(before) if call.entity == name]
    window = saved.get("window")
    if window and window["next"]:
        asked = httpx.URL(window["next"]).params.multi_items()
        assert sorted(again[0].query) == sorted(asked)
    elif saved.get("watermark"):
        assert len(again[0].query) > 1, "a finished window was read again from its beginning"
