"""What a backfill has come to, and the times it keeps."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.backfilling.reading import Asked, Lack, Share
from pipelines.ordergroove.run import Run
from state.ordergroove.ledger import DONE

TURN_S = 240.0
"""How long a turn reads; what is on its way then is still loaded, within five minutes in all."""

GRACE_S = 45.0
"""How long after that a page may take; then it is left behind and asked for again."""

PAUSE_S = 0.75
"""How long the warehouse is free between two turns: whoever waits for it looks twice a second."""

RETRY_S = 30.0
"""How much longer each next turn waits that trouble has spoilt for all."""


@dataclass(kw_only=True)
class Backfilled:
    """A backfill while it goes on, and the report of it."""

    asked: Asked
    run: Run
    shares: dict[str, Share]
    skipped: dict[str, DateTime] = field(default_factory=dict)
    """Lists read whole that this backfill has read already, with the time it did."""

    @property
    def lacks(self) -> dict[str, list[Lack]]:
        return {name: share.lacks for name, share in self.shares.items() if share.lacks}

    @property
    def is_over(self) -> bool:
        return all(made.status == DONE for made in self.run.progress.values())

    def exit_code(self) -> int:
        """As for a sync; 5 when nothing failed but records are missing."""
        code = self.run.exit_code()
        return 5 if code == 0 and self.lacks else code


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long things take; tests are in more of a hurry."""

    turn_s: float = TURN_S
    grace_s: float = GRACE_S
    pause_s: float = PAUSE_S
    retry_s: float = RETRY_S
    now: Callable[[], DateTime] = lambda: pendulum.now("UTC")
