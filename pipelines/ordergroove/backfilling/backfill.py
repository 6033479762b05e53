"""A window of history, read in turns: each holds the warehouse for a slice or some minutes.

Between two turns the warehouse is free, so that the daily sync gets its own. What was read stands
in the state, so a backfill goes on from there, whatever ended it.
"""

from collections.abc import Callable, Sequence

from pipelines.ordergroove.backfilling.made import Backfilled, Times
from pipelines.ordergroove.backfilling.reading import Asked, Share
from pipelines.ordergroove.backfilling.turns import Turns
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.sync import LAST_ANSWERS_S
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from state.ordergroove.watermark import Position


def backfill(
    settings: Settings,
    names: Sequence[str],
    asked: Asked,
    *,
    client: Client,
    lock_timeout_s: float = 0.0,
    stopped_by: Callable[[], int | None] = lambda: None,
    on_change: Callable[[Backfilled], None] = lambda made: None,
    times: Times | None = None,
) -> Backfilled:
    """Reads the stretch in slices and merges them; ends with what changed meanwhile.

    `stopped_by` tells the signal that set `client.stop`. Raises ConfigError, Held and the like;
    what befalls a single entity stands in the result instead. What was read before any of that
    stays, and the same call goes on from there.
    """
    times = times or Times()
    shares = {name: Share(entity=ENTITIES[name], asked=asked) for name in names}
    run = Run(
        started_at=times.now(),
        command="backfill",
        zone=settings.timezone,
        progress={
            name: Progress(entity=share.entity, before=Position(), tally=share.tally)
            for name, share in shares.items()
        },
    )
    made = Backfilled(asked=asked, run=run, shares=shares)
    turns = Turns(
        made=made,
        settings=settings,
        client=client,
        stopped_by=stopped_by,
        on_change=on_change,
        times=times,
    )
    try:
        turns.run(lock_timeout_s)
    finally:
        client.stop.set()
        turns.wait_for_readers(LAST_ANSWERS_S)
        client.close()
    return made
