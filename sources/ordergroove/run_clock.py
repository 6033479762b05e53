"""The clock of a run: it never goes back, neither within a run nor from one to the next."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pendulum
from pendulum import DateTime


class RunClock:
    """UTC now, from the machine's clock at the start and a monotonic one from there on.

    `not_before` is the latest time that an earlier run wrote down: should the machine's clock
    have been set back since, this run begins right after it. What a row was fetched at can then be
    compared with when a deletion was noticed, whatever happens to the machine's clock.
    """

    def __init__(
        self,
        not_before: DateTime | None = None,
        *,
        wall: Callable[[], DateTime] = lambda: pendulum.now("UTC"),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        after = None if not_before is None else not_before.add(microseconds=1)
        self.started_at = max(filter(None, (wall(), after)))
        self._monotonic = monotonic
        self._began = monotonic()

    def now(self) -> datetime:
        return self.started_at + timedelta(seconds=self._monotonic() - self._began)
