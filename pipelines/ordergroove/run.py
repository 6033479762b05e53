"""What one run knows of itself: how far each object type is, and what the exit code will be."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pendulum import DateTime

from sources.ordergroove.client import Tally
from sources.ordergroove.errors import (
    UNTOUCHED,
    ConfigError,
    KeyRefused,
    NotFound,
    OrdergrooveError,
    Refused,
    Stopped,
    Transient,
)
from sources.ordergroove.model import Entity
from state.ordergroove.ledger import DONE, FAILED, PARTIAL, RUNNING, UNAVAILABLE
from state.ordergroove.watermark import Position, Window

UNAUTHORIZED = 401
FORBIDDEN = 403
WHAT_WAS_LOADED_STAYS = "What was loaded before that is complete; the next run goes on from there."


@dataclass
class Progress:
    """What has become of one entity in this run; changes while the run goes on."""

    entity: Entity
    before: Position
    """The position with which the run began."""

    tally: Tally = field(default_factory=Tally)
    pages: int = 0
    rows: int = 0
    status: str = RUNNING
    window: Window | None = None
    """The last window that was completed."""

    error: Exception | None = None
    failed_at: float | None = None
    """When the error came, by the monotonic clock."""

    is_complete: bool = False
    """Its watermark moved: everything that had changed until this run is loaded."""

    deleted: int = 0
    """Rows that this run has proven to be gone."""

    sweep: Tally = field(default_factory=Tally)
    """What noticing and proving deletions has cost."""

    is_read: bool = False
    """Its thread has handed over everything."""

    is_paused: bool = False
    """Everything of this turn, that is: there is more to read."""

    @property
    def is_over(self) -> bool:
        return self.status != RUNNING

    def fail(self, error: Exception, at: float) -> None:
        """Takes the error down; a stop by signal is no failure."""
        self.error, self.failed_at = error, at
        self.status = PARTIAL if isinstance(error, Stopped) else FAILED


@dataclass
class Run:
    """One call of `sync`, while it goes on and as the report of it."""

    started_at: DateTime
    command: str
    zone: str
    progress: dict[str, Progress]
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    not_due: Mapping[str, DateTime] = field(default_factory=dict)
    """Entities that are read whole and were read lately enough, with the time they were."""

    finished_at: DateTime | None = None
    committed: bool = False
    """Whether anything of this run is in the warehouse."""

    events: int = 0
    """Webhook events that were new to the warehouse."""

    undrained: OrdergrooveError | None = None
    """Why events still wait in the inbox; the next run loads them."""

    unenriched: OrdergrooveError | None = None
    """Why what only GraphQL tells was not fetched; the next run goes on with it."""

    unviewed: OrdergrooveError | None = None
    """Why views are not as they should be; the tables are."""

    notes: list[str] = field(default_factory=list)
    """What else is worth a line of the summary."""

    stopped_by: int | None = None
    """The number of the signal that ended the run early."""

    unproven: list[OrdergrooveError] = field(default_factory=list)
    """What kept deletions from being proven; the next run asks again."""

    capped: OrdergrooveError | None = None
    """Why none of the deletions is believed: they are too many."""

    @property
    def failures(self) -> list[Progress]:
        return [p for p in self.progress.values() if p.status == FAILED]

    @property
    def is_read(self) -> bool:
        """Whether nothing more will come out of the queue."""
        return all(p.is_read or p.is_over for p in self.progress.values())

    def exit_code(self) -> int:
        """What cron is told. Source: design of the command, the highest in its order wins."""
        if self.stopped_by is not None:
            return 128 + self.stopped_by
        errors = [*(p.error for p in self.failures), *self.unproven]
        for kind in (ConfigError, KeyRefused):
            if any(isinstance(error, kind) for error in errors):
                return kind.exit_code
        if not errors and (self.undrained or self.unenriched) is not None:
            return 3
        if not errors:
            found = self.capped or self.unviewed
            return found.exit_code if found else 0
        if self.committed or any(p.status == DONE for p in self.progress.values()):
            return 3
        only_passing = all(isinstance(error, Transient) for error in errors)
        return Transient.exit_code if only_passing else OrdergrooveError.exit_code

    def settle(self, last_answer_at: float | None) -> None:
        """The last word on each entity: who is unavailable, cut short, or refused with its key.

        An entity that has never answered is unavailable while others work. `last_answer_at` is
        when Ordergroove last gave what was asked for, monotonic.
        """
        others_work = any(p.status == DONE or p.is_paused for p in self.progress.values())
        for progress in self.progress.values():
            error = progress.error
            if progress.status == RUNNING:
                progress.status = PARTIAL
            if progress.status != FAILED:
                continue
            never = progress.before.watermark is None and progress.pages == 0
            if never and others_work and is_missing(error):
                progress.status = UNAVAILABLE
            elif isinstance(error, Refused) and key_is_refused(progress, error, last_answer_at):
                state = WHAT_WAS_LOADED_STAYS if self.committed else UNTOUCHED
                progress.error = KeyRefused(error.what, error.do, state)

    def row_of(self, progress: Progress, at: DateTime) -> dict[str, Any]:
        """The entity's row of `sync_runs`; `at` is now."""
        window = progress.window
        return {
            "run_id": self.run_id,
            "entity": progress.entity.name,
            "command": self.command,
            "window_since_utc": window.since if window else None,
            "window_opened_at_utc": window.opened_at if window else None,
            "started_at": self.started_at,
            "finished_at": at if progress.is_over else None,
            "status": progress.status,
            "pages": progress.pages,
            "rows": progress.rows,
            "deleted": progress.deleted,
            "retries": progress.tally.retries,
            "error": str(progress.error) if progress.error else None,
            "sweep_requests": progress.sweep.requests,
            "swept_at": None,
        }


def is_missing(error: Exception | None) -> bool:
    """Whether the answer was the one a merchant gets who does not have this object type."""
    return isinstance(error, NotFound) or (isinstance(error, Refused) and error.status == FORBIDDEN)


def key_is_refused(progress: Progress, error: Refused, last_answer_at: float | None) -> bool:
    """Whether the key itself is refused, not only this object type.

    401 says so unless something was answered later; 403 when nothing was answered at all.
    """
    if last_answer_at is None:
        return True
    return error.status == UNAUTHORIZED and last_answer_at < (progress.failed_at or 0.0)
