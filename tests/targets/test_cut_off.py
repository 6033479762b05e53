"""A server that cuts its connections, a full disk: a message, and the next run ends right."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sources.ordergroove.sandbox import Call, Rules, Sandbox, World
from tests.servers import Server
from tests.stories.stage import Stage, assert_true, staged

ZONE = "America/New_York"
LIMIT = 512 * 2**10
"""Bytes that a file may have on the full disk: less than the warehouse needs."""


@pytest.fixture(params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def stage(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Stage]:
    url = str(request.getfixturevalue(f"{server.kind}_url"))
    world = World(seed=17, customers=10, zone=ZONE, days=90, alive=False)
    with staged(Sandbox(world, rules=Rules(is_ticking=True)), tmp_path, destination=url) as made:
        yield made


def cut(server: Server) -> None:
    """Ends every connection but its own."""
    cursor = server.connect().cursor()
    if server.kind == "postgres":
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name like 'ordergroove%' and pid <> pg_backend_pid()"
        )
        return
    cursor.execute(
        "select id from information_schema.processlist"
        " where id <> connection_id() and command <> 'Daemon' and db is not null or info is null"
    )
    for (number,) in cursor.fetchall():
        cursor.execute(f"kill {number}")


def when_page(stage: Stage, number: int, act: Callable[[], object]) -> None:
    """Acts once, when so many pages were shown."""
    pages = iter(range(1, number + 1))

    def on_page(world: object, call: Call) -> None:
        if next(pages, None) == number:
            act()

    stage.sandbox.on_page = on_page


def test_connections_that_are_cut_cost_time_and_no_data(stage: Stage, server: Server) -> None:
    when_page(stage, 9, lambda: cut(server))

    done = stage.command("sync")

    assert done.returncode in (1, 3, 4), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "%40" not in done.stdout + done.stderr
    assert "again" in done.stdout + done.stderr
    stage.sandbox.on_page = None
    assert stage.command("sync").returncode == 0
    assert_true(stage, ghosts={})


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_a_full_disk_costs_time_and_no_data(engine: str, tmp_path: Path) -> None:
    url = f"{engine}:///{tmp_path}/warehouse.{engine}"
    world = World(seed=17, customers=120, zone=ZONE, days=300, alive=False)
    with staged(Sandbox(world, rules=Rules(is_ticking=True)), tmp_path, destination=url) as stage:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.ordergroove", "sync"],
            cwd=stage.directory,
            env=stage.environ() | {"PYTHONPATH": os.getcwd()},
            # a file that may not grow is the nearest to a disk that is full
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
            capture_output=True,
            text=True,
            timeout=300,
        )

        assert done.returncode in (1, 3), done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert "again" in done.stdout + done.stderr
        assert stage.command("sync").returncode == 0
        assert_true(stage, ghosts={})
