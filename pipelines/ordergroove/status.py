"""`status`: what the warehouse holds and how fresh it is, from the warehouse alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.coverage import Stretch, covered, gaps
from pipelines.ordergroove.graphql.status import told_by_graphql
from pipelines.ordergroove.stored_values import instant_of
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.model import Entity
from state.ordergroove.ledger import CRASHED, RUNNING, SYNC_RUNS, UNAVAILABLE
from state.ordergroove.slices import Backfill, backfill_of
from state.ordergroove.watermark import BadState, Position, Window, position_of

LAST_RUNS = 5


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """What the newest run that dealt with an entity did about it."""

    status: str
    started_at: DateTime
    rows: int
    error: str | None


@dataclass(frozen=True, kw_only=True)
class EntityStatus:
    """One entity in the warehouse. Times are UTC."""

    entity: Entity
    watermark: DateTime | None
    """Everything that had changed before it is there. None: never read to the end."""

    age: timedelta | None
    """Since the watermark; None without one."""

    last: LastRun | None
    live: int | None
    """Rows that are not deleted; None: the table is not there."""

    deleted: int | None
    spans: tuple[Stretch, ...] = ()
    """What has been read, of change time; of a list read whole, its last reads."""

    gaps: tuple[Stretch, ...] = ()
    open_window: Window | None = None
    """A read that was interrupted: the next sync goes on with it."""

    backfill: Backfill | None = None
    """A backfill that is not finished: the same command goes on with it."""

    unreadable: str | None = None
    """Why the position cannot be read, if it cannot."""


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """One run, over all its entities."""

    run_id: str
    command: str
    started_at: DateTime
    finished_at: DateTime | None
    rows: int
    deleted: int
    statuses: Mapping[str, int]
    """How many entities ended in which status."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a warehouse holds, at a moment."""

    at: DateTime
    path: str
    dataset: str
    entities: tuple[EntityStatus, ...]
    runs: tuple[RunStatus, ...]
    """The last ones, newest first."""

    notes: tuple[str, ...] = ()
    """What else its reader should know."""


def status_of(
    warehouse: Warehouse, now: DateTime, names: Iterable[str] = tuple(ENTITIES)
) -> Status:
    """The status of the named entities. Raises ConfigError before the first sync."""
    tables = warehouse.tables()
    if "sync_runs" not in tables:
        raise ConfigError(
            what=f"Nothing has been synced into {warehouse.shown}, dataset {warehouse.dataset!r}.",
            do="Run `ordergroove sync` first, or name another one with --destination or --dataset.",
            state="",
        )
    positions = stored_positions(warehouse)
    last, windows, counts = last_runs(warehouse), windows_of(warehouse), counts_of(warehouse)
    return Status(
        at=now,
        path=warehouse.shown,
        dataset=warehouse.dataset,
        entities=tuple(
            entity_status(
                ENTITIES[name],
                positions.get(name, Position()),
                now,
                last=last.get(name),
                windows=windows.get(name, []),
                counts=counts.get(name, (None, None)),
            )
            for name in names
        ),
        runs=runs_of(warehouse),
        notes=tuple(told_by_graphql(warehouse, now)),
    )


def stored_positions(warehouse: Warehouse) -> dict[str, Position | BadState]:
    """How far each entity has been read, as dlt would restore it; or why that is not readable.

    Raises ConfigError when the state as a whole is not readable.
    """
    found: dict[str, Position | BadState] = {}
    for name, state in warehouse.positions().items():
        if name not in ENTITIES:
            continue
        try:
            found[name] = position_of(ENTITIES[name], state)
        except BadState as error:
            found[name] = error
    return found


def entity_status(
    entity: Entity,
    stored: Position | BadState,
    now: DateTime,
    *,
    last: LastRun | None,
    windows: list[Stretch],
    counts: tuple[int | None, int | None],
) -> EntityStatus:
    position = Position() if isinstance(stored, BadState) else stored
    watermark = position.watermark
    spans = covered(windows)
    return EntityStatus(
        entity=entity,
        watermark=watermark,
        age=None if watermark is None else timedelta(seconds=(now - watermark).total_seconds()),
        last=last,
        live=counts[0],
        deleted=counts[1],
        spans=spans,
        gaps=gaps(spans) if entity.is_incremental else (),
        open_window=position.window if entity.is_incremental else None,
        backfill=unfinished(entity, position),
        unreadable=str(stored) if isinstance(stored, BadState) else None,
    )


def unfinished(entity: Entity, position: Position) -> Backfill | None:
    """The backfill that was begun; one whose state is not readable begins anew."""
    try:
        found = backfill_of(entity, position)
    except BadState:
        return None
    return None if found is None or found.is_over else found


def last_runs(warehouse: Warehouse) -> dict[str, LastRun]:
    """What the newest run did, by entity."""
    found = warehouse.rows(
        "select entity, status, started_at, rows, error from ("
        "select entity, status, started_at, rows, error,"
        " row_number() over (partition by entity order by started_at desc) as place"
        f" from {warehouse.table('sync_runs')}) as runs where place = 1"
    )
    return {
        entity: LastRun(
            status=ended(warehouse, status),
            started_at=instant_of(started_at),
            rows=rows,
            error=error,
        )
        for entity, status, started_at, rows, error in found
    }


def ended(warehouse: Warehouse, status: str) -> str:
    """What a row that says `running` means: killed, unless somebody is at it right now."""
    return CRASHED if status == RUNNING and not warehouse.is_being_written else status


def windows_of(warehouse: Warehouse) -> dict[str, list[Stretch]]:
    """Every window that was read to its end, by entity."""
    if not warehouse.has_table("sync_windows"):
        return {}
    table = warehouse.table("sync_windows")
    found: dict[str, list[Stretch]] = {}
    for entity, since, until in warehouse.rows(f"select entity, since, until from {table}"):
        stretch = Stretch(
            since=None if since is None else instant_of(since), until=instant_of(until)
        )
        found.setdefault(entity, []).append(stretch)
    return found


def counts_of(warehouse: Warehouse) -> dict[str, tuple[int | None, int | None]]:
    """Live and deleted rows of each entity whose table is there."""
    there = [name for name in ENTITIES if name in warehouse.tables()]
    if not there:
        return {}
    found = warehouse.rows(
        " union all ".join(
            f"select '{name}', count(*) - count(_deleted_at), count(_deleted_at)"
            f" from {warehouse.table(name)}"
            for name in there
        )
    )
    return {name: (live, deleted) for name, live, deleted in found}


def runs_of(warehouse: Warehouse) -> tuple[RunStatus, ...]:
    """The last runs, newest first."""
    table = warehouse.table("sync_runs")
    newest = warehouse.rows(
        f"select run_id from {table} group by run_id order by min(started_at) desc, run_id limit ?",
        (LAST_RUNS,),
    )
    rows = warehouse.records("sync_runs", SYNC_RUNS.schema, "run_id", [run for (run,) in newest])
    return tuple(
        run_status(warehouse, [row for row in rows if row["run_id"] == run]) for (run,) in newest
    )


def run_status(warehouse: Warehouse, rows: Sequence[Mapping[str, Any]]) -> RunStatus:
    """One run out of its rows, one for each entity."""
    named = [ended(warehouse, status) for status in sorted(row["status"] for row in rows)]
    finished = [row["finished_at"] for row in rows if row["finished_at"] is not None]
    return RunStatus(
        run_id=rows[0]["run_id"],
        command=rows[0]["command"],
        started_at=min(row["started_at"] for row in rows),
        finished_at=max(finished, default=None),
        rows=sum(row["rows"] for row in rows),
        deleted=sum(row["deleted"] for row in rows),
        statuses={status: named.count(status) for status in dict.fromkeys(named)},
    )


def too_old(
    status: Status, max_age: timedelta, *, whole_read_every: timedelta = timedelta(0)
) -> list[str]:
    """The entities whose watermark is older than `max_age`, or that have none.

    Lists that are read whole every so often may be older by that much. What this key cannot see
    is not called old: there is nothing to do about it.
    """
    return [
        made.entity.name
        for made in status.entities
        if not (made.last and made.last.status == UNAVAILABLE)
        and (
            made.age is None
            or made.age
            > max_age + (timedelta(0) if made.entity.is_incremental else whole_read_every)
        )
    ]
