"""The writing of daily files: some at once, their rows first and what is known of them last.

What a crash cuts off in between is loaded again.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.ordergroove.files.found import Body
from pipelines.ordergroove.files.tables import REJECTED, file_rows, rejected_rows, report_rows
from pipelines.ordergroove.package import reason_of, run_resources, take_back
from sources.ordergroove.errors import OrdergrooveError
from sources.ordergroove.files.content import Content, Sheet
from sources.ordergroove.files.names import FileName
from sources.ordergroove.files.reports import REPORTS

if TYPE_CHECKING:
    from dlt import Pipeline
    from dlt.extract import DltResource

    from pipelines.ordergroove.warehouse import Warehouse

log = logging.getLogger(__name__)

Row = dict[str, Any]
MOST_ROWS = 20_000
"""How many rows are gathered before they are written: each writing has its price."""


@dataclass(kw_only=True)
class Batch:
    """Files that are written together, each in place of what was loaded under its name before."""

    warehouse: "Warehouse"
    pipeline: "Pipeline"
    files: list[Row] = field(default_factory=list)
    """Their rows of `sftp_files`."""

    noted: list[Row] = field(default_factory=list)
    """Such rows of files whose content is there already."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    """By report."""

    rejected: list[Row] = field(default_factory=list)
    set_aside: dict[str, set[int]] = field(default_factory=dict)
    """By file: the numbers of its rejected rows."""

    @property
    def is_full(self) -> bool:
        return sum(map(len, self.rows.values())) + len(self.rejected) >= MOST_ROWS

    def add(self, says: FileName, parts: Iterable[Content], row: Row) -> None:
        """A file part by part, and its row of `sftp_files`. Raises OrdergrooveError."""
        self.files.append(row)
        of_file, numbers = told_by(says), self.set_aside.setdefault(says.name, set())
        for part in parts:
            self.rows.setdefault(says.report.name, []).extend(of_file | line for line in part.rows)
            self.rejected += [of_file | line for line in part.rejected]
            numbers.update(line["row_number"] for line in part.rejected)
            if self.is_full:
                self.put_rows()

    def write(self) -> list[Row]:
        """The files that were written, as they stand in `sftp_files`; none are left here.

        Raises OrdergrooveError when the warehouse refuses them.
        """
        written = self.files
        if written:
            self.put_rows()
            for file in written:
                self.drop_others(file)
        if written or self.noted:
            self.run([file_rows([*written, *self.noted])])
        self.files, self.noted, self.set_aside = [], [], {}
        return written

    def put_rows(self) -> None:
        if self.rows:
            reports = [report_rows(REPORTS[name], rows) for name, rows in self.rows.items()]
            self.run([*reports, rejected_rows(self.rejected)])
        self.rows, self.rejected = {}, []

    def drop_others(self, file: Row) -> None:
        """Deletes what an earlier content of the file had and the new one has not."""
        name, rejected = str(file["file_name"]), self.set_aside[str(file["file_name"])]
        table = self.warehouse.table(REPORTS[file["report"]].table)
        ((there,),) = self.warehouse.rows(
            f"select count(*) from {table} where file_name = ?", (name,)
        )
        if there != file["rows"]:
            last = file["rows"] + file["rejected_rows"]
            behind = f"delete from {table} where file_name = ? and row_number > ?"
            self.warehouse.execute(behind, (name, last))
            self.delete(table, name, sorted(rejected))
        aside = self.warehouse.table(REJECTED)
        found = self.warehouse.rows(f"select row_number from {aside} where file_name = ?", (name,))
        self.delete(aside, name, sorted({number for (number,) in found} - rejected))

    def delete(self, table: str, name: str, numbers: Sequence[int]) -> None:
        for some in portions(numbers):
            marks = ", ".join("?" for _ in some)
            sql = f"delete from {table} where file_name = ? and row_number in ({marks})"
            self.warehouse.execute(sql, (name, *some))

    def run(self, resources: "Sequence[DltResource]") -> None:
        try:
            run_resources(self.pipeline, resources)
        except Exception as error:
            log.debug("loading daily files failed", exc_info=True)
            take_back(self.pipeline)
            names = [str(file["file_name"]) for file in (*self.files, *self.noted)]
            more = f" and {len(names) - 1:,} more" if names[1:] else ""
            raise OrdergrooveError(
                what=f"Loading {names[0]}{more} failed: {reason_of(error)}",
                do="Mend the cause in the warehouse, then run `ordergroove files load` again.",
                state="The files before are loaded; what failed is loaded again.",
            ) from None


def row_of(says: FileName, sheet: Sheet, body: Body, now: datetime) -> Row:
    """The file's row of `sftp_files`."""
    return told_by(says) | {
        "file_hash": body.hash,
        "report": says.report.name,
        "modified_at": body.modified_at,
        "bytes": len(body.content),
        "rows": sheet.rows,
        "rejected_rows": sheet.rejected,
        "encoding": sheet.encoding.removesuffix("-sig"),
        "loaded_at": now,
    }


def told_by(says: FileName) -> Row:
    """What each row of a file carries of it."""
    return {
        "file_name": says.name,
        "file_stamp": says.stamp,
        "file_kind": says.kind,
        "business_day": says.business_day,
    }


def portions(numbers: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
