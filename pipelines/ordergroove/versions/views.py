"""`<entity>_versions`, written from the entity table: from when to when each version held."""

from functools import cache

from pipelines.ordergroove.sql_layer.models import Model
from pipelines.ordergroove.sql_layer.relations import entity_columns
from pipelines.ordergroove.versions.history import history_of
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Entity


@cache
def version_views() -> tuple[Model, ...]:
    return tuple(
        Model(name=f"{entity.name}_versions", layer="meta", text=text_of(entity))
        for entity in ENTITIES.values()
    )


def text_of(entity: Entity) -> str:
    """A version holds until the next one was fetched, or the record was deleted."""
    names = [name for name in entity_columns(entity) if name != "_deleted_at"]
    listed = "".join(f'    "{name}",\n' for name in names)
    keys = ", ".join(f'"{part}"' for part in entity.key)
    return (
        f"-- one row per version of one of the {entity.name} that a sync has seen\n"
        f"with told as (\n    select\n{listed}    _deleted_at,\n"
        "    lead(coalesce(_deleted_at, _synced_at)) over (\n"
        f"        partition by {keys}\n"
        "        order by _synced_at, case when _deleted_at is null then 0 else 1 end\n"
        "    ) as next_at\n"
        f"    from {history_of(entity)}\n)\n"
        f"select\n{listed}    _synced_at as valid_from,\n"
        # what a webhook says of a deletion may lie before the last time the row was shown
        "    case when next_at < _synced_at then _synced_at else next_at end as valid_to,\n"
        "    next_at is null as is_current\n"
        "from told\nwhere _deleted_at is null\n"
    )
