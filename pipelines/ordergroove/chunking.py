"""The main thread's part of a run: chunks from the queue into the warehouse."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.arriving import arrivals
from pipelines.ordergroove.deletions.hinted import follow
from pipelines.ordergroove.deletions.vanished import Sweep
from pipelines.ordergroove.loading import Chunk, load
from pipelines.ordergroove.preflight import Ask, refuse_other_merchant
from pipelines.ordergroove.privacy.forgotten import still_shown
from pipelines.ordergroove.reading import Deliveries, Delivery
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.unfinished import Unfinished
from pipelines.ordergroove.warehouse import Warehouse
from pipelines.ordergroove.webhooks.draining import drain_into
from sources.ordergroove.client import Client
from sources.ordergroove.entities import CUSTOMERS, ENTITIES
from sources.ordergroove.errors import EntityError, OrdergrooveError
from state.ordergroove.ledger import DONE, FAILED, LEDGER, PARTIAL
from state.ordergroove.watermark import Window

if TYPE_CHECKING:
    from dlt import Pipeline

log = logging.getLogger(__name__)

FIRST_CHUNK_S = 1.0
LOOK_EVERY_S = 0.2


@dataclass(kw_only=True)
class Loader:
    """Gathers what the reading threads deliver, and loads it chunk by chunk."""

    state: Run
    pipeline: "Pipeline"
    warehouse: Warehouse
    queue: Deliveries
    client: Client
    settings: Settings
    ask: Ask
    chunk_seconds: float
    stopped_by: Callable[[], int | None]
    on_change: Callable[[Run], None]
    told: dict[str, str] = field(default_factory=dict)
    """What is written down of how each object type ended."""

    is_first: bool = True

    def __post_init__(self) -> None:
        self.arrive = arrivals(self.settings, self.warehouse, self.pipeline)
        self.tables = self.warehouse.tables()
        self.is_our_merchant = not any(p.before.merchants for p in self.state.progress.values())

    def run(self) -> None:
        while True:
            chunk = self.gather()
            is_stopped = self.client.stop.is_set()
            if is_stopped:
                # reading has ended: what was queued is in this last chunk
                self.state.stopped_by = self.stopped_by()
            # records that do not name their merchant are worth nothing before one does
            self.commit(chunk if self.is_our_merchant or not is_stopped else Chunk())
            # or it would stay until the next one is full
            del chunk
            # a signal that met the load leaves one more chunk to be gathered
            if is_stopped or self.state.is_read:
                break
        if not is_stopped and not self.is_first and not self.ask.only_reads:
            self.drain()
            self.sweep()
        self.finish()

    def sweep(self) -> None:
        """Marks what has vanished, once what webhook events hint at was fetched again."""
        named = follow(self.state, self.arrive, self.warehouse, self.client, self.settings)
        Sweep(
            self.state,
            self.arrive,
            self.warehouse,
            self.client,
            self.settings,
            self.ask,
            named=named,
            on_change=self.on_change,
        ).run()
        self.arrive.versions.catch_up()
        if self.client.stop.is_set():
            self.state.stopped_by = self.stopped_by()

    def drain(self) -> None:
        """Loads the webhook events that wait; what is wrong with them stops nothing else."""
        run = self.state
        try:
            run.events = drain_into(self.warehouse, self.pipeline, self.settings, self.now())
        except OrdergrooveError as error:
            run.undrained = error
            log.error("%s", error.what)

    def gather(self) -> Chunk:
        """Deliveries until the chunk is due or nobody reads any more."""
        chunk = Chunk()
        seconds = min(FIRST_CHUNK_S, self.chunk_seconds) if self.is_first else self.chunk_seconds
        until = time.monotonic() + seconds
        while not self.is_full(chunk) and not self.state.is_read:
            left = until - time.monotonic()
            is_due = self.client.stop.is_set() or (left <= 0 and self.may_commit(chunk))
            delivery = self.queue.get(0.0 if is_due else min(LOOK_EVERY_S, max(0.01, left)))
            if delivery is not None:
                self.take(chunk, delivery)
            elif is_due:
                break
            self.warehouse.between_loads()
            self.on_change(self.state)
        return chunk

    def is_full(self, chunk: Chunk) -> bool:
        return chunk.rows >= self.queue.most_rows or chunk.bytes >= self.queue.most_bytes

    def may_commit(self, chunk: Chunk) -> bool:
        """Whether the first package may be written: something answered, and it is our merchant."""
        return self.is_our_merchant and (bool(chunk.deliveries) or not self.is_first)

    def take(self, chunk: Chunk, delivery: Delivery) -> None:
        progress = self.state.progress[delivery.entity.name]
        progress.is_read = delivery.is_last
        progress.is_paused = progress.is_paused or delivery.is_paused
        if delivery.error is not None and not progress.is_over:
            self.fail(progress, delivery.error)
        if delivery.batch is None or progress.is_over:
            return
        self.check_merchant(progress, delivery)
        progress.pages += delivery.pages
        progress.rows += delivery.batch.table.num_rows
        if delivery.completed is not None:
            progress.window = delivery.completed
            after = delivery.position
            progress.is_complete = after is not None and after.window is None
            chunk.ledger["sync_windows"].append(self.window_row(progress, delivery.completed))
        chunk.add(delivery)

    def check_merchant(self, progress: Progress, delivery: Delivery) -> None:
        """Raises ConfigError for another merchant's; nothing is committed before one has passed."""
        known = set(progress.before.merchants)
        seen = delivery.batch.merchants if delivery.batch else frozenset()
        refuse_other_merchant(known, seen)
        self.is_our_merchant = self.is_our_merchant or bool(known & seen)

    def fail(self, progress: Progress, error: Exception) -> None:
        if not isinstance(error, OrdergrooveError):
            error = EntityError(
                f"Reading {progress.entity.name} failed: {type(error).__name__}.",
                "That is a fault of this program: please report it with the output of"
                f" `ordergroove --debug sync {progress.entity.name}`.",
            )
        progress.fail(error, time.monotonic())
        if progress.status == FAILED:
            log.error("%s", error.what)

    def commit(self, chunk: Chunk) -> None:
        """Loads the chunk; the first one brings every table and the rows of what crashed."""
        run, now = self.state, self.now()
        if self.is_first and not chunk.deliveries:
            return
        for name, progress in run.progress.items():
            if progress.is_read and not progress.is_over:
                progress.status = PARTIAL if progress.is_paused else DONE
                self.told[name] = progress.status
                chunk.ledger["sync_runs"].append(run.row_of(progress, now))
            elif self.is_first:
                chunk.ledger["sync_runs"].append(run.row_of(progress, now))
        if chunk.is_empty:
            return
        self.warehouse.refuse_lost_lock()
        create = []
        if self.is_first:
            create = [name for name in (*ENTITIES, *LEDGER) if name not in self.tables]
            unfinished = Unfinished(warehouse=self.warehouse)
            chunk.ledger["sync_runs"] += unfinished.crashed_rows()
            # before any watermark moves past them
            unfinished.take_windows_back()
        failed = self.arrive(chunk, create)
        self.is_first = False
        for name, error in failed.items():
            self.fail(run.progress[name], error)
            self.told.pop(name, None)
            self.queue.give_up(name)
        run.committed = run.committed or bool(set(chunk.deliveries) - set(failed))
        self.warehouse.after_load()

    def now(self) -> DateTime:
        return pendulum.instance(self.client.clock.now())

    def finish(self) -> None:
        """Settles each entity's status and writes down those that have not been yet."""
        run = self.state
        run.settle(self.client.last_answer_at)
        warn_of_one_customer(run)
        run.finished_at = self.now()
        run.notes += still_shown(self.arrive.forgotten)
        rows = [
            run.row_of(progress, run.finished_at)
            for name, progress in run.progress.items()
            if self.told.get(name) != progress.status
        ]
        if rows and not self.is_first:
            load(self.pipeline, Chunk(ledger={"sync_runs": rows}))
        self.on_change(run)

    def window_row(self, progress: Progress, window: Window) -> dict[str, Any]:
        return {
            "entity": progress.entity.name,
            "since": window.since,
            "until": window.until or window.opened_at,
            "opened_at": window.opened_at,
            "run_id": self.state.run_id,
        }


def warn_of_one_customer(run: Run) -> None:
    """A key without the Bulk permission may be shown a single customer: that looks like success."""
    made = run.progress.get(CUSTOMERS.name)
    if made and made.status == DONE and made.rows == 1 and made.before.watermark is None:
        log.warning(
            "Ordergroove showed a single customer: the key may lack the Bulk Operations"
            " permission. If so, have it added, then run `ordergroove sync --full-refresh`."
        )
