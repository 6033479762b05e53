"""A DuckDB file: one process at a time may have it open, so its own lock is the lock of a run."""

import fcntl
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.engine import UNCHANGED, Step, held
from pipelines.ordergroove.targets.holder import leave_note, note_on, take_note_away
from sources.ordergroove.errors import ConfigError, Held

PREFIX = "duckdb:///"
FOR_LOADING = "128MB"
FOR_QUESTIONS = "512MB"
"""What DuckDB may take where no setting says so: joins of views need more than merges."""

HELD = re.compile("could not set lock|already open in|used by another process", re.IGNORECASE)
"""How DuckDB says, on the various systems, that somebody else has the file open."""


@dataclass(frozen=True, kw_only=True)
class DuckDatabase:
    """An open file."""

    connection: duckdb.DuckDBPyConnection
    dataset: str
    path: Path
    is_held: bool = False
    """Nobody else can open it, and a note says who can."""

    dialect: str = "duckdb"

    @property
    def shown(self) -> str:
        return str(self.path)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.connection.cursor().execute(sql, list(parameters)).fetchall()

    def run(self, *steps: Step) -> None:
        session = self.connection.cursor()
        session.execute("begin")
        try:
            for sql, parameters in steps:
                session.execute(sql, list(parameters))
            session.execute("commit")
        except BaseException:
            session.execute("rollback")
            raise
        finally:
            session.close()

    def ask(self, sql: str) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
        # `query` speaks to this engine itself, with all that it can say about its own SQL
        found = self.connection.cursor().execute(sql)
        return tuple(column[0] for column in found.description), iter(found.fetchone, None)

    def tables(self) -> set[str]:
        found = self.rows(
            "select table_name from information_schema.tables where table_schema = ?",
            (self.dataset,),
        )
        return {name for (name,) in found}

    def columns(self, table: str) -> Mapping[str, str]:
        return dict(
            self.rows(
                "select column_name, data_type from information_schema.columns"
                " where table_schema = ? and table_name = ? order by ordinal_position",
                (self.dataset, table),
            )
        )

    def stored_state(self) -> Mapping[str, Any] | None:
        return None

    def destination(self) -> tuple[Any, str]:
        import dlt

        # without transactions dlt's merge is two statements, and a kill between them
        # would show readers an empty table
        made = dlt.destinations.duckdb(self.connection, supports_transactions=True)
        return made, self.dataset

    def still_held(self) -> bool:
        return True

    def is_being_written(self) -> bool:
        # nobody else can have it open for writing while it is open here
        return False

    def close(self) -> None:
        self.connection.close()
        if self.is_held:
            take_note_away(self.path)


def nowhere() -> duckdb.DuckDBPyConnection:
    """A connection to nothing, for SQL on tables that are elsewhere."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    # Arrow's own filters cannot compare DuckDB's texts with its
    connection.execute("set disabled_optimizers = 'filter_pushdown'")
    return connection


@dataclass(frozen=True, kw_only=True)
class DuckDBFile:
    """The file behind `duckdb:///file`."""

    path: Path
    settings: Settings

    def is_there(self) -> bool:
        return self.path.exists()

    def connect(self, *, read_only: bool) -> DuckDatabase:
        connection = connected(self.settings, self.path, read_only=read_only)
        if not read_only:
            leave_note(self.path)
        return DuckDatabase(
            connection=connection,
            dataset=self.settings.dataset,
            path=self.path,
            is_held=not read_only,
        )

    def refuse_unusable(self) -> None:
        """The rights on a file are whoever checks files to tell."""

    def refuse_held(self) -> None:
        """Raises Held when another program has the file open, if only to read it."""
        # not opened through DuckDB for that: it would fold the log of a crashed run into it
        try:
            with self.path.open("rb+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
        except (BlockingIOError, PermissionError):
            # DuckDB tells who it is
            connected(self.settings, self.path, read_only=False).close()


@contextmanager
def in_memory(settings: Settings) -> Iterator[DuckDatabase]:
    """An empty warehouse that stands for a file that is not there yet."""
    with duckdb.connect() as connection:
        yield DuckDatabase(connection=connection, dataset=settings.dataset, path=Path("nowhere"))


def target_of(settings: Settings) -> DuckDBFile:
    if settings.destination.rstrip("/") == PREFIX.rstrip("/") or not (
        settings.destination.startswith(PREFIX)
    ):
        raise ConfigError(
            what=f"The destination {settings.destination_shown} names no file.",
            do="Name a DuckDB file: --destination duckdb:///warehouse.duckdb",
            state=UNCHANGED,
        )
    return DuckDBFile(path=Path(settings.destination.removeprefix(PREFIX)), settings=settings)


def connected(settings: Settings, path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return duckdb.connect(
            str(path),
            read_only=read_only,
            config={
                "memory_limit": settings.duckdb_memory_limit
                or (FOR_QUESTIONS if read_only else FOR_LOADING),
                "threads": settings.duckdb_threads,
            },
        )
    except duckdb.Error as error:
        raise why_closed(path, str(error)) from None
    except OSError as error:
        raise ConfigError(
            what=f"The warehouse {path} cannot be opened: {error.strerror}.",
            do="Name a file in a directory that you may write to, with --destination.",
            state=UNCHANGED,
        ) from None


def why_closed(path: Path, text: str) -> ConfigError | Held:
    if HELD.search(text):
        return held_by(path, re.search(r"held in (.+?) \(PID (\d+)\)", text))
    reason = text.splitlines()[0] if text else "unknown reason"
    return ConfigError(
        what=f"The warehouse {path} cannot be opened: {reason}",
        do="Check that it is a DuckDB file that you may write to, or name another one with"
        " --destination.",
        state=UNCHANGED,
    )


def held_by(path: Path, holder: re.Match[str] | None) -> Held:
    pid = int(holder[2]) if holder else None
    who = f"{holder[1]}, process {pid}," if holder else "Another program"
    note = note_on(path, pid) if pid else None
    since = f" since {note['since']}" if note else ""
    found = held(f"{who} holds the warehouse {path}{since}.")
    found.pid = pid
    return found
