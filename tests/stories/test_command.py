"""The command as somebody types it, or cron does: what it prints, leaves behind and exits with."""

import hashlib
import json
import os
import pty
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.sandbox import Fault, Rules, Sandbox, World
from tests.stories.deeds import something_happens
from tests.stories.stage import KEY, Stage, assert_true, staged


def merchant(seed: int = 5, *faults: Fault) -> Sandbox:
    world = World(seed=seed, customers=20, zone="America/New_York", days=60, alive=False)
    world.advance(hours=20)
    return Sandbox(world, rules=Rules(is_ticking=True), faults=faults)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(merchant(), tmp_path) as made:
        yield made


@pytest.fixture
def loaded(stage: Stage) -> Stage:
    assert stage.command("sync").returncode == 0
    return stage


def fingerprint(stage: Stage) -> str:
    return hashlib.sha256(stage.file.read_bytes()).hexdigest()


def test_without_a_terminal_there_is_a_log_line_for_each_entity_and_a_summary(stage: Stage) -> None:
    done = stage.command("sync")

    assert done.returncode == 0
    for name in ENTITIES:
        assert len(re.findall(rf" INFO {name}: done, ", done.stderr)) == 1
        assert re.search(rf"^{name}: +[\d,]+ rows?, ", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout + done.stderr


def test_the_next_day_the_summary_tells_what_changed(tmp_path: Path) -> None:
    # a shop that stood still for two days has no stamp within the overlap, whatever the hour
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    world = World(seed=5, customers=20, days=60, now=two_days_ago, alive=False)
    with staged(Sandbox(world, rules=Rules(is_ticking=True)), tmp_path) as stage:
        stage.command("sync")
        quiet = stage.command("sync")
        world.advance(days=2)
        world.create_customer()
        lively = stage.command("sync")

    for name in ("customers", "orders"):
        assert re.search(rf"^{name}: +nothing new since .* E[SD]T$", quiet.stdout, re.MULTILINE)
    assert re.search(r"^customers: +1 changed since .* E[SD]T$", lively.stdout, re.MULTILINE)


def test_json_is_the_whole_of_standard_output(stage: Stage) -> None:
    done = stage.command("sync", "--json")

    told = json.loads(done.stdout)
    assert told["exit_code"] == 0
    assert {made["entity"]: made["rows"] for made in told["entities"]} == {
        name: len(stage.truth(name)) for name in ENTITIES
    }


def test_a_log_for_machines_is_one_json_object_a_line(stage: Stage) -> None:
    done = stage.command("sync", log_format="json")

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = {line["entity"]: line for line in lines if "entity" in line}
    assert set(told) == set(ENTITIES)
    assert {"timestamp", "level", "message", "run_id", "pages", "rows"} <= set(told["orders"])


def test_a_dry_run_asks_nothing_and_makes_nothing(stage: Stage) -> None:
    done = stage.command("sync", "--dry-run")

    assert done.returncode == 0
    assert "everything from the beginning" in done.stdout
    assert stage.sandbox.calls == []
    assert list(stage.directory.iterdir()) == []


def test_a_dry_run_leaves_the_warehouse_as_it_was(loaded: Stage) -> None:
    before, calls = fingerprint(loaded), len(loaded.sandbox.calls)

    done = loaded.command("sync", "--dry-run", "--json")

    assert done.returncode == 0
    plans = {plan["entity"]: plan for plan in json.loads(done.stdout)}
    assert plans["orders"]["does"] == "changes"
    assert plans["payments"]["does"] == "whole list"
    assert (fingerprint(loaded), len(loaded.sandbox.calls)) == (before, calls)


def test_a_file_that_somebody_writes_to_is_refused_and_its_holder_named(loaded: Stage) -> None:
    before = fingerprint(loaded)
    with duckdb.connect(str(loaded.file)):
        done = loaded.command("sync")

        assert done.returncode == 4
        assert f"process {os.getpid()}" in done.stderr
        assert str(loaded.file) in done.stderr
        assert loaded.command("status").returncode == 4
    assert fingerprint(loaded) == before


def test_a_lock_timeout_waits_until_the_file_is_free(loaded: Stage) -> None:
    with duckdb.connect(str(loaded.file)):
        waiting = loaded.start("sync", "orders", "--lock-timeout", "1m")
        assert waiting.stderr
        assert "holds the warehouse" in waiting.stderr.readline()
    assert waiting.wait(timeout=60) == 0
    waiting.communicate()


def test_the_warehouse_of_another_merchant_is_left_alone(tmp_path: Path) -> None:
    with staged(merchant(5), tmp_path) as ours:
        assert ours.command("sync").returncode == 0
    before = fingerprint(ours)
    with staged(merchant(6), tmp_path) as theirs:
        done = theirs.command("sync")

    assert done.returncode == 2
    assert "another merchant" in done.stderr
    assert fingerprint(theirs) == before


@pytest.mark.parametrize(
    "make",
    [
        lambda file: file.write_text("not a database"),
        lambda file: file.mkdir(),
        lambda file: file.symlink_to("/proc/nowhere/warehouse.duckdb"),
    ],
    ids=["text", "directory", "nowhere"],
)
def test_a_destination_that_is_no_warehouse_is_refused(stage: Stage, make: object) -> None:
    make(stage.file)  # type: ignore[operator]  # a function by the list above

    done = stage.command("sync")

    assert done.returncode == 2
    assert str(stage.file) in done.stderr
    assert "Traceback" not in done.stderr
    assert stage.sandbox.calls == []


def test_a_refused_key_is_told_without_showing_it(stage: Stage) -> None:
    done = stage.command("sync", api_key="s3cr3t-and-wrong")

    assert done.returncode == 7
    assert "key" in done.stdout + done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr


def test_a_host_that_is_not_there_may_be_tried_later(stage: Stage) -> None:
    done = stage.command("sync", base_url="http://127.0.0.1:9", retry_limit="0.2s")

    assert done.returncode == 6
    assert "127.0.0.1:9" in done.stdout + done.stderr


def test_one_entity_that_fails_makes_three_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    with staged(merchant(5, Fault(kind="400", entity="items")), tmp_path) as stage:
        done = stage.command("sync")

    assert done.returncode == 3
    assert re.search(r"^items: +failed, its watermark stayed where it was$", done.stdout, re.M)
    assert "does not take the question GET /items/" in done.stdout


def test_the_key_is_nowhere_but_where_it_belongs(tmp_path: Path) -> None:
    with staged(merchant(5, Fault(kind="500", entity="items")), tmp_path) as stage:
        done = stage.command("--debug", "sync", retry_limit="0.2s")

    assert KEY not in done.stdout + done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stage.file in left
    assert not [path for path in left if KEY.encode() in path.read_bytes()]


def test_debug_tells_each_page_without_its_cursor(stage: Stage) -> None:
    done = stage.command("--debug", "sync", "orders")

    assert done.stderr.count("DEBUG orders: ") >= len(stage.sandbox.calls)
    assert "cursor=" not in done.stderr


def test_scratch_is_empty_when_the_run_is_over(loaded: Stage) -> None:
    assert list((loaded.directory / ".ordergroove").iterdir()) == []


def test_named_entities_are_read_and_no_others(stage: Stage) -> None:
    assert stage.command("sync", "orders", "items").returncode == 0

    assert {call.entity for call in stage.sandbox.calls} == {"orders", "items"}
    assert_true(stage, names=("orders", "items"))


def test_a_full_refresh_brings_back_what_was_spoilt(loaded: Stage) -> None:
    with duckdb.connect(str(loaded.file)) as connection:
        connection.execute("update ordergroove.orders set total = 0")
        connection.execute("delete from ordergroove.items")

    assert loaded.command("sync", "--full-refresh", "orders", "items").returncode == 0

    assert_true(loaded, ghosts={})


def test_since_reads_again_from_there(loaded: Stage) -> None:
    with duckdb.connect(str(loaded.file)) as connection:
        connection.execute("delete from ordergroove.orders")

    done = loaded.command("sync", "orders", "--since", "2000-01-01")

    assert done.returncode == 0
    assert_true(loaded, names=("orders",), ghosts={})


def test_since_after_the_watermark_leaves_the_next_question_as_it_is(loaded: Stage) -> None:
    def windows() -> list[tuple[object, ...]]:
        return loaded.query("select since, until from sync_windows where entity = 'orders'")

    before = windows()
    after_the_watermark = datetime.now(UTC).isoformat()
    done = loaded.command("sync", "orders", "--since", after_the_watermark)
    assert done.returncode == 0, done.stderr
    assert windows() == before or len(windows()) == 2
    loaded.world.advance(hours=1)
    done = loaded.command("sync", "orders")
    assert done.returncode == 0
    assert_true(loaded, names=("orders",))


def test_a_read_copy_is_there_after_the_run(stage: Stage) -> None:
    copy = stage.directory / "copies" / "read.duckdb"
    assert stage.command("sync", publish=str(copy)).returncode == 0
    with duckdb.connect(str(copy), read_only=True) as reader:
        count = "select count(*) from ordergroove.orders"
        before = reader.execute(count).fetchone()
        stage.world.advance(days=2)

        # somebody holds the copy open: the swap puts another file in its place
        assert stage.command("sync", publish=str(copy)).returncode == 0

        assert reader.execute(count).fetchone() == before
    with duckdb.connect(str(copy), read_only=True) as reader:
        assert reader.execute(count).fetchone() == (len(stage.truth("orders")),)


def test_status_tells_how_fresh_it_is_and_five_when_it_is_not(loaded: Stage) -> None:
    fresh = loaded.command("status", "--max-age", "26h")
    assert fresh.returncode == 0
    assert re.search(r"^orders +\d{4}-\d\d-\d\d \d\d:\d\d E[SD]T +\d+s +done ", fresh.stdout, re.M)

    late = loaded.command("status", "--max-age", "1s", "--json")
    assert late.returncode == 5
    assert "orders" in late.stderr
    assert {made["entity"] for made in json.loads(late.stdout)["entities"]} == set(ENTITIES)


def test_a_question_is_answered_as_a_table_csv_json_and_parquet(loaded: Stage) -> None:
    sql = "select count(*) as n from orders"
    orders = len(loaded.truth("orders"))
    file = loaded.directory / "answer.parquet"

    table = loaded.command("query", sql).stdout
    assert [line.strip() for line in table.splitlines()][::2][:2] == ["n", str(orders)]
    assert loaded.command("query", sql, "--csv").stdout == f"n\n{orders}\n"
    assert json.loads(loaded.command("query", sql, "--json").stdout) == [{"n": orders}]
    assert loaded.command("query", sql, "--parquet", str(file)).returncode == 0
    with duckdb.connect() as connection:
        assert connection.execute(f"select n from '{file}'").fetchall() == [(orders,)]


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("1", False)])
def test_a_terminal_shows_the_run_as_it_goes_with_colours_unless_told_not_to(
    tmp_path: Path, no_color: str, is_coloured: bool
) -> None:
    with staged(merchant(), tmp_path, delay_s=0.4) as stage:
        shown = on_a_terminal(stage, no_color)

    assert "reading" in shown
    assert re.search(r"orders: +[\d,]+ rows, everything from the beginning", shown)
    assert bool(re.search(r"\x1b\[(?:\d+;)*3[0-7]m", shown)) is is_coloured


def on_a_terminal(stage: Stage, no_color: str) -> str:
    """All that a run shows on a terminal of its own."""
    environ = stage.environ() | {"PYTHONPATH": os.getcwd(), "TERM": "xterm-256color"}
    environ["NO_COLOR"] = no_color
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(stage.directory)
        os.execve(  # noqa: S606  # a child of a terminal is made so
            sys.executable, [sys.executable, "-m", "pipelines.ordergroove", "sync"], environ
        )
    shown = b""
    # reading from a terminal whose last user is gone is an error on Linux
    while chunk := read_or_nothing(terminal):
        shown += chunk
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    return shown.decode()


def read_or_nothing(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_changes_of_a_day_arrive_with_the_next_command(loaded: Stage) -> None:
    loaded.world.advance(days=1)
    something_happens(loaded.world, Random(1), 10)

    assert loaded.command("sync").returncode == 0

    assert_true(loaded)


def test_a_sync_ends_with_views_that_answer_and_whose_checks_hold(loaded: Stage) -> None:
    done = loaded.command("query", "select count(*) as n from fct_orders", "--csv")
    assert done.stdout == f"n\n{len(loaded.truth('orders'))}\n"

    again = loaded.command("views", "apply", "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["made"] == []
    checked = loaded.command("views", "test")
    assert checked.returncode == 0, checked.stdout
    assert re.search(r"^\d\d checks hold, \d+ warns?, 0 fail\.$", checked.stdout, re.M)


def test_a_check_that_finds_something_exits_with_five_and_shows_it(loaded: Stage) -> None:
    with duckdb.connect(str(loaded.file)) as connection:
        connection.execute(
            "insert into ordergroove.orders select * from ordergroove.orders limit 1"
        )

    done = loaded.command("views", "test")

    assert done.returncode == 5
    assert "orders_are_not_doubled fails" in done.stdout


def test_views_that_cannot_be_made_are_told_and_what_is_somebodys_is_left_alone(
    stage: Stage,
) -> None:
    assert stage.command("sync", views="off").returncode == 0
    with duckdb.connect(str(stage.file)) as connection:
        connection.execute("create table ordergroove.stg_orders as select 42 as theirs")

    done = stage.command("sync")

    assert done.returncode == 5
    assert "stg_orders is somebody else's and was left alone" in done.stderr
    assert "could not be made" in done.stdout
    assert stage.query("select theirs from stg_orders") == [(42,)]
    assert_true(stage)


def test_views_are_left_alone_where_they_are_not_wanted(stage: Stage) -> None:
    assert stage.command("sync", views="off").returncode == 0
    found = stage.query("select view_name from duckdb_views() where schema_name = 'ordergroove'")
    assert found == []
