"""What a row of the entity table refuses to be."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import SYSTEM_COLUMNS, Changes, Column, Deletion, Entity, Vanishing
from sources.ordergroove.rows import schema_of

TEXT, STAMP = Column("id", kind=Kind.TEXT), Column("updated", kind=Kind.LOCAL_STAMP)
NUMBER = Column("no", kind=Kind.INTEGER)
CHANGES = Changes(start="updated_start", end="updated_end", stamp="updated")


def entity(**fields: Any) -> Entity:
    given: dict[str, Any] = {
        "name": "things",
        "path": "/things/",
        "key": ("id",),
        "columns": (TEXT, STAMP),
        "deletion": Deletion.VANISHES,
        "source": "Things List",
    }
    return Entity(**given | fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"columns": (TEXT, STAMP, TEXT)}, "a column stands twice"),
        ({"key": ("id", "number")}, "key ['number'] is no column"),
        ({"key": ()}, "no key"),
        ({"key": ("updated",)}, "updated can not be part of a key"),
        ({"path": "things/"}, "path must begin and end with a slash"),
        ({"path": "/things"}, "path must begin and end with a slash"),
        ({"changes": replace(CHANGES, stamp="id")}, "id is no stamp"),
        ({"key": ("id", "no"), "columns": (TEXT, NUMBER), "single": "/{key}/"}, "takes one key"),
        ({"vanishing": Vanishing()}, "takes a stamp and a single-object GET"),
        (
            {
                "vanishing": Vanishing(),
                "changes": CHANGES,
                "single": "/{key}/",
                "deletion": Deletion.FLAGGED,
            },
            "only what vanishes can say how",
        ),
        ({"columns": (TEXT, Column("_unparsed", kind=Kind.JSON))}, "['_unparsed'] are"),
        ({"columns": (TEXT, STAMP, Column("updated_utc", kind=Kind.TEXT))}, "['updated_utc'] are"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=r"^things: ") as caught:
        entity(**fields)
    assert why in str(caught.value)


def test_a_column_is_found_by_its_name_and_no_other() -> None:
    things = entity(changes=CHANGES)
    assert things.column("updated") is STAMP
    assert STAMP.utc_name == "updated_utc"
    with pytest.raises(KeyError, match="things has no column 'Updated'"):
        things.column("Updated")
    with pytest.raises(KeyError):
        entity(changes=replace(CHANGES, stamp="changed"))


def test_an_entity_says_what_follows_from_its_columns() -> None:
    assert entity(changes=CHANGES).is_incremental
    assert not entity().is_incremental
    assert not entity().has_merchant
    assert entity(columns=(TEXT, Column("merchant", kind=Kind.TEXT))).has_merchant


def test_a_part_knows_what_it_is_part_of() -> None:
    assert ENTITIES["items"].whole == "orders"
    assert [name for name, entity in ENTITIES.items() if entity.whole] == ["items"]


CHANGING: list[Callable[[Any], None]] = [
    lambda row: setattr(row, "path", "/elsewhere/"),
    lambda row: row.params.update(status="1"),
]


@pytest.mark.parametrize("change", CHANGING)
@pytest.mark.parametrize("name", ENTITIES)
def test_the_table_can_not_be_changed_while_it_is_used(
    name: str, change: Callable[[Any], None]
) -> None:
    with pytest.raises((FrozenInstanceError, AttributeError)):
        change(ENTITIES[name])


@pytest.mark.parametrize("name", ENTITIES)
def test_a_table_is_the_entitys_fields_their_instants_and_the_system_columns(name: str) -> None:
    entity = ENTITIES[name]
    expected = []
    for column in entity.columns:
        expected.append(column.name)
        expected += [column.utc_name] if column.kind is Kind.LOCAL_STAMP else []
    schema = schema_of(entity)
    assert schema.names == [*expected, *SYSTEM_COLUMNS]
    assert [field.name for field in schema if not field.nullable] == [
        column.name for column in entity.columns if column.name in entity.key
    ]
