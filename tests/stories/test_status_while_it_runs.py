"""`status` while a run has the DuckDB file to itself: as of the run's last load."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.ordergroove.targets.holder import note_of
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Fault, Rules, Sandbox, World
from tests.stories.stage import Stage, staged

SILENT = "items"
"""The object type whose list does not answer: the run goes on for as long as a test needs."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    world = World(seed=6, customers=20, zone="America/New_York", days=100, alive=False)
    faults = [Fault(kind="timeout", entity=SILENT, seconds=600.0)]
    with staged(Sandbox(world, rules=Rules(is_ticking=True), faults=faults), tmp_path) as made:
        yield made


@contextmanager
def going_on(stage: Stage, *words: str) -> "Iterator[subprocess.Popen[str]]":
    process = stage.start(*words, chunk_seconds="0.2", read_timeout="600s")
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def status(stage: Stage) -> dict[str, Any]:
    done = stage.command("status", "--json")
    return {"code": done.returncode} | (json.loads(done.stdout) if done.stdout else {})


def until(stage: Stage, is_so: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    end = time.monotonic() + 120
    while not is_so(found := status(stage)):
        assert time.monotonic() < end, found
    return found


def live(told: dict[str, Any]) -> dict[str, int | None]:
    return {made["entity"]: made["live"] for made in told.get("entities", ())}


def has_orders(told: dict[str, Any]) -> bool:
    return bool(live(told).get("orders"))


def are_done(told: dict[str, Any]) -> bool:
    """All but the silent one."""
    ended = [made["last_run"] and made["last_run"]["status"] for made in told.get("entities", ())]
    return ended.count("done") == len(ENTITIES) - 1


def test_a_run_that_holds_the_file_has_left_word_of_what_it_loaded(stage: Stage) -> None:
    with going_on(stage, "sync") as running:
        told = until(stage, has_orders)
        shown = stage.command("status")
        old = stage.command("status", "--max-age", "26h")
        held = stage.command("query", "select 1")

    assert told["code"] == 0
    assert told["writer"]["pid"] == running.pid
    assert told["writer"]["command"] == "sync"
    assert told["writer"]["since"] <= told["writer"]["as_of"] <= told["at"]
    assert live(told)["orders"] == len(stage.truth("orders"))
    assert live(told)[SILENT] == 0
    assert {made["last_run"]["status"] for made in told["entities"]} == {"done", "running"}
    assert f"A sync of process {running.pid} is running since" in shown.stdout
    assert old.returncode == 5
    assert f"Older than 26h: {SILENT}." in old.stderr
    assert held.returncode == 4


def test_word_of_a_killed_run_is_not_taken_for_the_warehouse(stage: Stage) -> None:
    with going_on(stage, "sync"):
        until(stage, has_orders)
    assert note_of(stage.file).exists()

    told = status(stage)

    assert (told["code"], told["writer"]) == (0, None)
    assert {made["last_run"]["status"] for made in told["entities"]} == {"done", "crashed"}
    with duckdb.connect(str(stage.file)):
        refused = stage.command("status")
    assert refused.returncode == 4
    assert f"process {os.getpid()}" in refused.stderr


def test_a_first_run_that_has_loaded_nothing_yet_is_told_as_well(tmp_path: Path) -> None:
    world = World(seed=6, customers=5, zone="America/New_York", days=50, alive=False)
    silent = Sandbox(world, faults=[Fault(kind="timeout", seconds=600.0)])
    with staged(silent, tmp_path) as stage, going_on(stage, "sync"):
        told = until(stage, lambda told: told.get("writer"))

    assert told["runs"] == []
    assert set(live(told).values()) == {None}


def test_a_backfill_leaves_word_too_and_nothing_is_left_when_it_is_over(stage: Stage) -> None:
    with going_on(stage, "backfill", "--from", "2020-01-01", "--to", "2030-01-01"):
        told = until(stage, lambda told: told.get("writer"))
    assert told["writer"]["command"] == "backfill"

    stage.sandbox.trouble.faults = ()
    assert stage.command("sync").returncode == 0

    assert not note_of(stage.file).exists()
    assert status(stage)["writer"] is None


def test_word_that_is_garbage_is_no_word(stage: Stage) -> None:
    with going_on(stage, "sync") as running:
        # nothing more will be loaded: the word stays as it is
        until(stage, are_done)
        pid = running.pid
        for text in ("", "[]", '{"pid": 1}', f'{{"pid": {pid}, "since": "x", "word": 1}}'):
            note_of(stage.file).write_text(text)
            done = stage.command("status")
            assert done.returncode == 4
            assert "Traceback" not in done.stderr
