"""What a run that has a DuckDB file to itself leaves beside it, so that `status` has an answer.

Nobody else can open such a file meanwhile, not even to read it.
"""

import json
import logging
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.destinations import target_of
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.status import Status, Writer, status_from
from pipelines.ordergroove.status_facts import Facts, facts_of
from pipelines.ordergroove.stored_values import instant_of
from pipelines.ordergroove.targets.duckdb_file import DuckDBFile
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import Held

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""How long what was left is good enough: a short run need not do it twice."""


def leave_word(warehouse: Warehouse, command: str, since: DateTime) -> None:
    """Leaves word at once and after each load, until the warehouse is closed."""
    if warehouse.dialect != "duckdb" or warehouse.path is None:
        return
    place = place_of(warehouse.path)
    due_s = 0.0

    def leave(*, is_loading: bool = True) -> None:
        nonlocal due_s
        if time.monotonic() < due_s:
            return
        try:
            written(place, word(warehouse, command, since, is_loading=is_loading))
        except Exception:
            # nobody's run shall fail for what others would like to know
            log.debug("no word was left in %s", place, exc_info=True)
        due_s = time.monotonic() + EVERY_S

    leave(is_loading=False)
    warehouse.after_load = leave
    warehouse.after_close = lambda: taken_away(place)


def taken_away(place: Path) -> None:
    """Removes our own; somebody else may have the file by now."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        if json.loads(place.read_text("utf-8"))["writer"]["pid"] == os.getpid():
            place.unlink()


def place_of(file: Path) -> Path:
    return file.with_name(f".{file.name}.status")


def word(
    warehouse: Warehouse, command: str, since: DateTime, *, is_loading: bool
) -> dict[str, Any]:
    """How things stand, as JSON values. What earlier runs left as `running` was killed."""
    now = pendulum.now("UTC")
    facts = facts_of(warehouse, now, is_being_written=is_loading)
    writer = {"pid": os.getpid(), "command": command, "since": str(since), "as_of": str(now)}
    return {"writer": writer, "facts": asdict(facts)}


def written(place: Path, document: dict[str, Any]) -> None:
    """In one step for whoever reads it."""
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(document, default=str), "utf-8")
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def status_while(held: Held, settings: Settings, now: DateTime, names: tuple[str, ...]) -> Status:
    """What whoever holds the warehouse has left word of. Raises `held` when it left none."""
    target = target_of(settings)
    if held.pid is None or not isinstance(target, DuckDBFile):
        raise held
    try:
        document = json.loads(place_of(target.path).read_text("utf-8"))
        writer = writer_of(document["writer"])
        facts = Facts(**document["facts"])
        is_told = (writer.pid, facts.dataset) == (held.pid, settings.dataset)
        status = status_from(facts, now, names, writer=writer) if is_told else None
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        # none there, or another version's
        status = None
    if status is None:
        raise held
    return status


def writer_of(document: dict[str, Any]) -> Writer:
    return Writer(
        pid=int(document["pid"]),
        command=str(document["command"]),
        since=instant_of(str(document["since"])),
        as_of=instant_of(str(document["as_of"])),
    )
