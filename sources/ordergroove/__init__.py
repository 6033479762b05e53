"""Ordergroove as a dlt source: the only public door of this package.

    import dlt
    from sources.ordergroove import ordergroove_source

    dlt.pipeline("mine", destination="duckdb").run(ordergroove_source(api_key="..."))

`ordergroove sync` uses the same resources, fed from its own queue. dlt is imported when a source
is made, not before: it takes half a second.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource, DltSource

    from sources.ordergroove.model import Entity

SOURCE = "ordergroove"
"""The name of the source, of its section in dlt's configuration and of its schema."""

__all__ = ["SOURCE", "columns_for_dlt", "entity_resource", "ordergroove_source", "source_of"]

TYPES: dict[str, dict[str, Any]] = {
    "text": {"data_type": "text"},
    "bigint": {"data_type": "bigint"},
    "boolean": {"data_type": "bool"},
    "decimal": {"data_type": "decimal", "precision": 18, "scale": 4},
    # without this dlt would read a wall clock as UTC
    "timestamp": {"data_type": "timestamp", "timezone": False},
    "date": {"data_type": "date"},
    "json": {"data_type": "json"},
}
INSTANT: dict[str, Any] = {"data_type": "timestamp", "timezone": True}


def columns_for_dlt(entity: "Entity", new_columns: Iterable[str] = ()) -> dict[str, Any]:
    """dlt's column hints of an entity's table, in order."""
    from sources.ordergroove.kinds import Kind

    hints: dict[str, Any] = {}
    for column in entity.columns:
        hints[column.name] = {
            **TYPES[column.kind],
            "nullable": column.name not in entity.key,
        }
        if column.kind is Kind.LOCAL_STAMP:
            hints[column.utc_name] = dict(INSTANT)
    hints |= {"_synced_at": dict(INSTANT), "_deleted_at": dict(INSTANT)}
    return hints | {name: dict(TYPES["json"]) for name in ("_unparsed", *new_columns)}


def entity_resource(
    entity: "Entity",
    feed: "Iterable[tuple[pa.Table, Mapping[str, Any] | None]]",
    *,
    new_columns: Iterable[str] = (),
) -> "DltResource":
    """A dlt resource of one entity: merges by key what the feed brings.

    `feed` yields (table, state): the state is stored in the same load package as the table, as the
    resource's state. Each table must be free of duplicate keys, and so must the feed as a whole
    within one `run` of a pipeline; `rows.latest_by_key` makes it so.
    """
    import dlt

    def deliver() -> "Iterator[pa.Table]":
        for table, state in feed:
            if state is not None:
                dlt.current.resource_state().update(state)
            yield table

    return dlt.resource(
        deliver,
        name=entity.name,
        primary_key=list(entity.key),
        write_disposition={
            "disposition": "merge",
            "strategy": "delete-insert",
            "deduplicated": True,
        },
        columns=columns_for_dlt(entity, new_columns),
    )


def source_of(resources: "Iterable[DltResource]") -> "DltSource":
    """The resources as one source named `ordergroove`."""
    import dlt

    given = list(resources)
    return dlt.source(lambda: given, name=SOURCE, section=SOURCE)()


def ordergroove_source(
    *,
    api_key: str,
    entities: Iterable[str] | None = None,
    base_url: str = "https://restapi.ordergroove.com",
    zone: str = "America/New_York",
) -> "DltSource":
    """Everything the API shows, for a pipeline of your own: no windows, no state, no deletions.

    Raises EntityError of the kind that fits when a list cannot be read.
    """
    from sources.ordergroove.client import Client
    from sources.ordergroove.entities import ENTITIES
    from sources.ordergroove.rows import batch_of, latest_by_key

    client = Client(base_url=base_url, key=api_key)

    def whole(entity: "Entity") -> "Iterator[tuple[pa.Table, None]]":
        pages = list(client.pages(entity, params={}))
        yield latest_by_key([batch_of(entity, pages, zone).table], entity.key), None

    wanted = list(entities or ENTITIES)
    return source_of(entity_resource(ENTITIES[name], whole(ENTITIES[name])) for name in wanted)
