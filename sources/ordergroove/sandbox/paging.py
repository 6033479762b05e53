"""Pages of a list: cursors as the second version of the API has them, page numbers as the first.

A cursor holds the creation of the last row before it, in whole seconds, and how many rows after
that to pass over: rows of one second are told apart by counting. That is how the documented cursor
reads, and how the web framework behind it works.
"""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode

from sources.ordergroove.sandbox.store import Row


class BadCursorError(Exception):
    """A cursor that this server can not have given out."""


class Cursor(NamedTuple):
    """A place between two rows."""

    position: str | None
    offset: int
    is_reverse: bool


START = Cursor(None, 0, is_reverse=False)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some rows, and the places before and after them."""

    rows: Sequence[Row]
    next: Cursor | None
    previous: Cursor | None


def encode(cursor: Cursor) -> str:
    """Opaque text of a cursor: a query string, in Base64."""
    parts = {"o": str(cursor.offset)} if cursor.offset else {}
    if cursor.is_reverse:
        parts["r"] = "1"
    if cursor.position is not None:
        parts["p"] = cursor.position
    return base64.b64encode(urlencode(parts).encode()).decode()


def decode(text: str | None, cutoff: int | None) -> Cursor:
    """The cursor of a request; `cutoff` limits what it can count. Raises BadCursorError."""
    if text is None:
        return START
    try:
        parts = parse_qs(base64.b64decode(text, validate=True).decode("ascii"), strict_parsing=True)
        offset = int(parts.get("o", ["0"])[0])
    except (binascii.Error, ValueError) as error:
        raise BadCursorError from error
    if offset < 0:
        raise BadCursorError
    counted = offset if cutoff is None else min(offset, cutoff)
    return Cursor(parts.get("p", [None])[0], counted, is_reverse=parts.get("r", ["0"])[0] == "1")


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Rows in the direction in which a client walks; `rows` themselves are always ascending."""

    rows: Sequence[Row]
    is_descending: bool

    def slice(self, start: int, end: int) -> list[Row]:
        if not self.is_descending:
            return [*self.rows[start:end]]
        count = len(self.rows)
        return [*self.rows[max(count - end, 0) : max(count - start, 0)]][::-1]

    def after(self, position: str | None) -> int:
        """Index of the first row beyond a position."""
        if position is None:
            return 0
        if self.is_descending:
            return len(self.rows) - bisect_left(self.rows, position, key=_position)
        return bisect_right(self.rows, position, key=_position)

    def turned(self) -> "Walk":
        return Walk(rows=self.rows, is_descending=not self.is_descending)


def _position(row: Row) -> str:
    return row.position


def cut(walk: Walk, cursor: Cursor, size: int) -> Page:
    """The page at a cursor. A reverse cursor is walked backwards and its page turned round."""
    way = walk.turned() if cursor.is_reverse else walk
    start = way.after(cursor.position) + cursor.offset
    rows = way.slice(start, start + size)
    end = start + len(rows)
    onward = _onward(way, rows, end, cursor, size)
    behind = _behind(way, rows, start, cursor)
    if cursor.is_reverse:
        return Page(rows=rows[::-1], next=behind, previous=onward)
    return Page(rows=rows, next=onward, previous=behind)


def _onward(way: Walk, rows: list[Row], end: int, cursor: Cursor, size: int) -> Cursor | None:
    """The cursor after a page: its last row that the next one can be told from, and a count."""
    following = way.slice(end, end + 1)
    if not following or not rows:
        return None
    for passed, row in enumerate(reversed(rows)):
        if row.position != following[0].position:
            return Cursor(row.position, passed, cursor.is_reverse)
    # a whole page of one second: nothing to hold on to but the last position and a longer count
    return Cursor(cursor.position, cursor.offset + size, cursor.is_reverse)


def _behind(way: Walk, rows: list[Row], start: int, cursor: Cursor) -> Cursor | None:
    """The cursor back to the rows before a page."""
    if start == 0 or not rows:
        return None
    before = way.slice(start - 1, start)[0]
    for passed, row in enumerate(rows):
        if row.position != before.position:
            return Cursor(row.position, passed, not cursor.is_reverse)
    return Cursor(None, len(way.rows) - start, not cursor.is_reverse)


def numbered(walk: Walk, number: int, size: int) -> list[Row] | None:
    """A page by its number, None when there is no such page; the first may be empty."""
    rows = walk.slice((number - 1) * size, number * size)
    return rows if rows or number == 1 else None
