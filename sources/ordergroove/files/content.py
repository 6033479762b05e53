"""The rows of a daily file: CSV as it is found, typed by the table of reports.

Nothing is shifted and nothing guessed: a row of another width than the header's is set aside, a
value of another kind is null and stands in `_unparsed`.
"""

import csv
import io
import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sources.ordergroove.files.reports import FileColumn, Report, plain
from sources.ordergroove.kinds import Kind

DAYS = ("%m/%d/%Y", "%Y-%m-%d")
STAMPS = ("%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m%d%Y%H%M%S", *DAYS)
UTF_8, UTF_16 = "utf-8-sig", "utf-16"
UNMARKED = (UTF_8, "cp1252", "latin-1")
"""Which encoding a file has is not documented: UTF-8, else what Windows writes."""

MOST_BIGINT = 2**63 - 1
MOST_MONEY = Decimal(10) ** 14


class Unusable(Exception):
    """A file that cannot be taken as it is; says why, and never what stands in it."""


class Unsettled(Exception):
    """A file that is still being written: for the next time. Says how that shows."""


@dataclass
class Content:
    """What stands in a part of a file. Rows are numbered from 1, the header not counted."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.rejected)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A whole file that can be read, part by part: full exports may be large."""

    body: bytes
    report: Report
    encoding: str
    rows: int
    rejected: int

    def parts(self, most: int) -> Iterator[Content]:
        """Its rows in their order, at most so many at once."""
        lines = lines_in(self.body, self.encoding)
        header = next(lines)
        columns = columns_for(header, self.report)
        part = Content()
        for number, values in enumerate(lines, 1):
            if len(values) == len(header):
                part.rows.append({"row_number": number, **row_of(header, columns, values)})
            else:
                reason = f"{len(values)} values under {len(header)} names"
                part.rejected.append(
                    {"row_number": number, "reason": reason, "line": json.dumps(values)}
                )
            if len(part) == most:
                yield part
                part = Content()
        yield part


def sheet_of(body: bytes, report: Report, *, accept_unended: bool = False) -> Sheet:
    """A file that was read through once. Raises Unusable."""
    encodings = (UTF_16,) if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else UNMARKED
    for encoding in encodings:
        try:
            header, widths = looked_through(body, encoding)
        except UnicodeDecodeError:
            continue
        columns_for(header, report)
        if not accept_unended and not is_ended(body, encoding):
            raise Unusable("its last line has no end, so it may be cut off or still be written")
        fitting = widths[len(header)]
        return Sheet(
            body=body,
            report=report,
            encoding=encoding,
            rows=fitting,
            rejected=widths.total() - fitting,
        )
    raise Unusable("its bytes are no text")


def looked_through(body: bytes, encoding: str) -> tuple[list[str], Counter[int]]:
    """The header, and how many lines there are of each width. Raises Unusable."""
    try:
        lines = lines_in(body, encoding)
        header = next(lines, [])
        widths = Counter(map(len, lines))
    except csv.Error:
        raise Unusable("it is no CSV: a quote is not closed, or stands where none may") from None
    if not "".join(header).strip():
        raise Unusable("it is empty, without even a header")
    return header, widths


def lines_in(body: bytes, encoding: str) -> Iterator[list[str]]:
    """The values of each line that is not empty."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding=encoding, newline="")
    has_nul = b"\0" in body
    for line in csv.reader(text, strict=True):
        if line:
            yield [value.replace("\0", "\ufffd") for value in line] if has_nul else line


def is_ended(body: bytes, encoding: str) -> bool:
    end = body[-2:] if encoding == UTF_16 else body[-1:]
    return end.strip(b"\0") in (b"\n", b"\r")


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
