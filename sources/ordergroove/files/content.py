"""The rows of a daily file: CSV as it is found, typed by the table of reports.

Nothing is shifted and nothing guessed: a row of another width than the header's is set aside, a
value of another kind is null and stands in `_unparsed`.
"""

import csv
import io
import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sources.ordergroove.files.reports import FileColumn, Report, plain
from sources.ordergroove.kinds import Kind

DAYS = ("%m/%d/%Y", "%Y-%m-%d")
STAMPS = ("%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m%d%Y%H%M%S", *DAYS)
UNMARKED = ("utf-8-sig", "cp1252")
MOST_BIGINT = 2**63 - 1
MOST_MONEY = Decimal(10) ** 14


class Unusable(Exception):
    """A file that cannot be taken as it is; says why, and never what stands in it."""


class Unsettled(Exception):
    """A file that is still being written: for the next time. Says how that shows."""


@dataclass
class Content:
    """What stands in a file. Rows are numbered from 1, the header not counted."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    encoding: str = "utf-8"


def content_of(body: bytes, report: Report, *, accept_unended: bool = False) -> Content:
    """The rows of a whole file. Raises Unusable."""
    text, encoding = decoded(body)
    if not text.strip():
        raise Unusable("it is empty, without even a header")
    if not text.endswith(("\n", "\r")) and not accept_unended:
        raise Unusable("its last line has no end, so it may be cut off or still be written")
    try:
        header, *lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True)
                          if line]  # fmt: skip
    except csv.Error:
        raise Unusable("it is no CSV: a quote is not closed, or stands where none may") from None
    columns = columns_for(header, report)
    content = Content(encoding=encoding)
    for number, values in enumerate(lines, 1):
        if len(values) == len(header):
            content.rows.append({"row_number": number, **row_of(header, columns, values)})
        else:
            reason = f"{len(values)} values under {len(header)} names"
            content.rejected.append(
                {"row_number": number, "reason": reason, "line": json.dumps(values)}
            )
    return content


def decoded(body: bytes) -> tuple[str, str]:
    """The text and its encoding, which is not documented: UTF-8, else what Windows writes."""
    encodings = ("utf-16",) if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else UNMARKED
    for encoding in encodings:
        try:
            return body.decode(encoding).replace("\0", "\ufffd"), encoding.removesuffix("-sig")
        except UnicodeDecodeError:
            continue
    return body.decode("latin-1").replace("\0", "\ufffd"), "latin-1"


def columns_for(header: Sequence[str], report: Report) -> list[FileColumn | None]:
    """The column of each name of the header, None for an unknown one. Raises Unusable."""
    heads = [plain(head) for head in header]
    found = [
        next((column for column in report.columns if head in column.known_as), None)
        for head in heads
    ]
    names = [column.name for column in found if column]
    if len(set(names)) < len(names):
        raise Unusable("its header names a column twice")
    if missing := [name for name in report.needed if name not in names]:
        raise Unusable(f"its header lacks {', '.join(missing)}")
    return found


def row_of(
    header: Sequence[str], columns: Sequence[FileColumn | None], values: Sequence[str]
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    other: dict[str, str] = {}
    unparsed: dict[str, str] = {}
    for head, column, value in zip(header, columns, values, strict=True):
        if column is None:
            other[head] = value
            continue
        row[column.name] = typed(value.strip(), column.kind)
        if row[column.name] is None and value.strip():
            unparsed[column.name] = value
    row["other_columns"] = json.dumps(other) if other else None
    row["_unparsed"] = json.dumps(unparsed) if unparsed else None
    return row


def typed(text: str, kind: Kind) -> Any:
    """The value, or None when there is none or the text is of another kind."""
    if not text or kind is Kind.TEXT:
        return text or None
    try:
        if kind is Kind.INTEGER:
            number = int(text)
            return number if abs(number) <= MOST_BIGINT else None
        if kind is Kind.MONEY:
            return money(text)
    except (ValueError, InvalidOperation):
        return None
    found = instant_in(text, STAMPS if kind is Kind.LOCAL_STAMP else DAYS)
    return found.date() if found and kind is Kind.DATE else found


def money(text: str) -> Decimal | None:
    amount = Decimal(text)
    # more places than the column has would be rounded without a word
    fits = amount.is_finite() and abs(amount) < MOST_MONEY and amount == round(amount, 4)
    return round(amount, 4) if fits else None


def instant_in(text: str, formats: Sequence[str]) -> datetime | None:
    """The wall clock that one of the formats reads: several stand in one and the same report."""
    for known in formats:
        try:
            return datetime.strptime(text, known)  # noqa: DTZ007 - a wall clock
        except ValueError:
            continue
    return None
