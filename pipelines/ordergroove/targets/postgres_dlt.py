"""dlt's PostgreSQL destination with our column types and primary keys. Imports dlt."""

import csv
from collections.abc import Sequence
from typing import Any

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema import TColumnSchema
from dlt.common.storages.file_storage import FileStorage
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.factory import PostgresTypeMapper
from dlt.destinations.impl.postgres.postgres import (
    PostgresClient,
    PostgresCsvCopyJob,
    PostgresParquetCopyJob,
)
from pyarrow.parquet import ParquetFile

from pipelines.ordergroove.targets.address import Address


class JsonAsSent(PostgresTypeMapper):
    """`json` whatever the driver: it keeps numbers and repeated names as Ordergroove sent them."""

    sct_to_unbound_dbt = PostgresTypeMapper.sct_to_unbound_dbt | {"json": "json", "text": "text"}
    dbt_to_sct = PostgresTypeMapper.dbt_to_sct | {"json": "json", "text": "text"}


class CopyOfRows(PostgresParquetCopyJob):
    """Copies Parquet in through ADBC, which knows no columns where there are no rows."""

    def run(self) -> None:
        if ParquetFile(self._file_path).metadata.num_rows:
            super().run()


class CopyOfTexts(PostgresCsvCopyJob):
    """Copies CSV in: what stands in quotes is text, if an empty one; nothing at all is null.

    dlt's own job would read empty texts as null.
    """

    def run(self) -> None:
        client = self._job_client.sql_client
        with (
            FileStorage.open_zipsafe_ro(self._file_path, "rb") as file,
            client.begin_transaction(),
            client.native_connection.cursor() as cursor,
        ):
            names = next(csv.reader([file.readline().decode()]))
            listed = ", ".join(client.escape_column_name(name) for name in names)
            table = client.make_qualified_table_name(self.load_table_name)
            cursor.copy_expert(f"copy {table} ({listed}) from stdin with (format csv)", file)


class KeyedClient(PostgresClient):
    """Tables are made with their primary key: the merge finds its rows by it."""

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        job = super().create_load_job(table, file_path, load_id, restore)
        if isinstance(job, PostgresParquetCopyJob):
            return CopyOfRows(file_path)
        return CopyOfTexts(file_path) if isinstance(job, PostgresCsvCopyJob) else job

    def _get_constraints_sql(
        self, table_name: str, new_columns: Sequence[TColumnSchema], generate_alter: bool
    ) -> str:
        key = [str(column["name"]) for column in new_columns if column.get("primary_key")]
        if generate_alter or not key:
            return ""
        listed = ", ".join(self.sql_client.escape_column_name(name) for name in key)
        return f",\nPRIMARY KEY ({listed})"


class KeyedPostgres(postgres):
    """With our types, and told that it has transactions.

    Otherwise only their being sent together would make one of the statements of a merge.
    """

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        capabilities = super()._raw_capabilities()
        capabilities.type_mapper = JsonAsSent
        capabilities.supports_transactions = True
        return capabilities

    @property
    def client_class(self) -> type[PostgresClient]:
        return KeyedClient


def destination(address: Address) -> Any:
    credentials = PostgresCredentials(
        {
            "database": address.database,
            "username": address.user,
            "password": address.password,
            "host": address.host,
            "port": address.port,
            "query": address.options,
        }
    )
    return KeyedPostgres(credentials=credentials)


def has_fast_driver() -> bool:
    """Whether rows can go in as Parquet; through CSV otherwise, at less than half the speed."""
    from dlt.destinations._adbc_jobs import has_adbc_driver
    from dlt.destinations.impl.postgres.factory import get_adbc_driver_location

    return bool(has_adbc_driver(get_adbc_driver_location())[0])
