"""What the warehouse must hold, told from the sandbox's records by rules of its own.

An independent reading of the columns' meaning: it shares no code with what it judges.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.kinds import Kind

Key = tuple[Any, ...]
Rows = dict[Key, dict[str, Any]]
UNFIT = object()
"""A value that is not of its column's kind: null in the column, kept in `_unparsed`."""


def expected_rows(name: str, records: Iterable[Mapping[str, Any]], zone: str) -> Rows:
    """Each record as a row by key; `zone` is the one the warehouse was told."""
    entity = ENTITIES[name]
    rows: Rows = {}
    for record in records:
        row: dict[str, Any] = {}
        unfit: dict[str, Any] = {}
        for column in entity.columns:
            value = expected(column.kind, record.get(column.name))
            if value is UNFIT:
                unfit[column.name] = record[column.name]
                value = None
            row[column.name] = value
            if column.kind is Kind.LOCAL_STAMP:
                row[column.utc_name] = None if value is None else instant(value, zone)
        row["_unparsed"] = unfit or None
        rows[tuple(record[part] for part in entity.key)] = row
    return rows


def expected(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if value in ("", "null") and kind not in (Kind.TEXT, Kind.JSON):
        return UNFIT
    match kind:
        case Kind.TEXT:
            return str(value)
        case Kind.INTEGER:
            is_number = isinstance(value, int) or re.fullmatch(r"-?\d+", str(value))
            return int(value) if is_number else UNFIT
        case Kind.BOOLEAN:
            return (
                value if isinstance(value, bool) else {"true": True, "false": False}[value.lower()]
            )
        case Kind.MONEY:
            return Decimal(str(value)).quantize(Decimal("0.0001"))
        case Kind.LOCAL_STAMP:
            return datetime.fromisoformat(value)
        case Kind.DATE:
            return date.fromisoformat(value[:10])
        case Kind.JSON:
            return plain_json(value)


def plain_json(value: Any) -> Any:
    """JSON as it is meant: text that holds an object or list is that object or list."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value


def instant(local: datetime, zone: str) -> datetime:
    """The later of the two that a wall clock can mean in autumn."""
    return local.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)


def stored(name: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> Rows:
    """Rows out of the warehouse in the same form, by key, whatever the engine keeps them as."""
    entity = ENTITIES[name]
    kinds = {column.name: column.kind for column in entity.columns}
    # so are `_unparsed` and what the table did not know
    names = list(columns)
    forms = [UTC_TWIN if column.endswith("_utc") else kinds.get(column, Kind.JSON)
             for column in names]  # fmt: skip
    found: Rows = {}
    for values in rows:
        row = {
            column: None if value is None else plain(form, value)
            for column, form, value in zip(names, forms, values, strict=True)
        }
        key = tuple(row[part] for part in entity.key)
        assert key not in found, f"{name} {key} stands twice"
        found[key] = row
    return found


UTC_TWIN = "instant"


def plain(form: str, value: Any) -> Any:
    """The value that an engine means by what it keeps."""
    match form:
        case Kind.JSON:
            return json.loads(value)
        case Kind.BOOLEAN:
            assert value in (0, 1)
            return bool(value)
        case Kind.MONEY if isinstance(value, float):
            return Decimal(repr(value)).quantize(Decimal("0.0001"))
        case Kind.DATE if isinstance(value, str):
            return date.fromisoformat(value)
        case "timestamp" | "instant" if isinstance(value, str):
            return plain(form, datetime.fromisoformat(value))
        case "instant":
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value
