"""A file that somebody asked for: whole, or as it was before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sources.ordergroove.errors import ConfigError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to, and puts it in its place when the block ends well.

    Raises ConfigError when the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.touch()
        yield beside
        beside.replace(path)
    except OSError as error:
        raise ConfigError(
            what=f"{path} cannot be written: {error.strerror}.",
            do="Name a file in a directory that exists and that you may write to.",
            state="What was there before is as it was.",
        ) from None
    finally:
        beside.unlink(missing_ok=True)
