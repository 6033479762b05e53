"""The tables of daily files: one for each report, one of the files, one of rows set aside."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.ordergroove.keyed_rows import keyed_rows
from sources.ordergroove.clock import UTC_STAMP
from sources.ordergroove.files.reports import KEPT_BESIDE, REPORTS, Report
from sources.ordergroove.kinds import Kind

if TYPE_CHECKING:
    from dlt.extract import DltResource

FILES = "sftp_files"
REJECTED = "sftp_rejected_rows"
KEY = ("file_name", "row_number")
JSON = {"data_type": "json"}
WALL_CLOCK = pa.timestamp("us")

TYPES = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.MONEY: pa.decimal128(18, 4),
    Kind.DATE: pa.date32(),
    Kind.LOCAL_STAMP: WALL_CLOCK,
}
OF_FILE = [
    ("file_name", pa.string()),
    ("row_number", pa.int64()),
    ("file_stamp", WALL_CLOCK),
    ("file_kind", pa.string()),
    ("business_day", pa.date32()),
]
FILES_SCHEMA = pa.schema(
    [
        ("file_name", pa.string()),
        ("file_hash", pa.string()),
        ("report", pa.string()),
        ("file_kind", pa.string()),
        ("file_stamp", WALL_CLOCK),
        ("business_day", pa.date32()),
        ("modified_at", UTC_STAMP),
        ("bytes", pa.int64()),
        ("rows", pa.int64()),
        ("rejected_rows", pa.int64()),
        ("encoding", pa.string()),
        ("loaded_at", UTC_STAMP),
    ]
)
REJECTED_SCHEMA = pa.schema([*OF_FILE, ("reason", pa.string()), ("line", pa.string())])


def tables() -> Mapping[str, tuple[pa.Schema, tuple[str, ...]]]:
    """Every table of daily files with its columns, and the names of those that hold JSON."""
    reports = {made.table: (schema_of(made), KEPT_BESIDE) for made in REPORTS.values()}
    return reports | {FILES: (FILES_SCHEMA, ()), REJECTED: (REJECTED_SCHEMA, ("line",))}


def schema_of(report: Report) -> pa.Schema:
    columns = [(column.name, TYPES[column.kind]) for column in report.columns]
    return pa.schema([*OF_FILE, *columns, *((name, pa.string()) for name in KEPT_BESIDE)])


def report_rows(report: Report, rows: Sequence[dict[str, Any]]) -> "DltResource":
    kinds: dict[str, dict[str, Any]] = {
        column.name: {"data_type": "decimal", "precision": 18, "scale": 4}
        for column in report.columns
        if column.kind is Kind.MONEY
    }
    hints = {**dict.fromkeys(KEPT_BESIDE, JSON), **kinds}
    return keyed_rows(report.table, rows, schema=schema_of(report), key=KEY, hints=hints)


def rejected_rows(rows: Sequence[dict[str, Any]]) -> "DltResource":
    return keyed_rows(REJECTED, rows, schema=REJECTED_SCHEMA, key=KEY, hints={"line": JSON})


def file_rows(rows: Sequence[dict[str, Any]]) -> "DltResource":
    return keyed_rows(FILES, rows, schema=FILES_SCHEMA, key=("file_name",))
