"""A backfill's reading threads: each turn one slice of each object type, or what comes after it.

What is handed over carries its own position, as in `reading`. A turn that runs out of time ends
with the page that is on its way.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc
from pendulum import DateTime

from pipelines.ordergroove.reading import Delivery, Held, Reader, warn_of_odd
from sources.ordergroove import clock
from sources.ordergroove.client import Tally
from sources.ordergroove.model import Changes, Entity
from sources.ordergroove.rows import Batch, batch_of
from state.ordergroove.slices import (
    Backfill,
    Slice,
    backfill_of,
    begun,
    finished,
    remembered,
    window_for_slice,
)
from state.ordergroove.watermark import EPOCH, BadState, Position, Window, advance, restarted

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked of a backfill."""

    stretch: Slice
    """Both ends belong to it."""

    unit: str = "month"
    newest_first: bool = False


@dataclass(frozen=True, kw_only=True)
class Lack:
    """A slice of which Ordergroove counts more records than it shows, twice."""

    stretch: Slice
    counted: int
    seen: int


@dataclass(kw_only=True)
class Share:
    """One object type's share of a backfill; goes on from turn to turn."""

    entity: Entity
    asked: Asked
    tally: Tally = field(default_factory=Tally)
    whole_span_s: float | None = None
    """How long the stretch is; None before the first turn."""

    left: Slice | None = None
    """What no slice has read yet."""

    whole: Window | None = None
    """Where the reading of a list without a change filter was paused."""

    begins_anew: bool = False
    """Everything that was asked for was read before: it is read once more."""

    read_again: Slice | None = None
    """A slice that is read once more, as rows were missing from it."""

    lacks: list[Lack] = field(default_factory=list)

    is_closing: bool = False
    """The slices are read: what changed meanwhile is asked for."""

    stale_since: DateTime | None = None
    """When a window was opened that was left over by then."""

    def is_closed_by(self, window: Window | None) -> bool:
        """Whether a window, None one yet to be opened, asks for all that changed meanwhile."""
        opened_at = None if window is None else window.opened_at
        if not self.is_closing:
            self.is_closing, self.stale_since = True, opened_at
        return opened_at is None or opened_at != self.stale_since

    def show(self, backfill: Backfill) -> None:
        """Takes down how far it is, for those who watch."""
        until = min(backfill.until, backfill.opened_at)
        self.whole_span_s = (until - backfill.since).total_seconds()
        self.left = backfill.left

    @property
    def fraction(self) -> float:
        """How much of the stretch its slices have read, from 0 to 1."""
        if not self.whole_span_s:
            return 0.0
        left_s = (self.left.until - self.left.since).total_seconds() if self.left else 0.0
        return max(0.0, 1 - left_s / self.whole_span_s)


def backfill_for(share: Share, position: Position, now: DateTime) -> Backfill:
    """The backfill that was begun with the same two ends, or a new one."""
    entity, asked = share.entity, share.asked.stretch
    try:
        found = backfill_of(entity, position)
    except BadState as error:
        log.warning("%s %s", error.what, error.do)
        found = None
    if found is None:
        return begun(asked, now)
    if found.opened_at > now.add(minutes=1):
        log.warning("%s: a backfill was begun in the future, beginning anew", entity.name)
        return begun(asked, now)
    if not found.is_of(asked) or (found.is_over and share.begins_anew):
        if not found.is_over:
            log.warning(
                "%s: the unfinished backfill of %s to %s is given up for this one",
                *(entity.name, found.since.isoformat(), found.until.isoformat()),
            )
        return begun(asked, now)
    return found


def turn_of(share: Share, reader: Reader, position: Position) -> Iterator[Delivery]:
    """What one turn reads; ends with a pause where more is to come."""
    turn = Turn(share=share, reader=reader)
    if not share.entity.is_incremental:
        yield from turn.whole(position)
        return
    backfill = backfill_for(share, position, reader.plan.started_at)
    share.show(backfill)
    if backfill.is_read:
        yield from turn.changes(position, backfill)
    else:
        yield from turn.slice(position, backfill)
        yield Delivery(entity=share.entity, is_paused=True)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One reading thread's part of a turn."""

    share: Share
    reader: Reader

    def whole(self, position: Position) -> Iterator[Delivery]:
        """A list without a change filter, from its beginning to its end, over several turns."""
        share, reader = self.share, self.reader
        window = share.whole or reader.window_for(position)
        share.whole = None
        for held, after in reader.batches(window):
            batch = self.batch(held, after)
            read = reader.labelled(advance(position, after), batch)
            yield made(batch, held, None if after.is_open else read, after)
            window = after
        if window.is_open:
            share.whole = window
            yield Delivery(entity=share.entity, is_paused=True)

    def changes(self, position: Position, backfill: Backfill) -> Iterator[Delivery]:
        """What changed meanwhile, as every sync asks for it; with its last page all is done.

        A window that was left over when the last slice was read does not count: what changed
        during the slices may be behind it.
        """
        counts = self.share.is_closed_by(position.window)
        last: Delivery | None = None
        for delivery in self.reader.deliveries(position):
            if last is not None:
                yield last
                counts = counts or last.completed is not None
            last = delivery
        # however short the turn was: a window that was read to its end is
        is_over = counts and last is not None and last.completed is not None
        if last is not None:
            end = last.position
            yield replace(last, position=finished(end, backfill) if is_over and end else end)
        if not is_over:
            yield Delivery(entity=self.share.entity, is_paused=True)

    def slice(self, position: Position, backfill: Backfill) -> Iterator[Delivery]:
        """The next slice, or the rest of one; after the last one the rows without a stamp."""
        share, plan = self.share, self.reader.plan
        window = window_for_slice(
            backfill,
            now=plan.started_at,
            unit=share.asked.unit,
            newest_first=share.asked.newest_first,
            fingerprint=self.reader.fingerprint,
            zone=plan.zone,
        )
        is_filtered = window.until is not None
        seen = Seen(share.entity, backfill.rows)
        for held, end in self.reader.batches(window):
            batch = self.batch(held, end)
            batch = batch if is_filtered else unstamped(batch)
            rows = seen.add(batch)
            after = self.settled(end, seen)
            if after != end:
                backfill = replace(backfill, window=after, rows=0)
            elif is_filtered:
                backfill = self.checked(backfill.after(after, rows))
            else:
                backfill = backfill.after(after, rows)
            known = self.reader.labelled(remembered(position, backfill), batch)
            yield made(batch, held, known, after if is_filtered else None)
            share.show(backfill)

    def settled(self, window: Window, seen: "Seen") -> Window:
        """The window, or a new beginning of it where rows were missing at its end."""
        if window.is_open or not self.has_to_be_read_again(window, seen):
            return window
        return restarted(window, fingerprint=self.reader.fingerprint, zone=self.reader.plan.zone)

    def has_to_be_read_again(self, window: Window, seen: "Seen") -> bool:
        """Whether Ordergroove counts more in the slice than it has shown. Once; then it is told.

        Records can leave a slice of the past while it is read, none can come into it.
        """
        share = self.share
        if window.since is None or window.until is None:
            return False
        read = Slice(since=window.since, until=window.until)
        counted = self.reader.client.count(share.entity, self.bounds(read), share.tally)
        if counted is None or counted <= seen.number:
            return False
        told = (share.entity.name, counted, seen.number)
        if share.read_again != read:
            log.warning("%s: a slice has %d records, %d were shown: reading it again", *told)
            share.read_again = read
            return True
        log.warning("%s: a slice has %d records, %d were shown, again", *told)
        share.lacks.append(Lack(stretch=read, counted=counted, seen=seen.number))
        return False

    def bounds(self, part: Slice) -> dict[str, str]:
        changes, zone = changes_of(self.share.entity), self.reader.plan.zone
        return {
            changes.start: clock.lower_bound(part.since, zone),
            changes.end: clock.upper_bound(part.until, zone),
        }

    def checked(self, backfill: Backfill) -> Backfill:
        """Spares the unfiltered read at the end where counting shows that it would bring nothing.

        Asked three times, as records come and go between two of the answers.
        """
        if backfill.left is not None or not backfill.lacks_unstamped:
            return backfill
        client, entity, tally = self.reader.client, self.share.entity, self.share.tally
        stamped = {changes_of(entity).start: clock.lower_bound(EPOCH, self.reader.plan.zone)}
        counts = [client.count(entity, params, tally) for params in (stamped, {}, stamped)]
        has_none = counts[0] is not None and len(set(counts)) == 1
        return replace(backfill, lacks_unstamped=not has_none)

    def batch(self, held: Held, after: Window) -> Batch:
        batch = batch_of(self.share.entity, held.pages, self.reader.plan.zone)
        warn_of_odd(self.share.entity, after, batch)
        return batch


class Seen:
    """How many records of a slice were shown, each counted once.

    `before` are rows of pages that an earlier turn has read.
    """

    def __init__(self, entity: Entity, before: int) -> None:
        self._keys = entity.key
        self._before = before
        self._chunks: list[pa.Array] = []

    def add(self, batch: Batch) -> int:
        """Takes a batch down. Returns how many records it holds, in whatever form."""
        rejected = int(batch.rejected.num_rows)
        self._before += rejected
        columns = [batch.table[name].cast(pa.string()) for name in self._keys]
        keys = columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, "\n")
        self._chunks += keys.chunks
        return int(batch.table.num_rows) + rejected

    @property
    def number(self) -> int:
        keys = pa.chunked_array(self._chunks, pa.string())
        return self._before + int(pc.count_distinct(keys).as_py())


def unstamped(batch: Batch) -> Batch:
    """The rows that no slice can show."""
    stamp = batch.table[changes_of(batch.entity).stamp]
    return replace(batch, table=batch.table.filter(pc.is_null(stamp)))


def changes_of(entity: Entity) -> Changes:
    if entity.changes is None:
        raise ValueError(f"{entity.name} has no change filter")
    return entity.changes


def made(batch: Batch, held: Held, position: Position | None, after: Window | None) -> Delivery:
    """A delivery; `after` counts as read to its end where it is."""
    return Delivery(
        entity=batch.entity,
        batch=batch,
        position=position,
        pages=len(held.pages),
        page_bytes=held.bytes,
        completed=None if after is None or after.is_open else after,
    )
