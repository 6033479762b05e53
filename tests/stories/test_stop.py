"""Stopping costs next to nothing: what was read is kept, and the next run goes on from there."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import pytest

from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.run import Run
from pipelines.ordergroove.sync import sync
from pipelines.ordergroove.warehouse import Warehouse, opened, scratch_in
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Fault, Rules, Sandbox, World
from tests.stories.stage import Stage, assert_true, staged

if TYPE_CHECKING:
    from dlt import Pipeline

PATIENCE_S = 120.0
"""How long a stop may take on a busy machine; what it does not wait for takes longer."""

BY_SIGNAL = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=6, customers=150, zone="America/New_York", days=400, alive=False)


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Iterator[Stage]:
    with staged(Sandbox(world, rules=Rules(is_ticking=True)), tmp_path, delay_s=0.15) as made:
        yield made


def until(happens: Callable[[], object], seconds: float = 120.0) -> None:
    """Waits until something is true."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it never happened"
        pause.wait(0.02)


def pages_asked(stage: Stage, entity: str) -> int:
    return sum(call.entity == entity for call in stage.sandbox.calls)


def stopped_at(
    stage: Stage, pages: int, number: signal.Signals
) -> "subprocess.CompletedProcess[str]":
    """A first sync that a signal meets when it asks for that page of the items."""
    process = stage.start("sync", chunk_seconds="0.5")
    until(lambda: pages_asked(stage, "items") >= pages)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@BY_SIGNAL
def test_a_first_load_that_is_stopped_keeps_what_it_read_and_the_next_goes_on(
    stage: Stage, number: signal.Signals
) -> None:
    done = stopped_at(stage, 8, number)

    assert done.returncode == 128 + number
    assert "Traceback" not in done.stderr
    assert "Stopped by a signal. Run the same command again to go on." in done.stdout
    assert_kept(stage)
    assert_goes_on(stage)


def assert_kept(stage: Stage) -> None:
    """What was handed over is in the tables, as the sandbox has it, and so is what is left."""
    truth, rows = stage.truth("items"), stage.rows("items")
    assert rows
    assert len(rows) < len(truth)
    assert all(truth[key] == row for key, row in rows.items())
    assert stage.query(
        "select status, finished_at is null from sync_runs where entity = 'items'"
    ) == [("partial", False)]
    assert stage.query("select count(*) from sync_runs where status = 'running'") == [(0,)]


def assert_goes_on(stage: Stage) -> None:
    with opened(stage.settings(), read_only=True) as warehouse:
        window = warehouse.positions()["items"]["window"]
    before = len(stage.sandbox.calls)

    assert stage.command("sync").returncode == 0

    again = [call for call in stage.calls_since(before) if call.entity == "items"]
    assert sorted(again[0].query) == sorted(httpx.URL(window["next"]).params.multi_items())
    assert_true(stage)


class Interrupted(Warehouse):
    """A warehouse whose first load is met by a signal."""

    def __init__(self, warehouse: Warehouse, stop: threading.Event) -> None:
        super().__init__(warehouse.engine, warehouse.path)
        self.stop = stop

    def pipeline(self, scratch: Path) -> "Pipeline":
        made = super().pipeline(scratch)
        load = made.run

        def run(*args: Any, **given: Any) -> Any:
            self.stop.set()
            return load(*args, **given)

        made.run = run  # type: ignore[method-assign]
        return made


def test_a_signal_that_meets_a_load_is_told_by_the_exit_code(stage: Stage) -> None:
    settings = stage.settings(chunk_seconds="0.2")
    client = client_for(settings)
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        run = sync(
            settings,
            settings.entities,
            warehouse=Interrupted(warehouse, client.stop),
            scratch=scratch,
            client=client,
            stopped_by=lambda: 15 if client.stop.is_set() else None,
        )

    assert run.progress["items"].status == "partial"
    assert run.exit_code() == 143


def test_a_stop_before_the_merchant_is_known_writes_nothing(world: World, tmp_path: Path) -> None:
    with staged(Sandbox(world), tmp_path) as ours:
        assert ours.sync().exit_code() == 0
        before = ours.rows("payments")
    # whatever tells whose records they are does not answer
    silent = [Fault(kind="timeout", entity=n) for n, e in ENTITIES.items() if e.has_merchant]
    other = World(seed=7, customers=5, zone="America/New_York", days=30, alive=False)
    with staged(Sandbox(other, faults=silent), tmp_path) as theirs:
        run = stopped_by_hand(theirs, lambda run: run.progress["payments"].pages)

        assert run.exit_code() == 143
        assert theirs.rows("payments") == before


def stopped_by_hand(stage: Stage, is_time: Callable[[Run], object]) -> Run:
    """A run inside this process that is stopped as soon as it is time."""
    settings = stage.settings()
    client = client_for(settings)

    def look(run: Run) -> None:
        if is_time(run):
            client.stop.set()

    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        return sync(
            settings,
            settings.entities,
            warehouse=warehouse,
            scratch=scratch,
            client=client,
            stopped_by=lambda: 15 if client.stop.is_set() else None,
            on_change=look,
        )


def test_a_stop_before_anything_was_read_writes_nothing(world: World, tmp_path: Path) -> None:
    silent = Sandbox(world, faults=[Fault(kind="timeout", seconds=2 * PATIENCE_S)])
    with staged(silent, tmp_path) as stage:
        process = stage.start("sync", read_timeout="10m")
        until(lambda: len(stage.sandbox.calls) >= len(ENTITIES))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 143
    assert "Traceback" not in err
    assert "before everything was loaded" not in err
    with duckdb.connect(str(stage.file), read_only=True) as connection:
        assert connection.execute("show all tables").fetchall() == []


def test_a_back_off_is_abandoned(world: World, tmp_path: Path) -> None:
    patient = Sandbox(world, faults=[Fault(kind="503", retry_after=int(2 * PATIENCE_S))])
    with staged(patient, tmp_path) as stage:
        process = stage.start("sync", retry_limit="10m")
        until(lambda: len(stage.sandbox.calls) >= len(ENTITIES))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 143


@BY_SIGNAL
def test_a_second_signal_ends_at_once_and_the_next_run_goes_on(
    stage: Stage, number: signal.Signals
) -> None:
    process = stage.start("sync", chunk_seconds="0.5")
    until(lambda: pages_asked(stage, "items") >= 8)
    process.send_signal(number)
    process.send_signal(signal.SIGTERM if number == signal.SIGINT else signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode in (130, 143)
    assert "Traceback" not in err
    assert stage.command("sync").returncode == 0
    assert_true(stage)


def test_a_stop_publishes_no_copy(stage: Stage, tmp_path: Path) -> None:
    process = stage.start("sync", chunk_seconds="0.5", publish=str(tmp_path / "bi" / "copy.duckdb"))
    until(lambda: pages_asked(stage, "items") >= 8)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 143
    assert not (tmp_path / "bi").exists()


def test_waiting_for_a_held_warehouse_ends_with_the_signal(stage: Stage) -> None:
    with duckdb.connect(str(stage.file)):
        process = stage.start("sync", "--lock-timeout", "10m")
        assert process.stderr is not None
        # it tells whom it waits for
        assert "holds the warehouse" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 143
    assert "Traceback" not in err
    assert stage.sandbox.calls == []
