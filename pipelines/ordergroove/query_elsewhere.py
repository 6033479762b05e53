"""`query` on engines other than DuckDB: their own SQL, in a session that only reads.

Rows come as the driver gives them, a batch at a time.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.ordergroove.targets.engine import UNCHANGED, first_line
from sources.ordergroove.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.ordergroove.warehouse import Warehouse

ROWS_AT_ONCE = 10_000
LOOKED_AT = 100
"""Rows by which it is told whether a column holds numbers."""

MISSING = re.compile(
    r"""with\ name\ (\S+)\ does | relation\ "(?:\S+\.)?(\S+?)"\ does
    | table\ '(?:\S+\.)?(\S+?)'\ doesn't | no\ such\ table:\ (?:\S+\.)?(\S+)""",
    re.IGNORECASE | re.VERBOSE,
)
"""How the engines name a table that is not there."""

OF_THE_LAYER = ("int_", "seed_", "stg_")
"""How names begin that views are made of, and few people ask by."""

READING = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW", "DESCRIBE"})


def asked(warehouse: "Warehouse", sql: str) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
    """Names and rows of one question. Raises ConfigError for what cannot be answered or writes."""
    refuse_other_than_reading(sql, warehouse.dialect)
    try:
        names, rows = warehouse.engine.ask(sql)
    # the drivers' own classes are known where they are used, not here
    except Exception as error:
        raise not_answered(warehouse, error) from None
    return names, going_on(warehouse, rows)


def going_on(warehouse: "Warehouse", rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    try:
        yield from rows
    except Exception as error:
        raise not_answered(warehouse, error) from None


def numbers_in(
    rows: Iterator[tuple[Any, ...]],
) -> tuple[frozenset[int], Iterator[tuple[Any, ...]]]:
    """Which columns hold numbers by the first rows, and all the rows."""
    first = list(islice(rows, LOOKED_AT))
    columns: Sequence[tuple[Any, ...]] = list(zip(*first, strict=True))
    numbers = frozenset(
        at
        for at, values in enumerate(columns)
        if {type(value) for value in values if value is not None} in NUMBERS
    )
    return numbers, chain(first, rows)


NUMBERS = tuple({kind} for kind in (int, float, Decimal))


def refuse_other_than_reading(sql: str, dialect: str) -> None:
    from sqlglot import TokenError, tokenize

    try:
        tokens = tokenize(sql, read=dialect)
    except TokenError as error:
        raise ConfigError(
            what=f"The SQL cannot be read: {first_line(error)}",
            do="Correct it and ask again.",
            state=UNCHANGED,
        ) from None
    ends = [at for at, token in enumerate(tokens) if token.token_type.name == "SEMICOLON"]
    if not tokens or any(at < len(tokens) - 1 for at in ends):
        raise ConfigError(
            what=f"There are {'several statements' if ends else 'no words'} in the query.",
            do="Ask one question at a time; `with` joins several steps into one.",
            state=UNCHANGED,
        )
    kind = next((token.text.upper() for token in tokens if token.text != "("), "")
    if kind not in READING:
        raise ConfigError(
            what=f"`query` only reads: {kind} is refused.",
            do="Ask with `select`; what sync fills must not be changed by hand.",
            state=UNCHANGED,
        )


def not_answered(warehouse: "Warehouse", error: Exception) -> ConfigError:
    """The engine's own words in one line, and what is there instead."""
    what = first_line(error)
    if re.search(r"read.?only", what, re.IGNORECASE):
        do = "Ask with `select`; what sync fills must not be changed by hand."
    elif re.search(r"no such table|doesn't exist|does not exist", what):
        do = what_there_is(warehouse, what)
    else:
        do = "Correct the SQL and ask again."
    return ConfigError(what=what, do=do, state=UNCHANGED)


def write_parquet(names: Sequence[str], rows: Iterator[tuple[Any, ...]], path: Path) -> int:
    """Returns the number of rows; all of them are in memory while they are written."""
    import pyarrow as pa
    from pyarrow import parquet

    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [() for _ in names]
    table = pa.table([pa.array(values) for values in columns], names=list(names))
    parquet.write_table(table, path)
    return int(table.num_rows)


def what_there_is(warehouse: "Warehouse", complaint: str) -> str:
    """What to ask instead of a table that is not there: what resembles it, else what there is."""
    names = sorted(name for name in warehouse.tables() if not name.startswith("_"))
    found = MISSING.search(complaint)
    missing = next(filter(None, found.groups()), "") if found else ""
    if near := get_close_matches(missing.lower(), names, n=3, cutoff=0.7):
        return f"Did you mean {' or '.join(near)}?"
    listed = [name for name in names if not name.startswith(OF_THE_LAYER)]
    return f"Tables and views here: {', '.join(listed)}; and what these are made of."
