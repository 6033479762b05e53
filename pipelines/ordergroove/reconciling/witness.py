"""Ordergroove's GraphQL API as a second witness of what a warehouse holds.

It knows no filter by change time. So the list is read page by page as far as the limit on queries
allows: subscriptions from wherever the server begins, orders from a day of placement on. What the
list does not show is asked for by itself before it counts as a ghost. A key that may not list is
answered record by record: what is missing here does not show then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pendulum

from pipelines.ordergroove.deletions.candidates import LiveRows
from pipelines.ordergroove.preflight import refuse_other_merchant
from pipelines.ordergroove.privacy.forgotten import Forgotten, owner_of
from pipelines.ordergroove.reconciling.agreeing import Judge, instant_in
from pipelines.ordergroove.reconciling.comparing import Comparison, held_rows
from pipelines.ordergroove.reconciling.testimony import Testimony
from pipelines.ordergroove.warehouse import Warehouse
from sources.ordergroove.errors import BadRequest, KeyRefused
from sources.ordergroove.graphql.answer import QueryFailed, sunset_warning
from sources.ordergroove.graphql.client import GraphQL
from sources.ordergroove.graphql.limits import PAGE_SIZE
from sources.ordergroove.graphql.queries import (
    IDENTITY,
    PLACED_FROM,
    list_queries_for,
    queries_for,
    value_at,
)
from sources.ordergroove.graphql.shared import PLACED, ROOTS, Shared, shared_of
from sources.ordergroove.kinds import Personal
from sources.ordergroove.model import Entity
from state.ordergroove.tombstones import Key
from state.ordergroove.watermark import Position

SPARED = 10
"""One query of so many is kept for records that the list does not show."""

Node = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """How both sides are asked."""

    client: GraphQL
    warehouse: Warehouse
    zone: str
    forgotten: Forgotten


@dataclass(kw_only=True)
class Witness:
    """One entity, heard and compared.

    `most_queries` bounds what the client may have sent in all by the end of it.
    """

    entity: Entity
    position: Position
    hearing: Hearing
    most_queries: int
    seen: set[str] = field(default_factory=set, init=False)
    newer: set[str] = field(default_factory=set, init=False)
    """Changed since the last sync."""

    def __post_init__(self) -> None:
        self.found = Comparison(entity=self.entity)
        self.shared = tuple(self.shown_columns())
        compared = tuple(shared.column.name for shared in self.shared)
        named = {*compared, *self.entity.key}
        self.second = Testimony(
            compared=compared,
            left_out=tuple(c.name for c in self.entity.columns if c.name not in named),
        )
        self.judge = Judge(zone=self.hearing.zone, shared=self.shared)
        self.live = LiveRows(warehouse=self.hearing.warehouse, entity=self.entity)
        self.paths = [(IDENTITY,), *(s.path for s in self.shared)]
        (self.single,) = queries_for(ROOTS[self.entity.name], self.paths)

    def compare(self) -> Comparison:
        """Raises EntityError, KeyRefused and ConfigError when GraphQL cannot be asked."""
        client = self.hearing.client
        before = replace(client.spent)
        self.listen()
        self.conclude()
        self.second.queries = client.spent.requests - before.requests
        self.second.points = client.spent.points - before.points
        self.found.second = self.second
        return self.found

    def shown_columns(self) -> Iterator[Shared]:
        """What both sides show; REST may leave optional fields out, then no row has a value."""
        shared = [s for s in shared_of(self.entity.name) if s.column.name not in self.entity.key]
        counts = ", ".join(f'count("{s.column.name}")' for s in shared)
        warehouse = self.hearing.warehouse
        table = warehouse.table(self.entity.name)
        (filled,) = warehouse.rows(f"select {counts} from {table} where _deleted_at is null")
        for one, count in zip(shared, filled, strict=True):
            if count or one.column.name in ALWAYS_SHOWN:
                yield one

    def listen(self) -> None:
        """Asks for the list and what it leaves out, or for each record by itself."""
        try:
            is_complete = self.hear_list()
        except (QueryFailed, KeyRefused):
            if self.seen:
                raise
            self.second.is_by_id = True
            self.second.first_day = None
            self.ask_each({str(key) for (key,) in self.live.newest(self.left)})
            return
        if is_complete:
            self.ask_each(self.keys_in_scope() - self.seen)

    @property
    def left(self) -> int:
        return max(0, self.most_queries - self.hearing.client.spent.requests)

    def hear_list(self) -> bool:
        """Reads the list. Whether to its end."""
        self.second.first_day = self.day_to_begin_with()
        arguments, variables = {}, {}
        if self.second.first_day is not None:
            arguments = {PLACED_FROM: "Date"}
            variables = {PLACED_FROM: self.second.first_day.isoformat()}
        (query,) = list_queries_for(self.entity.name, self.paths, arguments)
        if not self.left:
            return False
        for nodes, found in self.hearing.client.pages(query, variables):
            self.second.ending = sunset_warning(
                self.hearing.client.version, found.sunset, pendulum.now("UTC")
            )
            self.hear(nodes)
            if not self.left and value_at(found.root, "pageInfo.hasNextPage"):
                return False
        return True

    def day_to_begin_with(self) -> date | None:
        """Where the list can be cut by days: the first that the limit on queries reaches back to.

        None where all of it can be read, and for a list that knows no days.
        """
        column = PLACED.get(self.entity.name)
        spared = max(1, self.left // SPARED)
        rows = max(0, self.left - spared) * PAGE_SIZE
        if column is None:
            return None
        found = self.hearing.warehouse.rows(
            f'select live."{column}" from {self.live.table} as live'
            f' where live._deleted_at is null and live."{column}" is not null'
            f' order by live."{column}" desc limit 1 offset {int(rows)}'
        )
        if not found:
            return None
        last = found[0][0]
        stamp = datetime.fromisoformat(last) if isinstance(last, str) else last
        # that day itself may go on beyond what can be read
        return stamp.date() + timedelta(days=1)

    def keys_in_scope(self) -> set[str]:
        """The keys of the rows that the list must show, if they are right."""
        condition, parameters = "1 = 1", []
        if self.second.first_day is not None:
            # whose midnight the day begins at is not documented
            parameters = [datetime.combine(self.second.first_day, datetime.min.time())]
            parameters[0] += timedelta(days=1)
            condition = f'live."{PLACED[self.entity.name]}" >= ?'
        return {str(key) for (key,) in self.live.keys(condition, parameters)}

    def ask_each(self, keys: set[str]) -> None:
        """Asks for records by themselves: those that are not there are ghosts."""
        for key in sorted(keys):
            if not self.left:
                return
            try:
                node = self.hearing.client.ask(self.single, {"id": key}).root
            except (QueryFailed, BadRequest):
                # how an unknown id is answered is not documented; the list lacks it too
                if self.second.is_by_id:
                    raise
                node = None
            if isinstance(node, dict):
                self.hear([{**node, IDENTITY: key}])
            else:
                self.found.ghosts.append((key,))

    def hear(self, nodes: list[Any]) -> None:
        """Compares some records with their rows."""
        named = [n for n in nodes if isinstance(n, dict) and n.get(IDENTITY)]
        self.second.nameless += len(nodes) - len(named)
        # cursors may show a record twice while others are written
        told = {str(n[IDENTITY]): n for n in named if str(n[IDENTITY]) not in self.seen}
        merchants = {str(m) for node in told.values() if (m := node.get(MERCHANT))}
        refuse_other_merchant({*self.position.merchants}, merchants)
        self.seen.update(told)
        held = self.rows([(key,) for key in told])
        for key, node in told.items():
            self.weigh(key, node, held.get((key,)))

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Any]]:
        """The live rows with these keys: what of them can be compared."""
        columns = [s.column for s in self.shared]
        return held_rows(self.hearing.warehouse, self.entity, keys, columns)

    def weigh(self, key: str, node: Node, row: Any) -> None:
        changed_at = instant_in(node.get(CHANGED))
        watermark = self.position.watermark
        is_newer = bool(changed_at and watermark and changed_at >= watermark)
        if is_newer:
            self.newer.add(key)
        if row is None:
            if is_newer:
                self.found.ahead += 1
            else:
                self.found.missing.append((key,))
            return
        names = [s.column.name for s in self.shared]
        values = {s.column.name: value_at(node, ".".join(s.path)) for s in self.shared}
        owner = str(owner_of(self.entity))
        hidden = self.hearing.forgotten.among([values.get(owner)])
        skip: list[str] = []
        if hidden:
            values[owner] = hidden[values[owner]]
            skip = [s.column.name for s in self.shared if s.column.personal is not Personal.NO]
            skip.remove(owner)
        self.judge.hear(key, dict(zip(names, row, strict=True)), values, skip)

    def conclude(self) -> None:
        """Sorts what differs, by the clock that the stamps turn out to be by."""
        found = self.found
        found.read = len(self.seen)
        for key, columns in self.judge.stale.items():
            if key in self.newer:
                found.ahead += 1
            else:
                found.stale.append((key,))
                self.second.columns.update(columns)
        for keys in (found.missing, found.stale, found.ghosts):
            keys.sort()
        self.second.zone = self.judge.wrong_zone
        known = self.seen.union(*found.ghosts)
        self.second.unread = sum(str(key) not in known for (key,) in self.live.keys("1 = 1"))


MERCHANT = "merchantPublicId"
CHANGED = "updated"
ALWAYS_SHOWN = frozenset({"status", "live", "total", "quantity"})
"""Columns without a value in any row would be a difference, not an optional field."""
