"""How long each mart takes, in scans of its largest input: `python -m tests.marts.bench`.

On a merchant of some 100,000 orders in DuckDB, with the memory and threads of the defaults.
"""

import datetime as dt
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from pipelines.ordergroove.settings import Settings, load
from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.database import InWarehouse, quoted
from pipelines.ordergroove.sql_layer.models import Model, models
from pipelines.ordergroove.sql_layer.relations import inputs
from pipelines.ordergroove.warehouse import opened
from sources.ordergroove.sandbox import World
from tests.marts.shops import ZONE, warehouse_of

NOW = dt.datetime(2026, 6, 10, 18, tzinfo=dt.UTC)
CUSTOMERS = 8_500
REPEATS = 3


def seconds(work: Callable[[], object]) -> float:
    """The best of a few."""
    found = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def sources_of(model: Model, by_name: dict[str, Model]) -> set[str]:
    """The raw tables that a model reads in the end."""
    found = set(model.reads & inputs().keys())
    for name in model.reads & by_name.keys():
        found |= sources_of(by_name[name], by_name)
    return found


def measured(database: InWarehouse, model: Model) -> tuple[float, float]:
    """Seconds for all rows of a mart, and for all of its largest input."""
    session: duckdb.DuckDBPyConnection = database.warehouse.connection.cursor()
    by_name = {one.name: one for one in models()}
    there = sources_of(model, by_name) & database.warehouse.tables()
    sizes = {
        name: session.execute(f"select count(*) from {quoted(name, database)}").fetchall()[0][0]
        for name in there
    }
    largest = max(sizes, key=lambda name: sizes[name])

    def read(name: str) -> Callable[[], object]:
        def work() -> None:
            for _ in session.sql(f"select * from {quoted(name, database)}").to_arrow_reader():
                pass

        return work

    return seconds(read(model.name)), seconds(read(largest))


def told(settings: Settings, *, materialize: bool) -> list[str]:
    """A line a mart, asked as `ordergroove query` asks."""
    start = time.perf_counter()
    with opened(settings) as warehouse:
        database = InWarehouse(warehouse=warehouse)
        views.apply(database, zone=ZONE, today=NOW.date(), materialize=materialize)
    kind = "slow views as tables" if materialize else "all as views"
    lines = [f"{kind}, applied in {time.perf_counter() - start:.1f} s"]
    with opened(settings, read_only=True) as warehouse:
        for model in models():
            if model.layer == "marts":
                try:
                    own, scan = measured(InWarehouse(warehouse=warehouse), model)
                    lines.append(f"{model.name:26} {own:6.2f} s {own / scan:6.1f} x")
                # what the engine says is the result then: memory is part of what is measured
                except Exception as error:
                    lines.append(f"{model.name:26} {views.first_line(error)[:60]}")
    return lines


def main() -> None:
    world = World(seed=3, customers=CUSTOMERS, zone=ZONE, now=NOW, days=730)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        with warehouse_of(world, place):
            sys.stdout.write(f"{len(world.rows('orders')):,} orders\n")
        destination = f"duckdb:///{place / 'warehouse.duckdb'}"
        settings = load({"destination": destination}, {}, place, place)
        for materialize in (False, True):
            sys.stdout.write("\n".join(told(settings, materialize=materialize)) + "\n")


if __name__ == "__main__":
    main()
