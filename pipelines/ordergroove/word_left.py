"""What a run that has a DuckDB file to itself leaves beside it, so that `status` has an answer.

Nobody else can open such a file meanwhile, not even to read it.
"""

import logging
import time
from dataclasses import asdict, dataclass
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
from pipelines.ordergroove.targets.holder import leave_note, note_on
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import Held

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""How long what was left is good enough: loads may follow each other quickly."""


def leave_word(warehouse: Warehouse, command: str, started_at: DateTime) -> None:
    """Leaves word at once and after each load, until the warehouse is closed."""
    if warehouse.dialect != "duckdb" or warehouse.path is None:
        return
    word = Word(warehouse=warehouse, file=warehouse.path, command=command, started_at=started_at)
    # what earlier runs left as `running` was killed
    word.leave(is_loading=False)
    warehouse.after_load = word.loaded
    warehouse.between_loads = word.keep_up


@dataclass(kw_only=True)
class Word:
    """What is told of a file, renewed after a load, but not for each of many in a row."""

    warehouse: Warehouse
    file: Path
    command: str
    started_at: DateTime
    is_old: bool = False
    due_s: float = 0.0

    def loaded(self) -> None:
        self.is_old = True
        self.keep_up()

    def keep_up(self) -> None:
        """Tells of the last load, once what was told before is old enough."""
        if self.is_old and time.monotonic() >= self.due_s:
            self.leave()

    def leave(self, *, is_loading: bool = True) -> None:
        self.is_old = False
        self.due_s = time.monotonic() + EVERY_S
        now = pendulum.now("UTC")
        try:
            facts = facts_of(self.warehouse, now, is_being_written=is_loading)
        except Exception:
            # nobody's run shall fail for what others would like to know
            log.debug("the warehouse could not be told of", exc_info=True)
            return
        told = {"command": self.command, "started_at": self.started_at, "as_of": now}
        leave_note(self.file, word=told | {"facts": asdict(facts)})


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
