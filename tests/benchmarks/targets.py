"""How many rows a CPU second of ours brings into each engine; what servers use is theirs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.benchmarks.processes import Cost, run_python
from tests.benchmarks.report import Result
from tests.benchmarks.servers import Server, serving
from tests.servers import binary, mariadb, postgres

if TYPE_CHECKING:
    from tests.benchmarks.measures import Plan

BOUNDS_US = {
    "duckdb": (60.0, 120.0),
    "postgres": (50.0, 200.0),
    "sqlite": (120.0, 300.0),
    "mariadb": (160.0, 300.0),
}
"""CPU microseconds for each row at most, of a first load and of an upsert."""

CHANGED_EVERY = 10
MOST_ORDERS, MOST_ROUNDS = 30_000, 2
Place = Callable[[str], str]
"""The address of a new warehouse of that name."""


def targets(plan: "Plan") -> Iterator[Result]:
    """First load and upsert of a tenth, start-up taken off, into every engine that is installed."""
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    orders = min(plan.orders, MOST_ORDERS)
    with serving(1) as empty, serving(orders) as server, places(plan) as found:
        rounds = [
            (engine, place, each)
            for each in range(min(plan.rounds, MOST_ROUNDS))
            for engine, place in found.items()
        ]
        for engine, place, each in rounds:
            costs[engine, "start"].append(synced(plan, empty, place(f"start{each}")))
            costs[engine, "first"].append(synced(plan, server, place(f"first{each}")))
        changed = server.touch("orders", every=CHANGED_EVERY)
        for engine, place, each in rounds:
            costs[engine, "idle"].append(synced(plan, empty, place(f"start{each}")))
            costs[engine, "upsert"].append(synced(plan, server, place(f"first{each}")))
    for engine in found:
        of = {
            task: plan.cpu_s(costs[engine, task]) for task in ("start", "first", "idle", "upsert")
        }
        first, upsert = BOUNDS_US[engine]
        yield row_cost(
            f"{engine}, first load of {orders:,}",
            of["first"] - of["start"],
            orders,
            first,
        )
        yield row_cost(
            f"{engine}, upsert of {changed:,}", of["upsert"] - of["idle"], changed, upsert
        )


def row_cost(task: str, cpu_s: float, rows: int, bound_us: float) -> Result:
    each_us = cpu_s / rows * 1e6
    return Result(
        measure=f"targets: {task} orders, CPU",
        against="-",
        product=f"{1e6 / each_us:,.0f} rows a CPU second" if each_us > 0 else "-",
        value=each_us if each_us > 0 else float("nan"),
        unit="us a row",
        bound=bound_us,
    )


def synced(plan: "Plan", server: Server, destination: str) -> Cost:
    settings = server.settings | {"ORDERGROOVE_DESTINATION": destination}
    command = ["-m", "pipelines.ordergroove", "sync", "orders", "--no-sweep"]
    return run_python(command, directory=plan.directory, settings=settings)


@contextmanager
def places(plan: "Plan") -> Iterator[Mapping[str, Place]]:
    """The engines that are installed here."""
    directory = plan.directory / "targets"
    with ExitStack() as stack:
        found: dict[str, Place] = {
            "duckdb": lambda name: f"duckdb:///{directory}/{name}.duckdb",
            "sqlite": lambda name: f"sqlite:///{directory}/{name}.db",
        }
        if binary("initdb"):
            server = stack.enter_context(postgres())
            cursor = server.connect().cursor()

            def database(name: str) -> str:
                cursor.execute("select 1 from pg_database where datname = %s", [name])
                if not cursor.fetchone():
                    cursor.execute(f"create database {name}")
                return server.url_of(name)

            found["postgres"] = database
        if binary("mariadb-install-db"):
            found["mariadb"] = stack.enter_context(mariadb()).url_of
        yield found
