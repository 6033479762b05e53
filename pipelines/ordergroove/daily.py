"""The whole of `ordergroove sync`: signals, log, display and warehouse around one run."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack

import pendulum
from rich.console import Console

from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.live import can_be_live, display
from pipelines.ordergroove.logs import set_up
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.report import so_many
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.sql_layer.ahead import Ahead
from pipelines.ordergroove.stopping import stopping
from pipelines.ordergroove.sync import sync
from pipelines.ordergroove.warehouse import file_of, opened, published, scratch_in
from pipelines.ordergroove.word_left import leave_word
from sources.ordergroove.errors import Held, Stopped

log = logging.getLogger(__name__)


def daily_run(
    settings: Settings,
    names: Sequence[str],
    ask: Ask,
    *,
    lock_timeout_s: float = 0.0,
    debug: bool = False,
) -> Run:
    """One run as the command makes it, told on standard error while it goes on.

    Raises ConfigError, Held, KeyRefused and the like before anything is written, Stopped when a
    signal ended the wait for the warehouse.
    """
    settings.need_api_key()
    console = Console(stderr=True)
    is_live = can_be_live(console) and settings.log_format == "text" and not debug
    set_up(log_format=settings.log_format, debug=debug, console=console if is_live else None)
    with ExitStack() as held:
        client = client_for(settings)
        stop = held.enter_context(stopping(client.stop))
        try:
            warehouse = held.enter_context(
                opened(settings, lock_timeout_s=lock_timeout_s, stop=client.stop)
            )
        except Held as error:
            if stop.signal is None:
                raise
            raise Stopped(
                "Stopped by a signal.", error.do, error.state, signal=stop.signal
            ) from None
        scratch = held.enter_context(scratch_in(settings.state_dir))
        leave_word(warehouse, "sync", pendulum.now("UTC"))
        teller = Teller()
        show = held.enter_context(display(console)).show if is_live else teller.tell
        ahead = Ahead(settings, warehouse)

        def on_change(run: Run) -> None:
            show(run)
            ahead.look(run)

        run = sync(
            settings,
            names,
            warehouse=warehouse,
            scratch=scratch,
            client=client,
            ask=ask,
            stopped_by=lambda: stop.signal,
            on_change=on_change,
        )
        if settings.graphql_enrichment == "on":
            from pipelines.ordergroove.graphql.enrich import enrich_after

            enrich_after(run, settings, warehouse, scratch, stop)
        if run.stopped_by is None:
            ahead.wait()
        from pipelines.ordergroove.sql_layer.after import views_after

        views_after(run, settings, warehouse, pendulum.now("UTC"))
    # whoever stops a run does not wait for a copy: the next one brings it
    if settings.publish and run.committed and run.stopped_by is None:
        published(file_of(settings), settings.publish)
    return run


class Teller:
    """One log line for each entity that is over."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def tell(self, run: Run) -> None:
        for name, progress in run.progress.items():
            if progress.is_over and name not in self.told:
                self.told.add(name)
                log.info(line_of(progress), extra=fields_of(run, progress))


def line_of(progress: Progress) -> str:
    since = progress.window.since if progress.window else None
    counts = f"{so_many(progress.pages, 'page')}, {so_many(progress.rows, 'row')}"
    told = f"{progress.entity.name}: {progress.status}, {counts}"
    return told + (f", since {since:%Y-%m-%dT%H:%M:%SZ}" if since else "")


def fields_of(run: Run, progress: Progress) -> dict[str, object]:
    """What a JSON log line adds to its message."""
    return {
        "run_id": run.run_id,
        "entity": progress.entity.name,
        "status": progress.status,
        "pages": progress.pages,
        "rows": progress.rows,
        "retries": progress.tally.retries,
    }
