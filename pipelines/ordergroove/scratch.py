"""The working directory of one run: empty at its start, gone at its end."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sources.ordergroove.errors import ConfigError


@contextmanager
def scratch_in(directory: Path) -> Iterator[Path]:
    """An empty directory of this run's own, removed afterwards; so are those of killed runs.

    Raises ConfigError when there can be none.
    """
    from filelock import FileLock

    own = directory / f"run-{uuid.uuid4().hex}"
    lock = FileLock(own.with_suffix(".lock"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        sweep(directory)
        lock.acquire()
        own.mkdir()
    except OSError as error:
        raise ConfigError(
            what=f"The directory {directory} cannot be used for scratch files: {error.strerror}.",
            do="Name one that you may write to, with --state-dir.",
            state="Nothing was written.",
        ) from None
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        lock.release()
        own.with_suffix(".lock").unlink(missing_ok=True)


def sweep(directory: Path) -> None:
    """Removes what runs that were killed left behind: the lock of a living one cannot be had."""
    from filelock import FileLock

    for mark in directory.glob("run-*.lock"):
        lock = FileLock(mark)
        with suppress(OSError):
            lock.acquire(blocking=False)
            shutil.rmtree(mark.with_suffix(""), ignore_errors=True)
            lock.release()
            mark.unlink(missing_ok=True)
