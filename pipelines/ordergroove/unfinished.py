"""What was said by load packages that were never completed: nothing of it is to be believed.

dlt merges each table of a package by itself. A kill or an error in between leaves ledger tables
that tell of rows and positions which are not there.
"""

from typing import Any

import pyarrow as pa

from pipelines.ordergroove.package import reason_of
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import OrdergrooveError
from state.ordergroove.ledger import CRASHED, LOAD_ID, RUNNING, SYNC_RUNS

LOADS = "_dlt_loads"
WINDOWS = "sync_windows"
RUNS = "sync_runs"


def take_windows_back(warehouse: Warehouse) -> None:
    """Deletes windows of which nobody knows that their rows and positions have arrived.

    Raises OrdergrooveError when the warehouse takes not even that.
    """
    try:
        broken = loads_not_completed(warehouse, WINDOWS)
        if broken:
            marks = ", ".join("?" for _ in broken)
            warehouse.execute(
                f"delete from {warehouse.table(WINDOWS)} where {LOAD_ID} in ({marks})", broken
            )
    except Exception as error:
        # a disk that is full, a server that is gone: it concerns every object type
        raise OrdergrooveError(
            what=f"The warehouse takes no changes any more: {reason_of(error)}",
            do="Mend the cause, such as a full disk, then run the same command again.",
            state="What was loaded before that is complete; the next run goes on from there.",
        ) from error


def crashed_rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Rows of earlier runs that never ended, as they should be; for whoever holds the lock."""
    if not warehouse.has_table(RUNS):
        return []
    # an older version may have made the table, with fewer columns
    there = warehouse.columns(RUNS)
    schema = pa.schema([column for column in SYNC_RUNS.schema if column.name in there])
    broken = loads_not_completed(warehouse, RUNS)
    found = warehouse.records(RUNS, schema, "status", [RUNNING])
    found += warehouse.records(RUNS, schema, LOAD_ID, broken)
    return [row | {"status": CRASHED} for row in found]


def loads_not_completed(warehouse: Warehouse, table: str) -> list[str]:
    """Packages that brought rows of a ledger table and did not come to their end.

    None where that is not to be told: a lake keeps its list of loads elsewhere, and older versions
    did not write down which package a row came with.
    """
    if not warehouse.tables() >= {table, LOADS} or LOAD_ID not in warehouse.columns(table):
        return []
    said = warehouse.rows(
        f"select distinct {LOAD_ID} from {warehouse.table(table)} where {LOAD_ID} is not null"
    )
    completed = warehouse.rows(f"select load_id from {warehouse.table(LOADS)} where status = 0")
    return sorted({load for (load,) in said} - {load for (load,) in completed})
