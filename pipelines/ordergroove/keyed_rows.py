"""Small tables beside the entities': rows that replace those of the same key."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from dlt.extract import DltResource


def keyed_rows(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    schema: pa.Schema,
    key: Sequence[str],
    hints: Mapping[str, Mapping[str, Any]] | None = None,
) -> "DltResource":
    """A dlt resource of the rows, of which no two may have the same key."""
    import dlt

    columns: dict[str, Any] = {column: {"nullable": False} for column in key}
    return dlt.resource(
        [pa.Table.from_pylist([dict(row) for row in rows], schema=schema)],
        name=name,
        primary_key=list(key),
        write_disposition={
            "disposition": "merge",
            "strategy": "delete-insert",
            "deduplicated": True,
        },
        columns={**columns, **(hints or {})},
    )
