"""SIGINT and SIGTERM: the first ends the run in good order, the second at once.

Ending at any instruction is safe, which is why a run that takes too long to end is cut off.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

FLUSH_LIMIT_S = 8.0
"""How long what is queued may take to be loaded after a signal."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """Whether a signal has come, and which; `event` is set by the first."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event
        self.signal: int | None = None
        self._limit: threading.Timer | None = None

    def receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            cut_off(number)
        self.signal = number
        self.event.set()
        self._limit = threading.Timer(FLUSH_LIMIT_S, cut_off, (number,))
        self._limit.daemon = True
        self._limit.start()

    def relax(self) -> None:
        """Everything has ended in good order: nothing is cut off any more."""
        if self._limit is not None:
            self._limit.cancel()


def cut_off(number: int) -> None:
    """Ends the process here and now; what was not loaded is read again by the next run."""
    message = b"Stopped before everything was loaded. Run the same command again to go on.\n"
    os.write(2, message)
    os._exit(128 + number)


@contextmanager
def stopping(event: threading.Event) -> Iterator[Stopping]:
    """Takes the signals over while the block runs. Must be entered by the main thread."""
    made = Stopping(event)
    before = {number: signal.signal(number, made.receive) for number in SIGNALS}
    try:
        yield made
    finally:
        made.relax()
        for number, handler in before.items():
            signal.signal(number, handler)
