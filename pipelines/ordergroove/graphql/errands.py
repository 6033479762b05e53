"""What is due, parted into errands: pages of a list where they take fewer requests, else by id.

A page of a list shows a hundred records, due or not. Subscriptions can be listed as a whole only,
orders by the days of their placement.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from pipelines.ordergroove.graphql.due import Candidate
from sources.ordergroove.graphql.limits import PAGE_SIZE
from sources.ordergroove.graphql.shared import PLACED

Days = tuple[date, date]
"""The first and the last, both included."""

Count = Callable[[str, Days | None], int]
"""How many records of an entity there are, or of some days."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """Some records of one entity, and how they are asked for."""

    entity: str
    due: tuple[Candidate, ...]
    is_list: bool
    requests: int
    """How many it takes, as far as the warehouse knows."""

    days: Days | None = None


@dataclass(frozen=True, kw_only=True)
class Prices:
    """How many queries one record takes, and one page of a list."""

    single: int
    page: int

    def of_list(self, count: int) -> int:
        return self.page * max(1, -(-count // PAGE_SIZE))


def errands_for(
    due: Iterable[Candidate], prices: Mapping[str, Prices], count: Count
) -> list[Errand]:
    """The errands with the most records for a request first."""
    by_entity: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in due:
        by_entity[candidate.entity].append(candidate)
    found: list[Errand] = []
    for entity, mine in by_entity.items():
        found += by_days(entity, mine, prices[entity], count)
    return sorted(found, key=lambda errand: errand.requests / len(errand.due))


def by_days(entity: str, due: list[Candidate], prices: Prices, count: Count) -> list[Errand]:
    """Errands over stretches of days that are joined while that saves requests."""
    if entity not in PLACED:
        return [cheaper(entity, due, None, prices, count)]
    days: dict[date, list[Candidate]] = defaultdict(list)
    dayless = []
    for candidate in due:
        if candidate.day is None:
            dayless.append(candidate)
        else:
            days[candidate.day].append(candidate)
    found = [one_by_one(entity, dayless, prices)] if dayless else []
    current: Errand | None = None
    for day, some in sorted(days.items()):
        alone = cheaper(entity, some, (day, day), prices, count)
        if current is not None and current.days is not None:
            both = [*current.due, *some]
            joined = cheaper(entity, both, (current.days[0], day), prices, count)
            if joined.requests <= current.requests + alone.requests:
                current = joined
                continue
            found.append(current)
        current = alone
    return [*found, current] if current else found


def cheaper(
    entity: str, due: list[Candidate], days: Days | None, prices: Prices, count: Count
) -> Errand:
    """The way to these records that takes fewer requests."""
    listed = prices.of_list(count(entity, days))
    if listed >= prices.single * len(due):
        return one_by_one(entity, due, prices, days)
    return Errand(entity=entity, due=tuple(due), is_list=True, requests=listed, days=days)


def one_by_one(
    entity: str, due: list[Candidate], prices: Prices, days: Days | None = None
) -> Errand:
    requests = prices.single * len(due)
    return Errand(entity=entity, due=tuple(due), is_list=False, requests=requests, days=days)
