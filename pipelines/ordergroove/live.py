"""One live line per entity on a terminal, while a run goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.ordergroove.report import so_many
from pipelines.ordergroove.run import Progress, Run
from state.ordergroove.ledger import DONE, FAILED, RUNNING

REFRESH_A_SECOND = 5
STYLES = {RUNNING: "cyan", DONE: "green", FAILED: "red"}


class Display:
    """Shows a run; `show` may be called as often as anybody likes."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._began = time.monotonic()

    def show(self, run: Run) -> None:
        self._live.update(lines_of(run, time.monotonic() - self._began))


def can_be_live(console: Console) -> bool:
    """Whether lines can be drawn anew where the console writes to."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """The live lines, for as long as the block runs; they vanish at its end."""
    with Live(console=console, refresh_per_second=REFRESH_A_SECOND, transient=True) as live:
        yield Display(live)


def lines_of(run: Run, seconds: float) -> Table:
    """A line per entity: pages, rows, rows a second, and what it is doing."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, progress in run.progress.items():
        rate = progress.rows / seconds if seconds >= 1 else 0.0
        table.add_row(
            name,
            so_many(progress.pages, "page"),
            so_many(progress.rows, "row"),
            f"{rate:,.0f}/s" if rate else "",
            Text(doing(progress), style=STYLES.get(progress.status, "yellow")),
        )
    return table


def doing(progress: Progress) -> str:
    """What the entity's thread is at, in a word or two."""
    if progress.is_over:
        return progress.status
    if progress.tally.waiting:
        return f"waiting: {progress.tally.waiting}"
    return "loading" if progress.is_read else "reading"
