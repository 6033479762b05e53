"""The floors: what the work costs when it is written out by hand for one table and nothing else.

No retries, no state, no guards, no strange values. Run as a process:

    python -m tests.benchmarks.floor fetch URL KEY ENTITY...     prints the seconds it took
    python -m tests.benchmarks.floor load URL KEY FILE [SINCE]   prints the number of orders
"""

import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import duckdb
import httpx
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import SYSTEM_COLUMNS
from sources.ordergroove.rows import schema_of
from tests.benchmarks.servers import ZONE

ORDERS = ENTITIES["orders"]
PAGES_A_BATCH = 25
# what the product gives DuckDB when nobody says otherwise: the engines have to be equal
ENGINE: dict[str, Any] = {"memory_limit": "128MB", "threads": 2}

COLUMNS = schema_of(ORDERS)
"""Those of the product's table."""

AS_SENT = pa.schema(
    [
        (column.name, kind if kind in (pa.int64(), pa.bool_()) else pa.string())
        for column in ORDERS.columns
        for kind in [COLUMNS.field(column.name).type]
    ]
)
JSON_COLUMNS = ("extra_data", "_unparsed")


def main(arguments: list[str]) -> None:
    match arguments:
        case ["fetch", url, key, *entities]:
            said = fetched_in_s(url, key, entities)
        case ["load", url, key, file, *since]:
            said = loaded(url, key, file, "".join(since))
        case _:
            raise SystemExit(__doc__)
    sys.stdout.write(f"{said}\n")


def fetched_in_s(url: str, key: str, entities: list[str]) -> float:
    """Seconds until all pages of the entities are there, each entity in a thread of its own."""

    def read(name: str) -> None:
        for _ in pages(url, key, name):
            pass

    began = time.monotonic()
    threads = [threading.Thread(target=read, args=(name,)) for name in entities]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def pages(base: str, key: str, name: str, since: str = "") -> Iterator[tuple[list[Any], datetime]]:
    """The records of each page and when it was asked for, one page after the other."""
    entity = ENTITIES[name]
    query: dict[str, str] | None = {"page_size": "100", **entity.params}
    if since and entity.changes and query:
        query[entity.changes.start] = since
    url: str | None = entity.path
    headers = {"x-api-key": key, "X-OG-API-VERSION": "2"}
    with httpx.Client(base_url=base, headers=headers, trust_env=False) as http:
        while url:
            asked_at = datetime.now(UTC)
            document = orjson.loads(http.get(url, params=query).raise_for_status().content)
            yield document["results"], asked_at
            url, query = document["next"], None


def loaded(url: str, key: str, file: str, since: str) -> int:
    """Merges the orders changed since a wall-clock time into a DuckDB file; returns how many."""
    rows = 0
    columns = ", ".join(f'"{field.name}" {type_of(field)}' for field in COLUMNS)
    with duckdb.connect(file, config=ENGINE) as connection:
        connection.execute(f"create table if not exists orders ({columns})")
        connection.execute("create table staging as from orders limit 0")
        source = pages(url, key, "orders", since)
        while batch := list(islice(source, PAGES_A_BATCH)):
            table = typed(batch)
            connection.from_arrow(table).insert_into("staging")
            rows += table.num_rows
        connection.execute("begin")
        keys = "select public_id from staging"
        connection.execute(f"delete from orders where public_id in ({keys})")
        connection.execute("insert into orders from staging")
        connection.execute("commit")
        connection.execute("drop table staging")
    return rows


def typed(batch: list[tuple[list[Any], datetime]]) -> pa.Table:
    """The pages as one table with the columns of the product's."""
    records = [record for page, _ in batch for record in page]
    sent = pa.Table.from_pylist(records, schema=AS_SENT)
    made: dict[str, Any] = {
        "_synced_at": pa.array([asked_at for page, asked_at in batch for _ in page]),
        "_deleted_at": pa.nulls(len(records)),
        "_unparsed": pa.nulls(len(records)),
    }
    for field in COLUMNS:
        if field.name in AS_SENT.names:
            made[field.name] = sent[field.name].cast(field.type)
        elif field.name not in SYSTEM_COLUMNS:
            local = made[field.name.removesuffix("_utc")]
            made[field.name] = pc.assume_timezone(local, ZONE, ambiguous="latest")
    return pa.table([made[field.name].cast(field.type) for field in COLUMNS], schema=COLUMNS)


def type_of(field: Any) -> str:
    """DuckDB's type for a column of the table."""
    if field.name in JSON_COLUMNS:
        return "json"
    names = {
        pa.string(): "varchar",
        pa.int64(): "bigint",
        pa.bool_(): "boolean",
        pa.timestamp("us"): "timestamp",
        pa.timestamp("us", "UTC"): "timestamptz",
    }
    return names.get(field.type, "decimal(18, 4)") + ("" if field.nullable else " not null")


if __name__ == "__main__":
    main(sys.argv[1:])
