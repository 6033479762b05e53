"""The versions of rows: `<entity>_history`, appended when the content of a row has changed.

One statement after each package compares the rows that came with the last version of each. It can
be repeated as often as anybody likes, and a run begins with it: what a crash left out is appended
before a row can be replaced. A deletion appends a row that has `_deleted_at`; it ends the version
before it. Nothing that was appended is changed again, but by `forget`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.sql_layer.database import InWarehouse, identifier, quoted
from pipelines.ordergroove.targets.lake import Lake
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.errors import ConfigError
from sources.ordergroove.model import SYSTEM_COLUMNS, Entity
from state.ordergroove.watermark import EPOCH

INDEXED = ("postgres", "mysql", "sqlite")
"""Engines that look keys up in an index; DuckDB joins without one."""


def history_of(entity: Entity) -> str:
    return f"{entity.name}_history"


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Keeps the versions of the entities that the merchant has asked for."""

    warehouse: Warehouse
    names: tuple[str, ...]

    def catch_up(self, names: Iterable[str] | None = None, since: datetime = EPOCH) -> None:
        """Appends each version that is not there yet, of the rows fetched since then.

        Deletions are found whenever the rows were fetched. `names` are further narrowed to those
        that have a history.
        """
        wanted = set(self.names).intersection(self.names if names is None else names)
        there = self.warehouse.tables() if wanted else set()
        for name in sorted(wanted & there):
            columns = self.columns(ENTITIES[name], there)
            sql = append(self.warehouse, ENTITIES[name], columns)
            self.warehouse.execute(sql, [since, since])

    def columns(self, entity: Entity, there: set[str]) -> Mapping[str, str]:
        """The columns of the entity's table, all of which its history has after this."""
        columns = self.warehouse.columns(entity.name)
        table, name = self.warehouse.table(history_of(entity)), history_of(entity)
        if name not in there:
            source = self.warehouse.table(entity.name)
            self.warehouse.execute(f"create table {table} as select * from {source} where 1 = 0")
            if self.warehouse.dialect in INDEXED and self.warehouse.connection:
                self.index(entity)
            return columns
        known = self.warehouse.columns(name)
        for column, kind in columns.items():
            if column not in known:
                self.warehouse.execute(f'alter table {table} add column "{column}" {kind}')
        return columns

    def index(self, entity: Entity) -> None:
        """In the engine's own words: what is written for DuckDB orders nulls in it."""
        database = InWarehouse(warehouse=self.warehouse)
        table = quoted(history_of(entity), database)
        name = identifier(f"{history_of(entity)}_key", database.dialect)
        keys = ", ".join(identifier(part, database.dialect) for part in entity.key)
        database.run(f"create index {name} on {table} ({keys})")


def append(warehouse: Warehouse, entity: Entity, columns: Iterable[str]) -> str:
    """The statement that appends what is new; its two parameters are the same instant.

    A version stands in the history with the time it was first fetched, a deletion with the time
    of the last fetch before it: the version opened last is over if a deletion has no less.
    """
    columns = list(columns)
    table, history = warehouse.table(entity.name), warehouse.table(history_of(entity))
    listed = ", ".join(f'"{name}"' for name in columns)
    taken = ", ".join(f'fresh."{name}"' for name in columns)
    keys = ", ".join(f'older."{part}"' for part in entity.key)
    return (
        f"insert into {history} ({listed}) select {taken} from {table} as fresh"
        f" left join (select {keys},"
        " max(case when older._deleted_at is null then older._synced_at end) as opened_at,"
        " max(case when older._deleted_at is not null then older._synced_at end) as closed_at"
        f" from {history} as older join {table} as named on {same('older', 'named', entity)}"
        " where named._synced_at >= ? or named._deleted_at is not null"
        f" group by {keys}) as known on {same('known', 'fresh', entity)}"
        f" left join {history} as former on {same('former', 'fresh', entity)}"
        " and former._synced_at = known.opened_at and former._deleted_at is null"
        " where (fresh._deleted_at is null and fresh._synced_at >= ? and (known.opened_at is null"
        f" or known.closed_at >= known.opened_at or {differs(warehouse, entity, columns)}))"
        " or (fresh._deleted_at is not null and known.opened_at is not null"
        " and (known.closed_at is null or known.closed_at < known.opened_at))"
    )


def same(one: str, other: str, entity: Entity) -> str:
    return " and ".join(f'{one}."{part}" = {other}."{part}"' for part in entity.key)


def differs(warehouse: Warehouse, entity: Entity, columns: Iterable[str]) -> str:
    """Whether Ordergroove's own fields say something else in `fresh` than in `former`."""
    # an instant follows from the stamp beside it, and from the setting of the zone
    derived = {c.utc_name for c in entity.columns if c.kind == "timestamp"}
    derived |= {*SYSTEM_COLUMNS, *entity.key} - {"_unparsed"}
    plain = {column.name for column in entity.columns if column.kind != "json"}
    compared = [name for name in columns if name not in derived and not name.startswith("_dlt_")]
    return " or ".join(
        f"{value('fresh', name, warehouse, name in plain)} is distinct from"
        f" {value('former', name, warehouse, name in plain)}"
        for name in compared
    )


def value(table: str, name: str, warehouse: Warehouse, is_plain: bool) -> str:
    # PostgreSQL compares no json
    is_comparable = is_plain or warehouse.dialect != "postgres"
    return f'{table}."{name}"' if is_comparable else f'cast({table}."{name}" as text)'


def refuse_no_history(settings: Settings, warehouse: Warehouse) -> None:
    """Raises ConfigError where versions are wanted and cannot be kept."""
    if settings.history and isinstance(warehouse.engine, Lake):
        raise ConfigError(
            what=f"history (from {settings.where['history']}): versions of rows are not kept in"
            " files.",
            do="Remove the setting; Delta keeps versions of its tables by itself.",
            state="Nothing was written.",
        )
