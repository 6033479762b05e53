"""Daily files into the warehouse: each once, in the order of their stamps.

A row is kept by its file and its number there, so the order in which files come changes nothing.
The rows go first and the file's own row last: what a crash cuts off is loaded again.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.ordergroove.files.found import Body, Found
from pipelines.ordergroove.files.tables import (
    FILES,
    REJECTED,
    file_rows,
    rejected_rows,
    report_rows,
)
from pipelines.ordergroove.loading import file_format_for, reason_of, take_back
from pipelines.ordergroove.stored_values import instant_of
from sources.ordergroove import source_of
from sources.ordergroove.errors import OrdergrooveError, Transient
from sources.ordergroove.files.content import Content, Unsettled, Unusable, content_of
from sources.ordergroove.files.names import FileName
from sources.ordergroove.files.server import Seen

if TYPE_CHECKING:
    from dlt import Pipeline
    from dlt.extract import DltResource

    from pipelines.ordergroove.warehouse import Warehouse

log = logging.getLogger(__name__)


SETTLED = timedelta(seconds=2)
"""How old a file must have been when it was loaded, so that a later change shows in its time."""


BEFORE_IT = "The files before it are loaded."


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the warehouse knows of a file that was loaded."""

    hash: str
    modified_at: datetime
    bytes: int
    loaded_at: datetime

    def is_still(self, seen: Seen) -> bool:
        """Whether a file on a server surely holds what was loaded: servers tell whole seconds."""
        same_time = self.modified_at.replace(microsecond=0) == seen.modified_at
        is_sure = self.loaded_at - self.modified_at >= SETTLED
        return same_time and is_sure and self.bytes == seen.size

    def outlives(self, copy: Body) -> bool:
        """Whether a copy on this machine brings nothing: an older one never replaces a newer.

        What stands on a server holds, whatever its time.
        """
        return self.hash == copy.hash or self.modified_at > copy.modified_at


@dataclass
class Loaded:
    """What came of the files."""

    files: int = 0
    rows: int = 0
    rejected: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Files that are still being written: the next time will do."""

    cut_short: str = ""
    """Why the files behind the last one were not reached."""


def load(
    found: Sequence[Found],
    warehouse: "Warehouse",
    pipeline: "Pipeline",
    *,
    now: datetime,
    accept_unended: bool = False,
) -> Loaded:
    """Loads what the warehouse lacks. A file that cannot be taken stops no other.

    Raises OrdergrooveError when the warehouse refuses one, and what the server's `Session` raises;
    a server that is lost after something was loaded only cuts it short.
    """
    told = Loaded()
    known = known_files(warehouse)
    for one in found:
        before = known.get(one.says.name)
        try:
            taken = taken_from(one, before, told, accept_unended=accept_unended)
        except OrdergrooveError as lost:
            lost.state = BEFORE_IT if told.files else lost.state
            if not (told.files and isinstance(lost, Transient)):
                raise
            told.cut_short = str(lost)
            break
        if taken is None:
            continue
        body, content = taken
        row = row_of(one.says, content, body, now)
        if before and before.hash == body.hash:
            # the same with another time: noted, so that it need not be fetched again
            run(pipeline, [file_rows([row])], one.says)
            told.known += 1
            continue
        put(one.says, content, row, warehouse, pipeline)
        told.files += 1
        told.rows += len(content.rows)
        told.rejected += len(content.rejected)
    return told


def taken_from(
    one: Found, before: Known | None, told: Loaded, *, accept_unended: bool
) -> tuple[Body, Content] | None:
    """What stands in a file, or None, and why told, when there is nothing to load."""
    if before and one.seen and before.is_still(one.seen):
        told.known += 1
        return None
    try:
        body = one.read()
        if before and one.seen is None and before.outlives(body):
            told.known += 1
            return None
        return body, content_of(body.content, one.says.report, accept_unended=accept_unended)
    except Unsettled as reason:
        told.waiting.append(f"{one.says.name}: {reason}")
    except Unusable as reason:
        told.refused.append(f"{one.says.name}: {reason}")
    return None


def known_files(warehouse: "Warehouse") -> dict[str, Known]:
    """The files that were loaded, by name."""
    if not warehouse.has_table(FILES):
        return {}
    rows = warehouse.rows(
        f"select file_name, file_hash, modified_at, bytes, loaded_at from {warehouse.table(FILES)}"
    )
    return {
        name: Known(
            hash=digest,
            modified_at=instant_of(modified_at),
            bytes=size,
            loaded_at=instant_of(loaded_at),
        )
        for name, digest, modified_at, size, loaded_at in rows
    }


def put(
    says: FileName,
    content: Content,
    row: dict[str, Any],
    warehouse: "Warehouse",
    pipeline: "Pipeline",
) -> None:
    """Loads one file in place of what was loaded under its name before."""
    of_file = told_by(says)
    rows = [of_file | line for line in content.rows]
    rejected = [of_file | line for line in content.rejected]
    run(pipeline, [report_rows(says.report, rows), rejected_rows(rejected)], says)
    for table, kept in ((says.report.table, rows), (REJECTED, rejected)):
        drop_others(warehouse, table, says.name, {int(str(line["row_number"])) for line in kept})
    run(pipeline, [file_rows([row])], says)


def row_of(says: FileName, content: Content, body: Body, now: datetime) -> dict[str, Any]:
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


def told_by(says: FileName) -> dict[str, Any]:
    """What each row of a file carries of it."""
    return {
        "file_name": says.name,
        "file_stamp": says.stamp,
        "file_kind": says.kind,
        "business_day": says.business_day,
    }


def drop_others(warehouse: "Warehouse", table: str, name: str, kept: set[int]) -> None:
    """Deletes the rows that an earlier content of the file had and this one has not."""
    where = f"from {warehouse.table(table)} where file_name = ?"
    there = {number for (number,) in warehouse.rows(f"select row_number {where}", (name,))}
    for some in portions(sorted(there - kept)):
        marks = ", ".join("?" for _ in some)
        warehouse.execute(f"delete {where} and row_number in ({marks})", (name, *some))


def portions(numbers: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def run(pipeline: "Pipeline", resources: "Sequence[DltResource]", says: FileName) -> None:
    try:
        pipeline.run(source_of(list(resources)), loader_file_format=file_format_for(pipeline))
    except Exception as error:
        log.debug("loading a daily file failed", exc_info=True)
        take_back(pipeline)
        raise OrdergrooveError(
            what=f"Loading {says.name} failed: {reason_of(error)}",
            do="Mend the cause in the warehouse, then run `ordergroove files load` again.",
            state="The files before it are loaded; this one is loaded again.",
        ) from None
