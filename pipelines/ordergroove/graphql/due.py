"""Which orders and subscriptions are due to be read through GraphQL, told from the tables alone.

A record is due when it was synced since the enrichment was switched on and no reading of its
present version is written down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from pendulum import DateTime

from pipelines.ordergroove.stored_values import instant_of
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.graphql.limits import PAGE_SIZE
from sources.ordergroove.graphql.shared import PLACED, ROOTS


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A record that is to be read, in the version that the warehouse holds."""

    entity: str
    key: str
    stamp: datetime | None
    day: date | None = None
    """Of its placement, by Ordergroove's clock; None where the list knows no days."""


def candidates(
    warehouse: Warehouse, started_at: DateTime, most_queries: int
) -> Iterator[Candidate]:
    """What is due, the newest first; no more than so many queries can bring at best."""
    for entity in ROOTS:
        if not warehouse.has_table(entity):
            continue
        condition, parameters = due_in(warehouse, entity, started_at)
        placed = f"records.{PLACED[entity]}" if entity in PLACED else "null"
        found = warehouse.rows(
            f"select records.public_id, records.updated, {placed} {condition}"
            " order by records._synced_at desc, records.public_id"
            f" limit {int(most_queries) * PAGE_SIZE}",
            parameters,
        )
        for key, stamp, place in found:
            at = local_of(place)
            yield Candidate(
                entity=entity, key=key, stamp=local_of(stamp), day=at.date() if at else None
            )


def local_of(value: datetime | str | None) -> datetime | None:
    """A stamp; engines without times of their own keep them as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def count_due(warehouse: Warehouse, started_at: DateTime) -> int:
    total = 0
    for entity in ROOTS:
        if warehouse.has_table(entity):
            condition, parameters = due_in(warehouse, entity, started_at)
            total += warehouse.rows(f"select count(*) {condition}", parameters)[0][0]
    return total


def count_listed(warehouse: Warehouse, entity: str, days: tuple[date, date] | None) -> int:
    """How many live rows there are, or of these days, both included."""
    sql = f"select count(*) from {warehouse.table(entity)} where _deleted_at is null"
    if days is None:
        return int(warehouse.rows(sql)[0][0])
    first, last = (datetime.combine(day, time()) for day in days)
    sql += f' and "{PLACED[entity]}" >= ? and "{PLACED[entity]}" < ?'
    return int(warehouse.rows(sql, [first, last + timedelta(days=1)])[0][0])


def due_in(warehouse: Warehouse, entity: str, started_at: DateTime) -> tuple[str, list[object]]:
    """The part of a query from `from` on that finds an entity's records that are due."""
    since = switched_on_at(warehouse) or started_at
    table = warehouse.table(entity)
    if not warehouse.has_table("graphql_reads"):
        condition = f"from {table} as records where records._deleted_at is null"
        return f"{condition} and records._synced_at >= ?", [since]
    reads = warehouse.table("graphql_reads")
    condition = (
        f"from {table} as records left join {reads} as reads"
        " on reads.record_key = records.public_id and reads.entity = ?"
        " where records._deleted_at is null and records._synced_at >= ?"
        " and (reads.record_key is null or reads.stamp <> records.updated"
        " or (reads.stamp is null and records.updated is not null))"
    )
    return condition, [entity, since]


def switched_on_at(warehouse: Warehouse) -> DateTime | None:
    """When the first run with the enrichment began."""
    if not warehouse.has_table("graphql_runs"):
        return None
    ((found,),) = warehouse.rows(f"select min(started_at) from {warehouse.table('graphql_runs')}")
    return None if found is None else instant_of(found)
