"""What webhook events hint at: rows to fetch again, and rows that may be gone.

An event is never a row: its payload lacks the object's change stamp, and events come late, doubled
and in any order. So it only says where to ask, and only as long as the row was fetched before it.
What is asked follows from the tables alone: a crash postpones it, the next run asks again.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from pipelines.ordergroove.loading import Chunk
from pipelines.ordergroove.reading import Delivery
from pipelines.ordergroove.run import Progress, Run
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.stored_values import instant_of
from pipelines.ordergroove.warehouse import Warehouse
from pipelines.ordergroove.webhooks.draining import EVENTS
from sources.ordergroove.client import Client
from sources.ordergroove.errors import EntityError, OrdergrooveError, Refused, Transient
from sources.ordergroove.model import Entity
from sources.ordergroove.page import Page
from sources.ordergroove.rows import batch_of
from sources.ordergroove.webhooks.event_types import FAMILIES, Tells, meaning_of, types_that_tell
from state.ordergroove.ledger import DONE
from state.ordergroove.tombstones import Key

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=30)
"""Events that were received earlier have been followed long ago."""

DOUBT = timedelta(hours=1)
"""How long after a deletion the API, or a clock, may still show the row as it was."""

MOST_FETCHED = 500
"""Rows of one entity that a run fetches again one by one; the rest is left to the next."""

Named = dict[str, dict[Key, datetime | None]]
"""Records by entity that somebody says were deleted, and when."""


@dataclass(frozen=True, kw_only=True)
class Hint:
    """A live row of which an event speaks that is younger than the row."""

    key: Key
    tells: Tells
    at: datetime
    """When it happened, by the latest of the events that say so."""


def follow(
    run: Run,
    load: Callable[[Chunk], Mapping[str, EntityError]],
    warehouse: Warehouse,
    client: Client,
    settings: Settings,
) -> Named:
    """Fetches again what events say has changed. Returns what may be gone, to be proven.

    A failure stops nothing: a hint that was not followed stands in the tables for the next run.
    """
    named: Named = defaultdict(dict)
    if not warehouse.has_table(EVENTS):
        return named
    chunk = Chunk()
    try:
        for family in FAMILIES.values():
            progress = run.progress.get(family.entity or "")
            if progress is None or progress.status != DONE or not progress.is_complete:
                continue
            found = [*hints(warehouse, progress.entity, family.name, run.started_at - LOOK_BACK)]
            gone = {hint.key: hint.at for hint in found if hint.tells is Tells.GONE}
            changed = [hint.key for hint in found if hint.tells is Tells.CHANGED]
            # which of two hints is right, the proof tells
            keys = sorted(set(changed) - gone.keys())
            pages, missing = fetched(progress, client, keys)
            named[progress.entity.name] = {**dict.fromkeys(missing), **gone}
            add(chunk, progress, pages, settings.timezone)
    except OrdergrooveError as error:
        log.warning("%s Webhook events are followed by the next run.", error.what)
    if not chunk.is_empty:
        load(chunk)
    return named


def hints(warehouse: Warehouse, entity: Entity, family: str, since: datetime) -> Iterator[Hint]:
    """What the events received since then say of live rows that were fetched before them."""
    key = f'live."{entity.key[0]}"'
    gone = types_that_tell(Tells.GONE)
    marks = ", ".join("?" for _ in gone)
    found = warehouse.rows(
        f"select events.event_type, {key}, live._synced_at, max(events.happened_at)"
        f" from {warehouse.table(EVENTS)} as events"
        f" join {warehouse.table(entity.name)} as live on {key} = events.object_key"
        " where live._deleted_at is null and events.received_at >= ? and events.event_type like ?"
        " and events.happened_at is not null"
        f" and (events.happened_at > live._synced_at or events.event_type in ({marks}))"
        f" group by events.event_type, {key}, live._synced_at",
        [since, f"{family}.%", *gone],
    )
    for event_type, value, synced_at, happened_at in found:
        tells, at = meaning_of(event_type), instant_of(happened_at)
        is_in_doubt = tells is Tells.GONE and instant_of(synced_at) < at + DOUBT
        if is_in_doubt or (tells is Tells.CHANGED and instant_of(synced_at) < at):
            yield Hint(key=(value,), tells=tells, at=at)


def fetched(
    progress: Progress, client: Client, keys: Sequence[Key]
) -> tuple[list[Page], list[Key]]:
    """The records as they are now, and those that were not found.

    Raises Transient, Refused and Stopped.
    """
    pages: list[Page] = []
    missing: list[Key] = []
    if progress.entity.single is None:
        return pages, missing
    for key in islice(keys, MOST_FETCHED):
        try:
            page = client.single(progress.entity, str(key[0]), progress.sweep)
        except (Transient, Refused):
            raise
        except EntityError:
            # no such answer as a record has: its list has to do
            continue
        if page is None:
            missing.append(key)
        elif str(page.records[0].get(progress.entity.key[0])) == str(key[0]):
            pages.append(page)
    return pages, missing


def add(chunk: Chunk, progress: Progress, pages: Sequence[Page], zone: str) -> None:
    if pages:
        batch = batch_of(progress.entity, pages, zone)
        chunk.add(Delivery(entity=progress.entity, batch=batch))
        progress.rows += batch.table.num_rows
