"""The table of entities for people to read: as text, as Markdown and as JSON.

Pure functions of the rows in `sources/ordergroove/entities.py`. The README holds
`table_markdown(ENTITIES.values())` between `<!-- entities -->` and `<!-- /entities -->`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from textwrap import wrap
from types import MappingProxyType
from typing import Any

from sources.ordergroove.kinds import Kind, Personal
from sources.ordergroove.model import SYSTEM_COLUMNS, Column, Entity

DUCKDB_TYPES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.TEXT: "VARCHAR",
        Kind.INTEGER: "BIGINT",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.MONEY: "DECIMAL(18,4)",
        Kind.LOCAL_STAMP: "TIMESTAMP",
        Kind.DATE: "DATE",
        Kind.JSON: "JSON",
    }
)
INSTANT = "TIMESTAMP WITH TIME ZONE"

SYSTEM_MEANINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "_synced_at": (INSTANT, "when the row was fetched"),
        "_deleted_at": (INSTANT, "when it was gone from Ordergroove; null while it lives"),
        "_unparsed": ("JSON", "values that did not fit their column, as they were sent"),
    }
)
"""DuckDB type and meaning of the columns that Ordergroove knows nothing of."""

ENTITY_HEADS = ("table", "path", "key", "asked by", "stamp", "deletion", "advice")
COLUMN_HEADS = ("column", "kind", "DuckDB type", "role", "notes")
NOTHING = "-"
BELOW = " " * 4


@dataclass(frozen=True, kw_only=True)
class Described:
    """One column of a table in the warehouse, in words."""

    name: str
    kind: str
    duckdb: str
    roles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def described_columns(entity: Entity) -> Iterator[Described]:
    """The columns of the entity's table in order: each stamp with its instant behind it."""
    for column in entity.columns:
        yield Described(
            name=column.name,
            kind=column.kind.value,
            duckdb=DUCKDB_TYPES[column.kind],
            roles=tuple(_roles(entity, column)),
            notes=tuple(_notes(column)),
        )
        if column.kind is Kind.LOCAL_STAMP:
            yield Described(
                name=column.utc_name,
                kind="instant",
                duckdb=INSTANT,
                notes=(f"the instant of `{column.name}`",),
            )
    for name in SYSTEM_COLUMNS:
        duckdb, meaning = SYSTEM_MEANINGS[name]
        kind = "instant" if duckdb == INSTANT else "json"
        yield Described(name=name, kind=kind, duckdb=duckdb, roles=("system",), notes=(meaning,))


def _roles(entity: Entity, column: Column) -> Iterator[str]:
    if column.name in entity.key:
        yield "key"
    if entity.changes and column.name == entity.changes.stamp:
        yield "change stamp"
    if column.personal is not Personal.NO:
        yield f"personal: {column.personal.value}"
    if column.references:
        yield f"names {column.references}"


def _notes(column: Column) -> Iterator[str]:
    if column.deprecated:
        yield "deprecated"
    if column.only_if:
        yield f"only if {column.only_if}"
    if column.also:
        yield f"also sent as {', '.join(column.also)}"
    if column.note:
        yield column.note


def table_text(entities: Iterable[Entity], width: int | None = None) -> str:
    """One line per entity under a line of heads, columns aligned.

    What does not fit into `width` stands below its line.
    """
    return _aligned(ENTITY_HEADS, [_entity_cells(entity) for entity in entities], width)


def table_markdown(entities: Iterable[Entity]) -> str:
    """One row per entity; names that Ordergroove or the warehouse knows stand as code."""
    rows = []
    for entity in entities:
        name, path, key, asked_by, stamp, deletion, advice = _entity_cells(entity)
        coded = [_code(cell) for cell in (name, path, key)]
        asked = _code(asked_by) if entity.changes else asked_by
        rows.append([*coded, asked, _code(stamp), deletion, advice])
    return _markdown(ENTITY_HEADS, rows)


def _entity_cells(entity: Entity) -> list[str]:
    changes = entity.changes
    return [
        entity.name,
        entity.path,
        ", ".join(entity.key),
        changes.start if changes else "read whole",
        changes.stamp if changes else NOTHING,
        entity.deletion.value,
        entity.advice or NOTHING,
    ]


def entity_text(entity: Entity, width: int | None = None) -> str:
    """What is known of one entity, then its columns; `width` as for `table_text`."""
    heads = _aligned(None, [[f"{head}:", text] for head, text in _facts(entity)])
    rows = [_column_cells(column) for column in described_columns(entity)]
    return f"{entity.name}\n\n{heads}\n\n{_aligned(COLUMN_HEADS, rows, width)}"


def entity_markdown(entity: Entity) -> str:
    """The same as Markdown, under a heading of the third level."""
    facts = "\n".join(f"- {head}: {text}" for head, text in _facts(entity))
    rows = []
    for column in described_columns(entity):
        name, kind, duckdb, role, notes = _column_cells(column)
        rows.append([_code(name), kind, _code(duckdb), role, notes])
    return f"### {entity.name}\n\n{facts}\n\n{_markdown(COLUMN_HEADS, rows)}"


def _facts(entity: Entity) -> Iterator[tuple[str, str]]:
    yield "list", f"GET {entity.path}"
    if entity.single:
        yield "single", f"GET {entity.single}"
    yield "key", ", ".join(entity.key)
    if changes := entity.changes:
        yield "changes", f"{changes.start} to {changes.end}, told by {changes.stamp}"
    else:
        yield "changes", "no filter: read whole"
    if entity.params:
        yield "sent along", "&".join(f"{name}={value}" for name, value in entity.params.items())
    yield "deletion", entity.deletion.value
    yield "proof", proof_of(entity)
    yield "answer", entity.answer.value
    if entity.advice:
        yield "advice", entity.advice
    yield "pages", entity.source


def proof_of(entity: Entity) -> str:
    """What has to happen before a row counts as deleted."""
    if entity.single is None:
        return "missing from two complete reads"
    if entity.whole:
        return f"not shown with its {entity.vanishing and entity.vanishing.within}, then 404"
    if entity.vanishing:
        return f"missing from the list of its {entity.vanishing.status}, then 404"
    return "missing from a complete read, then 404"


def _column_cells(column: Described) -> list[str]:
    return [
        column.name,
        column.kind,
        column.duckdb,
        ", ".join(column.roles) or NOTHING,
        "; ".join(column.notes) or NOTHING,
    ]


def as_json(entities: Iterable[Entity]) -> list[dict[str, Any]]:
    """Every entity with its columns, ready for `json.dumps`; absent facts are null."""
    return [entity_json(entity) for entity in entities]


def entity_json(entity: Entity) -> dict[str, Any]:
    """One entity with its columns, ready for `json.dumps`; absent facts are null."""
    return {
        "table": entity.name,
        "path": entity.path,
        "single": entity.single,
        "key": list(entity.key),
        "changes": asdict(entity.changes) if entity.changes else None,
        "params": dict(entity.params),
        "deletion": entity.deletion.value,
        "proof_of_deletion": proof_of(entity),
        "answer": entity.answer.value,
        "advice": entity.advice or None,
        "source": entity.source,
        "columns": [
            asdict(column) | {"roles": list(column.roles), "notes": list(column.notes)}
            for column in described_columns(entity)
        ],
    }


def _aligned(
    heads: Sequence[str] | None, rows: Sequence[Sequence[str]], width: int | None = None
) -> str:
    """Cells under each other, two spaces apart; those that do not fit stand below, with words."""
    lines = [heads, *rows] if heads else list(rows)
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    ends = list(accumulate(widths, lambda end, cells: end + 2 + cells))
    fitting = len(widths) if width is None else max(1, sum(end <= width for end in ends))
    told = []
    for at, line in enumerate(lines):
        cells = zip(line[:fitting], widths, strict=False)
        told.append("  ".join(cell.ljust(size) for cell, size in cells).rstrip())
        if heads and at and width is not None:
            rest = zip(heads[fitting:], line[fitting:], strict=True)
            words = "; ".join(f"{head}: {cell}" for head, cell in rest if cell != NOTHING)
            told += wrap(words, width, initial_indent=BELOW, subsequent_indent=BELOW)
    return "\n".join(told)


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    # a bar inside a cell would begin the next one, in code too
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _code(text: str) -> str:
    return text if text == NOTHING else f"`{text}`"
