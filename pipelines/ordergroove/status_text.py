"""A status as people read it, and as programs do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.coverage import Stretch
from pipelines.ordergroove.grid import grid, natural_width
from pipelines.ordergroove.report import iso
from pipelines.ordergroove.status import EntityStatus, RunStatus, Status, Writer
from pipelines.ordergroove.webhooks import waiting
from state.ordergroove.slices import Backfill

NOTHING = "-"
ENTITY_HEADS = ("entity", "read up to", "age", "last run", "its rows", "rows here", "deleted")
RUN_HEADS = ("started", "took", "command", "rows", "deleted", "entities")


def as_text(status: Status, zone: str, width: int) -> str:
    """The entities, what is odd about them, and the last runs; times by the clock of `zone`."""
    entities = entity_grid([entity_row(made, zone) for made in status.entities], width)
    runs = grid(
        RUN_HEADS, [run_row(run, zone) for run in status.runs], right={1, 3, 4}, width=width
    )
    notes = [note for made in status.entities for note in notes_on(made, zone)]
    notes += [*status.notes, *waiting.as_lines(status.inbox)]
    return "\n".join(
        [
            f"{status.path}, dataset {status.dataset}, at {shown(status.at, zone)}",
            *([writer_shown(status.writer, zone)] if status.writer else []),
            "",
            entities,
            *(["", *notes] if notes else []),
            "",
            "Last runs:",
            runs,
        ]
    )


def writer_shown(writer: Writer, zone: str) -> str:
    as_of = f"{writer.as_of.in_timezone(zone):%H:%M:%S %Z}"
    return (
        f"A {writer.command} of process {writer.pid} is running since"
        f" {shown(writer.since, zone)}; this is as of {as_of}."
    )


def entity_grid(rows: list[list[str]], width: int) -> str:
    """The entities side by side; what the last run read gives way where that is too wide."""
    if natural_width(ENTITY_HEADS, rows, most=width) <= width:
        return grid(ENTITY_HEADS, rows, right={2, 4, 5, 6}, width=width)
    kept = [at for at, head in enumerate(ENTITY_HEADS) if head != "its rows"]
    fewer = [[row[at] for at in kept] for row in rows]
    return grid([ENTITY_HEADS[at] for at in kept], fewer, right={2, 4, 5}, width=width)


def entity_row(made: EntityStatus, zone: str) -> list[str]:
    return [
        made.entity.name,
        "never" if made.watermark is None else shown(made.watermark, zone),
        NOTHING if made.age is None else age_shown(made.age),
        NOTHING if made.last is None else made.last.status,
        NOTHING if made.last is None else f"{made.last.rows:,}",
        NOTHING if made.live is None else f"{made.live:,}",
        NOTHING if made.deleted is None else f"{made.deleted:,}",
    ]


def run_row(run: RunStatus, zone: str) -> list[str]:
    took = None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds()
    return [
        shown(run.started_at, zone),
        NOTHING if took is None else age_shown(timedelta(seconds=took)),
        run.command,
        f"{run.rows:,}",
        f"{run.deleted:,}",
        ", ".join(f"{count} {status}" for status, count in run.statuses.items()),
    ]


def notes_on(made: EntityStatus, zone: str) -> Iterator[str]:
    """What a reader of the table should know beside it."""
    name = made.entity.name
    if made.unreadable:
        yield f"{name}: {made.unreadable}"
    if made.last and made.last.error:
        yield f"{name}: last run {made.last.status}: {made.last.error}"
    if made.open_window:
        window = made.open_window
        since = window.since
        what = "everything" if since is None else f"what changed since {shown(since, zone)}"
        yield (
            f"{name}: a read of {what}, begun {shown(window.opened_at, zone)}, was interrupted;"
            " the next sync goes on with it."
        )
    if made.backfill:
        yield f"{name}: {backfill_shown(made.backfill, zone)}"
    if made.gaps:
        yield f"{name}: read is what changed last {spans_shown(made.spans, zone)}."
    for gap in made.gaps:
        yield f"{name}: {gap_shown(gap, zone)}"


def backfill_shown(backfill: Backfill, zone: str) -> str:
    stretch = f"{shown(backfill.since, zone)} to {shown(backfill.until, zone)}"
    left = backfill.left
    rest = f"{shown(left.since, zone)} to {shown(left.until, zone)}" if left else "only its end"
    return f"a backfill of {stretch} has left: {rest}; the same command goes on with it."


def spans_shown(spans: tuple[Stretch, ...], zone: str) -> str:
    return " and ".join(
        f"{f'{shown(span.since, zone)} ' if span.since else ''}to {shown(span.until, zone)}"
        for span in spans
    )


def gap_shown(gap: Stretch, zone: str) -> str:
    if gap.since is None:
        return f"what changed last before {shown(gap.until, zone)} was never read."
    return (
        f"what changed last between {shown(gap.since, zone)} and {shown(gap.until, zone)} was"
        " never read."
    )


def shown(instant: DateTime, zone: str) -> str:
    return f"{instant.in_timezone(zone):%Y-%m-%d %H:%M %Z}"


def age_shown(age: timedelta) -> str:
    """An age or a duration in its two largest units: `3d 4h`, `26m 5s`."""
    left = max(0, int(age.total_seconds()))
    parts = []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        parts.append((count, unit))
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + 2])


def as_json(status: Status) -> dict[str, Any]:
    """The status as JSON values; times are ISO 8601 in UTC, ages in seconds."""
    return {
        "at": iso(status.at),
        "path": status.path,
        "dataset": status.dataset,
        "entities": [entity_json(made) for made in status.entities],
        "runs": [run_json(run) for run in status.runs],
        "notes": list(status.notes),
        "inbox": waiting.as_json(status.inbox),
        "writer": status.writer and writer_json(status.writer),
    }


def writer_json(writer: Writer) -> dict[str, Any]:
    return {
        "pid": writer.pid,
        "command": writer.command,
        "since": iso(writer.since),
        "as_of": iso(writer.as_of),
    }


def entity_json(made: EntityStatus) -> dict[str, Any]:
    window, last = made.open_window, made.last
    return {
        "entity": made.entity.name,
        "watermark": iso(made.watermark),
        "age_s": None if made.age is None else made.age.total_seconds(),
        "live": made.live,
        "deleted": made.deleted,
        "last_run": last
        and {
            "status": last.status,
            "started_at": iso(last.started_at),
            "rows": last.rows,
            "error": last.error,
        },
        "spans": [stretch_json(span) for span in made.spans],
        "gaps": [stretch_json(gap) for gap in made.gaps],
        "open_window": window and {"since": iso(window.since), "opened_at": iso(window.opened_at)},
        "backfill": made.backfill and backfill_json(made.backfill),
        "unreadable": made.unreadable,
    }


def backfill_json(backfill: Backfill) -> dict[str, Any]:
    left = backfill.left
    return {
        "since": iso(backfill.since),
        "until": iso(backfill.until),
        "opened_at": iso(backfill.opened_at),
        "left": left and {"since": iso(left.since), "until": iso(left.until)},
    }


def stretch_json(stretch: Stretch) -> dict[str, str | None]:
    return {"since": iso(stretch.since), "until": iso(stretch.until)}


def run_json(run: RunStatus) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "command": run.command,
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
        "rows": run.rows,
        "deleted": run.deleted,
        "statuses": dict(run.statuses),
    }
