"""The tables that the SQL models read: what their columns are, whether or not they exist yet."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import pyarrow as pa

from pipelines.ordergroove.files import tables as daily_files
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Entity
from sources.ordergroove.rows import schema_of
from state.ordergroove.ledger import BESIDE

Columns = Mapping[str, str]
"""Types by name of column, in the words of `dialects.TYPES`."""

UTC_INSTANT = "timestamptz"
MONEY = "decimal(18, 4)"

DIM_DATES: Columns = MappingProxyType(
    {
        "date_day": "date",
        "day_number": "bigint",
        "starts_at": UTC_INSTANT,
        "ends_at": UTC_INSTANT,
        "hours": "bigint",
        "year_number": "bigint",
        "month_of_year": "bigint",
        "day_of_month": "bigint",
        "day_of_year": "bigint",
        "weekday": "bigint",
        "iso_year": "bigint",
        "iso_week": "bigint",
        "week_start_date": "date",
        "month_number": "bigint",
        "month_start_date": "date",
        "month_end_date": "date",
    }
)
SEEDS: Mapping[str, Columns] = MappingProxyType(
    {
        "seed_order_statuses": {
            "status_code": "bigint",
            "status_name": "text",
            "is_open": "boolean",
            "is_sent": "boolean",
            "is_final": "boolean",
        },
        "seed_periods": {
            "period_code": "bigint",
            "period_name": "text",
            "periods_per_month": "decimal(18, 12)",
            "days_at_most": "bigint",
        },
        "seed_placement_codes": {
            "placement_code": "text",
            "placement_reason": "text",
            "is_payment": "boolean",
            "code_first": "text",
            "code_quoted": "text",
        },
        "seed_cancel_reasons": {"cancel_reason_code": "text", "churn_type": "text"},
    }
)
"""The first column of each is its key."""


def columns_in(schema: pa.Schema, json_columns: tuple[str, ...] = ()) -> Columns:
    return {
        field.name: "json" if field.name in json_columns else kind_of(field.type)
        for field in schema
    }


def kind_of(arrow: pa.DataType) -> str:
    """Raises ValueError for a type that no table of ours has."""
    if pa.types.is_timestamp(arrow):
        return UTC_INSTANT if arrow.tz else "timestamp"
    if pa.types.is_decimal(arrow):
        return MONEY
    kinds = {
        pa.string(): "text",
        pa.int64(): "bigint",
        pa.bool_(): "boolean",
        pa.date32(): "date",
    }
    if arrow not in kinds:
        raise ValueError(f"no column type for {arrow}; known: {', '.join(map(str, kinds))}")
    return kinds[arrow]


def entity_columns(entity: Entity) -> Columns:
    json_columns = [column.name for column in entity.columns if column.kind == "json"]
    return columns_in(schema_of(entity), (*json_columns, "_unparsed"))


@cache
def inputs() -> Mapping[str, Columns]:
    """Every table that a model may read and that no model makes, by name."""
    tables = {name: entity_columns(entity) for name, entity in ENTITIES.items()}
    versions = {f"{name}_history": columns for name, columns in tables.items()}
    ledger = {name: columns_in(table.schema, table.json_columns) for name, table in BESIDE.items()}
    dropped = {name: columns_in(*made) for name, made in daily_files.tables().items()}
    beside = ledger | dropped
    return MappingProxyType(tables | versions | beside | {"dim_dates": DIM_DATES} | dict(SEEDS))
