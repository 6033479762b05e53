"""The tables beside the entities' that speak of people: daily files, GraphQL, test purchases.

What is personal in them and what names whom is told by the table of facts of each door; here it
only takes one form.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pyarrow as pa

from pipelines.ordergroove.files.tables import KEY, REJECTED
from pipelines.ordergroove.privacy.forgotten import ID, Forgotten, forgotten_in, owner_of
from pipelines.ordergroove.purchasing import purchases
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.entities import ENTITIES
from sources.ordergroove.files.reports import KEPT_BESIDE, REPORTS
from sources.ordergroove.graphql.wanted import TABLES, WANTED
from sources.ordergroove.kinds import Personal

UNPARSED = "_unparsed"


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One table, and how its rows speak of people."""

    table: str
    personal: tuple[str, ...]
    """Columns that become empty."""

    owner: str | None = None
    """The column that holds the shop's id of a customer."""

    links: Mapping[str, str] = field(default_factory=dict)
    """Columns that hold the key of somebody's object, with its entity."""

    texts: tuple[str, ...] = ()
    """Columns of JSON in which such an id or key may stand anywhere."""

    key: tuple[str, ...] = ()
    """What tells rows with such columns apart."""

    @property
    def emptied(self) -> tuple[str, ...]:
        return (*self.personal, *self.texts)


@cache
def tables_beside() -> tuple[Beside, ...]:
    return (*of_files(), *of_graphql(), of_purchases())


def of_files() -> Iterator[Beside]:
    for report in REPORTS.values():
        named = {c.name: c.references for c in report.columns if c.references}
        owner = next((name for name, told in named.items() if told == ID), None)
        personal = [c.name for c in report.columns if c.personal is not Personal.NO]
        yield Beside(
            table=report.table,
            owner=owner,
            links=links_in(named),
            personal=(*(name for name in personal if name != owner), *KEPT_BESIDE),
        )
    yield Beside(table=REJECTED, personal=(), texts=("line",), key=KEY)


def of_graphql() -> Iterator[Beside]:
    for table in TABLES:
        rows = [wanted for wanted in WANTED if wanted.table == table]
        yield Beside(
            table=table,
            links=links_in({wanted.parent: wanted.references for wanted in rows}),
            personal=(*dict.fromkeys(c for wanted in rows for c in wanted.personal), UNPARSED),
        )


def of_purchases() -> Beside:
    told = purchases.REFERENCES
    owner = next(name for name, names in told.items() if names == ID)
    return Beside(
        table=purchases.TABLE, owner=owner, links=links_in(told), personal=purchases.PERSONAL
    )


def links_in(named: Mapping[str, str]) -> dict[str, str]:
    """Those of the columns that name an object which belongs to a customer."""
    found = {column: told.partition(".")[0] for column, told in named.items() if told != ID}
    return {column: name for column, name in found.items() if owner_of(ENTITIES[name])}


LINKED = frozenset(name for made in tables_beside() for name in made.links.values())
"""Entities whose keys these tables hold."""


@dataclass(frozen=True, kw_only=True)
class Veil:
    """Takes what is personal of those who were forgotten out of rows before they are loaded."""

    forgotten: Forgotten
    objects: Mapping[str, Mapping[str, str]]
    """By entity: whose each object is, by the name that took the place of the customer's id."""

    def rows(self, table: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows of one of `tables_beside`. Raises KeyError for another table."""
        told = {made.table: made for made in tables_beside()}[table]
        return [self.row(told, row) for row in rows]

    def columns(self, table: str, rows: pa.Table) -> pa.Table:
        """The same for an Arrow table."""
        if not self.forgotten.people:
            return rows
        return pa.Table.from_pylist(self.rows(table, rows.to_pylist()), schema=rows.schema)

    def row(self, beside: Beside, row: Mapping[str, Any]) -> dict[str, Any]:
        person = self.person(beside, row) if self.forgotten.people else None
        if person is None:
            return dict(row)
        named = {beside.owner: person} if beside.owner else {}
        return {**row, **dict.fromkeys(beside.emptied), **named}

    def person(self, beside: Beside, row: Mapping[str, Any]) -> str | None:
        """Who of them the row speaks of, by the name that took the place of the id."""
        ids = {str(row[beside.owner])} if beside.owner and row.get(beside.owner) else set()
        keys = {(entity, str(row.get(column))) for column, entity in beside.links.items()}
        for column in beside.texts:
            told = words_in(row.get(column))
            ids |= told
            keys |= {(entity, word) for entity in LINKED for word in told}
        names = [*self.forgotten.among(ids).values()]
        for entity, key in keys:
            names += filter(None, [self.objects.get(entity, {}).get(key)])
        return min(names, default=None)


def words_in(text: Any) -> set[str]:
    """Every text and number that stands in JSON, or in what a driver has made of it."""
    try:
        return {*words_of(json.loads(text) if isinstance(text, str) else text)}
    except ValueError:
        return set()


def words_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from words_of(inner)
    elif value is not None:
        yield str(value)


def veil_of(warehouse: Warehouse) -> Veil:
    """What keeps those who were forgotten in this warehouse from coming back."""
    forgotten = forgotten_in(warehouse)
    objects: dict[str, dict[str, str]] = {}
    there = warehouse.tables() if forgotten.people else set()
    for name in LINKED & there:
        entity, people = ENTITIES[name], sorted(forgotten.people)
        marks = ", ".join("?" for _ in people)
        found = warehouse.rows(
            f'select "{entity.key[0]}", "{owner_of(entity)}" from {warehouse.table(name)}'
            f' where "{owner_of(entity)}" in ({marks})',
            people,
        )
        objects[name] = dict(found)
    return Veil(forgotten=forgotten, objects=objects)
