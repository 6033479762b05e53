"""The DuckDB file: who may open it, what is refused, and what a run leaves beside it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pendulum
import pytest
from filelock import FileLock

from pipelines.ordergroove.loading import Chunk, load
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.settings import load as settings_for
from pipelines.ordergroove.warehouse import (
    Warehouse,
    file_of,
    opened,
    published,
    scratch_in,
    why_closed,
)
from sources.ordergroove.errors import ConfigError, Held, OrdergrooveError
from state.ordergroove.ledger import LEDGER

NOW = pendulum.datetime(2026, 6, 10, 14)
HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("holding", flush=True)
sys.stdin.read()
"""


def settings_in(directory: Path, **flags: str) -> Settings:
    given = {"destination": f"duckdb:///{directory}/warehouse.duckdb"} | flags
    return settings_for(given, {}, directory, directory)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@contextmanager
def held(file: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another program that has the file open until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def loaded(settings: Settings) -> None:
    """A warehouse with the tables of the ledger, and one finished run."""
    row = dict.fromkeys(LEDGER["sync_runs"].schema.names)
    row |= {"run_id": "r1", "entity": "orders", "status": "done", "finished_at": NOW}
    with opened(settings) as warehouse, scratch_in(settings.state_dir) as scratch:
        chunk = Chunk(ledger={"sync_runs": [row]})
        assert load(warehouse.pipeline(scratch), chunk, create=[*LEDGER, "orders"]) == {}


@pytest.mark.parametrize("address", ["postgresql://ann:hush@host/db", "sqlite:///file.db"])
def test_what_needs_a_duckdb_file_takes_no_other_and_shows_no_password(
    tmp_path: Path, address: str
) -> None:
    with pytest.raises(ConfigError, match="is no DuckDB file") as caught:
        file_of(settings_in(tmp_path, destination=address))
    assert "hush" not in str(caught.value)
    assert "duckdb:///warehouse.duckdb" in caught.value.do


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("duckdb:///", "names no file"),
        ("sqlite://", "names no SQLite file"),
        ("oracle://ann:hush@host/db", "begin with oracle: are not known"),
    ],
)
def test_an_address_of_no_known_place_is_refused(tmp_path: Path, address: str, what: str) -> None:
    with (
        pytest.raises(ConfigError, match=what) as caught,
        opened(settings_in(tmp_path, destination=address)),
    ):
        pass
    assert "hush" not in str(caught.value)


def test_directories_on_the_way_to_the_file_are_made(tmp_path: Path) -> None:
    file = tmp_path / "new" / "deep" / "warehouse.duckdb"
    with opened(settings_in(tmp_path, destination=f"duckdb:///{file}")):
        assert file.exists()


def test_reading_makes_no_file(settings: Settings) -> None:
    with (
        pytest.raises(ConfigError, match="There is no warehouse"),
        opened(settings, read_only=True),
    ):
        pass
    assert not file_of(settings).exists()


def test_a_file_that_is_held_is_refused_with_the_process_that_holds_it(settings: Settings) -> None:
    with (
        held(file_of(settings)) as holder,
        pytest.raises(Held, match=f"process {holder.pid},") as caught,
        opened(settings),
    ):
        pass
    assert caught.value.exit_code == 4
    assert str(file_of(settings)) in caught.value.what


def test_a_held_file_is_had_when_the_holder_lets_go_in_time(settings: Settings) -> None:
    with held(file_of(settings)) as holder:
        assert holder.stdin is not None
        letting_go = threading.Timer(0.2, holder.stdin.close)
        letting_go.start()
        with opened(settings, lock_timeout_s=30) as warehouse:
            assert warehouse.tables() == set()


def test_a_signal_ends_the_wait_for_a_held_file(settings: Settings) -> None:
    stop = threading.Event()
    stop.set()
    with (
        held(file_of(settings)),
        pytest.raises(Held),
        opened(settings, lock_timeout_s=600, stop=stop),
    ):
        pass


def test_a_file_that_is_no_warehouse_is_refused(settings: Settings) -> None:
    file_of(settings).write_text("not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(ConfigError, match="cannot be opened") as caught, opened(settings):
        pass
    assert caught.value.exit_code == 2


def test_a_file_is_not_called_held_because_of_its_name(tmp_path: Path) -> None:
    file = tmp_path / "clockwork" / "blocked.duckdb"
    file.parent.mkdir()
    file.write_text("not a database, but long enough to be looked at as one" * 100)
    with (
        pytest.raises(ConfigError, match="cannot be opened"),
        opened(settings_in(tmp_path, destination=f"duckdb:///{file}")),
    ):
        pass


def test_a_holder_that_is_not_named_is_another_program() -> None:
    error = why_closed(Path("w.duckdb"), 'IO Error: Could not set lock on file "w.duckdb"')
    assert isinstance(error, Held)
    assert error.what == "Another program holds the warehouse w.duckdb."


def test_a_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    destination = f"duckdb:///{tmp_path}/plain/warehouse.duckdb"
    with (
        pytest.raises(ConfigError, match="cannot be opened"),
        opened(settings_in(tmp_path, destination=destination)),
    ):
        pass


def test_a_new_file_has_neither_tables_nor_positions_nor_a_latest_time(settings: Settings) -> None:
    with opened(settings) as warehouse:
        assert warehouse.tables() == set()
        assert warehouse.positions() == {}
        assert warehouse.latest_instant() is None


def test_the_latest_time_is_that_of_the_last_load_or_run(settings: Settings) -> None:
    loaded(settings)
    with opened(settings) as warehouse:
        # the load was made now, which is later than the run says it ended
        ours = pendulum.now("UTC")
        latest = warehouse.latest_instant()
        assert latest is not None
        assert ours.subtract(minutes=2) < latest <= ours

        warehouse.connection.execute(
            "update ordergroove.sync_runs set finished_at = '2999-01-01 00:00:00+00'"
        )
        assert warehouse.latest_instant() == pendulum.datetime(2999, 1, 1)


def test_datasets_in_one_file_know_nothing_of_each_other(
    settings: Settings, tmp_path: Path
) -> None:
    loaded(settings)
    with opened(settings_in(tmp_path, dataset="second")) as warehouse:
        assert warehouse.tables() == set()
        assert warehouse.positions() == {}


def test_a_run_without_dlts_restore_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTORE_FROM_DESTINATION", "false")
    with opened(settings) as warehouse, pytest.raises(ConfigError, match="switched off") as caught:
        warehouse.pipeline(tmp_path / "scratch")
    assert "RESTORE_FROM_DESTINATION" in caught.value.do


def spoil_state(warehouse: Warehouse, text: str) -> None:
    warehouse.connection.execute("update ordergroove._dlt_pipeline_state set state = ?", [text])


def test_a_state_that_is_not_readable_is_refused_before_anything_is_read(
    settings: Settings,
) -> None:
    loaded(settings)
    with opened(settings) as warehouse:
        spoil_state(warehouse, "garbage")
        with pytest.raises(ConfigError, match="not readable"):
            warehouse.positions()


def test_a_copy_is_published_in_one_step_and_leaves_nothing_beside_it(
    settings: Settings, tmp_path: Path
) -> None:
    loaded(settings)
    copy = tmp_path / "bi" / "copy.duckdb"
    published(file_of(settings), copy)
    published(file_of(settings), copy)

    assert [file.name for file in copy.parent.iterdir()] == ["copy.duckdb"]
    with duckdb.connect(str(copy), read_only=True) as connection:
        found = connection.execute("select entity from ordergroove.sync_runs")
        assert found.fetchall() == [("orders",)]


def test_a_reader_keeps_the_copy_it_has_open(settings: Settings, tmp_path: Path) -> None:
    loaded(settings)
    copy = tmp_path / "copy.duckdb"
    published(file_of(settings), copy)
    with duckdb.connect(str(copy), read_only=True) as reader:
        before = copy.stat().st_ino
        published(file_of(settings), copy)
        assert copy.stat().st_ino != before, "the file was written over while it was read"
        found = reader.execute("select count(*) from ordergroove.sync_runs").fetchall()
    assert found == [(1,)]


def test_a_copy_that_cannot_be_written_says_that_the_warehouse_is_complete(
    settings: Settings, tmp_path: Path
) -> None:
    loaded(settings)
    (tmp_path / "plain").write_text("")
    with pytest.raises(OrdergrooveError, match="could not be written") as caught:
        published(file_of(settings), tmp_path / "plain" / "copy.duckdb")
    assert caught.value.exit_code == 1
    assert "warehouse itself is complete" in caught.value.state


def test_scratch_is_empty_at_the_start_and_gone_at_the_end(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    with scratch_in(state_dir) as scratch:
        assert list(scratch.iterdir()) == []
        (scratch / "package").mkdir()
    assert list(state_dir.iterdir()) == []


def test_two_runs_at_once_have_a_directory_each(tmp_path: Path) -> None:
    with scratch_in(tmp_path) as first:
        (first / "mine").write_text("")
        with scratch_in(tmp_path) as second:
            assert second != first
            assert (first / "mine").exists()


def test_what_a_killed_run_left_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path;"
        "from pipelines.ordergroove.warehouse import scratch_in\n"
        "with scratch_in(Path(sys.argv[1])) as scratch:\n"
        "    (scratch / 'package').write_text('rows')\n"
        "    os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=os.getcwd())
    assert list(tmp_path.glob("run-*/package"))

    with scratch_in(tmp_path) as scratch:
        assert list(tmp_path.glob("run-*/")) == [scratch]


def test_what_is_not_a_runs_own_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run-notes").mkdir()
    (tmp_path / "other.lock").write_text("")
    alive = FileLock(tmp_path / "run-other.lock")
    (tmp_path / "run-other").mkdir()
    with alive, scratch_in(tmp_path):
        pass
    names = {path.name for path in tmp_path.iterdir()}
    assert {"run-notes", "other.lock", "run-other"} <= names


def test_a_state_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with (
        pytest.raises(ConfigError, match="scratch files") as caught,
        scratch_in(tmp_path / "plain"),
    ):
        pass
    assert "--state-dir" in caught.value.do
