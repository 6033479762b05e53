"""The turns of a backfill: each holds the warehouse for a slice or some minutes."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.backfilling.made import Backfilled, Times
from pipelines.ordergroove.backfilling.reading import Asked, turn_of
from pipelines.ordergroove.chunking import LOOK_EVERY_S, Loader
from pipelines.ordergroove.preflight import Ask, environment_of, progress_of, refuse_future
from pipelines.ordergroove.reading import (
    SECONDS_A_BATCH,
    Deliveries,
    Plan,
    Reader,
    hand_over,
    new_queue,
)
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.sync import LAST_ANSWERS_S
from pipelines.ordergroove.warehouse import Warehouse, opened, scratch_in
from pipelines.ordergroove.word_left import leave_word
from sources.ordergroove.client import Client
from sources.ordergroove.errors import Held, Transient
from sources.ordergroove.run_clock import RunClock
from state.ordergroove.ledger import PARTIAL, RUNNING
from state.ordergroove.slices import Backfill, backfill_of
from state.ordergroove.watermark import BadState

log = logging.getLogger(__name__)

DAY_S = 86_400.0
"""How long a backfill waits for whoever took its turn."""

PARTS = 200
"""A chunk is as long as this part of the reading so far: what a kill costs is a part of it, too."""

SHORTEST = 20
"""But not shorter than this part of the chunks of a sync: each costs the warehouse some work."""

MOST_FAILURES = 10
"""Turns that trouble may spoil for an object type."""


@dataclass(kw_only=True)
class Turns:
    """The turns of one backfill, one after the other."""

    made: Backfilled
    settings: Settings
    client: Client
    stopped_by: Callable[[], int | None]
    on_change: Callable[[Backfilled], None]
    times: Times
    threads: dict[str, threading.Thread] = field(default_factory=dict)
    left_behind: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def active(self) -> list[Progress]:
        return [p for p in self.made.run.progress.values() if p.status in (RUNNING, PARTIAL)]

    def run(self, lock_timeout_s: float) -> None:
        stop = self.client.stop
        is_first = True
        while self.active and not stop.is_set():
            wait_s = lock_timeout_s if is_first else max(lock_timeout_s, DAY_S)
            try:
                with opened(self.settings, lock_timeout_s=wait_s, stop=stop) as warehouse:
                    leave_word(warehouse, "backfill", self.made.run.started_at)
                    self.turn(warehouse, is_first=is_first)
            except Held:
                if is_first or not stop.is_set():
                    raise
            is_first = False
            if self.active:
                # whoever is left behind has to end first: one request at a time for each list
                self.wait_for_readers(DAY_S)
                stop.wait(self.patience())
        if stop.is_set():
            self.made.run.stopped_by = self.stopped_by()

    def patience(self) -> float:
        """Seconds until the next turn; more where none of the last one's readers got through."""
        most = max((self.failures[p.entity.name] for p in self.active), default=0)
        is_alone = all(self.failures[p.entity.name] for p in self.active)
        return max(self.times.pause_s, self.times.retry_s * most if is_alone else 0.0)

    def turn(self, warehouse: Warehouse, *, is_first: bool) -> None:
        """Reads and loads one slice of each object type, or what fits into some minutes."""
        now = self.times.now()
        latest = warehouse.latest_instant()
        refuse_future(latest, now)
        self.client.clock = RunClock(latest, wall=lambda: now)
        self.look_up(warehouse, now)
        if is_first:
            self.take_up()
        turn = replace(self.made.run, progress={p.entity.name: p for p in self.active})
        queue = new_queue()
        pause = threading.Event()
        chunk_s = chunk_seconds(self.settings.chunk_seconds, time.monotonic() - self.began)
        with scratch_in(self.settings.state_dir) as scratch, self.bounded(turn, queue, pause):
            self.start_readers(turn, queue, pause, now, chunk_s)
            Loader(
                state=turn,
                pipeline=warehouse.pipeline(scratch),
                warehouse=warehouse,
                queue=queue,
                client=self.client,
                settings=self.settings,
                ask=Ask(only_reads=True),
                chunk_seconds=chunk_s,
                stopped_by=self.stopped_by,
                on_change=lambda run: self.on_change(self.made),
            ).run()
        self.take_down(turn)

    def look_up(self, warehouse: Warehouse, now: DateTime) -> None:
        """Where each object type stands: a sync may have had its turn."""
        names = [p.entity.name for p in self.active]
        ask = Ask(only_reads=True)
        for name, found in progress_of(
            names, warehouse.positions(), self.settings, ask, now
        ).items():
            mine = self.made.run.progress[name]
            mine.before, mine.status, mine.error = found.before, found.status, found.error
            mine.is_read = mine.is_paused = False
            if name in self.left_behind:
                self.made.shares[name].whole = None
        self.left_behind.clear()

    def take_up(self) -> None:
        """Goes on with what was begun, or begins anew where all of it was finished.

        Lists read whole are read once: not again by a backfill that goes on.
        """
        run, asked = self.made.run, self.made.asked
        in_slices = [p for p in self.active if p.entity.is_incremental]
        known = [found for p in in_slices if (found := last_one(p, asked))]
        if len(known) == len(in_slices) and all(backfill.is_over for backfill in known):
            for share in self.made.shares.values():
                share.begins_anew = True
            return
        opened_at = [backfill.opened_at for backfill in known]
        for progress in self.active:
            read_at = progress.before.watermark
            if progress.entity.is_incremental or read_at is None or not opened_at:
                continue
            if read_at >= min(opened_at):
                self.made.skipped[progress.entity.name] = read_at
                del run.progress[progress.entity.name]

    def start_readers(
        self, turn: Run, queue: Deliveries, pause: threading.Event, now: DateTime, chunk_s: float
    ) -> None:
        plan = Plan(
            started_at=now,
            overlap=pendulum.duration(seconds=self.settings.overlap.total_seconds()),
            zone=self.settings.timezone,
            environment=environment_of(self.settings),
        )
        for name, made in turn.progress.items():
            reader = Reader(
                entity=made.entity,
                client=self.client,
                plan=plan,
                tally=made.tally,
                pause=pause,
                batch_s=min(SECONDS_A_BATCH, chunk_s),
            )
            deliveries = turn_of(self.made.shares[name], reader, made.before)
            thread = threading.Thread(
                target=hand_over,
                args=(queue, made.entity, deliveries),
                name=f"read {name}",
                daemon=True,
            )
            self.threads[name] = thread
            thread.start()

    @contextmanager
    def bounded(self, turn: Run, queue: Deliveries, pause: threading.Event) -> Iterator[None]:
        """Ends the reading in time, and at last without those who do not come back."""
        times = self.times
        timers = [
            threading.Timer(times.turn_s, pause.set),
            threading.Timer(times.turn_s + times.grace_s, self.leave_behind, (turn, queue)),
        ]
        for timer in timers:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()
            queue.close()

    def leave_behind(self, turn: Run, queue: Deliveries) -> None:
        for name, thread in self.threads.items():
            if thread.is_alive():
                queue.give_up(name)
                self.left_behind.add(name)
                turn.progress[name].is_paused = turn.progress[name].is_read = True

    def take_down(self, turn: Run) -> None:
        """What the turn did becomes part of the whole. What may pass is tried again."""
        run = self.made.run
        run.committed = run.committed or turn.committed
        run.finished_at = turn.finished_at
        for name, made in turn.progress.items():
            if not isinstance(made.error, Transient) or not run.committed:
                self.failures[name] = 0
            elif self.failures[name] < MOST_FAILURES:
                self.failures[name] += 1
                made.status, made.error = PARTIAL, None
                log.warning("%s: the next turn tries again", name)
        self.on_change(self.made)

    def wait_for_readers(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for thread in self.threads.values():
            while thread.is_alive() and (left := until - time.monotonic()) > 0:
                thread.join(min(left, LOOK_EVERY_S))
                if self.client.stop.is_set():
                    until = min(until, time.monotonic() + LAST_ANSWERS_S)
        self.threads.clear()


def chunk_seconds(of_sync: float, read_s: float) -> float:
    """How long pages are gathered before they are loaded, once `read_s` have been read.

    A kill costs a chunk and what was read while the last one was loaded. That shall stay small
    beside what was read already, so chunks are short at first and as long as a sync's at last.
    """
    return max(of_sync / SHORTEST, min(of_sync, read_s / PARTS))


def last_one(progress: Progress, asked: Asked) -> Backfill | None:
    """The last backfill of the entity, if it was of the same stretch."""
    try:
        found = backfill_of(progress.entity, progress.before)
    except BadState:
        return None
    return found if found and found.is_of(asked.stretch) else None
