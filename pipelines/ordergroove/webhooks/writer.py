"""One thread that writes to the inbox: what arrives while it writes goes into the next commit."""

import logging
import queue
import threading
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import NamedTuple

from pipelines.ordergroove.webhooks.inbox import Inbox
from sources.ordergroove.webhooks.events import Letter

log = logging.getLogger(__name__)

MOST_WAITING = 1_000
MOST_AT_ONCE = 200


class Wish(NamedTuple):
    """A letter that waits to be kept; its future tells whether it was new."""

    letter: Letter
    future: "Future[bool]"


class Writer:
    """Keeps letters durably, several in one commit. Safe between threads."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.waiting: queue.Queue[Wish | None] = queue.Queue(MOST_WAITING)
        self.thread = threading.Thread(target=self.run, name="write inbox", daemon=True)
        self.thread.start()

    def submit(self, letter: Letter) -> "Future[bool]":
        """The future is done when the letter is on disk: True if it was new.

        Raises queue.Full when the inbox does not keep up.
        """
        future: Future[bool] = Future()
        self.waiting.put_nowait(Wish(letter, future))
        return future

    def close(self) -> None:
        """Writes what waits, then ends."""
        self.waiting.put(None)
        self.thread.join(timeout=5)

    def run(self) -> None:
        is_open = True
        while is_open:
            wishes = [self.waiting.get()]
            while len(wishes) < MOST_AT_ONCE and not self.waiting.empty():
                wishes.append(self.waiting.get())
            is_open = None not in wishes
            # whoever has given up waiting was told so, and will send it again
            taken = [w for w in wishes if w and w.future.set_running_or_notify_cancel()]
            if taken:
                self.keep(taken)

    def keep(self, wishes: list[Wish]) -> None:
        try:
            new = self.inbox.put([wish.letter for wish in wishes], datetime.now(UTC))
        except Exception as error:
            log.warning("%s", getattr(error, "what", type(error).__name__))
            for wish in wishes:
                wish.future.set_exception(error)
            return
        for wish in wishes:
            # of two in one commit the first was new
            is_new = wish.letter.digest in new
            new.discard(wish.letter.digest)
            wish.future.set_result(is_new)
