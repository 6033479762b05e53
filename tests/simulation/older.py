"""An older release, as far as the warehouse can tell.

What came later is left away: columns of `sync_runs`, the noticing of deletions, keys of the state,
the tables of object types that nobody had asked for. But for the packages in the ledger: what a
kill leaves behind that does not name one can't be told from what is true.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from pipelines.ordergroove import chunking
from sources.ordergroove.entities import ENTITIES
from state.ordergroove.ledger import LEDGER, SYNC_RUNS
from state.ordergroove.watermark import Position

LATER_COLUMNS = ("sweep_requests", "swept_at")
LATER_KEYS = ("zone", "environment", "backfill")
LATER_KEYS_OF_WINDOWS = ("until",)


def become_older(names: Collection[str]) -> None:
    """Turns this process into one of the older release, which knows these entities."""
    kept = [column for column in SYNC_RUNS.schema if column.name not in LATER_COLUMNS]
    # frozen, and named in many places
    object.__setattr__(SYNC_RUNS, "schema", pa.schema(kept))
    vars(chunking)["ENTITIES"] = {name: ENTITIES[name] for name in names}
    whole = Position.as_state

    def as_older_state(position: Position) -> dict[str, Any]:
        state = without(whole(position), LATER_KEYS)
        if state["window"]:
            state["window"] = without(state["window"], LATER_KEYS_OF_WINDOWS)
        return state

    type.__setattr__(Position, "as_state", as_older_state)


@contextmanager
def without_packages() -> Iterator[None]:
    """The ledger as a release wrote it that did not tell which package a row came with."""
    tables = [table for table in LEDGER.values() if table.names_package]
    for table in tables:
        object.__setattr__(table, "names_package", False)
    try:
        yield
    finally:
        for table in tables:
            object.__setattr__(table, "names_package", True)


def without(state: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in keys}
