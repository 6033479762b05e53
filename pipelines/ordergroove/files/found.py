"""Daily files where they lie, before they are loaded."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sources.ordergroove.errors import ConfigError
from sources.ordergroove.files.content import Unsettled, Unusable
from sources.ordergroove.files.names import FileName, named
from sources.ordergroove.files.server import Seen


@dataclass(frozen=True, kw_only=True)
class Body:
    """What was in a file when it was read, unchanged meanwhile."""

    content: bytes
    hash: str
    modified_at: datetime


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file that is a report by its name."""

    says: FileName
    read: Callable[[], Body]
    """Raises Unsettled for a file that is being written, Unusable for one that cannot be read."""

    seen: Seen | None = None
    """What its server tells of it; None for a file of this machine, whose time a copy may have."""


def body_of(content: bytes, modified_at: datetime) -> Body:
    return Body(content=content, hash=hashlib.sha256(content).hexdigest(), modified_at=modified_at)


def in_order(found: Iterable[Found], place: str) -> list[Found]:
    """By the stamps in their names. Raises ConfigError when there is none."""
    files = sorted(found, key=lambda one: (one.says.stamp, one.says.name))
    if not files:
        raise ConfigError(
            what=f"{place} holds no report of Ordergroove by its name.",
            do="Give a file, or a directory of files, named like shop_orders_03172025063000.csv.",
            state="Nothing was written.",
        )
    return files


def found_here(place: Path) -> list[Found]:
    """The reports in a directory of this machine, or the one that the path names.

    Files of other names are never opened. Raises ConfigError when there is none.
    """
    try:
        paths = [path for path in place.iterdir() if path.is_file()] if place.is_dir() else [place]
    except OSError as error:
        raise ConfigError(
            what=f"{place} cannot be read: {error.strerror}.",
            do="Give a file or a directory that exists and may be read.",
            state="Nothing was written.",
        ) from None
    found = [
        Found(says=says, read=partial(read, path)) for path in paths if (says := named(path.name))
    ]
    return in_order(found, str(place))


def read(path: Path) -> Body:
    try:
        before = path.stat()
        content = path.read_bytes()
        after = path.stat()
    except OSError as error:
        raise Unusable(f"it cannot be read: {error.strerror}") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Unsettled("it changed while it was read")
    return body_of(content, datetime.fromtimestamp(after.st_mtime, UTC))
