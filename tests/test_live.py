"""The live lines: what they show, and where they are not shown."""

from io import StringIO
from typing import Any

import pendulum
import pytest
from rich.console import Console

from pipelines.ordergroove.live import can_be_live, display, doing, lines_of
from pipelines.ordergroove.run import Progress, Run
from sources.ordergroove.client import Tally
from sources.ordergroove.entities import ENTITIES
from state.ordergroove.ledger import DONE, FAILED, RUNNING
from state.ordergroove.watermark import Position


def made(name: str = "orders", status: str = RUNNING, **other: Any) -> Progress:
    return Progress(entity=ENTITIES[name], before=Position(), status=status, **other)


def run_of(*progress: Progress) -> Run:
    return Run(
        started_at=pendulum.datetime(2026, 6, 10),
        command="sync",
        zone="UTC",
        progress={made.entity.name: made for made in progress},
    )


def terminal(*, is_terminal: bool = True) -> Console:
    """A console like a terminal's, as the environment makes it."""
    return Console(file=StringIO(), force_terminal=is_terminal, width=100)


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def test_a_line_tells_pages_rows_and_speed() -> None:
    console = terminal()
    console.print(lines_of(run_of(made(pages=12, rows=1200)), seconds=2.0))
    for word in ("orders", "12 pages", "1,200 rows", "600/s", "reading"):
        assert word in printed(console)


def test_one_is_not_many() -> None:
    console = terminal()
    console.print(lines_of(run_of(made(pages=1, rows=1)), seconds=0.0))
    assert "1 page " in printed(console)
    assert "1 row " in printed(console)


def test_a_speed_is_told_only_when_there_is_one() -> None:
    console = terminal()
    console.print(lines_of(run_of(made(pages=1, rows=100)), seconds=0.5))
    console.print(lines_of(run_of(made()), seconds=60.0))
    assert "/s" not in printed(console)


@pytest.mark.parametrize(
    ("progress", "word"),
    [
        (made(), "reading"),
        (made(is_read=True), "loading"),
        (made(tally=Tally(waiting="no answer in time")), "waiting: no answer in time"),
        (made(status=DONE), "done"),
        (made(status=FAILED, tally=Tally(waiting="stale")), "failed"),
    ],
)
def test_what_an_entity_is_at_is_told_in_a_word(progress: Progress, word: str) -> None:
    assert doing(progress) == word


def test_words_of_the_api_are_not_read_as_markup() -> None:
    console = terminal()
    console.print(lines_of(run_of(made(tally=Tally(waiting="[bold]odd[/bold]"))), seconds=0.0))
    assert "[bold]odd[/bold]" in printed(console)


def test_colours_are_shown_on_a_terminal() -> None:
    console = terminal()
    console.print(lines_of(run_of(made(status=FAILED)), seconds=0.0))
    assert "\x1b[31m" in printed(console)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = terminal()
    console.print(lines_of(run_of(made(status=FAILED)), seconds=0.0))
    assert "\x1b[3" not in printed(console)


def test_lines_are_gone_when_the_run_is_over() -> None:
    console = terminal()
    with display(console) as shown:
        shown.show(run_of(made(pages=3)))
    # the line is erased, and the cursor is where it was
    assert printed(console).rstrip("\n").endswith("\x1b[2K")


def test_lines_are_not_drawn_where_they_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_be_live(terminal())
    assert not can_be_live(terminal(is_terminal=False))
    assert not can_be_live(Console(file=StringIO()))
    monkeypatch.setenv("TERM", "dumb")
    assert not can_be_live(terminal())
