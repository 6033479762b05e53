"""Daily files into the warehouse: each once, in the order of their stamps.

A row is kept by its file and its number there, so the order in which files come changes nothing.
The rows go first and the file's own row last: what a crash cuts off is loaded again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipelines.ordergroove.files.batch import MOST_ROWS, Batch, Row, row_of
from pipelines.ordergroove.files.found import Body, Found
from pipelines.ordergroove.files.tables import FILES, REJECTED
from pipelines.ordergroove.privacy.beside import Veil, veil_of
from pipelines.ordergroove.stored_values import instant_of
from sources.ordergroove.errors import OrdergrooveError, Transient
from sources.ordergroove.files.content import UTF_8, Content, Sheet, Unsettled, Unusable, sheet_of
from sources.ordergroove.files.names import FileName
from sources.ordergroove.files.server import Seen

if TYPE_CHECKING:
    from dlt import Pipeline

    from pipelines.ordergroove.warehouse import Warehouse

log = logging.getLogger(__name__)

SETTLED = timedelta(seconds=2)
"""How old a file must have been when it was loaded, so that a later change shows in its time."""


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

    def count(self, written: Sequence[Row]) -> None:
        """Counts files by their rows of `sftp_files`."""
        self.files += len(written)
        self.rows += sum(row["rows"] for row in written)
        self.rejected += sum(row["rejected_rows"] for row in written)


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
    known, veil = known_files(warehouse), veil_of(warehouse)
    batch = Batch(warehouse=warehouse, pipeline=pipeline)
    for one in found:
        before = known.get(one.says.name)
        try:
            taken = taken_from(one, before, told, accept_unended=accept_unended)
        except OrdergrooveError as lost:
            told.count(batch.write())
            told.cut_short = reason_to_end(lost, told)
            break
        if taken is None:
            continue
        body, sheet = taken
        row = row_of(one.says, sheet, body, now)
        if before and before.hash == body.hash:
            # the same with another time: noted, so that it need not be fetched again
            batch.noted.append(row)
            told.known += 1
            continue
        parts = sheet.parts(MOST_ROWS)
        batch.add(one.says, (veiled(part, one.says, veil) for part in parts), row)
        if batch.is_full:
            told.count(batch.write())
    told.count(batch.write())
    return told


def reason_to_end(lost: OrdergrooveError, told: Loaded) -> str:
    """Why the files behind the last one are not reached. Raises what is no reason to be content."""
    if told.files:
        lost.state = "The files before it are loaded."
    if told.files and isinstance(lost, Transient):
        return str(lost)
    raise lost


def taken_from(
    one: Found, before: Known | None, told: Loaded, *, accept_unended: bool
) -> tuple[Body, Sheet] | None:
    """What stands in a file, or None, and why told, when there is nothing to load."""
    if before and one.seen and before.is_still(one.seen):
        told.known += 1
        return None
    try:
        body = one.read()
        if before and one.seen is None and before.outlives(body):
            told.known += 1
            return None
        sheet = sheet_of(body.content, one.says.report, accept_unended=accept_unended)
        if sheet.encoding != UTF_8:
            log.warning("%s is no UTF-8; it was read as %s.", one.says.name, sheet.encoding)
        return body, sheet
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


def veiled(content: Content, says: FileName, veil: Veil) -> Content:
    """What was in the file, without what is personal of those who were forgotten."""
    return replace(
        content,
        rows=veil.rows(says.report.table, content.rows),
        rejected=veil.rows(REJECTED, content.rejected),
    )
