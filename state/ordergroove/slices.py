"""A backfill: a stretch of history cut by change time, and how much of it is still to be read.

Its state stands beside the watermark in the position of each object type. All instants are UTC,
both ends of every stretch belong to it: neighbours share their edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pendulum import DateTime

from sources.ordergroove.model import Entity
from state.ordergroove.watermark import (
    BadState,
    Position,
    Window,
    instant_of,
    opened,
    restarted,
    state_of,
    text_of,
    window_of,
)

UNITS = ("day", "week", "month", "year")
"""How long a slice can be, by the calendar of the configured zone."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A stretch of change time. Raises ValueError when it ends before it begins."""

    since: DateTime
    until: DateTime

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise ValueError("a slice ends after it begins")

    def first(self, unit: str, zone: str) -> "Slice":
        """Its oldest part, up to the next edge of the calendar."""
        edge = start_of(self.since, unit, zone).add(**{f"{unit}s": 1}).in_timezone("UTC")
        return replace(self, until=min(edge, self.until))

    def last(self, unit: str, zone: str) -> "Slice":
        """Its newest part, from the edge of the calendar before."""
        edge = start_of(self.until, unit, zone)
        if edge >= self.until:
            edge = edge.subtract(**{f"{unit}s": 1})
        return replace(self, since=max(edge.in_timezone("UTC"), self.since))

    def without(self, read: "Slice") -> "Slice | None":
        """What is left of it when one of its ends was read; None: nothing."""
        since, until = self.since, self.until
        if read.since <= since:
            since = max(since, read.until)
        else:
            until = min(until, read.since)
        return Slice(since=since, until=until) if since < until else None

    def count(self, unit: str, zone: str) -> int:
        """How many slices it takes to read it."""
        rest: Slice | None = self
        number = 0
        while rest is not None:
            rest = rest.without(rest.first(unit, zone))
            number += 1
        return number


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """How far a backfill of one object type has come."""

    since: DateTime
    until: DateTime
    """The two ends that were asked for."""

    opened_at: DateTime
    """When it began: what changes later is in no slice, and left to an incremental pass."""

    left: Slice | None
    """What no slice has read yet."""

    window: Window | None = None
    """A slice, or the last read, that was begun and not finished."""

    rows: int = 0
    """Rows that the pages of `window` have brought."""

    lacks_unstamped: bool = True
    """Rows without a stamp are in no slice; they are still to be read."""

    is_over: bool = False
    """The incremental pass is made, too. Kept until the same is asked again: other object types
    may not have come so far."""

    @property
    def is_read(self) -> bool:
        """Whether nothing but the incremental pass is left."""
        return self.left is None and not self.lacks_unstamped

    def is_of(self, asked: Slice) -> bool:
        return (self.since, self.until) == (asked.since, asked.until)

    def after(self, window: Window, rows: int) -> "Backfill":
        """The backfill after pages of `window` that brought `rows`."""
        # the server's clock may be the slower one
        opened_at = min(self.opened_at, window.opened_at)
        if window.is_open:
            return replace(self, opened_at=opened_at, window=window, rows=self.rows + rows)
        closed = replace(self, opened_at=opened_at, window=None, rows=0)
        if window.since is None or window.until is None or self.left is None:
            return replace(closed, lacks_unstamped=False)
        read = Slice(since=window.since, until=window.until)
        return replace(closed, left=self.left.without(read))

    def as_state(self) -> dict[str, Any]:
        """The backfill as JSON values."""
        return {
            "since": text_of(self.since),
            "until": text_of(self.until),
            "opened_at": text_of(self.opened_at),
            "left": self.left and [text_of(self.left.since), text_of(self.left.until)],
            "window": self.window and state_of(self.window),
            "rows": self.rows,
            "lacks_unstamped": self.lacks_unstamped,
            "is_over": self.is_over,
        }


def start_of(instant: DateTime, unit: str, zone: str) -> DateTime:
    """The beginning of the calendar's day, week, month or year that holds it, in `zone`."""
    return instant.in_timezone(zone).start_of(unit)


def begun(asked: Slice, now: DateTime) -> Backfill:
    """A backfill that begins now. What lies ahead of now is the incremental pass's."""
    left = replace(asked, until=min(asked.until, now))
    return Backfill(since=asked.since, until=asked.until, opened_at=now, left=left)


def backfill_of(entity: Entity, position: Position) -> Backfill | None:
    """The last backfill, finished or not.

    Raises BadState when the state is not what this program writes.
    """
    state = position.backfill
    if state is None:
        return None
    try:
        return read(state)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        raise BadState(
            f"What the warehouse remembers of a backfill of {entity.name} is not readable.",
            "A backfill of it begins anew.",
        ) from None


def read(state: object) -> Backfill:
    if not isinstance(state, Mapping):
        raise TypeError("a backfill is an object")
    left, window = state["left"], state["window"]
    return Backfill(
        since=instant(state["since"]),
        until=instant(state["until"]),
        opened_at=instant(state["opened_at"]),
        left=None if left is None else Slice(since=instant(left[0]), until=instant(left[1])),
        window=None if window is None else window_of(window),
        rows=int(state["rows"]),
        lacks_unstamped=bool(state["lacks_unstamped"]),
        is_over=bool(state["is_over"]),
    )


def instant(text: object) -> DateTime:
    found = instant_of(text)
    if found is None:
        raise ValueError("an instant is missing")
    return found


def window_for_slice(
    backfill: Backfill,
    *,
    now: DateTime,
    unit: str,
    newest_first: bool,
    fingerprint: str,
    zone: str,
) -> Window:
    """The next slice to ask for, the one that was begun, or the unfiltered read at the end.

    The lower bound is rendered in the earliest clock that Ordergroove may mean, the upper one in
    the latest: whatever the zone, slices touch.
    """
    begun_one = backfill.window
    if begun_one is not None:
        fits = begun_one.fingerprint == fingerprint
        return begun_one if fits else restarted(begun_one, fingerprint=fingerprint, zone=zone)
    if backfill.left is None:
        return opened(None, now, fingerprint=fingerprint, zone=zone)
    cut = backfill.left.last if newest_first else backfill.left.first
    part = cut(unit, zone)
    return opened(part.since, now, until=part.until, fingerprint=fingerprint, zone=zone)


def remembered(position: Position, backfill: Backfill) -> Position:
    """The position with the backfill in it.

    Once everything is read, an object type that had no watermark gets one: where the backfill
    stopped to know, at its opening or at its end. It never moves one that is there.
    """
    position = replace(position, backfill=backfill.as_state())
    if not backfill.is_read or position.watermark is not None:
        return position
    watermark = min(backfill.opened_at, backfill.until)
    # a first read that was begun and left would ask for everything once more
    return replace(position, watermark=watermark, window=None)


def finished(position: Position, backfill: Backfill) -> Position:
    """The position once the incremental pass is over, too."""
    return replace(position, backfill=replace(backfill, is_over=True).as_state())
