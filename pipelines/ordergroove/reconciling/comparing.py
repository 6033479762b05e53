"""What the API shows against what the warehouse holds, record by record; nothing is written."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.deletions.candidates import KEYS_A_QUERY, LiveRows, batched
from pipelines.ordergroove.preflight import refuse_other_merchant
from pipelines.ordergroove.privacy.forgotten import Forgotten
from pipelines.ordergroove.reading import PAGES_A_BATCH
from pipelines.ordergroove.reconciling.seen import Seen
from pipelines.ordergroove.reconciling.testimony import Testimony
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove import clock
from sources.ordergroove.client import Client, Tally
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import Column, Entity
from sources.ordergroove.page import Page
from sources.ordergroove.rows import Batch, batch_of
from state.ordergroove.tombstones import Key
from state.ordergroove.watermark import Position

FOUR_PLACES = Decimal("0.0001")


@dataclass(kw_only=True)
class Comparison:
    """One entity on both sides."""

    entity: Entity
    read: int = 0
    missing: list[Key] = field(default_factory=list)
    """Shown by the API; not in the warehouse, or marked there as deleted."""

    stale: list[Key] = field(default_factory=list)
    """On both sides, and different."""

    ghosts: list[Key] = field(default_factory=list)
    """In the warehouse and not marked; not shown by the API."""

    ahead: int = 0
    """Changed since the last sync: the next one brings them."""

    error: Exception | None = None
    repaired: int = 0
    second: Testimony | None = None
    """What GraphQL was asked, where the comparison is with it."""

    @property
    def faults(self) -> int:
        return len(self.missing) + len(self.stale) + len(self.ghosts)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How both sides are read."""

    client: Client
    warehouse: Warehouse
    zone: str
    since: DateTime | None = None
    """Only what changed since then; what is gone does not show in that."""

    deep: bool = False
    """Every field is compared, not only the change stamp."""

    forgotten: Forgotten = field(default_factory=Forgotten)
    """Whose rows go by another name in the warehouse."""


def compare(
    entity: Entity, position: Position, reading: Reading, mend: Callable[[Batch], None]
) -> Comparison:
    """Reads the list and compares it; `mend` is given the rows that the warehouse lacks.

    Raises EntityError when the list cannot be read, ConfigError for another merchant's.
    """
    found = Comparison(entity=entity)
    seen = Seen()
    for pages in in_batches(pages_of(entity, reading)):
        batch = reading.forgotten.veiled(batch_of(entity, pages, reading.zone))
        refuse_other_merchant({*position.merchants}, batch.merchants)
        keys = [tuple(row.values()) for row in batch.table.select(list(entity.key)).to_pylist()]
        seen.add(keys)
        wrong = differences(found, batch, keys, position, reading)
        if wrong:
            mend(replace(batch, table=batch.table.take(wrong)))
    found.read = len(seen)
    if reading.since is None or not entity.is_incremental:
        live = LiveRows(warehouse=reading.warehouse, entity=entity)
        found.ghosts = sorted(seen.missing_from(live))
    return found


def pages_of(entity: Entity, reading: Reading) -> Iterator[Page]:
    params: dict[str, str] = {}
    if entity.changes and reading.since is not None:
        params[entity.changes.start] = clock.lower_bound(reading.since, reading.zone)
    return reading.client.pages(entity, params=params, tally=Tally())


def in_batches(pages: Iterable[Page]) -> Iterator[list[Page]]:
    rest = iter(pages)
    while some := list(islice(rest, PAGES_A_BATCH)):
        yield some


def differences(
    found: Comparison, batch: Batch, keys: Sequence[Key], position: Position, reading: Reading
) -> list[int]:
    """Sorts the batch's rows into `found`. Returns the places of the missing and the stale."""
    entity = found.entity
    columns = compared_columns(entity, deep=reading.deep)
    held = held_rows(reading.warehouse, entity, keys, columns)
    shown = batch.table.select([column.name for column in columns]).to_pylist()
    newer = stamps_after(batch, position.watermark)
    wrong = []
    for place, key in enumerate(keys):
        row = held.get(key)
        if row is not None and all(
            plain(column.kind, shown[place][column.name]) == plain(column.kind, value)
            for column, value in zip(columns, row, strict=True)
        ):
            continue
        if newer[place]:
            found.ahead += 1
            continue
        (found.missing if row is None else found.stale).append(key)
        wrong.append(place)
    return wrong


def compared_columns(entity: Entity, *, deep: bool) -> list[Column]:
    if deep:
        return [column for column in entity.columns if column.name not in entity.key]
    return [entity.column(entity.changes.stamp)] if entity.changes else []


def held_rows(
    warehouse: Warehouse, entity: Entity, keys: Sequence[Key], columns: Sequence[Column]
) -> Mapping[Key, Sequence[Any]]:
    """The live rows with these keys: their values by key."""
    names = ", ".join(f'"{name}"' for name in (*entity.key, *(c.name for c in columns)))
    sql = f"select {names} from {warehouse.table(entity.name)} where _deleted_at is null"
    found: list[tuple[Any, ...]] = []
    if len(entity.key) > 1:
        # short lists only
        found = warehouse.rows(sql)
    else:
        for some in batched(keys, KEYS_A_QUERY):
            marks = ", ".join("?" for _ in some)
            asked = [key[0] for key in some]
            found += warehouse.rows(f'{sql} and "{entity.key[0]}" in ({marks})', asked)
    width = len(entity.key)
    return {tuple(row[:width]): row[width:] for row in found}


def stamps_after(batch: Batch, watermark: DateTime | None) -> list[bool]:
    """Whether each row changed after everything that the warehouse has read."""
    if batch.entity.changes is None or watermark is None:
        return [False] * int(batch.table.num_rows)
    name = batch.entity.column(batch.entity.changes.stamp).utc_name
    return [value is not None and value >= watermark for value in batch.table[name].to_pylist()]


def plain(kind: Kind, value: Any) -> Any:
    """A value as every engine would give it."""
    if value is None:
        return None
    match kind:
        case Kind.TEXT:
            return str(value)
        case Kind.INTEGER:
            return int(value)
        case Kind.BOOLEAN:
            return bool(value)
        case Kind.MONEY:
            return Decimal(str(value)).quantize(FOUR_PLACES)
        case Kind.LOCAL_STAMP:
            return datetime.fromisoformat(value) if isinstance(value, str) else value
        case Kind.DATE:
            return date.fromisoformat(value[:10]) if isinstance(value, str) else value
        case Kind.JSON:
            return json.loads(value) if isinstance(value, str) else value
