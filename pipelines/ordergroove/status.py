"""`status`: what the warehouse holds and how fresh it is, from the warehouse alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.coverage import Stretch, covered, gaps
from pipelines.ordergroove.status_facts import Facts, Row, facts_of, windows_in
from pipelines.ordergroove.stored_values import instant_of, records_of
from pipelines.ordergroove.warehouse import Warehouse
from pipelines.ordergroove.webhooks.waiting import Waiting
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.model import Entity
from state.ordergroove.ledger import CRASHED, RUNNING, SYNC_RUNS, UNAVAILABLE
from state.ordergroove.slices import Backfill, backfill_of
from state.ordergroove.watermark import BadState, Position, Window, position_of


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
class Writer:
    """Who has the warehouse to itself meanwhile, and when it last said how things stand."""

    pid: int
    command: str
    since: DateTime
    as_of: DateTime


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

    writer: Writer | None = None
    """Told where the warehouse itself cannot be read while it is being written."""

    inbox: Waiting | None = None
    """How things stand in the inbox; None where no webhooks are in use."""


def status_of(
    warehouse: Warehouse, now: DateTime, names: Iterable[str] = tuple(ENTITIES)
) -> Status:
    """The status of the named entities. Raises ConfigError before the first sync."""
    if "sync_runs" not in warehouse.tables():
        raise ConfigError(
            what=f"Nothing has been synced into {warehouse.shown}, dataset {warehouse.dataset!r}.",
            do="Run `ordergroove sync` first, or name another one with --destination or --dataset.",
            state="",
        )
    return status_from(facts_of(warehouse, now), now, names)


def status_from(
    facts: Facts, now: DateTime, names: Iterable[str], *, writer: Writer | None = None
) -> Status:
    """The status that the facts make; ages are counted up to `now`."""
    positions, windows = positions_in(facts.positions), stretches(facts.windows)
    last = last_runs(facts)
    counts = {name: (live, deleted) for name, live, deleted in facts.counts}
    return Status(
        at=now,
        path=facts.path,
        dataset=facts.dataset,
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
        runs=runs_in(facts),
        notes=tuple(facts.notes),
        writer=writer,
    )


def stored_positions(warehouse: Warehouse) -> dict[str, Position | BadState]:
    """How far each entity has been read, as dlt would restore it; or why that is not readable.

    Raises ConfigError when the state as a whole is not readable.
    """
    return positions_in(warehouse.positions())


def positions_in(stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Position | BadState]:
    found: dict[str, Position | BadState] = {}
    for name, state in stored.items():
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


def last_runs(facts: Facts) -> dict[str, LastRun]:
    """What the newest run did, by entity."""
    return {
        entity: LastRun(
            status=ended(facts, status),
            started_at=instant_of(started_at),
            rows=rows,
            error=error,
        )
        for entity, status, started_at, rows, error in facts.last
    }


def ended(facts: Facts, status: str) -> str:
    """What a row that says `running` means: killed, unless somebody is at it right now."""
    return CRASHED if status == RUNNING and not facts.is_being_written else status


def windows_of(warehouse: Warehouse) -> dict[str, list[Stretch]]:
    """Every window that was read to its end, by entity."""
    return stretches(windows_in(warehouse))


def stretches(windows: Iterable[Row]) -> dict[str, list[Stretch]]:
    found: dict[str, list[Stretch]] = {}
    for entity, since, until in windows:
        stretch = Stretch(
            since=None if since is None else instant_of(since), until=instant_of(until)
        )
        found.setdefault(entity, []).append(stretch)
    return found


def runs_in(facts: Facts) -> tuple[RunStatus, ...]:
    """The last runs, newest first."""
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for row in records_of(facts.runs, SYNC_RUNS.schema):
        runs.setdefault(row["run_id"], []).append(row)
    return tuple(run_status(facts, rows) for rows in runs.values())


def run_status(facts: Facts, rows: Sequence[Mapping[str, Any]]) -> RunStatus:
    """One run out of its rows, one for each entity."""
    named = [ended(facts, status) for status in sorted(row["status"] for row in rows)]
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
