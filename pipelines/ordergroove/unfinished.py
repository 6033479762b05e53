"""What was said by load packages that were never completed: nothing of it is to be believed.

dlt merges each table of a package by itself. A kill or an error in between leaves ledger tables
that tell of rows and positions which are not there.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from pipelines.ordergroove.package import reason_of
from pipelines.ordergroove.run import WHAT_WAS_LOADED_STAYS
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import OrdergrooveError
from state.ordergroove.ledger import CRASHED, LOAD_ID, RUNNING, SYNC_RUNS

LOADS = "_dlt_loads"
WINDOWS = "sync_windows"
RUNS = "sync_runs"


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """What the ledger says of packages that were not completed by now; for whoever has the lock."""

    warehouse: Warehouse

    @cached_property
    def tables(self) -> set[str]:
        return self.warehouse.tables()

    @cached_property
    def completed(self) -> set[str]:
        """The packages that came to their end."""
        loads = self.warehouse.table(LOADS)
        return {
            load for (load,) in self.warehouse.rows(f"select load_id from {loads} where status = 0")
        }

    def take_windows_back(self) -> None:
        """Deletes windows of which nobody knows that their rows and positions have arrived.

        Raises OrdergrooveError when the warehouse takes not even that.
        """
        try:
            there = self.warehouse.columns(WINDOWS) if WINDOWS in self.tables else ()
            if broken := self.loads_in(WINDOWS, there):
                marks = ", ".join("?" for _ in broken)
                windows = self.warehouse.table(WINDOWS)
                self.warehouse.execute(
                    f"delete from {windows} where {LOAD_ID} in ({marks})", broken
                )
        except Exception as error:
            # a disk that is full, a server that is gone: it concerns every object type
            raise OrdergrooveError(
                what=f"The warehouse takes no changes any more: {reason_of(error)}",
                do="Mend the cause, such as a full disk, then run the same command again.",
                state=WHAT_WAS_LOADED_STAYS,
            ) from error

    def crashed_rows(self) -> list[dict[str, Any]]:
        """Rows of runs that never ended, as they should be."""
        if RUNS not in self.tables:
            return []
        # an older version may have made the table, with fewer columns
        there = self.warehouse.columns(RUNS)
        schema = pa.schema([column for column in SYNC_RUNS.schema if column.name in there])
        found = self.warehouse.records(RUNS, schema, "status", [RUNNING])
        found += self.warehouse.records(RUNS, schema, LOAD_ID, self.loads_in(RUNS, there))
        return [row | {"status": CRASHED} for row in found]

    def loads_in(self, table: str, columns: Collection[str]) -> list[str]:
        """Packages that brought rows of a ledger table and did not come to their end.

        None where that is not to be told: a lake keeps its list of loads elsewhere, and older
        versions did not write down which package a row came with.
        """
        if LOADS not in self.tables or LOAD_ID not in columns:
            return []
        said = self.warehouse.rows(
            f"select distinct {LOAD_ID} from {self.warehouse.table(table)}"
            f" where {LOAD_ID} is not null"
        )
        return sorted({load for (load,) in said} - self.completed)
