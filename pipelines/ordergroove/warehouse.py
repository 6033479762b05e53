"""The warehouse that `--destination` names: opening it, reading it, loading into it through dlt.

What differs from engine to engine stands in `targets`; everything else works on any of them.
"""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pendulum import DateTime
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_fixed,
)

from pipelines.ordergroove.destinations import target_of
from pipelines.ordergroove.scratch import scratch_in
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.stored_values import instant_of, records_of
from pipelines.ordergroove.targets.duckdb_file import DuckDBFile, in_memory, why_closed
from pipelines.ordergroove.targets.engine import Engine, Step, Target
from sources.ordergroove import SOURCE
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError, Held, OrdergrooveError
from state.ordergroove.ledger import RUNNING
from state.ordergroove.stored import decoded, resources_in

if TYPE_CHECKING:
    from dlt import Pipeline

__all__ = [
    "Warehouse",
    "file_of",
    "is_there",
    "looked_at",
    "opened",
    "published",
    "scratch_in",
    "why_closed",
]

log = logging.getLogger(__name__)


def file_of(settings: Settings) -> Path:
    """The DuckDB file that the destination names. Raises ConfigError for anything else."""
    target = target_of(settings)
    if not isinstance(target, DuckDBFile):
        raise ConfigError(
            what=f"The destination {settings.destination_shown} is no DuckDB file.",
            do="Name one for this: --destination duckdb:///warehouse.duckdb",
            state="Nothing was written.",
        )
    return target.path


def is_there(settings: Settings) -> bool:
    """Whether a run can have written to the destination: False only for a file yet to be made."""
    return target_of(settings).is_there()


class Warehouse:
    """One open database and the dataset in it. Only one run can write to it at a time."""

    def __init__(self, engine: Engine, path: Path | None = None) -> None:
        self.engine = engine
        self.path = path
        """The file it is in, where it is in one."""

        self.after_load: Callable[[], None] = lambda: None
        """Called when a package of rows has been loaded."""

        self.between_loads: Callable[[], None] = lambda: None
        """Called a few times a second while rows are waited for."""

    @property
    def connection(self) -> Any:
        return self.engine.connection

    @property
    def dataset(self) -> str:
        """The schema that holds the tables; empty where the engine has none."""
        return self.engine.dataset

    @property
    def dialect(self) -> str:
        """What sqlglot calls the engine's SQL."""
        return self.engine.dialect

    @property
    def shown(self) -> str:
        """The place as people know it, without password."""
        return self.engine.shown

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The answer to portable SQL: written as for DuckDB, `?` for each parameter."""
        return self.engine.rows(sql, parameters)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Changes something, in a transaction of its own. The SQL is portable."""
        self.engine.run((sql, parameters))

    def execute_all(self, *steps: Step) -> None:
        """Statements with their parameters, all or none. The SQL is portable."""
        self.engine.run(*steps)

    def records(
        self, table: str, schema: pa.Schema, column: str, values: Sequence[object]
    ) -> list[dict[str, Any]]:
        """The rows whose column has one of the values, as Python values of the schema's types."""
        if not values:
            return []
        listed = ", ".join(f'"{name}"' for name in schema.names)
        marks = ", ".join("?" for _ in values)
        found = self.rows(
            f"select {listed} from {self.table(table)} where {column} in ({marks})", values
        )
        return records_of(found, schema)

    def has_table(self, name: str) -> bool:
        return name in self.tables()

    def tables(self) -> set[str]:
        """The names of the dataset's tables."""
        return self.engine.tables()

    def columns(self, table: str) -> Mapping[str, str]:
        """The types of a table's columns, in the engine's words."""
        return self.engine.columns(table)

    def table(self, name: str) -> str:
        """The quoted name of a table of the dataset, for portable SQL."""
        return f'"{self.dataset}"."{name}"' if self.dataset else f'"{name}"'

    def positions(self) -> dict[str, dict[str, Any]]:
        """The stored position of each object type, of the newest load that was completed."""
        if (state := self.engine.stored_state()) is not None:
            return resources_in(state)
        if not self.has_table("_dlt_pipeline_state"):
            return {}
        found = self.rows(
            f"select state from {self.table('_dlt_pipeline_state')} as states"
            f" join {self.table('_dlt_loads')} as loads on loads.load_id = states._dlt_load_id"
            " where pipeline_name = ? and loads.status = 0 order by load_id desc limit 1",
            (SOURCE,),
        )
        return resources_in(decoded(found[0][0])) if found else {}

    def latest_instant(self) -> DateTime | None:
        """The latest time that an earlier run wrote down, UTC."""
        there = self.tables()
        written = [("_dlt_loads", "inserted_at"), ("sync_runs", "finished_at")]
        if "sync_runs" in there and self.rows(
            f"select 1 from {self.table('sync_runs')} where status = ? limit 1", (RUNNING,)
        ):
            # a run that was killed has left its rows, but not when it ended
            written += [(name, "_synced_at") for name in ENTITIES]
        instants = []
        for table, column in written:
            if table in there:
                ((found,),) = self.rows(f"select max({column}) from {self.table(table)}")
                instants += [] if found is None else [instant_of(found)]
        return max(instants, default=None)

    @cached_property
    def is_being_written(self) -> bool:
        """Whether another run had the lock when this was asked first."""
        return self.engine.is_being_written()

    def refuse_lost_lock(self) -> None:
        """Raises Held when the connection that held the lock is gone: another may write by now."""
        if not self.engine.still_held():
            raise Held(
                what=f"The connection that held the lock of {self.shown} was lost.",
                do="Run the same command again.",
                state="What was loaded before is complete; the next run goes on from there.",
            )

    def pipeline(self, scratch: Path) -> "Pipeline":
        """A dlt pipeline with the state that the warehouse holds; `scratch` must be empty.

        Raises ConfigError when dlt's restore is switched off, or restores something else than
        what `positions` has read.
        """
        quiet_dlt()
        import dlt

        destination, dataset = self.engine.destination()
        pipeline = dlt.pipeline(
            SOURCE, pipelines_dir=str(scratch), destination=destination, dataset_name=dataset
        )
        if not pipeline.config.restore_from_destination:
            raise ConfigError(
                what="dlt's `restore_from_destination` is switched off: a run could not see what"
                " the warehouse already holds.",
                do="Remove RESTORE_FROM_DESTINATION from the environment and"
                " restore_from_destination from .dlt/config.toml.",
                state="Nothing was written.",
            )
        pipeline.sync_destination()
        if resources_in(pipeline.state) != self.positions():
            raise ConfigError(
                what="dlt restores another state than the one that the warehouse holds.",
                do="Another version of dlt may have written it: use that one, or sync into"
                " another dataset with --dataset.",
                state="Nothing was written.",
            )
        return pipeline


@contextmanager
def opened(
    settings: Settings,
    *,
    read_only: bool = False,
    lock_timeout_s: float = 0.0,
    stop: threading.Event | None = None,
) -> Iterator[Warehouse]:
    """The warehouse; unless it is only read, for one run at a time, with the lock where it is.

    Waits up to `lock_timeout_s` for another run to end; `stop` ends the wait.
    Raises Held when it does not, ConfigError when the warehouse cannot be opened.
    """
    target = target_of(settings)
    if read_only and not target.is_there():
        raise ConfigError(
            what=f"There is no warehouse at {target.path}.",
            do="Run `ordergroove sync` first, or name another one with --destination.",
            state="Nothing was written.",
        )
    if not read_only:
        refuse_publishing(settings, target)
    stop = stop or threading.Event()
    waiting = Retrying(
        retry=retry_if_exception_type(Held),
        stop=stop_after_delay(lock_timeout_s) | stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        wait=wait_fixed(0.5),
        before_sleep=tell_once,
        reraise=True,
    )
    engine: Engine = waiting(target.connect, read_only=read_only)
    try:
        yield Warehouse(engine, target.path)
    finally:
        engine.close()


@contextmanager
def looked_at(settings: Settings) -> Iterator[Warehouse]:
    """The warehouse for reading; while there is no file yet, an empty one in memory.

    Changes nothing. Raises Held and ConfigError as `opened` does; a program that only reads a
    DuckDB file counts as holding it, as it keeps a run from writing.
    """
    target = target_of(settings)
    if not target.is_there():
        with in_memory(settings) as nothing:
            yield Warehouse(nothing, target.path)
        return
    target.refuse_held()
    with opened(settings, read_only=True) as warehouse:
        yield warehouse


def refuse_publishing(settings: Settings, target: Target) -> None:
    """Raises ConfigError when a read copy is wanted of what is no DuckDB file."""
    if settings.publish is not None and not isinstance(target, DuckDBFile):
        raise ConfigError(
            what=f"publish (from {settings.where['publish']}) copies DuckDB files;"
            f" {settings.destination_shown} is none.",
            do="Remove the setting: others can read this warehouse while a run goes on.",
            state="Nothing was written.",
        )


def tell_once(waiting: RetryCallState) -> None:
    """Says whom a run waits for, when it begins to."""
    error = waiting.outcome.exception() if waiting.outcome else None
    if waiting.attempt_number == 1 and isinstance(error, Held):
        log.warning("%s Waiting for it.", error.what)


def published(warehouse: Path, copy: Path) -> None:
    """Puts a copy of the closed warehouse file at `copy`, in one step for whoever opens it.

    Raises OrdergrooveError when it cannot be written; the warehouse itself is complete then.
    """
    beside = copy.with_name(f".{copy.name}.{os.getpid()}")
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(warehouse, beside)
        beside.replace(copy)
    except OSError as error:
        raise OrdergrooveError(
            what=f"The read copy {copy} could not be written: {error.strerror}.",
            do="Make room or change ORDERGROOVE_PUBLISH, then run `ordergroove sync` again.",
            state="The warehouse itself is complete; the old copy, if any, is as it was.",
        ) from None
    finally:
        with suppress(OSError):
            beside.unlink()


def quiet_dlt() -> None:
    """Settings of dlt that hold in this program, set before dlt reads them."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
    # signals are ours: dlt would hold them back until its pools are empty
    os.environ["RUNTIME__INTERCEPT_SIGNALS"] = "false"
    os.environ["LOAD__TRUNCATE_STAGING_DATASET"] = "true"
    os.environ["LOAD__DELETE_COMPLETED_JOBS"] = "true"
