"""The record of what the SQL layer made in a dataset: the table `_views`.

Whatever does not stand there belongs to somebody else and is never replaced or dropped.
"""

import re
from dataclasses import dataclass, field

from pipelines.ordergroove.sql_layer.database import (
    Database,
    Rows,
    create_table,
    definitions,
    quoted,
    relations,
    text,
)

RECORD = "_views"
COLUMNS = {"name": "text", "kind": "text", "fingerprint": "text"}

WHOLE = "*"
"""The row that stands for all views together: if it fits, none has to be looked at."""


@dataclass(kw_only=True)
class Made:
    """What is there, and what of it is ours."""

    database: Database
    there: dict[str, str]
    """Every table and view of the dataset by name, with its kind."""

    ours: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Kind and fingerprint of what was made, by name."""

    def is_free(self, name: str) -> bool:
        """Whether the name is ours to use: not taken, or taken by us."""
        return name in self.ours or name not in self.there

    def holds(self, name: str, kind: str, fingerprint: str) -> bool:
        return self.there.get(name) == kind and self.ours.get(name) == (kind, fingerprint)

    def note(self, name: str, kind: str, fingerprint: str) -> list[str]:
        """The statements that write it down."""
        values = ", ".join(map(text, (name, kind, fingerprint)))
        return [
            *self.struck(name),
            f"insert into {self.table} (name, kind, fingerprint) values ({values})",
        ]

    def struck(self, name: str) -> list[str]:
        return [f"delete from {self.table} where name = {text(name)}"]

    def make(self, name: str, kind: str, fingerprint: str, *steps: str | Rows) -> None:
        """Takes the steps that make something and writes it down, all at once."""
        self.database.run(*steps, *self.note(name, kind, fingerprint))
        self.ours[name] = (kind, fingerprint)
        if name != WHOLE:
            self.there[name] = kind

    def drop(self, name: str) -> None:
        self.database.run(*self.drops(name), *self.struck(name))
        self.ours.pop(name, None)
        self.there.pop(name, None)

    def drops(self, name: str) -> list[str]:
        kind = self.there.get(name)
        return [f"drop {kind} {quoted(name, self.database)}"] if kind else []

    @property
    def table(self) -> str:
        return quoted(RECORD, self.database)

    def readers_of(self, name: str) -> list[str]:
        """Other people's views that seem to read it: engines do not all keep books on that."""
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return [
            f"{schema}.{view}" if schema else view
            for (schema, view), sql in definitions(self.database).items()
            if not (schema == self.database.dataset and view in self.ours) and word.search(sql)
        ]


def made_in(database: Database, *, create: bool = False) -> Made:
    """What a dataset holds; `create` makes the record where there is none."""
    if database.dialect == "postgres":
        # compiling views of views takes a hundred times as long as answering
        database.run("set jit = off")
    if database.dialect == "mysql" and "MariaDB" in str(database.rows("select version()")[0][0]):
        # without hashes a join of two views compares every row with every other
        database.run("set join_cache_level = 8")
    there = relations(database)
    if RECORD not in there and create:
        database.run(create_table(database, RECORD, COLUMNS, ["name"]))
        there[RECORD] = "table"
    made = Made(database=database, there=there)
    if RECORD in there:
        found = database.rows(f"select name, kind, fingerprint from {made.table}")
        made.ours = {name: (kind, fingerprint) for name, kind, fingerprint in found}
    return made
