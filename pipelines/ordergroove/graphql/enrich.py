"""What only GraphQL tells of orders and subscriptions, fetched for those that changed.

Off by default. Which ones is computed from the tables, so that a crash, a failure or the limit on
queries postpones and never loses: a record is read when it was synced since the enrichment was
switched on and no reading of its present version is written down.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.graphql.door import graphql_for
from pipelines.ordergroove.graphql.rows import Read, child_resource, ledger_resource, tables_of
from pipelines.ordergroove.loading import file_format_for, reason_of
from pipelines.ordergroove.report import so_many
from pipelines.ordergroove.run import Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.stopping import Stopping
from pipelines.ordergroove.stored_values import instant_of
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove import source_of
from sources.ordergroove.errors import (
    BadRequest,
    ConfigError,
    KeyRefused,
    OrdergrooveError,
    Stopped,
)
from sources.ordergroove.graphql.answer import QueryFailed, sunset_warning
from sources.ordergroove.graphql.client import GraphQL
from sources.ordergroove.graphql.queries import ChangedMeanwhile, laid_over, queries_for
from sources.ordergroove.graphql.wanted import WANTED

if TYPE_CHECKING:
    from dlt import Pipeline

log = logging.getLogger(__name__)

PARENTS = ("orders", "subscriptions")
A_PACKAGE = 200
"""Records that are read before they are loaded."""

MOST_FAILURES = 5
"""Records that may fail one after the other before the rest is left for the next run."""


@dataclass
class Enriched:
    """What one run has read through GraphQL."""

    started_at: DateTime
    records: int = 0
    queries: int = 0
    points: int = 0
    left_over: int = 0
    sunset: DateTime | None = None
    error: OrdergrooveError | None = None

    finished_at: DateTime | None = field(default=None)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A record that is to be read, in the version that the warehouse holds."""

    entity: str
    key: str
    stamp: datetime | None


def enrich_after(
    run: Run, settings: Settings, warehouse: Warehouse, scratch: Path, stop: Stopping
) -> None:
    """Enriches what a run has left in the tables, and adds to its report.

    `scratch` is the run's own; `stop` tells of a signal.
    """
    if stop.signal is not None or run.exit_code() in (ConfigError.exit_code, KeyRefused.exit_code):
        return
    # the run has set its own: its threads are to end
    stop.event = threading.Event()
    client = graphql_for(settings, stop.event)
    own = scratch / "graphql"
    own.mkdir()
    try:
        made = enrich(
            settings, warehouse, own, run_id=run.run_id, started_at=run.started_at, client=client
        )
    except Exception as error:
        log.debug("the enrichment failed", exc_info=True)
        run.unenriched = OrdergrooveError(
            f"Loading what GraphQL told failed: {reason_of(error)}",
            "Mend the cause in the warehouse, then run `ordergroove sync` again.",
            "The other tables are complete.",
        )
        return
    run.stopped_by = stop.signal
    run.unenriched = made.error
    left = f", {made.left_over:,} left for the next runs" if made.left_over else ""
    run.notes.append(f"GraphQL: {so_many(made.records, 'record')} read{left}")
    if warning := sunset_warning(settings.graphql_version, made.sunset, pendulum.now("UTC")):
        run.notes.append(warning)


def enrich(
    settings: Settings,
    warehouse: Warehouse,
    scratch: Path,
    *,
    run_id: str,
    started_at: DateTime,
    client: GraphQL | None = None,
) -> Enriched:
    """Reads what is due, as much as the setting allows, and loads it.

    `started_at` is when the sync began. What fails stands in the answer: the synced tables are
    complete whatever happens here. `scratch` must be empty.
    """
    made = Enriched(started_at=started_at)
    client = client or graphql_for(settings)
    queries = {
        entity: queries_for(root, (path for w in WANTED if w.root == root for path in w.paths()))
        for entity, root in ((name, name.removesuffix("s")) for name in PARENTS)
    }
    pipeline = warehouse.pipeline(scratch)
    due = list(candidates(warehouse, started_at, settings.graphql_queries))
    with closing(client):
        try:
            read_and_load(made, client, pipeline, due, queries, settings.graphql_queries, run_id)
        except Stopped:
            log.info("graphql: stopped by a signal")
        except OrdergrooveError as error:
            made.error = error
    made.queries, made.points = client.spent.requests, client.spent.points
    made.left_over = count_due(warehouse, started_at)
    made.finished_at = pendulum.instance(client.clock.now())
    load(pipeline, [ledger_resource("graphql_runs", [row_of(made, settings, run_id)])])
    return made


def read_and_load(
    made: Enriched,
    client: GraphQL,
    pipeline: "Pipeline",
    due: list[Candidate],
    queries: dict[str, list[str]],
    most_queries: int,
    run_id: str,
) -> None:
    """Reads one record after the other and loads them package by package."""
    reads = read_each(made, client, due, queries, most_queries)
    package: list[Read] = []
    try:
        for read in reads:
            package.append(read)
            if len(package) == A_PACKAGE:
                made.records += load_reads(pipeline, package, run_id)
                package = []
    finally:
        # what was read before an error is worth keeping
        if package:
            made.records += load_reads(pipeline, package, run_id)


def read_each(
    made: Enriched,
    client: GraphQL,
    due: list[Candidate],
    queries: dict[str, list[str]],
    most_queries: int,
) -> Iterator[Read]:
    """The records one by one, until all are read or the queries are used up.

    One that fails is left for the next run; several in a row end the reading with their error.
    """
    failures = 0
    for candidate in due:
        if client.spent.requests + len(queries[candidate.entity]) > most_queries:
            return
        try:
            read = read_one(client, candidate, queries[candidate.entity], made)
        except (QueryFailed, BadRequest, ChangedMeanwhile) as error:
            log.warning("graphql: one of the %s was not read", candidate.entity)
            failures += 1
            if failures >= MOST_FAILURES and isinstance(error, OrdergrooveError):
                raise
            continue
        failures = 0
        yield read


def read_one(client: GraphQL, candidate: Candidate, queries: list[str], made: Enriched) -> Read:
    """One record, all its queries laid over each other."""
    whole: Any = {}
    read_at = client.clock.now()
    for query in queries:
        found = client.ask(query, {"id": candidate.key})
        made.sunset = found.sunset
        whole = found.root if whole == {} else laid_over(whole, found.root)
    return Read(
        entity=candidate.entity,
        key=candidate.key,
        stamp=candidate.stamp,
        read_at=read_at,
        found=whole if isinstance(whole, dict) else None,
    )


def load_reads(pipeline: "Pipeline", reads: list[Read], run_id: str) -> int:
    """Loads the rows, then that they were read: killed between, they are read again.

    Returns how many records were loaded.
    """
    tables = tables_of(reads)
    load(pipeline, [child_resource(name, rows) for name, rows in tables.items()])
    rows = [
        {
            "entity": read.entity,
            "record_key": read.key,
            "stamp": read.stamp,
            "read_at": read.read_at,
            "run_id": run_id,
        }
        for read in reads
    ]
    load(pipeline, [ledger_resource("graphql_reads", rows)])
    return len(reads)


def load(pipeline: "Pipeline", resources: list[Any]) -> None:
    pipeline.run(source_of(resources), loader_file_format=file_format_for(pipeline))


def candidates(warehouse: Warehouse, started_at: DateTime, most: int) -> Iterator[Candidate]:
    """What is due, the newest first."""
    for entity in PARENTS:
        if not warehouse.has_table(entity):
            continue
        condition, parameters = due_in(warehouse, entity, started_at)
        found = warehouse.rows(
            f"select public_id, updated {condition} order by _synced_at desc, public_id"
            f" limit {int(most)}",
            parameters,
        )
        for key, stamp in found:
            # engines without times of their own keep them as text
            local = datetime.fromisoformat(stamp) if isinstance(stamp, str) else stamp
            yield Candidate(entity=entity, key=key, stamp=local)


def count_due(warehouse: Warehouse, started_at: DateTime) -> int:
    total = 0
    for entity in PARENTS:
        if warehouse.has_table(entity):
            condition, parameters = due_in(warehouse, entity, started_at)
            total += warehouse.rows(f"select count(*) {condition}", parameters)[0][0]
    return total


def due_in(warehouse: Warehouse, entity: str, started_at: DateTime) -> tuple[str, list[object]]:
    """The part of a query from `from` on that finds an entity's records that are due."""
    since = switched_on_at(warehouse) or started_at
    table = warehouse.table(entity)
    if not warehouse.has_table("graphql_reads"):
        return f"from {table} where _deleted_at is null and _synced_at >= ?", [since]
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


def row_of(made: Enriched, settings: Settings, run_id: str) -> dict[str, Any]:
    """The run's row of `graphql_runs`."""
    return {
        "run_id": run_id,
        "started_at": made.started_at,
        "finished_at": made.finished_at,
        "version": settings.graphql_version,
        "sunset_at": made.sunset,
        "queries": made.queries,
        "points": made.points,
        "records": made.records,
        "left_over": made.left_over,
        "error": str(made.error) if made.error else None,
    }
