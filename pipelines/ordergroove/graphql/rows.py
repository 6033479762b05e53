"""Answers of the enrichment become Arrow tables, and those dlt resources.

All rows of a parent are replaced at once: what it no longer has goes. A parent without any is
written as a row that only deletes (dlt's `hard_delete`), so no table ever holds it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.ordergroove.keyed_rows import keyed_rows
from sources.ordergroove.clock import UTC_STAMP
from sources.ordergroove.graphql.queries import rows_at, value_at
from sources.ordergroove.graphql.wanted import WANTED, Wanted, columns_of

if TYPE_CHECKING:
    from dlt.extract import DltResource

LOCAL = pa.timestamp("us")
MONEY = pa.decimal128(18, 4)
TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "decimal": MONEY,
    "instant": UTC_STAMP,
}
READS = pa.schema(
    [
        ("entity", pa.string()),
        ("record_key", pa.string()),
        ("stamp", LOCAL),
        ("read_at", UTC_STAMP),
        ("run_id", pa.string()),
    ]
)
RUNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("started_at", UTC_STAMP),
        ("finished_at", UTC_STAMP),
        ("version", pa.string()),
        ("sunset_at", UTC_STAMP),
        ("queries", pa.int64()),
        ("points", pa.int64()),
        ("records", pa.int64()),
        ("left_over", pa.int64()),
        ("error", pa.string()),
    ]
)
LEDGER = {"graphql_reads": (READS, ("entity", "record_key")), "graphql_runs": (RUNS, ("run_id",))}


@dataclass(frozen=True, kw_only=True)
class Read:
    """One order or subscription as GraphQL showed it; `found` None: it is not there."""

    entity: str
    key: str
    stamp: datetime | None
    read_at: datetime
    found: Mapping[str, Any] | None

    @property
    def root(self) -> str:
        return self.entity.removesuffix("s")


def tables_of(reads: Iterable[Read]) -> dict[str, pa.Table]:
    """The rows of each table that these parents have something to say about."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for read in reads:
        mine: dict[str, list[dict[str, Any]]] = {}
        for wanted in WANTED:
            if wanted.root == read.root:
                mine.setdefault(wanted.table, []).extend(rows_of(wanted, read))
        for table, made in mine.items():
            nothing = {read.root: read.key, "_deleted_at": read.read_at}
            rows.setdefault(table, []).extend(made or [nothing])
    return {name: pa.Table.from_pylist(made, schema=schema_of(name)) for name, made in rows.items()}


def rows_of(wanted: Wanted, read: Read) -> Iterator[dict[str, Any]]:
    """The rows of one parent; a value of another type is null, the original kept beside."""
    above = tuple((column, tuple(path.split("."))) for column, path in wanted.above)
    for known, number, entry in rows_at(read.found or {}, tuple(wanted.at.split(".")), above):
        row: dict[str, Any] = {wanted.parent: read.key, "ordinal": number, **known}
        unparsed = {}
        for column, path, kind in wanted.fields:
            value = value_at(entry, path)
            try:
                row[column] = typed(value, kind)
            except (TypeError, ValueError, OverflowError, InvalidOperation):
                unparsed[column] = value
        kept = json.dumps(unparsed, default=str, ensure_ascii=False) if unparsed else None
        yield row | {"_synced_at": read.read_at, "_unparsed": kept}


def typed(value: Any, kind: str) -> Any:
    """The value as its column takes it. Raises ValueError and the like where it does not."""
    if value is None:
        return None
    if kind == "text":
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "bigint" and not isinstance(value, bool):
        number = int(value)
        if number == value or isinstance(value, str):
            pa.scalar(number, pa.int64())
            return number
    if kind == "decimal" and not isinstance(value, bool):
        amount = Decimal(str(value)).quantize(Decimal("0.0001"))
        return pa.scalar(amount, MONEY).as_py()
    if kind == "instant" and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    raise ValueError(kind)


def schema_of(table: str) -> pa.Schema:
    columns = [(name, TYPES[kind]) for name, kind in columns_of(table).items()]
    system = [("_synced_at", UTC_STAMP), ("_deleted_at", UTC_STAMP), ("_unparsed", pa.string())]
    return pa.schema([*columns, *system])


def child_resource(table: str, rows: pa.Table) -> "DltResource":
    """Replaces all rows of the parents that the rows name."""
    import dlt

    parent = next(wanted.parent for wanted in WANTED if wanted.table == table)
    hints: dict[str, Any] = {
        parent: {"nullable": False},
        "_deleted_at": {"hard_delete": True},
        "_unparsed": {"data_type": "json"},
    }
    return dlt.resource(
        [rows],
        name=table,
        merge_key=parent,
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        columns=hints,
    )


def ledger_resource(name: str, rows: list[dict[str, Any]]) -> "DltResource":
    schema, key = LEDGER[name]
    local = {"data_type": "timestamp", "timezone": False}
    hints = {"stamp": local} if name == "graphql_reads" else {}
    return keyed_rows(name, rows, schema=schema, key=key, hints=hints)
