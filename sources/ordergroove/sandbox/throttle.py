"""What the server spares itself: requests beyond the limit, and pages it has made before."""

from collections import deque
from collections.abc import Hashable

from sources.ordergroove.sandbox.exchange import Answer
from sources.ordergroove.sandbox.rules import RateLimit


class Throttle:
    """Counts requests over a sliding span. Times are in seconds of a clock that never jumps."""

    def __init__(self, limit: RateLimit | None) -> None:
        self.limit = limit
        self._recent: deque[float] = deque()

    def refuses(self, now: float) -> bool:
        """Whether a request at `now` is one too many; those that are refused do not count."""
        if self.limit is None:
            return False
        while self._recent and self._recent[0] <= now - self.limit.per_s:
            self._recent.popleft()
        if len(self._recent) >= self.limit.requests:
            return True
        self._recent.append(now)
        return False


class Remembered:
    """Answers as long as the world does not change, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._size = 0
        self._version = -1
        self._answers: dict[Hashable, Answer] = {}

    def get(self, asked: Hashable, version: int) -> Answer | None:
        if version != self._version:
            self._answers.clear()
            self._size, self._version = 0, version
        return self._answers.get(asked)

    def keep(self, asked: Hashable, answer: Answer) -> None:
        if self._size + len(answer.body) <= self.most_bytes:
            self._answers[asked] = answer
            self._size += len(answer.body)
