"""The table of entities as people and programs get to read it."""

import json

import pytest

from pipelines.ordergroove.describe import (
    DUCKDB_TYPES,
    as_json,
    described_columns,
    entity_json,
    entity_markdown,
    entity_text,
    table_markdown,
    table_text,
)
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.kinds import Kind
from sources.ordergroove.model import SYSTEM_COLUMNS

ALL = list(ENTITIES.values())
each_entity = pytest.mark.parametrize("name", ENTITIES)


def cells_of(markdown: str) -> list[list[str]]:
    """The rows of a Markdown table, heads and rule left out."""
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    bars = [line.replace("\\|", "\0").strip("|").split("|") for line in table[2:]]
    return [[cell.strip() for cell in line] for line in bars]


def test_each_entity_has_one_line_of_text() -> None:
    lines = table_text(ALL).splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [[e.name, e.path] for e in ALL]


def test_columns_of_the_text_stand_under_their_heads() -> None:
    head, *lines = table_text(ALL).splitlines()
    start = head.index("deletion")
    assert {line[start:].split()[0] for line in lines} == {"vanishes", "flagged", "undocumented"}


def test_no_line_of_text_ends_in_spaces() -> None:
    text = "\n".join([table_text(ALL), *map(entity_text, ALL)])
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_on_a_terminal_no_line_is_longer_than_it_is_wide(width: int) -> None:
    texts = [table_text(ALL, width), *(entity_text(entity, width) for entity in ALL)]
    tables = [text.split("\n\n")[-1] for text in texts]
    # but for the first column alone, which is told whole
    long = [line for text in tables for line in text.splitlines() if len(line) > width]
    assert not [line for line in long if "  " in line]


def test_what_does_not_fit_stands_below_with_its_head() -> None:
    text = table_text([ENTITIES["payments"]], 80)
    assert text.splitlines()[1:] == [
        "payments  /payments/  public_id  read whole  -      flagged",
        "    advice: Ordergroove advises against syncing payments: the shop is their",
        "    source.",
    ]
    assert entity_text(ENTITIES["items"], 1000) == entity_text(ENTITIES["items"])


def test_the_markdown_tells_how_each_entity_is_asked() -> None:
    rows = {row[0]: row for row in cells_of(table_markdown(ALL))}
    assert rows["`items`"] == [
        "`items`",
        "`/items/`",
        "`public_id`",
        "`order_updated_start`",
        "`order_updated`",
        "vanishes",
        "-",
    ]
    assert rows["`payments`"][3:6] == ["read whole", "-", "flagged"]
    assert "advises against" in rows["`payments`"][6]


@each_entity
def test_a_bar_in_a_note_does_not_break_the_markdown_table(name: str) -> None:
    rows = cells_of(entity_markdown(ENTITIES[name]))
    assert {len(row) for row in rows} == {5}


@each_entity
def test_every_column_is_described(name: str) -> None:
    entity = ENTITIES[name]
    described = [column.name for column in described_columns(entity)]
    fields = [column for column in described if column in {c.name for c in entity.columns}]
    assert fields == [column.name for column in entity.columns]
    for form in (entity_text(entity), entity_markdown(entity)):
        assert all(column in form for column in described)


@each_entity
def test_each_stamp_is_followed_by_its_instant(name: str) -> None:
    entity = ENTITIES[name]
    described = list(described_columns(entity))
    names = [column.name for column in described]
    for column in entity.columns:
        if column.kind is Kind.LOCAL_STAMP:
            twin = described[names.index(column.name) + 1]
            assert (twin.name, twin.duckdb) == (column.utc_name, "TIMESTAMP WITH TIME ZONE")


@each_entity
def test_the_system_columns_come_last(name: str) -> None:
    described = [column.name for column in described_columns(ENTITIES[name])]
    assert tuple(described[-len(SYSTEM_COLUMNS) :]) == SYSTEM_COLUMNS


def test_key_stamp_person_and_reference_are_told() -> None:
    columns = {column.name: column for column in described_columns(ENTITIES["orders"])}
    assert columns["public_id"].roles == ("key",)
    assert columns["updated"].roles == ("change stamp",)
    assert columns["customer"].roles == (
        "personal: pseudonym",
        "names customers.merchant_user_id",
    )
    assert columns["has_plan"].notes == ("only if include_has_plan=true",)
    assert columns["type"].notes[0] == "also sent as string"


def test_a_deprecated_column_says_so() -> None:
    columns = {column.name: column for column in described_columns(ENTITIES["items"])}
    assert columns["extra_cost"].notes[0] == "deprecated"
    assert "deprecated" not in columns["price"].notes


def test_parameters_that_must_be_sent_are_told() -> None:
    text = entity_text(ENTITIES["products"])
    assert "autoship_enabled=all&allow_discontinued=true" in text


def test_each_kind_has_a_column_type() -> None:
    assert set(DUCKDB_TYPES) == set(Kind)


def test_the_json_survives_a_round_trip_and_holds_every_entity() -> None:
    described = as_json(ALL)
    assert json.loads(json.dumps(described)) == described
    assert [entity["table"] for entity in described] == list(ENTITIES)


def test_the_json_of_an_entity_read_whole_has_no_change_filter() -> None:
    assert entity_json(ENTITIES["payments"])["changes"] is None
    assert entity_json(ENTITIES["customers"])["changes"] == {
        "start": "updated_start",
        "end": "updated_end",
        "stamp": "last_updated",
    }
