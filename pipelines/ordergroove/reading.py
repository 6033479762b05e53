"""One thread per object type: windows become pages, pages become batches, batches are queued.

The threads never touch dlt. What they queue carries its own position, so that state is what a
batch carries, never where its thread has got to.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pendulum
from pendulum import DateTime, Duration

from sources.ordergroove.client import Client, Tally
from sources.ordergroove.errors import OrdergrooveError, PositionLost, Unpageable
from sources.ordergroove.model import Entity
from sources.ordergroove.page import Page
from sources.ordergroove.rows import Batch, batch_of
from state.ordergroove.watermark import (
    Position,
    Window,
    advance,
    closes_the_gap,
    fingerprint_of,
    restarted,
    window_for,
)

log = logging.getLogger(__name__)

PAGES_A_BATCH = 25
BYTES_A_BATCH = 16 * 2**20
SECONDS_A_BATCH = 1.0
MOST_MERCHANTS = 20

MOST_ROWS = 100_000
MOST_BYTES = 64 * 2**20
"""Of a chunk, and of what waits to become one."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How windows are asked for in this run."""

    started_at: DateTime
    """Start of the run by our own clock, UTC."""

    overlap: Duration
    zone: str
    environment: str = ""
    """Which of Ordergroove's systems is asked; empty where only an address was given."""

    since: DateTime | None = None
    """Where to begin, UTC, whatever was read before; lists without a change filter ignore it."""

    full_refresh: bool = False
    """Everything is asked for again; a window left over is dropped."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a reading thread hands over: a batch with the position after it, or its end."""

    entity: Entity
    batch: Batch | None = None
    position: Position | None = None
    pages: int = 0
    page_bytes: int = 0
    """What its pages took before they became a batch."""

    completed: Window | None = None
    """The window that this batch's last page ended."""

    error: Exception | None = None
    is_paused: bool = False
    """What it ends is a turn of the reading; there is more to read."""

    is_last: bool = False

    @property
    def size(self) -> int:
        """Bytes the queue counts for it."""
        tables = (self.batch.table, self.batch.rejected) if self.batch else ()
        return self.page_bytes + sum(int(table.nbytes) for table in tables)

    @property
    def rows(self) -> int:
        return int(self.batch.table.num_rows) if self.batch else 0


class Deliveries:
    """A queue bounded in bytes and rows: a slow warehouse makes the readers wait, not swell."""

    def __init__(self, *, most_bytes: int, most_rows: int) -> None:
        self.most_bytes, self.most_rows = most_bytes, most_rows
        self._held: deque[Delivery] = deque()
        self._bytes = self._rows = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self._given_up: set[str] = set()

    def put(self, delivery: Delivery) -> bool:
        """Waits until there is room. Returns whether anybody still takes its deliveries."""

        def is_refused() -> bool:
            return self._is_closed or delivery.entity.name in self._given_up

        with self._changed:
            self._changed.wait_for(lambda: is_refused() or self._has_room(delivery))
            if is_refused():
                return False
            self._held.append(delivery)
            self._bytes += delivery.size
            self._rows += delivery.rows
            self._changed.notify_all()
            return True

    def _has_room(self, delivery: Delivery) -> bool:
        """Whether it fits; one that is larger than the bounds passes alone."""
        return not self._held or (
            self._bytes + delivery.size <= self.most_bytes
            and self._rows + delivery.rows <= self.most_rows
        )

    def get(self, timeout_s: float) -> Delivery | None:
        """The oldest delivery; None when none came in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._held, timeout_s):
                return None
            delivery = self._held.popleft()
            self._bytes -= delivery.size
            self._rows -= delivery.rows
            self._changed.notify_all()
            return delivery

    def give_up(self, entity: str) -> None:
        """Ends the reading of one object type: what it still delivers is dropped."""
        with self._changed:
            self._given_up.add(entity)
            self._changed.notify_all()

    def close(self) -> None:
        """Lets waiting readers go: nobody takes deliveries any more, later ones are dropped."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def new_queue() -> Deliveries:
    """Between the reading threads and the loader: it holds as much as a chunk."""
    return Deliveries(most_bytes=MOST_BYTES, most_rows=MOST_ROWS)


def read_into(
    queue: Deliveries, entity: Entity, position: Position, client: Client, plan: Plan, tally: Tally
) -> None:
    """The body of a reading thread: everything up to now, or the error that ended it."""
    hand_over(queue, entity, deliveries_of(entity, position, client, plan, tally))


def hand_over(queue: Deliveries, entity: Entity, deliveries: Iterable[Delivery]) -> None:
    """Queues the deliveries, and the error that ended them if one did."""
    try:
        for delivery in deliveries:
            if not queue.put(delivery):
                return
        queue.put(Delivery(entity=entity, is_last=True))
    except OrdergrooveError as error:
        queue.put(Delivery(entity=entity, error=error, is_last=True))
    except Exception as error:
        log.debug("reading %s failed", entity.name, exc_info=True)
        queue.put(Delivery(entity=entity, error=error, is_last=True))


def deliveries_of(
    entity: Entity, position: Position, client: Client, plan: Plan, tally: Tally
) -> Iterator[Delivery]:
    """The batches of this run: a window left over first, then the one up to now."""
    return Reader(entity=entity, client=client, plan=plan, tally=tally).deliveries(position)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One object type's part of a run."""

    entity: Entity
    client: Client
    plan: Plan
    tally: Tally
    pause: threading.Event = field(default_factory=threading.Event)
    """Set: reading ends with the page that is on its way."""

    batch_s: float = SECONDS_A_BATCH
    """How long pages are gathered until they become a batch."""

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.entity, zone=self.plan.zone, base_url=str(self.client.base))

    @property
    def since(self) -> DateTime | None:
        """Where the run was told to begin; None where that does not concern the entity."""
        is_concerned = self.entity.is_incremental and not self.plan.full_refresh
        return self.plan.since if is_concerned else None

    def deliveries(self, position: Position) -> Iterator[Delivery]:
        is_told = self.since is not None or self.plan.full_refresh
        resumes = self.entity.is_incremental and position.window is not None and not is_told
        # a resumed window ends where the run that opened it began: ask at once for what came since
        for _ in range(2 if resumes else 1):
            window = self.window_for(position)
            for delivery in self.window_deliveries(position, window):
                position = delivery.position or position
                yield delivery
            if self.pause.is_set():
                return

    def window_for(self, position: Position) -> Window:
        return window_for(
            self.entity,
            position,
            now=self.plan.started_at,
            overlap=self.plan.overlap,
            zone=self.plan.zone,
            base_url=str(self.client.base),
            since=self.since,
            full_refresh=self.plan.full_refresh,
        )

    def window_deliveries(self, position: Position, window: Window) -> Iterator[Delivery]:
        """The batches of one window, each with the position after it."""
        since = self.since
        counts = since is None or closes_the_gap(position, since, self.plan.overlap)
        is_passing = since is not None and position.window is not None
        for held, after in self.batches(window):
            batch = batch_of(self.entity, held.pages, self.plan.zone)
            warn_of_odd(self.entity, after, batch)
            position = self.labelled(advance(position, after, passing=is_passing), batch)
            # a whole read is only worth something when it is complete
            is_kept = counts and (self.entity.is_incremental or not after.is_open)
            yield Delivery(
                entity=self.entity,
                batch=batch,
                position=position if is_kept else None,
                pages=len(held.pages),
                page_bytes=held.bytes,
                completed=None if after.is_open else after,
            )

    def batches(self, window: Window) -> Iterator[tuple["Held", Window]]:
        """Enough pages for a batch each time, with the window after them."""
        held = Held(self.batch_s)
        for page, after in self.pages(window):
            held.add(page)
            is_over = not after.is_open or self.pause.is_set()
            if not is_over and not held.is_due:
                continue
            yield held, after
            if is_over:
                return
            held = Held(self.batch_s)

    def labelled(self, position: Position, batch: Batch) -> Position:
        """The position with where its rows came from and how they were read."""
        known = (*position.merchants, *sorted(batch.merchants - {*position.merchants}))
        return replace(
            position,
            merchants=known[:MOST_MERCHANTS],
            zone=self.plan.zone,
            # an address alone does not tell where the rows so far came from
            environment=self.plan.environment or position.environment,
        )

    def pages(self, window: Window) -> Iterator[tuple[Page, Window]]:
        """Each page with the window as it stands after it."""
        is_first = True
        while window.is_open:
            try:
                for page in self.client.pages(
                    self.entity,
                    params=window.params(self.entity),
                    resume=window.next,
                    tally=self.tally,
                ):
                    if is_first:
                        window = self.dated(window, page)
                    is_first = False
                    window = window.at(page.next)
                    yield page, window
            except Unpageable:
                halves = window.halved(self.plan.started_at) if self.entity.is_incremental else None
                if halves is None:
                    raise
                log.warning("%s: the server repeats itself, window cut in two", self.entity.name)
                window = halves
            except PositionLost:
                # only the first request can have asked at a position of an earlier run
                if not is_first:
                    raise
                log.warning("%s: the saved position is lost, beginning again", self.entity.name)
                window = restarted(window, fingerprint=self.fingerprint, zone=self.plan.zone)

    def dated(self, window: Window, page: Page) -> Window:
        """A window of this run, opened by the slower of the two clocks, ours and the server's."""
        lead_s = page.server_ahead_s or 0.0
        if lead_s >= -1 or window.opened_at != self.plan.started_at:
            return window
        # `Date` has whole seconds: the rest of its second is missing
        return replace(window, opened_at=window.opened_at.add(seconds=int(lead_s) - 1))


class Held:
    """Pages on their way to become a batch."""

    def __init__(self, seconds: float) -> None:
        self.pages: list[Page] = []
        self.bytes = 0
        self._until = time.monotonic() + seconds

    def add(self, page: Page) -> None:
        self.pages.append(page)
        self.bytes += len(page.body)

    @property
    def is_due(self) -> bool:
        return (
            len(self.pages) >= PAGES_A_BATCH
            or self.bytes >= BYTES_A_BATCH
            or time.monotonic() >= self._until
        )


def warn_of_odd(entity: Entity, window: Window, batch: Batch) -> None:
    for name in batch.new_columns:
        log.warning("%s: Ordergroove sent a new field, loaded as json: %s", entity.name, name)
    if batch.rejected.num_rows:
        log.warning(
            "%s: records without a key, kept in rejected_records: %d",
            entity.name,
            batch.rejected.num_rows,
        )
    if window.since is None or batch.oldest is None:
        return
    if pendulum.instance(batch.oldest, "UTC") < window.since.subtract(days=1):
        log.warning("%s: rows older than the window: the server ignores the filter", entity.name)
