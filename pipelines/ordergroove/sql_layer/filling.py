"""`meta_column_fill`, written from the entity table: how full each column of each table is.

It catches what no error shows: a field that the API stopped sending.
"""

from functools import cache

from pipelines.ordergroove.sql_layer.models import Model
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.model import Entity

NAME = "meta_column_fill"
TITLE = "-- one row per table and column of Ordergroove's own fields"


@cache
def column_fill() -> Model:
    counts = ",\n".join(map(counted, ENTITIES.values()))
    rows = "\nunion all\n".join(row for entity in ENTITIES.values() for row in rows_of(entity))
    return Model(name=NAME, layer="meta", text=f"{TITLE}\nwith {counts}\n{rows}\n")


def counted(entity: Entity) -> str:
    """One pass over the table, one number for each of its columns."""
    numbers = "".join(
        f',\n        count("{column.name}") as filled_{number}'
        for number, column in enumerate(entity.columns)
    )
    return (
        f"{entity.name}_counted as (\n    select\n        count(*) as rows_there{numbers}\n"
        f"    from {entity.name}\n    where _deleted_at is null\n)"
    )


def rows_of(entity: Entity) -> list[str]:
    return [
        f"select\n    '{entity.name}' as entity,\n    '{column.name}' as column_name,\n"
        f"    rows_there,\n    filled_{number} as rows_filled\nfrom {entity.name}_counted"
        for number, column in enumerate(entity.columns)
    ]
