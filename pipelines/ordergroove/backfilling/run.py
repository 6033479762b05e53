"""The whole of `ordergroove backfill`: signals, log, display and a read copy around the turns."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from pipelines.ordergroove.backfilling.backfill import backfill
from pipelines.ordergroove.backfilling.made import Backfilled
from pipelines.ordergroove.backfilling.reading import Asked
from pipelines.ordergroove.backfilling.text import Meter
from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.live import REFRESH_A_SECOND, can_be_live, lines_of
from pipelines.ordergroove.logs import set_up
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.stopping import stopping
from pipelines.ordergroove.warehouse import file_of, published
from sources.ordergroove.errors import Held, Stopped

log = logging.getLogger(__name__)

BAR_WIDTH = 40


def backfill_run(
    settings: Settings,
    names: Sequence[str],
    asked: Asked,
    *,
    lock_timeout_s: float = 0.0,
    debug: bool = False,
) -> Backfilled:
    """A backfill as the command makes it, told on standard error while it goes on.

    Raises ConfigError, Held and the like, Stopped when a signal ended the first wait for the
    warehouse.
    """
    settings.need_api_key()
    console = Console(stderr=True)
    is_live = can_be_live(console) and settings.log_format == "text" and not debug
    set_up(log_format=settings.log_format, debug=debug, console=console if is_live else None)
    with ExitStack() as held:
        client = client_for(settings)
        stop = held.enter_context(stopping(client.stop))
        shown = held.enter_context(bar(console)) if is_live else Teller()
        try:
            made = backfill(
                settings,
                names,
                asked,
                client=client,
                lock_timeout_s=lock_timeout_s,
                stopped_by=lambda: stop.signal,
                on_change=shown.show,
            )
        except Held as error:
            if stop.signal is None:
                raise
            raise Stopped(
                "Stopped by a signal.", error.do, error.state, signal=stop.signal
            ) from None
    if settings.publish and made.run.committed and made.run.stopped_by is None:
        published(file_of(settings), settings.publish)
    return made


class Teller:
    """One log line for each turn that is over."""

    def __init__(self) -> None:
        self.meter = Meter(time.monotonic())
        self.told: object = None

    def show(self, made: Backfilled) -> None:
        if made.run.finished_at != self.told:
            self.told = made.run.finished_at
            fields = {"run_id": made.run.run_id, "fraction": self.meter.fraction(made)}
            log.info("backfill: %s", self.meter.told(made, time.monotonic()), extra=fields)


class Bar:
    """A bar over all object types, and a line for each."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.meter = Meter(time.monotonic())

    def show(self, made: Backfilled) -> None:
        now = time.monotonic()
        fraction = self.meter.fraction(made)
        self._live.update(
            Group(
                ProgressBar(total=1.0, completed=fraction, width=BAR_WIDTH),
                Text(self.meter.told(made, now)),
                lines_of(made.run, now - self.meter.began_s),
            )
        )


@contextmanager
def bar(console: Console) -> Iterator[Bar]:
    """The bar, for as long as the block runs; it vanishes at its end."""
    with Live(console=console, refresh_per_second=REFRESH_A_SECOND, transient=True) as live:
        yield Bar(live)
