"""Tombstones become `_deleted_at`: statements that can be repeated as often as anybody likes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.ordergroove.targets.engine import Step
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Entity
from state.ordergroove.ledger import TOMBSTONES
from state.ordergroove.tombstones import key_of

ROWS_A_STATEMENT = 100


def burials(warehouse: Warehouse, tombstones: Sequence[Mapping[str, Any]]) -> Iterator[Step]:
    """Statements that write the tombstones of one entity, each over the one it may have had."""
    table, columns = warehouse.table("tombstones"), TOMBSTONES.schema.names
    row = f"({', '.join('?' for _ in columns)})"
    for start in range(0, len(tombstones), ROWS_A_STATEMENT):
        part = tombstones[start : start + ROWS_A_STATEMENT]
        keys = ", ".join("?" for _ in part)
        yield (
            f"delete from {table} where entity = ? and record_key in ({keys})",
            [part[0]["entity"], *(made["record_key"] for made in part)],
        )
        yield (
            f"insert into {table} ({', '.join(columns)}) values {', '.join(row for _ in part)}",
            [made[name] for made in part for name in columns],
        )


def mark_all(warehouse: Warehouse) -> None:
    """Marks whatever a tombstone names and nothing has shown since."""
    found = warehouse.rows(
        "select entity, record_key, noticed_at, deleted_at"
        f" from {warehouse.table('tombstones')} where entity in ({COMPOSED})"
    )
    names = warehouse.rows(f"select distinct entity from {warehouse.table('tombstones')}")
    steps: list[Step] = []
    for (name,) in names:
        mine = [dict(zip(TOMBSTONE, row, strict=True)) for row in found if row[0] == name]
        steps += marks(warehouse, ENTITIES[name], mine) if name in ENTITIES else []
    if steps:
        warehouse.execute_all(*steps)


TOMBSTONE = ("entity", "record_key", "noticed_at", "deleted_at")
COMPOSED = ", ".join(f"'{name}'" for name, entity in ENTITIES.items() if len(entity.key) > 1)
"""Entities whose key of several parts is one text in the tombstone: short lists, all of them."""


def marks(
    warehouse: Warehouse, entity: Entity, tombstones: Sequence[Mapping[str, Any]]
) -> list[Step]:
    """Statements that mark the entity's rows whose tombstone was noticed after they were fetched.

    A row that was fetched later lives again. `tombstones` are looked at only where SQL cannot
    compare their keys with the rows'.
    """
    if len(entity.key) > 1:
        return [mark_by_parts(warehouse, entity, made) for made in tombstones]
    mine = (
        f'from {warehouse.table("tombstones")} where entity = ? and record_key = "{entity.key[0]}"'
    )
    sql = (
        f"update {warehouse.table(entity.name)}"
        f" set _deleted_at = (select coalesce(deleted_at, noticed_at) {mine})"
        f" where _deleted_at is null and exists (select 1 {mine} and noticed_at > _synced_at)"
    )
    return [(sql, [entity.name, entity.name])]


def mark_by_parts(warehouse: Warehouse, entity: Entity, made: Mapping[str, Any]) -> Step:
    named = " and ".join(f'"{name}" = ?' for name in entity.key)
    sql = (
        f"update {warehouse.table(entity.name)} set _deleted_at = ?"
        f" where _deleted_at is null and _synced_at < ? and {named}"
    )
    noticed_at = made["noticed_at"]
    key = key_of(entity, made["record_key"])
    return sql, [made["deleted_at"] or noticed_at, noticed_at, *key]
