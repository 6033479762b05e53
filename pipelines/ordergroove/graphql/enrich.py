"""What only GraphQL tells of orders and subscriptions, fetched for those that changed.

Off by default. Which ones is computed from the tables, so that a crash, a failure or the limit on
queries postpones and never loses.
"""

import logging
import threading
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
from pendulum import DateTime

from pipelines.ordergroove.graphql.door import graphql_for
from pipelines.ordergroove.graphql.due import candidates, count_due, count_listed
from pipelines.ordergroove.graphql.errands import Errand, errands_for
from pipelines.ordergroove.graphql.reading import Reader, queries_of
from pipelines.ordergroove.graphql.rows import Read, child_resource, ledger_resource, tables_of
from pipelines.ordergroove.package import reason_of, run_resources
from pipelines.ordergroove.privacy.beside import Veil, veil_of
from pipelines.ordergroove.report import so_many
from pipelines.ordergroove.run import Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.stopping import Stopping
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import ConfigError, KeyRefused, OrdergrooveError, Stopped
from sources.ordergroove.graphql.answer import sunset_warning
from sources.ordergroove.graphql.client import GraphQL
from sources.ordergroove.graphql.limits import MOST_ITEMS
from sources.ordergroove.graphql.shared import ROOTS

if TYPE_CHECKING:
    from dlt import Pipeline

log = logging.getLogger(__name__)

A_PACKAGE = 200
"""Records that are read before they are loaded."""


@dataclass
class Enriched:
    """What one run has read through GraphQL."""

    started_at: DateTime
    records: int = 0
    queries: int = 0
    points: int = 0
    left_over: int = 0
    cut_off: int = 0
    """Orders with more items than GraphQL shows."""

    sunset: DateTime | None = None
    error: OrdergrooveError | None = None

    finished_at: DateTime | None = field(default=None)


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
    if made.cut_off:
        run.notes.append(
            f"GraphQL shows {MOST_ITEMS} items of an order: {so_many(made.cut_off, 'order')} of"
            " more lack what it tells of the others"
        )
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
    pipeline = warehouse.pipeline(scratch)
    reader = Reader(
        client=client,
        queries={entity: queries_of(entity) for entity in ROOTS},
        most_queries=settings.graphql_queries,
    )
    due = candidates(warehouse, started_at, settings.graphql_queries)
    prices = {entity: queries.prices for entity, queries in reader.queries.items()}
    errands = errands_for(due, prices, partial(count_listed, warehouse))
    with closing(client):
        try:
            read_and_load(made, reader, pipeline, veil_of(warehouse), errands, run_id)
        except Stopped:
            log.info("graphql: stopped by a signal")
        except OrdergrooveError as error:
            made.error = error
    made.queries, made.points = client.spent.requests, client.spent.points
    made.sunset, made.cut_off = reader.sunset, reader.cut_off
    made.left_over = count_due(warehouse, started_at)
    made.finished_at = pendulum.instance(client.clock.now())
    run_resources(pipeline, [ledger_resource("graphql_runs", [row_of(made, settings, run_id)])])
    return made


def read_and_load(
    made: Enriched,
    reader: Reader,
    pipeline: "Pipeline",
    veil: Veil,
    errands: list[Errand],
    run_id: str,
) -> None:
    """Reads errand after errand and loads what they bring, package by package."""
    package: list[Read] = []
    try:
        for errand in errands:
            for read in reader.read(errand):
                package.append(read)
                if len(package) == A_PACKAGE:
                    made.records += load_reads(pipeline, veil, package, run_id)
                    package = []
    finally:
        # what was read before an error is worth keeping
        if package:
            made.records += load_reads(pipeline, veil, package, run_id)


def load_reads(pipeline: "Pipeline", veil: Veil, reads: list[Read], run_id: str) -> int:
    """Loads the rows, then that they were read: killed between, they are read again.

    What is personal of those who were forgotten is left out. Returns how many records were loaded.
    """
    tables = {name: veil.columns(name, rows) for name, rows in tables_of(reads).items()}
    run_resources(pipeline, [child_resource(name, rows) for name, rows in tables.items()])
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
    run_resources(pipeline, [ledger_resource("graphql_reads", rows)])
    return len(reads)


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
