"""Daily files into the warehouse: each once, in the order of their stamps.

A row is kept by its file and its number there, so the order in which files come changes nothing.
The rows go first and the file's own row last: what a crash cuts off is loaded again.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from sources.ordergroove.errors import ConfigError, OrdergrooveError
from sources.ordergroove.files.content import Content, Unusable, content_of
from sources.ordergroove.files.names import FileName, named

if TYPE_CHECKING:
    from dlt import Pipeline
    from dlt.extract import DltResource

    from pipelines.ordergroove.warehouse import Warehouse

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """A file that is a report by its name."""

    path: Path
    says: FileName


@dataclass(frozen=True, kw_only=True)
class Body:
    """What was in a file when it was read, unchanged meanwhile."""

    content: bytes
    hash: str
    modified_at: datetime


@dataclass
class Loaded:
    """What came of the files."""

    files: int = 0
    rows: int = 0
    rejected: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)


def found_at(place: Path) -> list[Found]:
    """The reports at a place, a file or a directory, in the order of their stamps.

    Files of other names are never opened. Raises ConfigError when there is none.
    """
    try:
        paths = [path for path in place.iterdir() if path.is_file()] if place.is_dir() else [place]
    except OSError as error:
        raise unreadable(place, error) from None
    found = [Found(path, says) for path in paths if (says := named(path.name))]
    if not found:
        raise ConfigError(
            what=f"{place} holds no report of Ordergroove by its name.",
            do="Give a file, or a directory of files, named like shop_orders_03172025063000.csv.",
            state="Nothing was written.",
        )
    return sorted(found, key=lambda one: (one.says.stamp, one.says.name))


def unreadable(place: Path, error: OSError) -> ConfigError:
    return ConfigError(
        what=f"{place} cannot be read: {error.strerror}.",
        do="Give a file or a directory that exists and may be read.",
        state="Nothing was written.",
    )


def load(
    found: Sequence[Found],
    warehouse: "Warehouse",
    pipeline: "Pipeline",
    *,
    now: datetime,
    accept_unended: bool = False,
) -> Loaded:
    """Loads what the warehouse lacks. A file that cannot be taken stops no other.

    Raises OrdergrooveError when the warehouse refuses one.
    """
    told = Loaded()
    known = known_files(warehouse)
    for one in found:
        try:
            body = read(one.path)
            if is_known(known.get(one.says.name), body):
                told.known += 1
                continue
            report = one.says.report
            content = content_of(body.content, report, accept_unended=accept_unended)
        except Unusable as reason:
            told.refused.append(f"{one.says.name}: {reason}")
            continue
        put(one.says, content, body, warehouse, pipeline, now=now)
        known[one.says.name] = (body.hash, body.modified_at)
        told.files += 1
        told.rows += len(content.rows)
        told.rejected += len(content.rejected)
    return told


def read(path: Path) -> Body:
    """Raises Unusable for a file that changes while it is read, or cannot be."""
    try:
        before = path.stat()
        content = path.read_bytes()
        after = path.stat()
    except OSError as error:
        raise Unusable(f"it cannot be read: {error.strerror}") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Unusable("it is still being written")
    return Body(
        content=content,
        hash=hashlib.sha256(content).hexdigest(),
        modified_at=datetime.fromtimestamp(after.st_mtime, UTC),
    )


def known_files(warehouse: "Warehouse") -> dict[str, tuple[str, datetime]]:
    """The content and age of each file that was loaded, by name."""
    if not warehouse.has_table(FILES):
        return {}
    rows = warehouse.rows(f"select file_name, file_hash, modified_at from {warehouse.table(FILES)}")
    return {name: (digest, instant_of(at)) for name, digest, at in rows}


def is_known(known: tuple[str, datetime] | None, body: Body) -> bool:
    """Whether this content was loaded under this name, or a newer one: an older never replaces."""
    return known is not None and (known[0] == body.hash or known[1] > body.modified_at)


def put(
    says: FileName,
    content: Content,
    body: Body,
    warehouse: "Warehouse",
    pipeline: "Pipeline",
    *,
    now: datetime,
) -> None:
    """Loads one file in place of what was loaded under its name before."""
    of_file = told_by(says)
    row = of_file | {
        "file_hash": body.hash,
        "report": says.report.name,
        "modified_at": body.modified_at,
        "bytes": len(body.content),
        "rows": len(content.rows),
        "rejected_rows": len(content.rejected),
        "encoding": content.encoding,
        "loaded_at": now,
    }
    rows = [of_file | line for line in content.rows]
    rejected = [of_file | line for line in content.rejected]
    run(pipeline, [report_rows(says.report, rows), rejected_rows(rejected)], says)
    for table, kept in ((says.report.table, rows), (REJECTED, rejected)):
        drop_others(warehouse, table, says.name, {int(str(line["row_number"])) for line in kept})
    run(pipeline, [file_rows([row])], says)


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
