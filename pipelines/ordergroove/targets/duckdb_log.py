"""DuckDB's log of writes, folded into the file between packages.

DuckDB does so by itself only when nobody else is in a transaction, and while dlt loads somebody
always is: the log would grow until the end of a run, and memory with it.
"""

import logging
from pathlib import Path

import duckdb

from pipelines.ordergroove.targets.duckdb_file import DuckDatabase
from pipelines.ordergroove.targets.engine import Engine

log = logging.getLogger(__name__)

MOST_BYTES = 16 * 2**20
"""As large as DuckDB means it to become."""

FOLD = "checkpoint"


def fold_log(engine: Engine) -> None:
    """Brings the log into the file when it has become large. Another engine has none of its own."""
    if not isinstance(engine, DuckDatabase) or size_of(engine.path) < MOST_BYTES:
        return
    session = engine.connection.cursor()
    try:
        session.execute(FOLD)
    except duckdb.Error as error:
        # it waits for the next package, or for the end of the run
        log.debug("the log was not folded: %s", error)
    finally:
        session.close()


def size_of(path: Path) -> int:
    """Bytes of the log beside a DuckDB file."""
    try:
        return path.with_name(f"{path.name}.wal").stat().st_size
    except OSError:
        return 0
