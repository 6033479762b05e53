"""What stands in tables and views, in one form whatever engine keeps it."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pipelines.ordergroove.files.tables import tables
from pipelines.ordergroove.warehouse import Warehouse

Rows = list[tuple[str, ...]]
OF_RUN = {"loaded_at"}
"""Columns that tell when this very run loaded a file."""

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def in_tables(warehouse: Warehouse) -> dict[str, Rows]:
    """Every table of daily files that is there."""
    return {
        name: rows_of(warehouse, name, [column for column in schema.names if column not in OF_RUN])
        for name, (schema, _) in tables().items()
        if warehouse.has_table(name)
    }


def rows_of(warehouse: Warehouse, name: str, columns: Iterable[str]) -> Rows:
    listed = ", ".join(f'"{column}"' for column in columns)
    return shown(warehouse.rows(f"select {listed} from {warehouse.table(name)}"))


def shown(rows: Iterable[Sequence[Any]]) -> Rows:
    return sorted(tuple(map(text, row)) for row in rows)


def text(value: Any) -> str:
    match value:
        case datetime():
            moment = value.astimezone(UTC) if value.tzinfo else value
            return f"{moment:%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case bool() | int() | float() | Decimal():
            return str(Decimal(str(int(value) if isinstance(value, bool) else value))
                       .quantize(Decimal("0.0001")))  # fmt: skip
        case dict() | list():
            return json.dumps(value, sort_keys=True)
        case str() if value[:1] in ("{", "["):
            return json.dumps(json.loads(value), sort_keys=True)
        case str() if STAMP.match(value):
            return value[:19]
    return str(value)
