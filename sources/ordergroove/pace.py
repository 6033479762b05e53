"""So many requests a second and no more, whoever sends them."""

from pyrate_limiter import Duration, InMemoryBucket, Limiter, Rate, SingleBucketFactory

LOOK_AGAIN_S = 0.02
"""How often a request that is held back looks whether it may go."""


class Pace:
    """At most `most` leaves within any second, shared by threads.

    The limiter would start a thread to forget old leaves; forgetting them when asked is enough.
    """

    def __init__(self, most: int) -> None:
        self._given = InMemoryBucket([Rate(most, Duration.SECOND)])
        self._limiter = Limiter(SingleBucketFactory(self._given, schedule_leak=False))

    def may_go(self) -> bool:
        """Whether there is leave now, which is taken by that."""
        now: int = self._given.now()  # type: ignore[no-untyped-call]
        self._given.leak(now)
        return bool(self._limiter.try_acquire("ordergroove", blocking=False))

    def close(self) -> None:
        self._limiter.close()
