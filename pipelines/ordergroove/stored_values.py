"""What engines keep in place of a type they do not have, read back as the type it was."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pendulum
import pyarrow as pa
from pendulum import DateTime


def instant_of(value: datetime | str) -> DateTime:
    """An instant as engines give it: with a zone, without one (UTC), or as text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return pendulum.instance(value).in_timezone("UTC")


def records_of(rows: Iterable[Sequence[Any]], schema: pa.Schema) -> list[dict[str, Any]]:
    """Rows by name of column, with instants in the columns that hold them."""
    stamps = {field.name for field in schema if pa.types.is_timestamp(field.type)}
    return [
        {
            name: instant_of(value) if name in stamps and value is not None else value
            for name, value in zip(schema.names, row, strict=True)
        }
        for row in rows
    ]
