"""Memory and growth: what a first load holds, and what a thousand changes cost in a large table."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.contestants import imports_of, new_file, product
from tests.benchmarks.processes import Cost
from tests.benchmarks.report import Result
from tests.benchmarks.servers import Server, serving
from tests.servers import Server as Engine
from tests.servers import binary, postgres

if TYPE_CHECKING:
    from tests.benchmarks.measures import Plan

CHANGED_ROWS = 1_000
GROWTH = 10
MOST_MB = 500.0
MOST_GROWTH = {"duckdb": 1.3, "postgres": 2.0}
LARGE = (100_000, 500_000, 2_000_000)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A kind of warehouse: where one of a name is, and what its server has used so far."""

    address: Callable[[str], str]
    server_cpu_s: Callable[[], float]


@contextmanager
def places(directory: Path) -> Iterator[Mapping[str, Place]]:
    """DuckDB, and PostgreSQL where it is installed."""
    with ExitStack() as stack:
        found = {
            "duckdb": Place(
                address=lambda name: f"duckdb:///{directory}/{name}.duckdb",
                server_cpu_s=lambda: 0.0,
            )
        }
        if binary("initdb"):
            engine = stack.enter_context(postgres())

            def database(name: str) -> str:
                engine.connect().cursor().execute(f"create database {name}")
                return engine.url_of(name)

            found["postgres"] = Place(
                address=database, server_cpu_s=partial(cpu_s_of_postgres, engine)
            )
        yield found


def cpu_s_of_postgres(engine: Engine) -> float:
    """CPU seconds of the sessions that have ended; 0 where the kernel does not tell."""
    with closing(engine.connect()) as session, session.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        ((session_pid,),) = cursor.fetchall()
        try:
            used = stat_of(stat_of(session_pid)[1])
        except OSError:
            return 0.0
    return sum(used[13:15]) / os.sysconf("SC_CLK_TCK")


def stat_of(pid: int) -> list[int]:
    """The numbers of /proc/PID/stat behind the state: ppid is 1, cutime and cstime 13 and 14."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return [0, *map(int, text.rpartition(")")[2].split()[1:])]


def run_at(plan: "Plan", address: str, server: Server, name: str) -> Cost:
    """A sync of orders in a directory of its own, so that several can go on side by side."""
    return product("orders", destination=address).run(server, new_file(plan.directory, name))


def filled(
    plan: "Plan", server: Server, orders: int, found: Mapping[str, Place]
) -> tuple[dict[str, str], list[Result]]:
    """The addresses of warehouses with so many orders, one of each kind, and what that held.

    They are filled side by side: memory is measured, no time.
    """
    made = {kind: place.address(f"with_{orders}") for kind, place in found.items()}
    with ThreadPoolExecutor() as pool:
        runs = {
            kind: pool.submit(run_at, plan, address, server, f"fill/{kind}")
            for kind, address in made.items()
        }
        results = [memory(kind, orders, run.result()) for kind, run in runs.items()]
    return made, results


def memory(kind: str, orders: int, cost: Cost) -> Result:
    return Result(
        measure=f"memory: first load of {orders:,} orders, {kind}",
        against="-",
        product=f"{cost.peak_mb:.0f} MB at most",
        value=cost.peak_mb,
        unit="MB",
        bound=MOST_MB,
    )


def growth(plan: "Plan") -> Iterator[Result]:
    """A thousand changed rows into a table, against the same into one of a tenth of its size."""
    sizes = (plan.orders, plan.orders * GROWTH)
    runs: dict[tuple[str, int], Callable[[], Cost]] = {}
    with ExitStack() as stack:
        found = stack.enter_context(places(plan.directory))
        for orders in sizes:
            server = stack.enter_context(serving(orders))
            addresses, results = filled(plan, server, orders, found)
            yield from results
            server.touch("orders", every=orders // CHANGED_ROWS)
            for kind, address in addresses.items():
                runs[kind, orders] = partial(upserted, plan, address, server, found[kind])
                who = product("orders", destination=address)
                home = new_file(plan.directory, f"imports/{kind}")
                runs[kind, 0] = imports_of(who, server, home)
        costs = plan.take_turns(runs)
    for kind in found:
        none, few, many = (plan.cpu_s(costs[kind, orders]) for orders in (0, *sizes))
        yield Result(
            measure=f"growth: {CHANGED_ROWS:,} changed rows into {sizes[1]:,} in {kind}, CPU"
            " beyond imports",
            against=f"{few - none:.2f} s into {sizes[0]:,}",
            product=f"{many - none:.2f} s",
            value=(many - none) / (few - none),
            unit="x",
            bound=MOST_GROWTH[kind],
        )


def upserted(plan: "Plan", address: str, server: Server, place: Place) -> Cost:
    """What a run and the warehouse's server use; its overlap brings the same rows every time."""
    before_s = place.server_cpu_s()
    cost = run_at(plan, address, server, "upsert")
    return replace(cost, cpu_s=cost.cpu_s + place.server_cpu_s() - before_s)


def large(plan: "Plan") -> Iterator[Result]:
    """What first loads hold, from a hundred thousand orders to two million."""
    with places(plan.directory) as found:
        for orders in LARGE:
            with serving(orders, keeps_pages=False) as server:
                yield from filled(plan, server, orders, found)[1]
