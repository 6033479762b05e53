"""A lake of Delta tables, read and changed through DuckDB; each table changes in one step."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.ordergroove.targets.configured import KNOWN, configured
from pipelines.ordergroove.targets.duckdb_file import nowhere
from pipelines.ordergroove.targets.engine import Step, missing_driver, telling
from pipelines.ordergroove.targets.lease import LEASE, Lease, Note, is_held, lease_of
from sources.ordergroove.entities import ENTITIES
from state.ordergroove.ledger import BESIDE

ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, kw_only=True)
class Lake:
    """Delta tables below the folder of a dataset."""

    pipeline: Any
    shown: str
    name: str
    folder: str
    """The dataset as dlt calls it; in SQL the tables go by their bare names."""

    lease: Lease | None = None
    dialect: str = "duckdb"
    dataset: str = ""
    connection: Any = field(default_factory=nowhere)

    def __post_init__(self) -> None:
        try:
            import deltalake  # noqa: F401 - only whether it is there
        except ImportError:
            # plain Parquet files cannot be merged into
            raise missing_driver("delta", "deltalake") from None

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with telling(self.shown, Exception):
            self.show(sql)
            found: list[tuple[Any, ...]] = self.connection.execute(sql, list(parameters)).fetchall()
            return found

    def show(self, sql: str, copies: Mapping[str, None] | None = None) -> None:
        """Makes the tables that the statement names visible as they are now, but for copies."""
        names = tables_in(sql) - set(copies or ())
        with self.pipeline.destination_client() as client:
            for name in names & set(KNOWN):
                if is_table(client, name):
                    self.connection.register(name, delta(client, name).to_pyarrow_dataset())

    def ask(self, sql: str) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
        self.show(sql)
        found = self.connection.execute(sql)
        return tuple(column[0] for column in found.description), iter(found.fetchone, None)

    def tables(self) -> set[str]:
        with self.pipeline.destination_client() as client:
            return {name for name in KNOWN if is_table(client, name)}

    def columns(self, table: str) -> Mapping[str, str]:
        self.show(f'select * from "{table}"')
        return {row[0]: row[1] for row in self.connection.execute(f'describe "{table}"').fetchall()}

    def run(self, *steps: Step) -> None:
        """Each table is changed at once, one after the other."""
        changed: dict[str, None] = {}
        try:
            with telling(self.shown, Exception):
                for sql, parameters in steps:
                    self.take(sql, parameters, changed)
                for target in changed:
                    self.write_back(target)
        finally:
            for target in changed:
                self.connection.unregister(target)
                self.connection.execute(f'drop table if exists "{target}"')
                self.connection.execute(f'drop table if exists "copy_{target}"')

    def take(self, sql: str, parameters: Sequence[object], changed: dict[str, None]) -> None:
        """One step, on copies of the tables that are `changed`."""
        target = target_in(sql)
        if target not in changed:
            if not self.would_change(sql, parameters, changed):
                return
            changed[target] = None
            self.copy(target)
        self.show(sql, changed)
        self.connection.execute(sql, list(parameters))

    def would_change(
        self, sql: str, parameters: Sequence[object], copies: Mapping[str, None]
    ) -> bool:
        """False only for an update that fits no row: it is asked for by every run."""
        if (question := rows_of_update(sql)) is None:
            return True
        counted, taken = question
        self.show(counted, copies)
        given = list(parameters)[len(parameters) - taken :]
        ((rows,),) = self.connection.execute(counted, given).fetchall()
        return bool(rows)

    def copy(self, name: str) -> None:
        """A table in memory in the place of the one in the lake, which `before_` shows."""
        self.show(f'select * from "{name}"')
        execute = self.connection.execute
        execute(f'create or replace temp table "copy_{name}" as select * from "{name}"')
        self.connection.unregister(name)
        execute(f'create temp table "{name}" as select * from "copy_{name}"')

    def write_back(self, name: str) -> None:
        key = ENTITIES[name].key if name in ENTITIES else BESIDE[name].key
        ask = self.connection.sql
        new = ask(f'select * from "{name}" except select * from "copy_{name}"').to_arrow_table()
        listed = ", ".join(f'"{part}"' for part in key)
        gone = ask(
            f'select {listed} from "copy_{name}" except select {listed} from "{name}"'
        ).to_arrow_table()
        same = " and ".join(f'target."{part}" = source."{part}"' for part in key)
        with self.pipeline.destination_client() as client:
            for rows, is_gone in ((new, False), (gone, True)):
                if rows.num_rows:
                    merge = delta(client, name).merge(
                        rows, predicate=same, source_alias="source", target_alias="target"
                    )
                    settled = (
                        merge.when_matched_delete()
                        if is_gone
                        else merge.when_matched_update_all().when_not_matched_insert_all()
                    )
                    settled.execute()

    def stored_state(self) -> Mapping[str, Any] | None:
        self.pipeline.sync_destination()
        state: Mapping[str, Any] = self.pipeline.state
        return state

    def destination(self) -> tuple[Any, str]:
        return configured(self.name), self.folder

    def still_held(self) -> bool:
        return self.lease is None or self.lease.is_ours()

    def is_being_written(self) -> bool:
        return is_held(lease_of(self))

    def close(self) -> None:
        if self.lease is not None:
            self.lease.give_back()
        self.connection.close()
        shutil.rmtree(self.pipeline.pipelines_dir, ignore_errors=True)

    def read_lease(self) -> Note | None:
        with self.pipeline.destination_client() as client:
            path = note_path(client)
            if not client.fs_client.exists(path):
                return None
            note: Note = json.loads(client.fs_client.cat_file(path))
            return note

    def write_lease(self, note: Note | None) -> None:
        with self.pipeline.destination_client() as client:
            path = note_path(client)
            if note is None:
                client.fs_client.rm_file(path)
                return
            client.fs_client.makedirs(path.rpartition("/")[0], exist_ok=True)
            client.fs_client.pipe_file(path, json.dumps(note).encode())


def note_path(client: Any) -> str:
    """Beside the dataset's folder: dlt wants to make that itself."""
    return f"{str(client.dataset_path).rstrip('/')}.{LEASE}.json"


def is_table(client: Any, name: str) -> bool:
    return bool(client.fs_client.exists(f"{client.get_table_dir(name)}/_delta_log"))


def delta(client: Any, name: str) -> Any:
    """The table as it is now. dlt's own way asks a schema that looking does not load."""
    from deltalake import DeltaTable
    from dlt.common.libs.deltalake import deltalake_storage_options

    config = client.config
    options = deltalake_storage_options(config.credentials, config.deltalake_storage_options)
    return DeltaTable(client.get_open_table_location("delta", name), storage_options=options)


def tables_in(sql: str) -> set[str]:
    from sqlglot import exp, parse_one

    return {table.name for table in parse_one(sql, read="duckdb").find_all(exp.Table)}


def target_in(sql: str) -> str:
    """The table that a statement changes."""
    from sqlglot import exp, parse_one

    changed = parse_one(sql, read="duckdb").this
    table = changed if isinstance(changed, exp.Table) else changed.find(exp.Table)
    return str(table.name)


def rows_of_update(sql: str) -> tuple[str, int] | None:
    """A count of the rows that an update would change, and how many of its parameters that takes.

    None for what is no update.
    """
    from sqlglot import exp, parse_one

    tree = parse_one(sql, read="duckdb")
    where = tree.args.get("where")
    if not isinstance(tree, exp.Update) or where is None:
        return None
    counted = exp.select("count(*)").from_(tree.this.copy()).where(where.this.copy())
    taken = len(list(where.find_all(exp.Placeholder)))
    return counted.sql(dialect="duckdb"), taken
