"""Chunks of batches become load packages: rows, positions and ledger in one.

A chunk that fails is taken back; then each entity of it is loaded by itself, and only the
offender fails.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.ordergroove.package import reason_of, run_resources, take_back
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.targets.configured import is_lake
from sources.ordergroove import entity_resource
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import EntityError
from sources.ordergroove.model import Entity
from sources.ordergroove.rows import latest_by_key, schema_of
from state.ordergroove.ledger import BESIDE, LEDGER, LOAD_ID

if TYPE_CHECKING:
    from dlt import Pipeline
    from dlt.extract import DltResource

log = logging.getLogger(__name__)


@dataclass
class Chunk:
    """What goes into one load package."""

    deliveries: dict[str, list[Delivery]] = field(default_factory=lambda: defaultdict(list))
    ledger: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    rows: int = 0
    bytes: int = 0

    def add(self, delivery: Delivery) -> None:
        self.deliveries[delivery.entity.name].append(delivery)
        self.bytes += delivery.size
        self.rows += delivery.batch.table.num_rows if delivery.batch else 0

    def only(self, entity: str) -> "Chunk":
        """The part of the chunk that concerns one entity."""
        mine = {entity: self.deliveries[entity]}
        return Chunk(deliveries=mine, ledger=self.ledger_of(mine.__contains__))

    def rest(self) -> "Chunk":
        """What the ledger says of entities that nothing in the chunk was delivered for."""
        return Chunk(ledger=self.ledger_of(lambda entity: entity not in self.deliveries))

    def ledger_of(self, concerns: Callable[[str], bool]) -> dict[str, list[dict[str, Any]]]:
        chosen = {
            name: [row for row in rows if concerns(row["entity"])]
            for name, rows in self.ledger.items()
        }
        return {name: rows for name, rows in chosen.items() if rows}

    @property
    def is_empty(self) -> bool:
        return not self.deliveries and not any(self.ledger.values())


def load(
    pipeline: "Pipeline", chunk: Chunk, *, create: Collection[str] = ()
) -> dict[str, EntityError]:
    """Loads the chunk; `create` are tables that have to exist even when nothing is in them.

    Returns the entities that could not be loaded, with the reason. What failed is taken back:
    neither rows nor position of it are in the warehouse.
    """
    try:
        run_package(pipeline, chunk, create)
    except Exception as error:
        log.debug("a load failed", exc_info=True)
        take_back(pipeline)
        parts = apart(chunk, create)
        if len(parts) <= 1:
            return refused(chunk, error)
        log.warning("a load failed, loading each object type by itself")
        failures: dict[str, EntityError] = {}
        for part, tables in parts:
            failures |= load(pipeline, part, create=tables)
        return failures
    return {}


def apart(chunk: Chunk, create: Collection[str]) -> list[tuple[Chunk, list[str]]]:
    """Each entity of the chunk by itself, then what concerns none of them, with its tables."""
    # the first part that succeeds brings the tables of the ledger along
    parts = [
        (chunk.only(name), [table for table in create if table == name or table in LEDGER])
        for name in chunk.deliveries
    ]
    rest, tables = chunk.rest(), [table for table in create if table not in chunk.deliveries]
    if rest.ledger or set(tables) - set(LEDGER):
        parts.append((rest, tables))
    return parts


def refused(chunk: Chunk, error: Exception) -> dict[str, EntityError]:
    """What a chunk that cannot be loaded in smaller parts means for its entity, if it has one."""
    if not chunk.deliveries:
        log.warning("what this run did could not be written down: %s", reason_of(error))
    return {name: failed_load(name, error) for name in chunk.deliveries}


def run_package(pipeline: "Pipeline", chunk: Chunk, create: Collection[str]) -> None:
    ledger: dict[str, pa.Table] = {
        name: pa.Table.from_pylist(rows, schema=BESIDE[name].schema)
        for name, rows in chunk.ledger.items()
        if rows
    }
    if rejected := rejected_in(chunk):
        ledger["rejected_records"] = pa.concat_tables(rejected)
    states: dict[str, dict[str, Any]] = {}
    resources = []
    for name, deliveries in chunk.deliveries.items():
        if ledger and name not in create and not has_rows(deliveries):
            states |= {name: state} if (state := state_after(deliveries)) else {}
        else:
            resources.append(resource_of(deliveries[0].entity, deliveries))
    for name in create:
        if name in LEDGER:
            ledger.setdefault(name, LEDGER[name].schema.empty_table())
        elif name not in chunk.deliveries:
            entity = ENTITIES[name]
            resources.append(entity_resource(entity, [(schema_of(entity).empty_table(), None)]))
    resources += [ledger_resource(name, table, states) for name, table in ledger.items()]
    if is_lake(pipeline):
        for resource in resources:
            # files cannot be merged into, tables of this format can
            resource.apply_hints(
                table_format="delta",
                write_disposition={"disposition": "merge", "strategy": "upsert"},
            )
    run_resources(pipeline, resources)


def rejected_in(chunk: Chunk) -> list[pa.Table]:
    return [
        delivery.batch.rejected
        for deliveries in chunk.deliveries.values()
        for delivery in deliveries
        if delivery.batch and delivery.batch.rejected.num_rows
    ]


def resource_of(entity: Entity, deliveries: list[Delivery]) -> "DltResource":
    """The entity's rows of a chunk in one table, with the position after them."""
    batches = [delivery.batch for delivery in deliveries if delivery.batch]
    table = latest_by_key([batch.table for batch in batches], entity.key)
    new_columns = sorted({name for batch in batches for name in batch.new_columns})
    return entity_resource(entity, [(table, state_after(deliveries))], new_columns=new_columns)


def has_rows(deliveries: Iterable[Delivery]) -> bool:
    return any(delivery.batch and delivery.batch.table.num_rows for delivery in deliveries)


def state_after(deliveries: Iterable[Delivery]) -> dict[str, Any] | None:
    """The position after the last of the deliveries, as state; None when none carries one."""
    positions = [delivery.position for delivery in deliveries if delivery.position]
    return positions[-1].as_state() if positions else None


def ledger_resource(
    name: str, rows: pa.Table, states: Mapping[str, Mapping[str, Any]]
) -> "DltResource":
    """A dlt resource of a ledger table. It brings along `states` of entities without rows.

    Each resource in a package costs a few hundredths of a second, rows or not.
    """
    import dlt

    table = BESIDE[name]
    unique = latest_by_key([rows], table.key)
    hints: dict[str, Any] = {column: {"nullable": False} for column in table.key}
    hints |= {column: {"data_type": "json"} for column in table.json_columns}

    def deliver() -> Iterator[pa.Table]:
        for entity, state in states.items():
            dlt.current.resource_state(entity).update(state)
        yield with_package(unique) if table.names_package else unique

    return dlt.resource(
        deliver,
        name=name,
        primary_key=list(table.key),
        write_disposition={
            "disposition": "merge",
            "strategy": "delete-insert",
            "deduplicated": True,
        },
        columns=hints,
    )


def with_package(rows: pa.Table) -> pa.Table:
    """The rows with the id of the package that is being made."""
    import dlt

    load_id = dlt.current.load_package_state()["load_id"]
    return rows.append_column(LOAD_ID, pa.repeat(load_id, rows.num_rows))


def failed_load(entity: str, error: Exception) -> EntityError:
    return EntityError(
        f"Loading {entity} failed: {reason_of(error, ENTITIES[entity])}",
        "Mend the cause in the warehouse, then run `ordergroove sync` again.",
    )
