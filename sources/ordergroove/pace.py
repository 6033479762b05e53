"""So many requests a second and no more, whoever sends them."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock


class Pace:
    """At most `most` leaves within any `span_s` seconds, shared by threads.

    `now` tells the time in seconds and never goes back.
    """

    def __init__(
        self, most: int, *, span_s: float = 1.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._given: deque[float] = deque(maxlen=most)
        self._span_s = span_s
        self._now = now
        self._lock = Lock()

    def wait_s(self) -> float:
        """0 when there is leave, which is taken by that; else the seconds to wait and ask again."""
        with self._lock:
            now = self._now()
            is_full = len(self._given) == self._given.maxlen
            if is_full and (left_s := self._given[0] + self._span_s - now) > 0:
                return left_s
            # the oldest falls out at the other end
            self._given.append(now)
            return 0.0
