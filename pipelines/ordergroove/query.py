"""`query`: somebody's SQL against the warehouse, answered as a table, JSON, CSV or Parquet.

The warehouse is opened read-only, the dataset is where names are looked up, and the session's
clock is UTC, so that an answer does not depend on the machine that asks.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import orjson

from pipelines.ordergroove.grid import grid, natural_width, printable
from pipelines.ordergroove.query_elsewhere import asked, numbers_in, what_there_is, write_parquet
from pipelines.ordergroove.warehouse import Warehouse
from pipelines.ordergroove.written_file import replacing
from sources.ordergroove.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

MOST_ON_SCREEN = 1_000
ROWS_AT_ONCE = 10_000
LEAST_COLUMN = 16
"""Characters; where columns would have to be narrower, each row gets a block of its own."""

UNCHANGED = "Nothing was written."
READING = frozenset({"SELECT", "EXPLAIN", "PRAGMA", "CALL"})
"""Kinds of statement that can give rows; the file itself is open for reading only."""

NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
INT64 = range(-(2**63), 2**64)
"""What the JSON writer takes for an integer."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The rows of one question. They can be gone through once, while the warehouse is open."""

    names: tuple[str, ...]
    numbers: frozenset[int]
    """Which columns hold numbers, counted from 0."""

    rows: Iterator[tuple[Any, ...]]


def answer(warehouse: Warehouse, sql: str) -> Answer:
    """Asks one question. Raises ConfigError for SQL that cannot be answered, or that would write.

    Going through the rows can raise it too: DuckDB finds some faults only on the way.
    """
    if warehouse.path is None or warehouse.dialect != "duckdb":
        names, found = asked(warehouse, sql)
        numbers, rows = numbers_in(found)
        return Answer(names=names, numbers=numbers, rows=rows)
    session = session_of(warehouse)
    statement = the_statement(warehouse, session, sql)
    try:
        session.execute(statement)
    # the engine's own classes are known where it is opened, not here; nothing else runs in there
    except Exception as error:
        raise not_answered(warehouse, error) from None
    described = session.description or []
    return Answer(
        names=tuple(column[0] for column in described),
        numbers=frozenset(at for at, column in enumerate(described) if is_number(str(column[1]))),
        rows=rows_of(warehouse, session),
    )


def session_of(warehouse: Warehouse) -> "duckdb.DuckDBPyConnection":
    """A connection of its own, with the dataset as the place where names are looked up."""
    session: duckdb.DuckDBPyConnection = warehouse.connection.cursor()
    session.execute("set TimeZone = 'UTC'")
    file = session.execute("select current_database()").fetchall()[0][0]
    try:
        # a file named like the dataset makes the dataset's name alone ambiguous
        session.execute(f'use "{file}"."{warehouse.dataset}"')
    except Exception:
        raise ConfigError(
            what=f"The warehouse {warehouse.path} holds no dataset {warehouse.dataset!r}.",
            do="Run `ordergroove sync` first, or name another dataset with --dataset.",
            state=UNCHANGED,
        ) from None
    return session


def the_statement(
    warehouse: Warehouse, session: "duckdb.DuckDBPyConnection", sql: str
) -> "duckdb.Statement":
    """The one statement in the text. Raises ConfigError for none, several, or one that writes."""
    try:
        statements = session.extract_statements(sql)
    except Exception as error:
        raise not_answered(warehouse, error) from None
    if len(statements) != 1:
        found = f"are {len(statements)} statements" if statements else "is no statement"
        raise ConfigError(
            what=f"There {found} in the query.",
            do="Ask one question at a time; `with` joins several steps into one.",
            state=UNCHANGED,
        )
    kind = statements[0].type.name
    if kind not in READING:
        raise only_reading(kind.replace("_", " "))
    return statements[0]


def only_reading(kind: str) -> ConfigError:
    hint = (
        "Write the query alone, with --csv or --parquet FILE."
        if kind == "COPY"
        else "Ask with `select`; what sync fills must not be changed by hand. Views and tables of"
        " your own belong into a DuckDB file of yours."
    )
    return ConfigError(what=f"`query` only reads: {kind} is refused.", do=hint, state=UNCHANGED)


def rows_of(
    warehouse: Warehouse, session: "duckdb.DuckDBPyConnection"
) -> Iterator[tuple[Any, ...]]:
    while True:
        try:
            rows = session.fetchmany(ROWS_AT_ONCE)
        except Exception as error:
            raise not_answered(warehouse, error) from None
        if not rows:
            return
        yield from rows


def not_answered(warehouse: Warehouse, error: Exception) -> ConfigError:
    """DuckDB's own words in one line, and what is there instead."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    what = lines[0]
    if "read-only" in what:
        return only_reading("a statement that writes")
    if "Out of Memory" in what:
        do = "Give DuckDB more with --duckdb-memory-limit, or ask for less at once."
    elif what.startswith("Catalog Error: Table"):
        do = what_there_is(warehouse, what)
    elif candidates := [line for line in lines[1:] if line.startswith("Candidate bindings")]:
        do = f"{candidates[0]}."
    else:
        do = "Correct the SQL and ask again."
    return ConfigError(what=what, do=do, state=UNCHANGED)


def is_number(kind: str) -> bool:
    return "[" not in kind and kind.upper().removeprefix("U").startswith(NUMBERS)


def as_text(found: Answer, width: int) -> str:
    """The first 1,000 rows as a table of `width` characters, and how many there are.

    Where the columns do not fit side by side, each row is a block of `name  value` lines.
    """
    shown = [tuple(cell(value) for value in row) for row in islice(found.rows, MOST_ON_SCREEN)]
    has_more = next(found.rows, None) is not None
    if natural_width(found.names, shown, most=LEAST_COLUMN) <= width:
        table = grid(found.names, shown, width=width, right=found.numbers)
    else:
        table = "\n\n".join(block(found.names, row) for row in shown) or "\n".join(found.names)
    rows = "1 row" if len(shown) == 1 else f"{len(shown):,} rows"
    end = f"({rows})"
    if has_more:
        end = f"(the first {rows}; there are more: --csv or --parquet FILE writes all of them)"
    return f"{table}\n{end}"


def block(names: tuple[str, ...], row: tuple[str, ...]) -> str:
    longest = max(map(len, names))
    return "\n".join(
        f"{name:{longest}}  {printable(value)}" for name, value in zip(names, row, strict=True)
    )


def cell(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.tzinfo is not None:
        return iso(value)
    return str(value)


def as_json(found: Answer) -> str:
    """All rows as a list of objects. Instants are ISO in UTC, decimals keep all their digits."""
    names = unique(found.names)
    rows = [dict(zip(names, map(plain, row), strict=True)) for row in found.rows]
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode()


def unique(names: tuple[str, ...]) -> list[str]:
    """Names that stand twice get a number: an object has each of its keys once."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in range(2, len(names) + 2))
        found.append(next(free for free in chain([name], numbered) if free not in found))
    return found


def plain(value: Any) -> Any:
    """A value as the JSON writer takes it."""
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return value if value in INT64 else orjson.Fragment(str(value))
        case Decimal():
            return orjson.Fragment(f"{value:f}")
        case datetime():
            return iso(value)
        case date() | time():
            return value.isoformat()
        case dict():
            return {str(name): plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case bytes():
            return value.hex()
    return str(value)


def to_csv(found: Answer, stream: TextIO) -> int:
    """Writes all rows under a line of names; null is empty, instants are ISO in UTC.

    Returns the number of rows.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(found.names)
    count = 0
    for row in found.rows:
        writer.writerow([in_csv(value) for value in row])
        count += 1
    return count


def in_csv(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict | list):
        return orjson.dumps(plain(value)).decode()
    return value.hex() if isinstance(value, bytes) else value


def iso(instant: datetime) -> str:
    """ISO 8601; an instant in UTC with `Z`, a wall-clock value without a zone."""
    return instant.isoformat().replace("+00:00", "Z")


def to_parquet(warehouse: Warehouse, sql: str, path: Path) -> int:
    """Writes all rows of the question into a Parquet file, which is there when it is complete.

    Whole numbers beyond 64 bits, which sums of them have, become floating-point ones: Parquet has
    no such type. Returns the number of rows. Raises ConfigError as `answer` does, and when the
    file cannot be written.
    """
    with replacing(path) as beside:
        return written(warehouse, sql, beside)


def written(warehouse: Warehouse, sql: str, path: Path) -> int:
    if warehouse.path is None or warehouse.dialect != "duckdb":
        names, found = asked(warehouse, sql)
        return write_parquet(unique(names), found, path)
    session = session_of(warehouse)
    statement = the_statement(warehouse, session, sql)
    try:
        session.sql(statement.query).write_parquet(str(path))
    except Exception as error:
        raise not_answered(warehouse, error) from None
    counted = session.execute("select count(*) from read_parquet(?)", [str(path)])
    return int(counted.fetchall()[0][0])
