"""`reconcile`: is the warehouse what Ordergroove shows, and if not, what is to be mended?"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing

from pendulum import DateTime

from pipelines.ordergroove.arriving import arrivals
from pipelines.ordergroove.client_for import client_for
from pipelines.ordergroove.deletions.vanished import Sweep
from pipelines.ordergroove.graphql.door import graphql_for
from pipelines.ordergroove.loading import Chunk
from pipelines.ordergroove.preflight import Ask
from pipelines.ordergroove.privacy.forgotten import forgotten_in
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.reconciling.comparing import Comparison, Reading, compare
from pipelines.ordergroove.reconciling.witness import Hearing, Witness
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.stopping import stopping
from pipelines.ordergroove.warehouse import Warehouse, looked_at, opened, scratch_in
from sources.ordergroove.client import Client
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError, EntityError, KeyRefused, Refused, Transient
from sources.ordergroove.rows import Batch
from sources.ordergroove.run_clock import RunClock
from state.ordergroove.ledger import DONE
from state.ordergroove.tombstones import Key
from state.ordergroove.watermark import Position, position_of

log = logging.getLogger(__name__)


def reconcile(
    settings: Settings,
    names: Sequence[str],
    *,
    since: DateTime | None = None,
    deep: bool = False,
    fix: bool = False,
    via_graphql: bool = False,
) -> list[Comparison]:
    """Compares the named entities, one after the other, and with `fix` mends what is found.

    With REST's lists, or with GraphQL's, which takes neither `since` nor `deep`. Raises
    ConfigError, Held and Stopped; what befalls a single entity stands in its comparison.
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
        positions = {name: position_of(ENTITIES[name], states.get(name)) for name in names}
        forgotten = forgotten_in(warehouse)
        if via_graphql:
            graphql = held.enter_context(closing(graphql_for(settings, client.stop)))
            hearing = Hearing(
                client=graphql, warehouse=warehouse, zone=settings.timezone, forgotten=forgotten
            )
            return witnessed(positions, hearing, settings.graphql_queries, mender)
        reading = Reading(
            client=client,
            warehouse=warehouse,
            zone=settings.timezone,
            since=since,
            deep=deep,
            forgotten=forgotten,
        )
        return [
            looked_through(name, position, reading, mender) for name, position in positions.items()
        ]


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

    def ask_for(self, keys: Sequence[Key], found: Comparison, position: Position) -> None:
        """Asks REST for each by itself: loads it, or marks it where it is gone."""
        entity = found.entity
        progress = Progress(entity=entity, before=position, status=DONE, is_complete=True)
        run = Run(
            started_at=self.client.clock.started_at,
            command="reconcile",
            zone=self.settings.timezone,
            progress={entity.name: progress},
        )
        named = {entity.name: dict.fromkeys(keys)}
        ask = Ask(sweep=False)
        Sweep(run, self.load, self.warehouse, self.client, self.settings, ask, named=named).run()
        found.repaired += progress.deleted + progress.rows
        found.error = run.capped or next(iter(run.unproven), None)


def looked_through(
    name: str, position: Position, reading: Reading, mender: Mender | None
) -> Comparison:
    entity = ENTITIES[name]
    try:
        refuse_unsynced(reading.warehouse, name)
        found = compare(entity, position, reading, mender.mend if mender else lambda batch: None)
        if mender:
            found.repaired = len(found.missing) + len(found.stale)
            if found.ghosts:
                mender.ask_for(found.ghosts, found, position)
    except EntityError as error:
        found = Comparison(entity=entity, error=error)
    log.info("%s: %d read, %d differ", name, found.read, found.faults)
    return found


def witnessed(
    positions: Mapping[str, Position], hearing: Hearing, most_queries: int, mender: Mender | None
) -> list[Comparison]:
    """Compares with GraphQL; each entity may use an equal share of the queries that are left."""
    found = []
    for number, (name, position) in enumerate(positions.items()):
        entity = ENTITIES[name]
        sent = hearing.client.spent.requests
        share = (most_queries - sent) // (len(positions) - number)
        made = Comparison(entity=entity)
        try:
            refuse_unsynced(hearing.warehouse, name)
            witness = Witness(
                entity=entity, position=position, hearing=hearing, most_queries=sent + share
            )
            made = witness.compare()
            if mender and made.faults:
                repaired(made, witness, position, mender)
        except (EntityError, KeyRefused) as error:
            made.error = error
        log.info("%s: %d read through GraphQL, %d differ", name, made.read, made.faults)
        found.append(made)
    return found


def repaired(found: Comparison, witness: Witness, position: Position, mender: Mender) -> None:
    """Lets REST decide about every record that differs, and tells where it contradicts GraphQL."""
    keys = [*found.missing, *found.stale, *found.ghosts]
    before = witness.rows(keys)
    mender.ask_for(keys, found, position)
    after = witness.rows(keys)
    if found.second is not None and found.error is None:
        found.second.disputed = [key for key in keys if before.get(key) == after.get(key)]
    found.repaired = sum(before.get(key) != after.get(key) for key in keys)


def refuse_empty(warehouse: Warehouse) -> None:
    if "tombstones" not in warehouse.tables():
        raise ConfigError(
            what="Nothing has been synced into this warehouse yet.",
            do="Run `ordergroove sync` first, or name another one with --destination or --dataset.",
            state="Nothing was written.",
        )


def refuse_unsynced(warehouse: Warehouse, name: str) -> None:
    """Raises EntityError for what has no table yet."""
    if not warehouse.has_table(name):
        raise EntityError(
            f"The warehouse has no {name}: they were never synced.",
            f"Run `ordergroove sync {name}` first, or name what is to be compared.",
            "The other object types were compared.",
        )


def exit_code_of(found: Sequence[Comparison]) -> int:
    """0 when both sides agree, or do now; 5 when they do not; errors come before that."""
    errors = [made.error for made in found if made.error is not None]
    lasting = [error for error in errors if getattr(error, "exit_code", 1) != 5]
    if lasting and len(lasting) == len(found):
        if all(isinstance(error, Refused | KeyRefused) for error in lasting):
            return 7
        return 6 if all(isinstance(error, Transient) for error in lasting) else 1
    if lasting:
        return 3
    is_wrong = any(made.faults > made.repaired for made in found)
    return 5 if is_wrong or any(made.second and made.second.zone for made in found) else 0
