"""A destination that is configured in dlt: a SQL engine through dlt's own client, or a lake.

Everything goes through dlt here, which is imported before reading begins.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.ordergroove.portable import translated
from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.configured import (
    KNOWN,
    configured,
    is_lake,
    not_configured,
    reading_pipeline,
)
from pipelines.ordergroove.targets.engine import Engine, Step, telling
from pipelines.ordergroove.targets.lease import LEASE, Lease, Note, is_held, lease_of
from pipelines.ordergroove.targets.postgres import json_as_text
from sources.ordergroove.errors import ConfigError

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, kw_only=True)
class NamedDatabase:
    """A SQL engine behind dlt's client."""

    pipeline: Any
    dataset: str
    shown: str
    dialect: str
    name: str
    lease: Lease | None = None

    @property
    def connection(self) -> Any:
        return None

    @contextmanager
    def client(self) -> Iterator[Any]:
        with self.pipeline.sql_client() as client, telling(self.shown, Exception):
            if self.dialect == "postgres":
                json_as_text(client.native_connection)
            yield client

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self.client() as client:
            return self.fetched(client, sql, parameters)

    def fetched(self, client: Any, sql: str, parameters: Sequence[object]) -> list[Any]:
        # without parameters no sign of the statement means anything to the driver
        words = translated(sql, self.dialect, "%s" if parameters else "?")
        return [tuple(row) for row in client.execute_sql(words, *parameters) or ()]

    def run(self, *steps: Step) -> None:
        with self.client() as client, client.begin_transaction():
            for sql, parameters in steps:
                self.fetched(client, sql, parameters)

    def ask(self, sql: str) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
        with self.pipeline.sql_client() as client, client.execute_query(sql) as cursor:
            names = tuple(column[0] for column in cursor.description)
            return names, iter([tuple(row) for row in cursor.fetchall()])

    def tables(self) -> set[str]:
        with self.pipeline.destination_client() as client:
            return {name for name, columns in client.get_storage_tables(KNOWN) if columns}

    def columns(self, table: str) -> Mapping[str, str]:
        with self.pipeline.destination_client() as client:
            _, columns = client.get_storage_table(table)
        return {name: str(column.get("data_type")) for name, column in columns.items()}

    def stored_state(self) -> Mapping[str, Any] | None:
        return None

    def destination(self) -> tuple[Any, str]:
        return configured(self.name), self.dataset

    def still_held(self) -> bool:
        return self.lease is None or self.lease.is_ours()

    def is_being_written(self) -> bool:
        return is_held(lease_of(self))

    def close(self) -> None:
        if self.lease is not None:
            self.lease.give_back()
        shutil.rmtree(self.pipeline.pipelines_dir, ignore_errors=True)

    def read_lease(self) -> Note | None:
        with self.pipeline.destination_client() as client:
            if not client.get_storage_table(LEASE)[0]:
                return None
        found = self.rows(f'select holder, since, token, beat from "{self.dataset}"."{LEASE}"')
        names = ("holder", "since", "token", "beat")
        return dict(zip(names, found[0], strict=True)) if found else None

    def write_lease(self, note: Note | None) -> None:
        table = f'"{self.dataset}"."{LEASE}"'
        with self.client() as client:
            if not client.has_dataset():
                client.create_dataset()
            columns = "holder text, since text, token text, beat bigint"
            self.fetched(client, f"create table if not exists {table} ({columns})", ())
        steps: list[Step] = [(f"delete from {table} where beat >= 0", ())]
        if note:
            steps.append((f"insert into {table} values (?, ?, ?, ?)", list(note.values())))
        self.run(*steps)


@dataclass(frozen=True, kw_only=True)
class NamedDestination:
    """What `--destination name` means."""

    settings: Settings
    path: Path | None = None

    def is_there(self) -> bool:
        return True

    def connect(self, *, read_only: bool) -> Engine:
        database = self.opened()
        if read_only:
            found: Engine = database
            return found
        try:
            lease = lease_of(database).take()
        except BaseException:
            database.close()
            raise
        held: Engine = replace(database, lease=lease)
        return held

    def opened(self) -> Any:
        """Raises ConfigError for what dlt has no complete configuration of."""
        name, dataset = self.settings.destination, self.settings.dataset
        try:
            pipeline = reading_pipeline(name, dataset)
            dialect = str(pipeline.destination.capabilities().sqlglot_dialect or "")
            with pipeline.destination_client() as client:
                client.is_storage_initialized()
        except ConfigError:
            raise
        # dlt and each of its drivers have their own ways of saying that something is missing
        except Exception as error:
            raise not_configured(name, error) from None
        shown = f"{name}, dataset {dataset}"
        if is_lake(pipeline):
            from pipelines.ordergroove.targets.lake import Lake

            return Lake(pipeline=pipeline, shown=shown, name=name, folder=dataset)
        return NamedDatabase(
            pipeline=pipeline, shown=shown, name=name, dataset=dataset, dialect=dialect
        )

    def refuse_held(self) -> None:
        database = self.opened()
        try:
            lease_of(database).refuse_held()
        finally:
            database.close()

    def refuse_unusable(self) -> None:
        """What an engine's rights allow is found by the first load."""


def target_of(settings: Settings) -> NamedDestination:
    return NamedDestination(settings=settings)
