"""A backfill that is killed and has syncs between, against one that is left alone: its pages."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pendulum

from sources.ordergroove.entities import ENTITIES
from tests.benchmarks.contestants import new_file
from tests.benchmarks.processes import environment, run_python
from tests.benchmarks.report import Result
from tests.benchmarks.servers import Server, serving

if TYPE_CHECKING:
    from tests.benchmarks.measures import Plan

PAGE_DELAY_S = 0.05
PAGE_ROWS = 100
KILLS = 5
SYNCS = 3
CHANGED_ORDERS = 500
MOST_PAGES = 1.05


def resuming(plan: "Plan", *, kills: int = KILLS, syncs: int = SYNCS) -> Iterator[Result]:
    """Two backfills of all there is, in copies of one warehouse, that have to end the same."""
    life_s = plan.orders / PAGE_ROWS * PAGE_DELAY_S / (kills + 1)
    with serving(plan.orders, delay_s=PAGE_DELAY_S) as server:
        origin = new_file(plan.directory, "resuming/synced")
        run_in(server, origin, "sync")
        harried = new_file(plan.directory, "resuming/harried", origin)
        began, of_syncs = lists(server), 0
        for kill in range(kills):
            killed(server, harried, life_s)
            if kill < syncs:
                server.touch("orders", every=max(plan.orders // CHANGED_ORDERS, 1) + kill)
                before = lists(server)
                run_in(server, harried, "sync")
                of_syncs += lists(server) - before
        run_in(server, harried, *words())
        pages = lists(server) - began - of_syncs

        calm = new_file(plan.directory, "resuming/calm", origin)
        before = lists(server)
        run_in(server, calm, *words())
        calm_pages = lists(server) - before
    compare(calm, harried)
    yield Result(
        measure=f"backfill of {plan.orders:,} orders and the like, killed {kills} times, with"
        f" {syncs} syncs between",
        against=f"{calm_pages:,} pages undisturbed",
        product=f"{pages:,} pages",
        value=pages / calm_pages,
        unit="x",
        bound=MOST_PAGES,
    )


def words() -> list[str]:
    today = pendulum.now("UTC")
    since = f"{today.subtract(years=4):%Y-%m-%d}"
    return ["backfill", "--from", since, "--to", f"{today.add(days=1):%Y-%m-%d}"]


def command(file: Path, *words: str) -> list[str]:
    return ["-m", "pipelines.ordergroove", *words, "--destination", f"duckdb:///{file}"]


def run_in(server: Server, file: Path, *words: str) -> None:
    run_python(command(file, *words), directory=file.parent, settings=server.settings)


def killed(server: Server, file: Path, life_s: float) -> None:
    """A backfill that lives so long. Raises RuntimeError when it ended by itself."""
    process = subprocess.Popen(
        [sys.executable, *command(file, *words())],
        cwd=file.parent,
        env=environment(HOME=str(file.parent), **server.settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(life_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    else:
        raise RuntimeError(f"it ended by itself with {process.returncode}")


def lists(server: Server) -> int:
    """Pages so far of lists that are read in slices; counts are of the API's first version.

    A list that is read whole is not read again where a sync has read it meanwhile: it would hide
    what kills cost the others.
    """
    in_slices = {name for name, entity in ENTITIES.items() if entity.is_incremental}
    asked_for = (call for call in server.calls() if call["entity"] in in_slices)
    return sum(
        call["path_key"] is None and "x-og-api-version" in call["headers"] for call in asked_for
    )


def compare(calm: Path, harried: Path) -> None:
    """Raises RuntimeError unless all tables of both are equal, but for when a row was fetched."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{calm}' as calm (read_only)")
        connection.execute(f"attach '{harried}' as harried (read_only)")
        for name in ENTITIES:
            left, right = (
                f"(select * exclude (_synced_at) from {place}.ordergroove.{name})"
                for place in ("calm", "harried")
            )
            found = connection.execute(
                f"select (select count(*) from ({left} except all {right})),"
                f" (select count(*) from ({right} except all {left}))"
            ).fetchone()
            if found != (0, 0):
                raise RuntimeError(f"{name} differ: {found}")
