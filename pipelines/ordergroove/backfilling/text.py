"""A backfill as people read it, while it goes on and when it is over; and as programs do."""

from typing import Any

from pendulum import DateTime

from pipelines.ordergroove import report
from pipelines.ordergroove.backfilling.made import Backfilled
from pipelines.ordergroove.backfilling.reading import Lack, Share
from pipelines.ordergroove.report import counted, iso, so_many, when
from pipelines.ordergroove.run import Progress
from pipelines.ordergroove.status_text import age_shown
from state.ordergroove.ledger import DONE, FAILED, UNAVAILABLE
from state.ordergroove.slices import Slice

ENOUGH = 0.002
"""How much must be read before it tells how long the rest takes."""


class Meter:
    """How fast a backfill goes and how long it will take. Seconds are monotonic."""

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.first: float | None = None

    def fraction(self, made: Backfilled) -> float:
        """How much of the stretch is read, over all object types that are read in slices."""
        shares = [share for share in made.shares.values() if share.entity.is_incremental]
        known = [share.fraction for share in shares if share.whole_span_s is not None]
        if not known:
            return 0.0 if shares else 1.0
        return sum(known) / len(shares)

    def told(self, made: Backfilled, now_s: float) -> str:
        """Where it stands: part, rows, rows a second, time that is left."""
        fraction, seconds = self.fraction(made), now_s - self.began_s
        if self.first is None and any(p.pages for p in made.run.progress.values()):
            self.first = fraction
        rows = sum(progress.rows for progress in made.run.progress.values())
        words = [f"{fraction:.0%} of the time asked for", so_many(rows, "row")]
        if seconds >= 1:
            words.append(f"{rows / seconds:,.0f} rows/s")
        left_s = remaining_s(self.first or 0.0, fraction, seconds)
        if left_s is not None:
            words.append(f"about {age_shown(left_s)} left")
        return ", ".join(words)


def remaining_s(first: float, fraction: float, seconds: float) -> Any:
    """How long the rest takes if it goes on as it did since `first`; None: cannot be told."""
    from datetime import timedelta

    if fraction - first < ENOUGH:
        return None
    return timedelta(seconds=seconds / (fraction - first) * (1 - fraction))


def summary(made: Backfilled) -> str:
    """One line an entity, then what failed or lacks and what to do about it."""
    run = made.run
    width = max((len(name) for name in made.shares), default=0) + 1
    lines = []
    for name, share in made.shares.items():
        if name in made.skipped:
            told = f"the whole list, read already {when(made.skipped[name], run)}"
        else:
            told = told_of(run.progress[name], share, run.zone)
        lines.append(f"{name + ':':{width}} {told}")
    messages = dict.fromkeys(str(p.error) for p in run.failures if p.error is not None)
    for name, lacks in made.lacks.items():
        messages |= dict.fromkeys(lack_told(name, lack, run.zone) for lack in lacks)
    if run.stopped_by is not None:
        messages["Stopped by a signal. Run the same command again to go on."] = None
    for message in messages:
        lines += ["", message]
    return "\n".join(lines)


def told_of(progress: Progress, share: Share, zone: str) -> str:
    """What became of one entity, in words."""
    if progress.status == UNAVAILABLE:
        return "not available to this key, left out"
    rest = f"; left: {stretch_told(share.left, zone)}" if share.left else ""
    if progress.status == FAILED:
        return f"failed after {counted(progress)}{rest}"
    if progress.status != DONE:
        return f"stopped after {counted(progress)}{rest}"
    if not progress.entity.is_incremental:
        return f"{counted(progress)}, the whole list: it has no change filter"
    return f"{counted(progress)}, changes of {stretch_told(share.asked.stretch, zone)}"


def lack_told(name: str, lack: Lack, zone: str) -> str:
    return (
        f"{name}: Ordergroove counts {so_many(lack.counted, 'record')} last changed"
        f" {stretch_told(lack.stretch, zone)}, but has shown {lack.seen:,}, twice.\n"
        "Run the same command again for that stretch; if the numbers stay apart, ask Ordergroove.\n"
        "What was shown is loaded."
    )


def stretch_told(stretch: Slice, zone: str) -> str:
    return f"{local(stretch.since, zone)} to {local(stretch.until, zone)}"


def local(instant: DateTime, zone: str) -> str:
    return f"{instant.in_timezone(zone):%Y-%m-%d %H:%M %Z}"


def as_json(made: Backfilled) -> dict[str, Any]:
    """The backfill as JSON values; times are ISO 8601 in UTC."""
    lacks = [
        {
            "entity": name,
            "since": iso(lack.stretch.since),
            "until": iso(lack.stretch.until),
            "counted": lack.counted,
            "seen": lack.seen,
        }
        for name, found in made.lacks.items()
        for lack in found
    ]
    return report.as_json(made.run) | {
        "exit_code": made.exit_code(),
        "since": iso(made.asked.stretch.since),
        "until": iso(made.asked.stretch.until),
        "left": {
            name: {"since": iso(share.left.since), "until": iso(share.left.until)}
            for name, share in made.shares.items()
            if share.left is not None
        },
        "not_due": {name: iso(at) for name, at in made.skipped.items()},
        "lacks": lacks,
    }
