"""What the SQL layer needs of an engine: run statements, fetch rows, say what is there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from pipelines.ordergroove.sql_layer.dialects import column_type
from pipelines.ordergroove.sql_layer.relations import Columns

if TYPE_CHECKING:
    from pipelines.ordergroove.warehouse import Warehouse

TABLE = "table"
VIEW = "view"
ROWS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows to add to a table."""

    table: str
    columns: Columns
    rows: Sequence[Mapping[str, object]]

    def statements(self, database: "Database") -> list[str]:
        """The same as SQL, for engines without a faster way in."""
        return inserts(database, self.table, self.columns, self.rows)


class Database(Protocol):
    """One open connection; `dialect` as sqlglot calls it, `dataset` empty where there is none."""

    @property
    def dialect(self) -> str: ...
    @property
    def dataset(self) -> str: ...
    def run(self, *steps: "str | Rows") -> None:
        """All of them or none, as far as the engine can; raises what the engine raises."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, kw_only=True)
class InWarehouse:
    """A warehouse as `Database`: statements in its engine's own words, past the portable door."""

    warehouse: "Warehouse"

    @property
    def dialect(self) -> str:
        return self.warehouse.dialect

    @property
    def dataset(self) -> str:
        return self.warehouse.dataset

    def run(self, *steps: str | Rows) -> None:
        session = self.warehouse.connection.cursor()
        session.execute("begin")
        try:
            for step in steps:
                self.take(session, step)
            session.execute("commit")
        except BaseException:
            # an engine may have ended the transaction itself; why it did is the error to be told
            with suppress(Exception):
                session.execute("rollback")
            raise
        finally:
            session.close()

    def take(self, session: Any, step: str | Rows) -> None:
        if isinstance(step, str):
            session.execute(step)
        elif self.dialect == "duckdb":
            # through Arrow: DuckDB takes a second for the days of a calendar as SQL
            session.register("added_rows", arrow_of(step))
            session.execute(f"insert into {quoted(step.table, self)} select * from added_rows")
        else:
            for statement in step.statements(self):
                session.execute(statement)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        session = self.warehouse.connection.cursor()
        try:
            session.execute(sql)
            return [tuple(row) for row in session.fetchall()]
        finally:
            session.close()


@contextmanager
def one_thread(database: Database) -> Iterator[None]:
    """DuckDB works on one thread meanwhile: checks join many views, and threads take memory."""
    if database.dialect != "duckdb":
        yield
        return
    ((before,),) = database.rows("select current_setting('threads')")
    database.run("set threads = 1")
    try:
        yield
    finally:
        database.run(f"set threads = {before}")


def arrow_of(added: Rows) -> pa.Table:
    return pa.table({name: [row[name] for row in added.rows] for name in added.columns})


def quoted(name: str, database: Database) -> str:
    """A name of the dataset, in full."""
    parts = [database.dataset, name] if database.dataset else [name]
    return ".".join(identifier(part, database.dialect) for part in parts)


def identifier(name: str, dialect: str) -> str:
    return f"`{name}`" if dialect in ("mysql", "bigquery", "databricks") else f'"{name}"'


def text(value: str) -> str:
    """A literal of text without backslashes, which engines do not all read alike."""
    return "'" + value.replace("'", "''") + "'"


def literal(value: object, kind: str, dialect: str) -> str:
    """A literal of a column; instants are UTC, without saying so where columns have no zone."""
    match value:
        case None:
            return "null"
        case bool() if dialect in ("mysql", "sqlite"):
            return str(int(value))
        case bool() | int() | Decimal():
            return str(value).lower()
        case datetime():
            moment = value.astimezone(UTC) if value.tzinfo else value
            has_zone = kind == "timestamptz" and dialect not in ("mysql", "sqlite")
            return f"'{moment:%Y-%m-%d %H:%M:%S.%f}{'+00:00' if has_zone else ''}'"
    shown = str(value)
    return text(shown.replace("\\", "\\\\") if dialect == "mysql" else shown)


def create_table(database: Database, name: str, columns: Columns, key: Sequence[str]) -> str:
    listed = [
        f"{identifier(column, database.dialect)} {column_type(kind, database.dialect)}"
        for column, kind in columns.items()
    ]
    keys = ", ".join(identifier(column, database.dialect) for column in key)
    listed.append(f"primary key ({keys})")
    return f"create table {quoted(name, database)} ({', '.join(listed)}){collation(database)}"


def collation(database: Database) -> str:
    """MariaDB compares texts of one collation only: that of the synced tables."""
    if database.dialect != "mysql":
        return ""
    found = database.rows(
        "select max(collation_name) from information_schema.columns"
        f" where table_schema = {text(database.dataset)} and table_name = 'sync_runs'"
        " and column_name = 'entity'"
    )
    return f" collate {found[0][0]}" if found[0][0] else ""


def inserts(
    database: Database, name: str, columns: Columns, rows: Iterable[Mapping[str, object]]
) -> list[str]:
    """Statements that add the rows."""
    tuples = [
        "("
        + ", ".join(
            literal(row[column], kind, database.dialect) for column, kind in columns.items()
        )
        + ")"
        for row in rows
    ]
    listed = ", ".join(identifier(column, database.dialect) for column in columns)
    head = f"insert into {quoted(name, database)} ({listed}) values "
    return [
        head + ", ".join(tuples[start : start + ROWS_AT_ONCE])
        for start in range(0, len(tuples), ROWS_AT_ONCE)
    ]


def relations(database: Database) -> dict[str, str]:
    """Every table and view of the dataset, by name: `table` or `view`."""
    if database.dialect == "sqlite":
        found = database.rows("select name, type from sqlite_master where type in ('table','view')")
    else:
        here = "" if database.dialect == "mysql" else " and table_catalog = current_database()"
        found = database.rows(
            "select table_name, table_type from information_schema.tables"
            f" where table_schema = {text(database.dataset)}{here}"
        )
    return {name: VIEW if "view" in kind.lower() else TABLE for name, kind in found}


DEFINITIONS = {
    "duckdb": "select schema_name, view_name, sql from duckdb_views()"
    " where not internal and database_name = current_database()",
    "postgres": "select schemaname, viewname, definition from pg_views"
    " where schemaname not in ('pg_catalog', 'information_schema')",
    "mysql": "select table_schema, table_name, view_definition from information_schema.views",
    "sqlite": "select '', name, sql from sqlite_master where type = 'view'",
}


def definitions(database: Database) -> dict[tuple[str, str], str]:
    """The SQL of every view that can be seen, by schema and name."""
    found = database.rows(DEFINITIONS[database.dialect])
    return {(schema, name): sql or "" for schema, name, sql in found}
