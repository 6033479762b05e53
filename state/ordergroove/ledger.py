"""The tables beside the entities': what each run did, which windows are complete, what is odd.

Their rows travel in the same load package as the data they speak of. All instants are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from sources.ordergroove.clock import UTC_STAMP
from sources.ordergroove.rows import REJECTED

RUNNING = "running"
DONE = "done"
FAILED = "failed"
PARTIAL = "partial"
UNAVAILABLE = "unavailable"
CRASHED = "crashed"
"""What can stand in `sync_runs.status`."""

LOAD_ID = "_dlt_load_id"
"""dlt's own name for what joins a row with `_dlt_loads`."""


@dataclass(frozen=True, kw_only=True)
class LedgerTable:
    """One table of the ledger: its columns and the key its rows are merged by."""

    schema: pa.Schema
    key: tuple[str, ...]
    json_columns: tuple[str, ...] = ()

    names_package: bool = False
    """Whether each row names the load package that brought it, in `LOAD_ID`.

    The tables of a package are merged one by one: what it says of others is true once it is
    complete.
    """


SYNC_RUNS = LedgerTable(
    key=("run_id", "entity"),
    names_package=True,
    schema=pa.schema(
        [
            ("run_id", pa.string()),
            ("entity", pa.string()),
            ("command", pa.string()),
            ("window_since_utc", UTC_STAMP),
            ("window_opened_at_utc", UTC_STAMP),
            ("started_at", UTC_STAMP),
            ("finished_at", UTC_STAMP),
            ("status", pa.string()),
            ("pages", pa.int64()),
            ("rows", pa.int64()),
            ("deleted", pa.int64()),
            ("retries", pa.int64()),
            ("error", pa.string()),
            ("sweep_requests", pa.int64()),
            ("swept_at", UTC_STAMP),
        ]
    ),
)
SYNC_WINDOWS = LedgerTable(
    key=("entity", "opened_at", "run_id"),
    names_package=True,
    schema=pa.schema(
        [
            ("entity", pa.string()),
            ("since", UTC_STAMP),
            ("until", UTC_STAMP),
            ("opened_at", UTC_STAMP),
            ("run_id", pa.string()),
        ]
    ),
)
TOMBSTONES = LedgerTable(
    key=("entity", "record_key"),
    schema=pa.schema(
        [
            ("entity", pa.string()),
            ("record_key", pa.string()),
            ("noticed_at", UTC_STAMP),
            ("evidence", pa.string()),
            ("deleted_at", UTC_STAMP),
        ]
    ),
)
LEDGER: Mapping[str, LedgerTable] = MappingProxyType(
    {
        "sync_runs": SYNC_RUNS,
        "sync_windows": SYNC_WINDOWS,
        "tombstones": TOMBSTONES,
        "rejected_records": LedgerTable(
            key=("entity", "record_key"), schema=REJECTED, json_columns=("record",)
        ),
    }
)
"""Every table of the ledger by name; created with the first load, even when empty."""

WEBHOOK_EVENTS = LedgerTable(
    key=("event_id",),
    schema=pa.schema(
        [
            ("event_id", pa.string()),
            ("event_type", pa.string()),
            ("object_type", pa.string()),
            ("object_key", pa.string()),
            ("happened_at", UTC_STAMP),
            ("received_at", UTC_STAMP),
            ("actor", pa.string()),
            ("payload", pa.string()),
            ("snapshot", pa.string()),
        ]
    ),
    json_columns=("payload", "snapshot"),
)
BESIDE: Mapping[str, LedgerTable] = MappingProxyType({**LEDGER, "webhook_events": WEBHOOK_EVENTS})
"""The ledger and what is made only when it is needed."""
