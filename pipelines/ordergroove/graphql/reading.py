"""Orders and subscriptions read through GraphQL, as few requests as the API allows."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pendulum import DateTime

from pipelines.ordergroove.graphql.due import Candidate
from pipelines.ordergroove.graphql.errands import Errand, Prices
from pipelines.ordergroove.graphql.rows import Read
from sources.ordergroove.errors import BadRequest, KeyRefused, OrdergrooveError
from sources.ordergroove.graphql.answer import QueryFailed
from sources.ordergroove.graphql.client import GraphQL
from sources.ordergroove.graphql.queries import (
    IDENTITY,
    PLACED_FROM,
    PLACED_TO,
    ChangedMeanwhile,
    laid_over,
    list_queries_for,
    queries_for,
    value_at,
)
from sources.ordergroove.graphql.shared import PLACED, ROOTS
from sources.ordergroove.graphql.wanted import WANTED

log = logging.getLogger(__name__)

MOST_FAILURES = 5
"""Records that may fail one after the other before the rest is left for the next run."""

IS_CUT_OFF = "items.hasMore"
"""Tells of an order with more items than GraphQL shows."""


@dataclass(frozen=True, kw_only=True)
class Queries:
    """What is asked of one entity: of a single record, and of a page of its list."""

    single: Sequence[str]
    page: Sequence[str]

    @property
    def prices(self) -> Prices:
        return Prices(single=len(self.single), page=len(self.page))


def queries_of(entity: str) -> Queries:
    root = ROOTS[entity]
    paths = [path for wanted in WANTED if wanted.root == root for path in wanted.paths()]
    if any(path[0] == "items" for path in paths):
        paths.append(tuple(IS_CUT_OFF.split(".")))
    days = {PLACED_FROM: "Date", PLACED_TO: "Date"} if entity in PLACED else None
    return Queries(single=queries_for(root, paths), page=list_queries_for(entity, paths, days))


@dataclass(kw_only=True)
class Reader:
    """Runs errands until all is read or the queries are used up."""

    client: GraphQL
    queries: Mapping[str, Queries]
    most_queries: int
    sunset: DateTime | None = None
    cut_off: int = 0
    """Orders that hold more items than GraphQL shows."""

    unlisted: set[str] = field(default_factory=set, init=False)
    """Entities whose list was not answered."""

    failures: int = field(default=0, init=False)

    def read(self, errand: Errand) -> Iterator[Read]:
        """The records of an errand, as far as the queries reach.

        One that fails is left for the next run; several in a row end the reading with their error.
        """
        left = {candidate.key: candidate for candidate in errand.due}
        if errand.is_list and errand.entity not in self.unlisted:
            for read in self.listed(errand, left):
                del left[read.key]
                yield self.noted(read)
        # a list may leave out what was moved or deleted meanwhile
        for candidate in left.values():
            if self.left < len(self.queries[errand.entity].single):
                return
            read_one = self.alone(candidate)
            if read_one is not None:
                yield self.noted(read_one)

    @property
    def left(self) -> int:
        return self.most_queries - self.client.spent.requests

    def noted(self, read: Read) -> Read:
        self.cut_off += bool(read.found and value_at(read.found, IS_CUT_OFF))
        return read

    def listed(self, errand: Errand, wanted: Mapping[str, Candidate]) -> Iterator[Read]:
        """Those that the list shows whole, of all its queries."""
        days = errand.days or ()
        names = (PLACED_FROM, PLACED_TO)[: len(days)]
        variables = {name: day.isoformat() for name, day in zip(names, days, strict=True)}
        parts: dict[str, tuple[datetime, Any]] = {}
        queries = self.queries[errand.entity].page
        for number, query in enumerate(queries):
            before, parts = parts, {}
            try:
                for key, at, node in self.nodes(query, variables):
                    if key not in wanted or (number and key not in before):
                        continue
                    whole = (at, node) if not number else joined(before.pop(key), node)
                    if whole is None:
                        continue
                    if number + 1 < len(queries):
                        parts[key] = whole
                    else:
                        yield read_of(wanted[key], *whole)
            except (QueryFailed, BadRequest, KeyRefused):
                # a key may be refused lists without a customer, and still be answered by id
                log.info("graphql: the list of %s was not answered", errand.entity)
                self.unlisted.add(errand.entity)
                return

    def nodes(
        self, query: str, variables: Mapping[str, str]
    ) -> Iterator[tuple[str, datetime, Any]]:
        """Every record of a list once, with the time before it was asked for."""
        seen: set[str] = set()
        if self.left <= 0:
            return
        for nodes, found in self.client.pages(query, variables):
            self.sunset = found.sunset
            for node in nodes:
                key = node.get(IDENTITY) if isinstance(node, dict) else None
                if isinstance(key, str) and key not in seen:
                    seen.add(key)
                    yield key, found.fetched_at, node
            if self.left <= 0:
                return

    def alone(self, candidate: Candidate) -> Read | None:
        """One record by its id, all its queries laid over each other; None when it fails."""
        try:
            read = self.single(candidate)
        except (QueryFailed, BadRequest, ChangedMeanwhile) as error:
            log.warning("graphql: one of the %s was not read", candidate.entity)
            self.failures += 1
            if self.failures >= MOST_FAILURES and isinstance(error, OrdergrooveError):
                raise
            return None
        self.failures = 0
        return read

    def single(self, candidate: Candidate) -> Read:
        whole: Any = {}
        read_at = self.client.clock.now()
        for query in self.queries[candidate.entity].single:
            found = self.client.ask(query, {"id": candidate.key})
            self.sunset = found.sunset
            whole = found.root if whole == {} else laid_over(whole, found.root)
        return read_of(candidate, read_at, whole)


def joined(part: tuple[datetime, Any], node: Any) -> tuple[datetime, Any] | None:
    """One record of two queries; None where it was changed between them."""
    at, before = part
    try:
        return at, laid_over(before, node)
    except ChangedMeanwhile:
        return None


def read_of(candidate: Candidate, read_at: datetime, found: Any) -> Read:
    return Read(
        entity=candidate.entity,
        key=candidate.key,
        stamp=candidate.stamp,
        read_at=read_at,
        found=found if isinstance(found, dict) else None,
    )
