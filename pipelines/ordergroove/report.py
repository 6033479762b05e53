"""What a person reads when a run is over, and what a program does."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.run import Progress, Run
from sources.ordergroove.errors import OrdergrooveError
from state.ordergroove.ledger import DONE, FAILED, UNAVAILABLE


def summary(run: Run) -> str:
    """One line an entity, then what failed and what to do about it."""
    width = max((len(name) for name in (*run.progress, *run.not_due)), default=0) + 1
    lines = [f"{name + ':':{width}} {told(made, run)}" for name, made in run.progress.items()]
    for name, at in run.not_due.items():
        lines.append(f"{name + ':':{width}} not due, read {when(at, run)}")
    if run.events:
        lines.append(f"{so_many(run.events, 'webhook event')} loaded")
    lines += run.notes
    errors = [*run.unproven, run.capped, run.undrained, run.unenriched, run.unviewed]
    messages = [*failures_told(run.failures), *(str(error) for error in errors if error)]
    if run.stopped_by is not None:
        messages.append("Stopped by a signal. Run the same command again to go on.")
    for message in dict.fromkeys(messages):
        lines += ["", message]
    return "\n".join(lines)


def failures_told(failures: Iterable[Progress]) -> list[str]:
    """The message of each failure; those that differ in name and number only are told once."""
    alike: dict[str, list[Progress]] = {}
    for made in failures:
        text = str(made.error).replace(made.entity.path, "").replace(made.entity.name, "")
        alike.setdefault(re.sub(r"\d+ tr(y|ies)", "", text), []).append(made)
    told = []
    for first, *others in alike.values():
        what, *rest = str(first.error).splitlines()
        if others:
            what += f" Likewise: {', '.join(made.entity.name for made in others)}."
        told.append("\n".join([what, *rest]))
    return told


def told(progress: Progress, run: Run) -> str:
    """What became of one entity, in words."""
    if progress.status == FAILED:
        return "failed, its watermark stayed where it was"
    if progress.status == UNAVAILABLE:
        return "not available to this key, left out"
    if progress.status != DONE:
        return f"stopped after {counted(progress)}"
    window = progress.window
    deleted = f", {progress.deleted:,} deleted" if progress.deleted else ""
    if window is None or not progress.entity.is_incremental:
        return f"{counted(progress)}, the whole list{deleted}"
    if window.since is None:
        return f"{counted(progress)}, everything from the beginning{deleted}"
    if not progress.rows and not deleted:
        return f"nothing new since {when(window.since, run)}"
    changed = f"{progress.rows:,} changed{deleted}" if progress.rows else deleted.lstrip(", ")
    return f"{changed} since {when(window.since, run)}"


def counted(progress: Progress) -> str:
    rows, retries = so_many(progress.rows, "row"), progress.tally.retries
    return rows if not retries else f"{rows} ({so_many(retries, 'request')} tried again)"


def so_many(count: int, noun: str) -> str:
    """`1 page`, `1,200 pages`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def when(instant: DateTime, run: Run) -> str:
    """An instant on the merchant's clock, as somebody would say it on the day of the run."""
    local = instant.in_timezone(run.zone)
    days = (run.started_at.in_timezone(run.zone).date() - local.date()).days
    day = {0: "today", 1: "yesterday"}.get(days, f"{local:%Y-%m-%d}")
    return f"{day} {local:%H:%M %Z}"


def as_json(run: Run) -> dict[str, Any]:
    """The run as JSON values; times are ISO 8601 in UTC."""
    return {
        "run_id": run.run_id,
        "command": run.command,
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
        "exit_code": run.exit_code(),
        "webhook_events": run.events,
        "webhook_events_left": of_error(run.undrained) if run.undrained else None,
        "enrichment_left": of_error(run.unenriched) if run.unenriched else None,
        "views_left": of_error(run.unviewed) if run.unviewed else None,
        "notes": run.notes,
        "deletions_unproven": [of_error(error) for error in run.unproven],
        "deletions_capped": of_error(run.capped) if run.capped else None,
        "entities": [of_entity(made) for made in run.progress.values()],
        "not_due": {name: iso(at) for name, at in run.not_due.items()},
    }


def of_entity(progress: Progress) -> dict[str, Any]:
    window = progress.window
    error = progress.error
    return {
        "entity": progress.entity.name,
        "status": progress.status,
        "pages": progress.pages,
        "rows": progress.rows,
        "requests": progress.tally.requests,
        "retries": progress.tally.retries,
        "deleted": progress.deleted,
        "sweep_requests": progress.sweep.requests,
        "window_since": iso(window.since) if window else None,
        "window_opened_at": iso(window.opened_at) if window else None,
        "error": of_error(error) if error else None,
    }


def of_error(error: Exception) -> dict[str, str]:
    if isinstance(error, OrdergrooveError):
        return {"what": error.what, "do": error.do, "state": error.state}
    return {"what": str(error), "do": "", "state": ""}


def iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")
