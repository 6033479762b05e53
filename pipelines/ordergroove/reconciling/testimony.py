"""What a second witness was asked, and what it could not tell."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pipelines.ordergroove.checks.finding import Finding
from pipelines.ordergroove.report import so_many
from state.ordergroove.tombstones import Key, record_key

EXAMPLES = 5


@dataclass(kw_only=True)
class Testimony:
    """One entity as GraphQL told of it."""

    compared: tuple[str, ...]
    """The columns that were compared, apart from the key."""

    left_out: tuple[str, ...]
    """Those that were not: one side does not show them, or shows them in another shape."""

    queries: int = 0
    points: int = 0
    first_day: date | None = None
    """Only orders placed from this day on were asked for; None: all."""

    is_by_id: bool = False
    """Asked record by record: what is missing in the warehouse does not show."""

    unread: int = 0
    """Rows that GraphQL was not asked for: the limit on queries was reached."""

    nameless: int = 0
    """Records that GraphQL showed without an id."""

    columns: Counter[str] = field(default_factory=Counter)
    """In how many stale rows each column differs."""

    disputed: list[Key] = field(default_factory=list)
    """After a repair: REST still shows what the warehouse holds, and GraphQL something else."""

    zone: Finding | None = None
    """That the stamps are by another clock than the one that is set."""

    ending: str = ""
    """When this version of GraphQL ends, if that was announced."""

    def lines(self) -> Iterator[str]:
        """What to tell beside the counts."""
        if self.columns:
            named = ", ".join(f"{name} ({n:,})" for name, n in self.columns.most_common(EXAMPLES))
            yield f"differing: {named}"
        if self.zone is not None:
            yield self.zone.what
            yield self.zone.do
        if self.disputed:
            shown = ", ".join(record_key(key) for key in self.disputed[:EXAMPLES])
            yield (
                f"REST shows {so_many(len(self.disputed), 'record')} as the warehouse holds them,"
                f" GraphQL does not: {shown}. Nothing here is to be repaired; ask Ordergroove."
            )
        yield (
            f"via GraphQL, {so_many(self.queries, 'request')} of {self.points:,} points:"
            f" {so_many(len(self.compared), 'column')} compared"
        )
        if self.left_out:
            yield f"not compared: {', '.join(self.left_out)}"
        yield from self.limits()

    def limits(self) -> Iterator[str]:
        """What it could not tell."""
        if self.is_by_id:
            yield "this key may not list without a customer: what is missing here does not show"
        if self.first_day is not None:
            yield f"only orders placed from {self.first_day} on"
        if self.unread:
            yield (
                f"{so_many(self.unread, 'row')} not compared: the limit on queries was reached;"
                " raise ORDERGROOVE_GRAPHQL_QUERIES"
            )
        if self.nameless:
            yield f"{so_many(self.nameless, 'record')} without an id could not be compared"
        if self.ending:
            yield self.ending

    def as_json(self) -> dict[str, Any]:
        zone = self.zone
        return {
            "compared": list(self.compared),
            "not_compared": list(self.left_out),
            "queries": self.queries,
            "points": self.points,
            "placed_from": None if self.first_day is None else self.first_day.isoformat(),
            "by_id": self.is_by_id,
            "rows_not_compared": self.unread,
            "records_without_id": self.nameless,
            "differing_columns": dict(self.columns.most_common()),
            "disputed": {
                "count": len(self.disputed),
                "examples": [record_key(key) for key in self.disputed[:EXAMPLES]],
            },
            "zone": None if zone is None else {"what": zone.what, "do": zone.do},
            "notes": [*self.limits()],
        }
