"""What a status is made of: what the warehouse says, as values that a file can hold as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.graphql.status import told_by_graphql
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.entities import ENTITIES
from state.ordergroove.ledger import SYNC_RUNS

LAST_RUNS = 5

Row = Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Of one dataset, at one moment. Instants are as the engine gives them, or text."""

    path: str
    dataset: str
    is_being_written: bool
    positions: Mapping[str, Mapping[str, Any]]
    """How far each object type was read, as dlt would restore it."""

    last: Sequence[Row]
    """What the newest run did about an entity: entity, status, started_at, rows, error."""

    windows: Sequence[Row]
    """Every window that was read to its end: entity, since, until."""

    counts: Sequence[Row]
    """Entity, live and deleted rows; none where the table is not there."""

    runs: Sequence[Row]
    """The rows of the last runs, by the columns of the ledger; the newest run first."""

    notes: Sequence[str] = ()


def facts_of(warehouse: Warehouse, now: DateTime, *, is_being_written: bool | None = None) -> Facts:
    """Reads them all; before the first sync there are none. Raises ConfigError for odd state.

    `is_being_written` is for whoever holds the warehouse to tell.
    """
    if is_being_written is None:
        is_being_written = warehouse.is_being_written
    return Facts(
        path=warehouse.shown,
        dataset=warehouse.dataset,
        is_being_written=is_being_written,
        positions=warehouse.positions(),
        last=last_of(warehouse),
        windows=windows_in(warehouse),
        counts=counts_of(warehouse),
        runs=runs_of(warehouse),
        notes=tuple(told_by_graphql(warehouse, now)),
    )


def last_of(warehouse: Warehouse) -> list[Row]:
    if not warehouse.has_table("sync_runs"):
        return []
    return [
        *warehouse.rows(
            "select entity, status, started_at, rows, error from ("
            "select entity, status, started_at, rows, error,"
            " row_number() over (partition by entity order by started_at desc) as place"
            f" from {warehouse.table('sync_runs')}) as runs where place = 1"
        )
    ]


def windows_in(warehouse: Warehouse) -> list[Row]:
    if not warehouse.has_table("sync_windows"):
        return []
    table = warehouse.table("sync_windows")
    return [*warehouse.rows(f"select entity, since, until from {table}")]


def counts_of(warehouse: Warehouse) -> list[Row]:
    there = [name for name in ENTITIES if name in warehouse.tables()]
    if not there:
        return []
    return [
        *warehouse.rows(
            " union all ".join(
                f"select '{name}', count(*) - count(_deleted_at), count(_deleted_at)"
                f" from {warehouse.table(name)}"
                for name in there
            )
        )
    ]


def runs_of(warehouse: Warehouse) -> list[Row]:
    if not warehouse.has_table("sync_runs"):
        return []
    table = warehouse.table("sync_runs")
    newest = warehouse.rows(
        f"select run_id from {table} group by run_id order by min(started_at) desc, run_id limit ?",
        (LAST_RUNS,),
    )
    ids = [run for (run,) in newest]
    rows = warehouse.records("sync_runs", SYNC_RUNS.schema, "run_id", ids)
    rows.sort(key=lambda row: ids.index(row["run_id"]))
    return [[*row.values()] for row in rows]
