"""An open connection by the drivers' common interface: PostgreSQL, MariaDB, MySQL, SQLite."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pipelines.ordergroove.portable import translated
from pipelines.ordergroove.targets.engine import Step, telling
from sources.ordergroove.errors import Held

ROWS_AT_ONCE = 10_000
CATALOG_TABLES = "select table_name from information_schema.tables where table_schema = ?"
CATALOG_COLUMNS = (
    "select column_name, data_type from information_schema.columns"
    " where table_schema = ? and table_name = ? order by ordinal_position"
)


@dataclass(frozen=True, kw_only=True)
class SqlDatabase:
    """A connection that commits each statement by itself, and what its engine has of its own."""

    connection: Any
    dialect: str
    marker: str
    """How the driver wants a parameter marked."""

    dataset: str
    shown: str
    failures: type[Exception]
    """What the driver raises."""

    bound: Callable[[object], object]
    """A parameter as the driver takes it."""

    given_to_dlt: Callable[[], tuple[Any, str]]
    refuse_held: Callable[[], None]
    """Raises Held when another run has the lock."""

    holds: Callable[[Any], bool] = lambda connection: True
    """Whether the connection still has the lock of the run."""

    only_reading: Sequence[str] = ()
    """What is said before somebody's own question."""

    streaming: Callable[[Any], Any] = lambda connection: connection.cursor()
    """A cursor that doesn't hold all rows in memory."""

    end_question: Callable[[Any], None] = lambda connection: connection.rollback()
    """Ends the session that somebody's question before this one was asked in."""

    begin: str = "begin"
    let_go: Callable[[], None] = lambda: None
    """What is to be done once the connection is closed."""

    catalog_tables: str = CATALOG_TABLES
    catalog_columns: str = CATALOG_COLUMNS

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with telling(self.shown, self.failures):
            return self.fetched(sql, parameters)

    def fetched(self, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        cursor = self.connection.cursor()
        try:
            cursor.execute(
                translated(sql, self.dialect, self.marker),
                tuple(self.bound(value) for value in parameters),
            )
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            cursor.close()

    def run(self, *steps: Step) -> None:
        with telling(self.shown, self.failures):
            self.said(self.begin)
            try:
                for sql, parameters in steps:
                    self.fetched(sql, parameters)
                self.said("commit")
            except BaseException:
                self.said("rollback")
                raise

    def said(self, words: str) -> None:
        cursor = self.connection.cursor()
        cursor.execute(words)
        cursor.close()

    def ask(self, sql: str) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
        self.end_question(self.connection)
        for words in self.only_reading:
            self.said(words)
        cursor = self.streaming(self.connection)
        try:
            cursor.execute(sql)
            # PostgreSQL describes the columns of a cursor once the first rows are there
            first = cursor.fetchmany(ROWS_AT_ONCE)
        except self.failures:
            self.connection.rollback()
            raise
        names = tuple(column[0] for column in cursor.description or ())
        return names, chain(first, rest_of(cursor))

    def tables(self) -> set[str]:
        parameters = (self.dataset,) if "?" in self.catalog_tables else ()
        return {name for (name,) in self.rows(self.catalog_tables, parameters)}

    def columns(self, table: str) -> Mapping[str, str]:
        parameters = (self.dataset, table) if self.catalog_columns.count("?") > 1 else (table,)
        return dict(self.rows(self.catalog_columns, parameters))

    def stored_state(self) -> Mapping[str, Any] | None:
        return None

    def destination(self) -> tuple[Any, str]:
        return self.given_to_dlt()

    def still_held(self) -> bool:
        try:
            return self.holds(self.connection)
        except self.failures:
            return False

    def is_being_written(self) -> bool:
        try:
            self.refuse_held()
        except Held:
            return True
        return False

    def close(self) -> None:
        self.connection.close()
        self.let_go()


def rest_of(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield from rows
