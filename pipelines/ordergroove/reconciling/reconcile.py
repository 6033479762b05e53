"""`reconcile`: is the warehouse what Ordergroove shows, and if not, what is to be mended?"""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from pendulum import DateTime

from pipelines.ordergroove.arriving import arrivals
from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.deletions.vanished import Sweep
from pipelines.ordergroove.loading import Chunk
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.privacy.forgotten import forgotten_in
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.reconciling.comparing import Comparison, Reading, compare
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.stopping import stopping
from pipelines.ordergroove.warehouse import Warehouse, looked_at, opened, scratch_in
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError, EntityError, Refused, Transient
from sources.ordergroove.rows import Batch
from sources.ordergroove.run_clock import RunClock
from state.ordergroove.ledger import DONE
from state.ordergroove.watermark import Position, position_of

log = logging.getLogger(__name__)


def reconcile(
    settings: Settings,
    names: Sequence[str],
    *,
    since: DateTime | None = None,
    deep: bool = False,
    fix: bool = False,
) -> list[Comparison]:
    """Compares the named entities, one after the other, and with `fix` mends what is found.

    Raises ConfigError, Held and Stopped; what befalls a single entity stands in its comparison.
    """
    with ExitStack() as held:
        client = client_for(settings)
        held.callback(client.close)
        held.enter_context(stopping(client.stop))
        warehouse = held.enter_context(opened(settings) if fix else looked_at(settings))
        refuse_empty(warehouse)
        client.clock = RunClock(warehouse.latest_instant())
        states = warehouse.positions()
        mender = None
        if fix:
            scratch = held.enter_context(scratch_in(settings.state_dir))
            arrive = arrivals(settings, warehouse, warehouse.pipeline(scratch))
            held.callback(arrive.versions.catch_up)
            mender = Mender(settings, warehouse, client, arrive)
        reading = Reading(
            client=client,
            warehouse=warehouse,
            zone=settings.timezone,
            since=since,
            deep=deep,
            forgotten=forgotten_in(warehouse),
        )
        found = []
        for name in names:
            position = position_of(ENTITIES[name], states.get(name))
            found.append(looked_through(name, position, reading, mender))
    return found


class Mender:
    """Brings into the warehouse what was found to be wrong, the way a sync does."""

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse,
        client: Client,
        load: Callable[[Chunk], dict[str, EntityError]],
    ) -> None:
        self.settings = settings
        self.warehouse = warehouse
        self.client = client
        self.load = load

    def mend(self, batch: Batch) -> None:
        """Raises EntityError when the rows cannot be loaded."""
        chunk = Chunk()
        chunk.add(Delivery(entity=batch.entity, batch=batch))
        for error in self.load(chunk).values():
            raise error

    def bury(self, found: Comparison, position: Position) -> None:
        """Asks for each ghost by itself, and marks those that are gone."""
        entity = found.entity
        progress = Progress(entity=entity, before=position, status=DONE, is_complete=True)
        run = Run(
            started_at=self.client.clock.started_at,
            command="reconcile",
            zone=self.settings.timezone,
            progress={entity.name: progress},
        )
        named = {entity.name: dict.fromkeys(found.ghosts)}
        ask = Ask(sweep=False)
        Sweep(run, self.load, self.warehouse, self.client, self.settings, ask, named=named).run()
        found.repaired += progress.deleted + progress.rows
        found.error = run.capped or next(iter(run.unproven), None)


def looked_through(
    name: str, position: Position, reading: Reading, mender: Mender | None
) -> Comparison:
    entity = ENTITIES[name]
    try:
        found = compare(entity, position, reading, mender.mend if mender else lambda batch: None)
        if mender:
            found.repaired = len(found.missing) + len(found.stale)
            if found.ghosts:
                mender.bury(found, position)
    except EntityError as error:
        found = Comparison(entity=entity, error=error)
    log.info("%s: %d read, %d differ", name, found.read, found.faults)
    return found


def refuse_empty(warehouse: Warehouse) -> None:
    if "tombstones" not in warehouse.tables():
        raise ConfigError(
            what="Nothing has been synced into this warehouse yet.",
            do="Run `ordergroove sync` first, or name another one with --destination or --dataset.",
            state="Nothing was written.",
        )


def exit_code_of(found: Sequence[Comparison]) -> int:
    """0 when both sides agree, or do now; 5 when they do not; errors come before that."""
    errors = [made.error for made in found if made.error is not None]
    lasting = [error for error in errors if getattr(error, "exit_code", 1) != 5]
    if lasting and len(lasting) == len(found):
        if all(isinstance(error, Refused) for error in lasting):
            return 7
        return 6 if all(isinstance(error, Transient) for error in lasting) else 1
    if lasting:
        return 3
    return 5 if any(made.faults > made.repaired for made in found) else 0
