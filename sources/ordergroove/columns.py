"""Fields of records become Arrow columns: each as a whole, or value by value where one is odd."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from types import NoneType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sources.ordergroove.clock import instants_of
from sources.ordergroove.exact import kept_text
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import SYSTEM_COLUMNS, Column, Entity
from sources.ordergroove.parsers import Misfit, any_json, parsed

LOCAL = pa.timestamp("us")
ARROW: Mapping[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.MONEY: pa.decimal128(18, 4),
    Kind.LOCAL_STAMP: LOCAL,
    Kind.DATE: pa.date32(),
    Kind.JSON: pa.string(),
}
MOST_NEW_COLUMNS = 100

PLAIN: Mapping[Kind, str] = {
    Kind.MONEY: r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$",
    Kind.LOCAL_STAMP: r"^[1-8][0-9]{3}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}$",
    Kind.DATE: r"^[1-8][0-9]{3}-[0-9]{2}-[0-9]{2}$",
}
"""The documented form of what comes as text; Arrow's own casts take a good deal more.

The ends of the calendar are left to the parsers, which know that not all of it has an instant.
"""


class Leftovers:
    """Values that fit no column, by row and field."""

    def __init__(self) -> None:
        self.by_row: dict[int, dict[str, Any]] = {}
        self.loose: list[Any] = []
        """What has to be JSON text outside of the columns made for it."""

    def keep(self, row: int, name: str, value: Any) -> None:
        self.by_row.setdefault(row, {})[name] = value
        self.loose.append(value)

    def column(self, rows: int) -> pa.Array:
        if not self.by_row:
            return pa.nulls(rows, pa.string())
        texts: list[str | None] = [None] * rows
        for row, fields in self.by_row.items():
            texts[row] = kept_text(fields)
        return pa.array(texts, pa.string())


def fields_of(records: list[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    """The values of each field that any record has; None where a record lacks it."""
    shapes = set(map(tuple, records))
    if len(shapes) == 1:
        # turned as a whole, which the interpreter does four times as fast
        values = zip(*(record.values() for record in records), strict=True)
        return dict(zip(shapes.pop(), values, strict=True))
    names = dict.fromkeys(chain.from_iterable(shapes))
    return {name: [record.get(name) for record in records] for name in names}


def columns_of(
    entity: Entity,
    fields: Mapping[str, Sequence[Any]],
    rows: int,
    zone: str,
    leftovers: Leftovers,
) -> dict[str, pa.Array]:
    arrays: dict[str, pa.Array] = {}
    for column in entity.columns:
        if column.name in fields:
            array = column_of(column, fields[column.name], zone, leftovers)
        else:
            array = pa.nulls(rows, ARROW[column.kind])
        arrays[column.name] = array
        if column.kind is Kind.LOCAL_STAMP:
            arrays[column.utc_name] = instants_of(array, zone)
    return arrays


def column_of(column: Column, values: Sequence[Any], zone: str, leftovers: Leftovers) -> pa.Array:
    array = as_a_whole(column, values)
    if array is not None:
        return array
    return one_by_one(
        column.name,
        values,
        lambda value: parsed(value, column, zone),
        ARROW[column.kind],
        leftovers,
    )


def as_a_whole(column: Column, values: Sequence[Any]) -> pa.Array | None:
    """The column in one go; None when a value is not of the plain, documented form."""
    kind, arrow = column.kind, ARROW[column.kind]
    if kind is Kind.JSON:
        return pa.nulls(len(values), arrow) if set(map(type, values)) <= {NoneType} else None
    if kind is Kind.INTEGER and not set(map(type, values)) <= {int, NoneType}:
        # Arrow would cut fractions off
        return None
    try:
        if kind in (Kind.INTEGER, Kind.BOOLEAN):
            return pa.array(values, arrow)
        texts = pa.array(values, pa.string())
        if kind is Kind.TEXT:
            return None if holds_nul(texts) else texts
        is_plain = pc.all(pc.match_substring_regex(texts, PLAIN[kind]), min_count=0).as_py()
        return texts.cast(arrow) if is_plain else None
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return None


def holds_nul(texts: pa.Array) -> bool:
    characters = texts.buffers()[2]
    return characters is not None and b"\0" in characters.to_pybytes()


def one_by_one(
    name: str,
    values: Iterable[Any],
    parse: Callable[[Any], Any],
    arrow: pa.DataType,
    leftovers: Leftovers,
) -> pa.Array:
    held: list[Any] = []
    for row, value in enumerate(values):
        try:
            held.append(None if value is None else parse(value))
        except Misfit as misfit:
            leftovers.keep(row, name, value)
            held.append(misfit.instead)
    return pa.array(held, arrow)


def new_columns_of(
    entity: Entity,
    fields: Mapping[str, Sequence[Any]],
    taken: Iterable[str],
    leftovers: Leftovers,
) -> dict[str, pa.Array]:
    """Fields that the table does not know, as columns of JSON text; `taken` names are no use."""
    extra: dict[str, pa.Array] = {}
    unknown = fields.keys() - {column.name for column in entity.columns}
    # a field that already has a column's name comes before one that would only be turned into it
    for field in sorted(unknown, key=lambda field: (column_name(field) != field, field)):
        name, values = column_name(field), fields[field]
        if name and name not in (*taken, *extra) and len(extra) < MOST_NEW_COLUMNS:
            leftovers.loose += [value for value in values if value is not None]
            extra[name] = one_by_one(field, values, any_json, pa.string(), leftovers)
            continue
        for row, value in enumerate(values):
            if value is not None:
                leftovers.keep(row, field, value)
    return extra


def column_name(field: str) -> str:
    """The name a new field gets as a column; empty when no safe one can be made."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field).lower()
    name = re.sub(r"_+", "_", re.sub(r"[^a-z0-9_]", "_", name)).strip("_")
    is_plain = re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name) is not None
    reserved = field.startswith("_") or f"_{name}" in SYSTEM_COLUMNS
    return name if is_plain and not reserved else ""
