"""Whether a value of the warehouse, which REST brought, and GraphQL's say the same.

REST's stamps are by a wall clock, GraphQL's carry an offset. So a stamp agrees with an instant when
the clock of the zone shows it then: true in the hour that autumn shows twice as well, which a
comparison of `..._utc` would get wrong once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import InvalidOperation
from typing import Any

from pipelines.ordergroove.checks.finding import Finding
from pipelines.ordergroove.graphql.zone import CANDIDATES, Pair, fits, verdict
from pipelines.ordergroove.reconciling.comparing import plain
from sources.ordergroove.clock import wall_clock
from sources.ordergroove.graphql.shared import Shared
from sources.ordergroove.kinds import Kind

BY_DAY = frozenset({"place", "start_date"})
"""Columns of which only the day is compared: whose midnight GraphQL means is not documented."""

UNCHANGING = "created"
"""The stamp that tells the zone: no change of a record moves it."""

MOST_PAIRS = 1_000


def is_same(shared: Shared, held: Any, told: Any, zone: str | None) -> bool:
    """Whether a row's value and GraphQL's agree; without a zone no stamp is compared."""
    column = shared.column
    mine, theirs = value_of(column.kind, held), value_of(column.kind, told)
    if mine is None or theirs is None:
        return mine is theirs
    if column.name in BY_DAY:
        return day_of(mine) in days_of(told, zone)
    if column.kind is Kind.LOCAL_STAMP:
        instant = instant_in(told)
        return zone is None or (instant is not None and wall_clock(instant, zone) == mine)
    if column.name == "cancel_reason_code":
        return str(mine).partition("|")[0].strip() == str(told).partition("|")[0].strip()
    return bool(mine == theirs)


def value_of(kind: Kind, value: Any) -> Any:
    """A value as both sides would give it; an empty text or object is none."""
    if value == "":
        return None
    try:
        found = plain(kind, value)
        while kind is Kind.JSON and isinstance(found, str) and found:
            found = json.loads(found)
    except (TypeError, ValueError, InvalidOperation):
        # what is no value of this kind is compared as it stands
        return value
    return None if found in ("", {}, []) else found


def instant_in(told: Any) -> datetime | None:
    """GraphQL's date-time in UTC, of whole seconds as REST's; None for what is none."""
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return found.astimezone(UTC).replace(microsecond=0) if found.tzinfo else None


def day_of(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def days_of(told: Any, zone: str | None) -> set[date]:
    """The days that a date or date-time may mean: as it is written, and by the clock of `zone`."""
    found = set()
    try:
        found.add(date.fromisoformat(str(told)[:10]))
    except ValueError:
        return found
    instant = instant_in(told)
    return found | ({wall_clock(instant, zone).date()} if instant and zone else set())


@dataclass(kw_only=True)
class Judge:
    """Holds rows against GraphQL's, by each of the zones that Ordergroove may mean at once.

    Which one it means shows in the end: most of the stamps that never change fit it.
    """

    zone: str
    """The zone that is set."""

    shared: Sequence[Shared]
    fitting: dict[str, int] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    seen: int = 0
    differing: dict[str | None, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    """For each zone the keys that differ with their columns; None: stamps left out."""

    def hear(
        self, key: str, held: Mapping[str, Any], told: Mapping[str, Any], skip: Iterable[str] = ()
    ) -> None:
        """Compares one record, but for the columns of `skip`."""
        compared = [s for s in self.shared if s.column.name not in skip]
        timed = [s for s in compared if s.column.kind in (Kind.LOCAL_STAMP, Kind.DATE)]
        lasting = tuple(
            s.column.name
            for s in compared
            if s not in timed and not is_same(s, held[s.column.name], told[s.column.name], None)
        )
        for zone in (self.zone, *(z for z in CANDIDATES if z != self.zone), None):
            moved = tuple(
                s.column.name
                for s in timed
                if not is_same(s, held[s.column.name], told[s.column.name], zone)
            )
            if lasting or moved:
                self.differing.setdefault(zone, {})[key] = (*lasting, *moved)
        self.note_zone(held.get(UNCHANGING), told.get(UNCHANGING))

    def note_zone(self, held: Any, told: Any) -> None:
        local, instant = plain(Kind.LOCAL_STAMP, held), instant_in(told)
        if local is None or instant is None:
            return
        pair = Pair(local=local, instant=instant)
        self.seen += 1
        if len(self.pairs) < MOST_PAIRS:
            self.pairs.append(pair)
        for zone in {self.zone, *CANDIDATES}:
            self.fitting[zone] = self.fitting.get(zone, 0) + fits(zone, [pair])

    @property
    def true_zone(self) -> str | None:
        """The zone that the stamps are by, the one that is set where it fits as well as any.

        None: no zone that Ordergroove names fits half of them.
        """
        if not self.seen:
            return self.zone
        best = max([self.zone, *CANDIDATES], key=lambda zone: self.fitting[zone])
        return best if 2 * self.fitting[best] >= self.seen else None

    @property
    def wrong_zone(self) -> Finding | None:
        """What to tell about a zone that is set wrongly."""
        true = self.true_zone
        if true == self.zone:
            return None
        pairs = [p for p in self.pairs if true is None or fits(true, [p])]
        # an offset that no zone has is a change, not a clock
        near = [p for p in pairs if abs(p.offset) <= timedelta(hours=15)]
        return verdict(self.zone, near or pairs)

    @property
    def stale(self) -> dict[str, tuple[str, ...]]:
        """The keys that differ by the clock that the stamps are by, with their columns."""
        return self.differing.get(self.true_zone, {})
