"""What a run that has a DuckDB file to itself leaves beside it, so that `status` has an answer.

Nobody else can open such a file meanwhile, not even to read it.
"""

import logging
import time
from dataclasses import asdict
from typing import Any

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.destinations import target_of
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.status import Status, Writer, status_from
from pipelines.ordergroove.status_facts import Facts, facts_of
from pipelines.ordergroove.stored_values import instant_of
from pipelines.ordergroove.targets.duckdb_file import DuckDBFile
from pipelines.ordergroove.targets.holder import leave_note, note_on
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import Held

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""How long what was left is good enough: a short run need not do it twice."""


def leave_word(warehouse: Warehouse, command: str, started_at: DateTime) -> None:
    """Leaves word at once and after each load, until the warehouse is closed."""
    file = warehouse.path
    if warehouse.dialect != "duckdb" or file is None:
        return
    due_s = 0.0

    def leave(*, is_loading: bool = True) -> None:
        nonlocal due_s
        if time.monotonic() < due_s:
            return
        now = pendulum.now("UTC")
        try:
            # what earlier runs left as `running` was killed
            facts = facts_of(warehouse, now, is_being_written=is_loading)
        except Exception:
            # nobody's run shall fail for what others would like to know
            log.debug("the warehouse could not be told of", exc_info=True)
            return
        word = {"command": command, "started_at": started_at, "as_of": now, "facts": asdict(facts)}
        leave_note(file, word=word)
        due_s = time.monotonic() + EVERY_S

    leave(is_loading=False)
    warehouse.after_load = leave


def status_while(held: Held, settings: Settings, now: DateTime, names: tuple[str, ...]) -> Status:
    """What whoever holds the warehouse has left word of. Raises `held` when it left none."""
    target = target_of(settings)
    if held.pid is None or not isinstance(target, DuckDBFile):
        raise held
    note = note_on(target.path, held.pid) or {}
    try:
        writer = writer_of(held.pid, note["word"])
        facts = Facts(**note["word"]["facts"])
        is_told = facts.dataset == settings.dataset
        status = status_from(facts, now, names, writer=writer) if is_told else None
    except (ValueError, TypeError, LookupError, AttributeError):
        # no word yet, or another version's
        status = None
    if status is None:
        raise held
    return status


def writer_of(pid: int, word: dict[str, Any]) -> Writer:
    return Writer(
        pid=pid,
        command=str(word["command"]),
        since=instant_of(str(word["started_at"])),
        as_of=instant_of(str(word["as_of"])),
    )
