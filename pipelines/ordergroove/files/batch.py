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
from pipelines.ordergroove.loading import file_format_for, reason_of, take_back
from sources.ordergroove import source_of
from sources.ordergroove.errors import OrdergrooveError
from sources.ordergroove.files.content import Content
from sources.ordergroove.files.names import FileName
from sources.ordergroove.files.reports import REPORTS

if TYPE_CHECKING:
    from dlt import Pipeline
    from dlt.extract import DltResource

    from pipelines.ordergroove.warehouse import Warehouse

log = logging.getLogger(__name__)

Row = dict[str, Any]
MOST_ROWS = 20_000
"""How many rows are gathered, at least, before they are written: each writing has its price."""


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

    def add(self, says: FileName, content: Content, row: Row) -> None:
        of_file = told_by(says)
        self.files.append(row)
        self.rows.setdefault(says.report.name, []).extend(of_file | line for line in content.rows)
        self.rejected += [of_file | line for line in content.rejected]

    @property
    def is_full(self) -> bool:
        return sum(map(len, self.rows.values())) + len(self.rejected) >= MOST_ROWS

    def write(self) -> list[Row]:
        """The files that were written, as they stand in `sftp_files`; none are left here.

        Raises OrdergrooveError when the warehouse refuses them.
        """
        written = self.files
        if written:
            reports = [report_rows(REPORTS[name], rows) for name, rows in self.rows.items()]
            self.run([*reports, rejected_rows(self.rejected)])
            for name, rows in self.rows.items():
                self.drop_others(REPORTS[name].table, rows)
            self.drop_others(REJECTED, self.rejected)
        if written or self.noted:
            self.run([file_rows([*written, *self.noted])])
        self.files, self.noted, self.rows, self.rejected = [], [], {}, []
        return written

    def drop_others(self, table: str, rows: Iterable[Row]) -> None:
        """Deletes what an earlier content of one of the files had and the new one has not."""
        place = self.warehouse.table(table)
        names = [str(file["file_name"]) for file in self.files]
        there: set[tuple[str, int]] = set()
        for some in portions(names):
            sql = f"select file_name, row_number from {place} where file_name in ({marks(some)})"
            there.update((name, number) for name, number in self.warehouse.rows(sql, some))
        old = sorted(there - {(row["file_name"], row["row_number"]) for row in rows})
        for name in dict.fromkeys(name for name, _ in old):
            for some in portions([number for of, number in old if of == name]):
                self.warehouse.execute(
                    f"delete from {place} where file_name = ? and row_number in ({marks(some)})",
                    (name, *some),
                )

    def run(self, resources: "Sequence[DltResource]") -> None:
        try:
            format_ = file_format_for(self.pipeline)
            self.pipeline.run(source_of(list(resources)), loader_file_format=format_)
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


def row_of(says: FileName, content: Content, body: Body, now: datetime) -> Row:
    """The file's row of `sftp_files`."""
    return told_by(says) | {
        "file_hash": body.hash,
        "report": says.report.name,
        "modified_at": body.modified_at,
        "bytes": len(body.content),
        "rows": len(content.rows),
        "rejected_rows": len(content.rejected),
        "encoding": content.encoding,
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


def portions(values: Sequence[Any], size: int = 500) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def marks(values: Sequence[Any]) -> str:
    return ", ".join("?" for _ in values)
