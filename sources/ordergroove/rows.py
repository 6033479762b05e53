"""Pages of the API become typed Arrow batches: column by column, nothing dropped.

A column is converted as a whole; only one that does not fit is parsed value by value. What fits no
column is kept in `_unparsed`, what is no record in `rejected_records`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sources.ordergroove.clock import UTC_STAMP
from sources.ordergroove.columns import (
    ARROW,
    Leftovers,
    as_a_whole,
    columns_of,
    fields_of,
    new_columns_of,
)
from sources.ordergroove.exact import dumped, escaped, exactly_parsed, holds_float
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import Entity
from sources.ordergroove.page import Page
from sources.ordergroove.parsers import Misfit, parsed

REJECTED = pa.schema(
    [
        pa.field("entity", pa.string(), nullable=False),
        pa.field("record_key", pa.string(), nullable=False),
        pa.field("record", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("noticed_at", UTC_STAMP),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some pages of one object type, typed."""

    entity: Entity
    table: pa.Table
    rejected: pa.Table
    new_columns: tuple[str, ...]
    """Fields that the entity table does not know; each became a column of JSON text."""

    merchants: frozenset[str]
    oldest: datetime | None
    """The smallest change stamp, wall clock; None where there is none."""


def schema_of(entity: Entity) -> pa.Schema:
    """The columns of an entity's table: its fields, each stamp's instant, the system columns."""
    fields = []
    for column in entity.columns:
        is_key = column.name in entity.key
        fields.append(pa.field(column.name, ARROW[column.kind], nullable=not is_key))
        if column.kind is Kind.LOCAL_STAMP:
            fields.append(pa.field(column.utc_name, UTC_STAMP))
    fields += [
        pa.field("_synced_at", UTC_STAMP),
        pa.field("_deleted_at", UTC_STAMP),
        pa.field("_unparsed", pa.string()),
    ]
    return pa.schema(fields)


def batch_of(entity: Entity, pages: Sequence[Page], zone: str) -> Batch:
    """The pages as one typed table; `zone` is the zone of their stamps. Never raises on data."""
    lists = [exact_records(page) if shows_float(entity, page) else page.records for page in pages]
    leftovers = Leftovers()
    batch = typed(entity, pages, lists, zone, leftovers)
    if not holds_float(leftovers.loose):
        return batch
    # what fits no column went through a double: once more, with the digits that were sent
    return typed(entity, pages, [exact_records(page) for page in pages], zone, Leftovers())


def shows_float(entity: Entity, page: Page) -> bool:
    """Whether a column of JSON holds a number that was read as a double."""
    names = [column.name for column in entity.columns if column.kind is Kind.JSON]
    return holds_float(
        value
        for record in page.records
        if type(record) is dict
        for name in names
        if (value := record.get(name)) and type(value) is not str
    )


def exact_records(page: Page) -> list[Any]:
    """The page's records with every fraction as a decimal, should its body be that page."""
    records = exactly_parsed(page.body)
    return records if records and len(records) == len(page.records) else page.records


def typed(
    entity: Entity,
    pages: Sequence[Page],
    lists: Sequence[list[Any]],
    zone: str,
    leftovers: Leftovers,
) -> Batch:
    """The batch of the pages whose records are `lists`; what fits no column goes to `leftovers`."""
    records: list[dict[str, Any]] = []
    fetched: list[pa.Array] = [pa.nulls(0, UTC_STAMP)]
    rejected: list[dict[str, Any]] = []
    for page, given in zip(pages, lists, strict=True):
        fit = given
        if not are_fit(entity, given, zone):
            fit, unfit = parted(entity, given, zone)
            rejected += [rejection(entity, *pair, page.fetched_at) for pair in unfit]
            leftovers.loose += [record for record, _ in unfit]
        records += fit
        fetched.append(pa.repeat(pa.scalar(page.fetched_at, UTC_STAMP), len(fit)))
    table = table_of(entity, records, pa.concat_arrays(fetched), zone, leftovers)
    known = schema_of(entity).names
    return Batch(
        entity=entity,
        table=table,
        rejected=pa.Table.from_pylist(rejected, schema=REJECTED),
        new_columns=tuple(table.column_names[len(known) :]),
        merchants=merchants_of(entity, table),
        oldest=pc.min(table[entity.changes.stamp]).as_py() if entity.changes else None,
    )


def table_of(
    entity: Entity, records: list[Any], fetched: pa.Array, zone: str, leftovers: Leftovers
) -> pa.Table:
    schema = schema_of(entity)
    fields = fields_of(records)
    arrays = columns_of(entity, fields, len(records), zone, leftovers)
    extra = new_columns_of(entity, fields, schema.names, leftovers)
    arrays |= extra
    arrays["_synced_at"] = fetched
    arrays["_deleted_at"] = pa.nulls(len(records), UTC_STAMP)
    # last: every other column has left behind by now what does not fit it
    arrays["_unparsed"] = leftovers.column(len(records))
    for name in extra:
        schema = schema.append(pa.field(name, pa.string()))
    return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)


def parted(
    entity: Entity, records: list[Any], zone: str
) -> tuple[list[Any], list[tuple[Any, str]]]:
    """The records that can be rows, and the others with the reason."""
    reasons = [why_unfit(entity, record, zone) for record in records]
    pairs = list(zip(records, reasons, strict=True))
    return [record for record, why in pairs if not why], [pair for pair in pairs if pair[1]]


def are_fit(entity: Entity, records: list[Any], zone: str) -> bool:
    """Whether all records can be rows, told as a whole; False where each must be looked at."""
    if not set(map(type, records)) <= {dict}:
        return False
    for name in entity.key:
        keys = [record.get(name) for record in records]
        array = as_a_whole(entity.column(name), keys)
        if array is None or array.null_count or "" in keys:
            return False
    return True


def why_unfit(entity: Entity, record: Any, zone: str) -> str:
    """Why a record cannot be a row, or an empty text."""
    if not isinstance(record, dict):
        return "not an object"
    for name in entity.key:
        try:
            key = parsed(record.get(name), entity.column(name), zone)
        except Misfit:
            # a key with something replaced in it could be that of another record
            key = None
        if key is None or key == "":
            return f"no usable {name}"
    return ""


def rejection(entity: Entity, record: Any, reason: str, at: datetime) -> dict[str, Any]:
    # what the same record looks like again must not depend on the order of its fields
    ordered = dict(sorted(record.items())) if isinstance(record, dict) else record
    text = dumped(escaped(ordered))
    digest = hashlib.sha256(f"{entity.name}\n{text}".encode()).hexdigest()
    return {
        "entity": entity.name,
        "record_key": digest,
        "record": text,
        "reason": reason,
        "noticed_at": at,
    }


def merchants_of(entity: Entity, table: pa.Table) -> frozenset[str]:
    if not entity.has_merchant:
        return frozenset()
    return frozenset(pc.unique(table["merchant"]).drop_null().to_pylist())


def latest_by_key(tables: Sequence[pa.Table], key: tuple[str, ...]) -> pa.Table:
    """All rows in one table; of rows with the same key only the one that came last.

    The order in which rows were fetched decides, not their stamps: the reads of one list follow
    one another, and a naive stamp can run backwards in autumn.
    """
    table = pa.concat_tables(tables, promote_options="default")
    if pc.count_distinct(table[key[0]]).as_py() == table.num_rows:
        return table
    keys = zip(*(table[name].to_pylist() for name in key), strict=True)
    last = {value: row for row, value in enumerate(keys)}
    if len(last) == table.num_rows:
        return table
    return table.take(pa.array(sorted(last.values())))
