"""Columns of text side by side, for a terminal, a mail or a file: no colours, no markup."""

from collections.abc import Collection, Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 2


def grid(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int,
    right: Collection[int] = (),
) -> str:
    """A table of at most `width` characters; long cells go on in the next line.

    `right` are the columns, counted from 0, that end at the same place: numbers.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for at, head in enumerate(heads):
        justify = "right" if at in right else "left"
        table.add_column(Text(printable(head)), justify=justify, overflow="fold")  # type: ignore[arg-type]  # a literal by construction
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    file = StringIO()
    Console(file=file, width=width, color_system=None, force_terminal=False).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().strip("\n").splitlines())


def printable(text: str) -> str:
    """The text in one line; what would steer a terminal is shown as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def natural_width(heads: Sequence[str], rows: Sequence[Sequence[str]], *, most: int) -> int:
    """Characters a line takes when no column is given more than `most`."""
    widths = [
        min(most, max(len(head), *(len(row[at]) for row in rows), 1))
        for at, head in enumerate(heads)
    ]
    return sum(widths) + GAP * (len(widths) - 1)
