"""A SQLite file: a lock file beside it, no schemas, money as REAL, stamps as text."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.engine import UNCHANGED, cannot_open, held
from pipelines.ordergroove.targets.holder import leave_note, note_on, take_note_away
from pipelines.ordergroove.targets.sql_server import SqlDatabase
from sources.ordergroove.errors import ConfigError

if TYPE_CHECKING:
    from sources.ordergroove.errors import Held

PREFIX = "sqlite:///"
BUSY_TIMEOUT_S = 30.0
"""How long a statement waits for a reader that keeps the file from being written."""

TABLES = "select name from sqlite_master where type in ('table', 'view')"
COLUMNS = "select name, type from pragma_table_info(?) order by cid"


@dataclass(frozen=True, kw_only=True)
class SqliteFile:
    """The file behind `sqlite:///file`."""

    settings: Settings
    path: Path

    def is_there(self) -> bool:
        return self.path.exists()

    def connect(self, *, read_only: bool) -> SqlDatabase:
        if read_only:
            return self.database(self.connected(read_only=True))
        lock = self.taken_lock()
        try:
            connection = self.connected(read_only=False)
        except BaseException:
            self.let_go(lock)
            raise
        return self.database(connection, lock)

    def connected(self, *, read_only: bool) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
                uri=True,
                isolation_level=None,
                timeout=BUSY_TIMEOUT_S,
                check_same_thread=False,
            )
            # the header is read by the first statement, not before
            connection.execute("select count(*) from sqlite_master").fetchall()
        except sqlite3.Error as error:
            do = (
                "Check that it is a SQLite file that you may write to, or name another one with"
                " --destination."
            )
            raise cannot_open(self.settings, f"{error}.", do) from None
        return connection

    def database(self, connection: sqlite3.Connection, lock: FileLock | None = None) -> SqlDatabase:
        return SqlDatabase(
            connection=connection,
            dialect="sqlite",
            marker="?",
            dataset="",
            shown=str(self.path),
            failures=sqlite3.Error,
            bound=bound,
            given_to_dlt=self.given_to_dlt,
            refuse_held=self.refuse_held,
            only_reading=("pragma query_only = on",),
            begin="begin immediate",
            let_go=lambda: self.let_go(lock),
            catalog_tables=TABLES,
            catalog_columns=COLUMNS,
        )

    def lock(self) -> FileLock:
        # the run's, whichever of its threads opens and closes it
        return FileLock(self.path.with_name(f".{self.path.name}.lock"), thread_local=False)

    def taken_lock(self) -> FileLock:
        """Raises Held with the process that has it; the lock ends with the process."""
        lock = self.lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout:
            raise self.held_by() from None
        except OSError as error:
            do = "Name a file in a directory that you may write to, with --destination."
            raise cannot_open(self.settings, f"{error.strerror}.", do) from None
        leave_note(self.path)
        return lock

    def refuse_held(self) -> None:
        lock_file = Path(self.lock().lock_file)
        if not lock_file.exists():
            return
        lock = self.lock()
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise self.held_by() from None
        lock.release()

    def refuse_unusable(self) -> None:
        """The rights on a file are whoever checks files to tell."""

    def held_by(self) -> "Held":
        note = note_on(self.path)
        if note is None:
            return held(f"Another run holds the warehouse {self.path}.")
        return held(f"Process {note['pid']} holds the warehouse {self.path} since {note['since']}.")

    def let_go(self, lock: FileLock | None) -> None:
        if lock is not None:
            take_note_away(self.path)
            lock.release()

    def given_to_dlt(self) -> tuple[Any, str]:
        from pipelines.ordergroove.targets.sqlite_dlt import destination

        return destination(self.path, BUSY_TIMEOUT_S), "main"


def target_of(settings: Settings) -> SqliteFile:
    url = urlsplit(settings.destination)
    if not settings.destination.startswith(PREFIX) or not url.path.strip("/") or url.query:
        raise ConfigError(
            what=f"The destination {settings.destination_shown} names no SQLite file.",
            do="Name a file: --destination sqlite:///warehouse.db",
            state=UNCHANGED,
        )
    if settings.where["dataset"] != "default":
        raise ConfigError(
            what="SQLite has no schemas: the tables stand in the file that the address names.",
            do=f"Remove dataset (from {settings.where['dataset']}); name another file for another"
            " merchant.",
            state=UNCHANGED,
        )
    return SqliteFile(settings=settings, path=Path(settings.destination.removeprefix(PREFIX)))


def bound(value: object) -> object:
    """A parameter in the form in which the loader writes it."""
    match value:
        case datetime():
            naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return naive.isoformat(sep=" ", timespec="microseconds")
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
    return value
