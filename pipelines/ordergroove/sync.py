"""One run: a reading thread for each object type, and the loop that loads what they deliver.

The reading threads start first and wait for the network while dlt is still being imported; the
main thread takes their batches from the queue and loads a chunk while they go on.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.preflight import (
    Ask,
    environment_of,
    progress_of,
    refuse_future,
    those_not_due,
)
from pipelines.ordergroove.reading import Plan, new_queue, read_into
from pipelines.ordergroove.run import Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.client import Client
from sources.ordergroove.run_clock import RunClock

LAST_ANSWERS_S = 2.0
"""How long a run that ends waits for answers that are still on their way."""


def sync(
    settings: Settings,
    names: Sequence[str],
    *,
    warehouse: Warehouse,
    scratch: Path,
    client: Client,
    ask: Ask | None = None,
    stopped_by: Callable[[], int | None] = lambda: None,
    on_change: Callable[[Run], None] = lambda run: None,
    now: DateTime | None = None,
) -> Run:
    """Reads what changed in the named entities and merges it into the warehouse.

    `stopped_by` tells the signal that set `client.stop`. `now` stands for the machine's clock.
    Raises ConfigError and the like before anything was written; what befalls a single entity
    stands in the returned run instead.
    """
    ask = ask or Ask()
    started_at = now or pendulum.now("UTC")
    latest = warehouse.latest_instant()
    refuse_future(latest, started_at)
    client.clock = RunClock(latest, wall=lambda: started_at)
    progress = progress_of(names, warehouse.positions(), settings, ask, started_at)
    not_due = {} if ask.full_refresh or ask.named else those_not_due(progress, settings, started_at)
    run = Run(
        # rows that this run fetches are younger, all others older
        started_at=client.clock.started_at,
        command="sync",
        zone=settings.timezone,
        progress={name: made for name, made in progress.items() if name not in not_due},
        not_due=not_due,
    )
    plan = Plan(
        started_at=started_at,
        overlap=pendulum.duration(seconds=settings.overlap.total_seconds()),
        zone=settings.timezone,
        environment=environment_of(settings),
        since=ask.since,
        full_refresh=ask.full_refresh,
    )
    queue = new_queue()
    threads = [
        threading.Thread(
            target=read_into,
            args=(queue, made.entity, made.before, client, plan, made.tally),
            name=f"read {name}",
            daemon=True,
        )
        for name, made in run.progress.items()
        if not made.is_over
    ]
    for thread in threads:
        thread.start()
    on_change(run)
    try:
        # whatever loads is imported while the first pages are waited for
        from pipelines.ordergroove.chunking import Loader

        Loader(
            state=run,
            pipeline=warehouse.pipeline(scratch),
            warehouse=warehouse,
            queue=queue,
            client=client,
            settings=settings,
            ask=ask,
            chunk_seconds=settings.chunk_seconds,
            stopped_by=stopped_by,
            on_change=on_change,
        ).run()
    finally:
        client.stop.set()
        queue.close()
        # whoever still waits for an answer is left behind: its request is abandoned
        until = time.monotonic() + LAST_ANSWERS_S
        for thread in threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        client.close()
    return run
