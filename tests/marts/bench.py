"""How long each mart takes, in scans of its largest input: `python -m tests.marts.bench`.

On a merchant of some 100,000 orders in DuckDB, with the memory and threads of the defaults.
"""

import datetime as dt
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.ordergroove.sql_layer import views
from pipelines.ordergroove.sql_layer.database import InWarehouse, quoted
from pipelines.ordergroove.sql_layer.models import Model, models
from pipelines.ordergroove.sql_layer.relations import inputs
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
    session = database.warehouse.connection.cursor()
    by_name = {one.name: one for one in models()}
    there = sources_of(model, by_name) & database.warehouse.tables()
    sizes = {
        name: session.execute(f"select count(*) from {quoted(name, database)}").fetchall()[0][0]
        for name in there
    }
    largest = max(sizes, key=lambda name: sizes[name])

    def scan(name: str) -> Callable[[], object]:
        sql = f"create or replace temp table scanned as select * from {quoted(name, database)}"
        return lambda: session.execute(sql)

    return seconds(scan(model.name)), seconds(scan(largest))


def told(database: InWarehouse, *, materialize: bool) -> list[str]:
    start = time.perf_counter()
    views.apply(database, zone=ZONE, today=NOW.date(), materialize=materialize)
    kind = "slow views as tables" if materialize else "all as views"
    lines = [f"{kind}, applied in {time.perf_counter() - start:.1f} s"]
    for model in models():
        if model.layer == "marts":
            try:
                own, scan = measured(database, model)
                lines.append(f"{model.name:26} {own:6.2f} s {own / scan:6.1f} x")
            # what the engine says is the result then: memory is part of what is measured
            except Exception as error:
                lines.append(f"{model.name:26} {views.first_line(error)[:60]}")
    return lines


def main() -> None:
    world = World(seed=3, customers=CUSTOMERS, zone=ZONE, now=NOW, days=730)
    with (
        tempfile.TemporaryDirectory() as directory,
        warehouse_of(world, Path(directory)) as database,
    ):
        sys.stdout.write(f"{len(world.rows('orders')):,} orders\n")
        for materialize in (False, True):
            sys.stdout.write("\n".join(told(database, materialize=materialize)) + "\n")


if __name__ == "__main__":
    main()
