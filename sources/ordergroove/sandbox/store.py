"""What a server's database would hold: rows by key, in an order that pages can rely on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Entity
from sources.ordergroove.sandbox.clock import WallClock

Key = str | tuple[str | int, ...]
Record = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Row:
    """One record with what the API does not show: its instants and its place in the order."""

    record: Record
    """Every field, with stamps as the server's wall clock shows them."""

    position: str
    """Creation as text. Assumption: lists are ordered by creation, then by internal id."""

    serial: int
    """The internal id, never shown."""

    created_at: int
    updated_at: int
    """Instants, in seconds since 1970 UTC."""


class Deleted(NamedTuple):
    """A record that is no longer there."""

    entity: str
    key: Key
    at: int


def key_of(entity: Entity, record: Record) -> Key:
    if len(entity.key) == 1:
        return str(record[entity.key[0]])
    return tuple(record[name] for name in entity.key)


def stamp_of(entity: Entity) -> str | None:
    """The field that shows an entity's last change, filterable or not."""
    if entity.changes:
        return entity.changes.stamp
    names = {column.name for column in entity.columns}
    return next((name for name in ("last_updated", "last_update") if name in names), None)


class Shelf:
    """The rows of one entity."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.stamp = stamp_of(entity)
        self.rows: dict[Key, Row] = {}
        self._ordered: list[Row] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())

    def find(self, key: Key) -> Row | None:
        return self.rows.get(key)

    def get(self, key: Key) -> Row:
        """The row of that key. Raises KeyError when there is none."""
        try:
            return self.rows[key]
        except KeyError:
            raise KeyError(f"the world has no {self.entity.name} {key!r}") from None

    def ordered(self) -> Sequence[Row]:
        """All rows by creation and id, as lists show them."""
        if self._ordered is None:
            self._ordered = sorted(self.rows.values(), key=lambda row: (row.position, row.serial))
        return self._ordered

    def put(self, key: Key, row: Row) -> None:
        self.rows[key] = row
        self._ordered = None

    def take(self, key: Key) -> Row:
        row = self.get(key)
        del self.rows[key]
        self._ordered = None
        return row


class Store:
    """All shelves, the log of deletions, and a version that grows with every change."""

    def __init__(self, wall: WallClock) -> None:
        self.wall = wall
        self.shelves = {name: Shelf(entity) for name, entity in ENTITIES.items()}
        self.deleted: list[Deleted] = []
        self.version = 0
        self._serial = 0

    def add(self, name: str, record: Record, at: int) -> Row:
        """Creates a record at an instant; its own stamps are the caller's business."""
        shelf = self.shelves[name]
        self._serial += 1
        self.version += 1
        row = Row(
            record=record,
            position=self.wall.text(at),
            serial=self._serial,
            created_at=at,
            updated_at=at,
        )
        shelf.put(key_of(shelf.entity, record), row)
        return row

    def touch(self, name: str, row: Row, at: int) -> None:
        """Moves a record's change stamp, if it has one."""
        self.version += 1
        row.updated_at = at
        if stamp := self.shelves[name].stamp:
            row.record[stamp] = self.wall.text(at)

    def remove(self, name: str, key: Key, at: int) -> None:
        """Deletes for good, as if the record had never been; only the log remembers."""
        self.version += 1
        self.shelves[name].take(key)
        self.deleted.append(Deleted(name, key, at))
