"""The entity table against `facts.yaml`, an independent copy of what Ordergroove documents."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.kinds import Kind, Personal
from sources.ordergroove.model import Answer, Deletion, Entity

Facts = dict[str, dict[str, Any]]

FACTS: Facts = yaml.safe_load(Path(__file__).with_name("facts.yaml").read_text("utf-8"))

KINDS = {
    "text": Kind.TEXT,
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "money": Kind.MONEY,
    "stamp": Kind.LOCAL_STAMP,
    "date": Kind.DATE,
    "json": Kind.JSON,
}
DELETION = {
    "gone": Deletion.VANISHES,
    "flag": Deletion.FLAGGED,
    "silent": Deletion.UNDOCUMENTED,
}
ANSWER = {"page": Answer.PAGE, "list too": Answer.LIST, "object too": Answer.OBJECT}

READINGS: dict[str, Callable[[Entity], Any]] = {
    "path": lambda entity: entity.path,
    "key": lambda entity: list(entity.key),
    "single": lambda entity: entity.single,
    "changes": lambda entity: (
        [entity.changes.start, entity.changes.end] if entity.changes else None
    ),
    "stamp": lambda entity: entity.changes.stamp if entity.changes else None,
    "params": lambda entity: dict(entity.params),
    "deletion": lambda entity: _name_of(DELETION, entity.deletion),
    "answer": lambda entity: _name_of(ANSWER, entity.answer),
}
"""How each fact is read off a row of the table."""


def _name_of(names: dict[str, Any], value: object) -> str:
    return next(name for name, meaning in names.items() if meaning is value)


def _types(fields: dict[str, list[str]]) -> dict[str, Kind]:
    return {name: KINDS[kind] for kind, names in fields.items() for name in names}


def _people(personal: dict[str, list[str]]) -> dict[str, Personal]:
    return {name: Personal(what) for what, names in personal.items() for name in names}


def test_every_entity_has_its_facts_and_no_other_has() -> None:
    assert list(FACTS) == list(ENTITIES)


@pytest.mark.parametrize("fact", READINGS)
@pytest.mark.parametrize("name", FACTS)
def test_the_table_says_what_the_documentation_says(name: str, fact: str) -> None:
    assert READINGS[fact](ENTITIES[name]) == FACTS[name][fact]["is"]


@pytest.mark.parametrize("name", FACTS)
def test_the_table_knows_what_can_vanish_and_what_goes_with_what(name: str) -> None:
    vanishing = ENTITIES[name].vanishing
    final = sorted(vanishing.final) if vanishing else []
    assert final == FACTS[name].get("final", {"is": []})["is"]
    assert (vanishing and vanishing.within) == FACTS[name].get("part_of", {"is": None})["is"]


@pytest.mark.parametrize("name", FACTS)
def test_the_table_has_every_documented_field_with_its_type_and_no_other(name: str) -> None:
    assert {column.name: column.kind for column in ENTITIES[name].columns} == _types(
        FACTS[name]["fields"]
    )


@pytest.mark.parametrize("name", FACTS)
def test_the_table_knows_which_fields_tell_of_a_person(name: str) -> None:
    told = {
        column.name: column.personal
        for column in ENTITIES[name].columns
        if column.personal is not Personal.NO
    }
    assert told == _people(FACTS[name]["personal"])


@pytest.mark.parametrize("name", FACTS)
def test_the_table_knows_which_fields_point_to_another_entity(name: str) -> None:
    pointing = {
        column.name: column.references
        for column in ENTITIES[name].columns
        if column.references is not None
    }
    assert pointing == FACTS[name]["references"]


@pytest.mark.parametrize("name", FACTS)
def test_the_table_knows_which_fields_are_deprecated(name: str) -> None:
    deprecated = {column.name for column in ENTITIES[name].columns if column.deprecated}
    assert deprecated == set(FACTS[name]["deprecated"])


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_names_its_page_and_how_sure_it_is(name: str) -> None:
    for fact in READINGS:
        entry = FACTS[name][fact]
        assert set(entry) == {"is", "certainty", "page"}, fact
        assert entry["certainty"] in {"documented", "inferred"}, fact
        assert entry["page"], fact


@pytest.mark.parametrize("name", FACTS)
def test_no_field_stands_twice_in_the_facts_and_every_remark_names_a_field(name: str) -> None:
    facts = FACTS[name]
    fields = [field for names in facts["fields"].values() for field in names]
    assert len(fields) == len(set(fields))
    remarks = [*facts["from_elsewhere"], *facts.get("inferred_fields", []), *facts["deprecated"]]
    personal = [field for names in facts["personal"].values() for field in names]
    assert set(fields) >= {*remarks, *facts["references"], *personal, *facts["key"]["is"]}


def test_a_reference_leads_to_a_field_that_exists() -> None:
    for facts in FACTS.values():
        for target in facts["references"].values():
            table, field = target.split(".", 1)
            root = field.split("[]", 1)[0].split(".", 1)[0]
            assert root in _types(FACTS[table]["fields"]), target
