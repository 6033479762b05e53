"""Ordergroove's GraphQL API over HTTP: one query at a time, counted beforehand, read whole.

Queries only read, so one whose answer was lost is sent again. Pages are asked for strictly one
after the other.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from sources.ordergroove.answers import Again, waits
from sources.ordergroove.connection import checked_base, connection_to, stopped, trouble
from sources.ordergroove.errors import ConfigError, NoPage, Transient, Unpageable
from sources.ordergroove.graphql.answer import (
    SETTING,
    UNCHANGED,
    Found,
    data_of,
    sunset_of,
)
from sources.ordergroove.graphql.limits import LATEST, VERSION, cost_of, refuse_over_limit
from sources.ordergroove.pace import LOOK_AGAIN_S, Pace
from sources.ordergroove.run_clock import RunClock

log = logging.getLogger(__name__)

# 6,000 requests a minute are allowed for each address; the REST lists may take 90 a second of them
QUERIES_A_SECOND = 9


@dataclass
class Spent:
    """What a client has cost so far."""

    requests: int = 0
    retries: int = 0
    points: int = 0


class GraphQL:
    """Queries to one Ordergroove host with one key, for one thread.

    Times in seconds. `retry_limit_s` bounds the tries of one query. `stop` ends waits early with
    Stopped. `transport` replaces the network (tests).
    Raises ConfigError for a base URL, key or version that no request can be made with.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        version: str = LATEST,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 120.0,
        retry_limit_s: float = 120.0,
        back_off_s: float = 0.5,
        queries_a_second: int = QUERIES_A_SECOND,
        stop: threading.Event | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base = checked_base(base_url)
        self.version = checked_version(version)
        self.retry_limit_s = retry_limit_s
        self.stop = stop or threading.Event()
        self.clock = RunClock()
        self.spent = Spent()
        self._wait = waits(back_off_s)
        self._pace = Pace(queries_a_second)
        timeout = httpx.Timeout(read_timeout_s, connect=connect_timeout_s)
        headers = {"Content-Type": "application/json"}
        self._http = connection_to(self.base, key, timeout, transport, headers)

    def close(self) -> None:
        self._http.close()
        self._pace.close()

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Found:
        """The answer to one query.

        Raises OverLimit before anything is sent, QueryFailed when errors came back, VersionGone,
        KeyRefused, BadRequest, NoPage, and Transient when retries ran out.
        """
        cost = cost_of(query, variables)
        refuse_over_limit(cost)
        content = orjson.dumps({"query": query, "variables": dict(variables or {})})
        retrying = Retrying(
            retry=retry_if_exception_type(Again),
            wait=self._wait,
            stop=self._is_spent,
            sleep=self._sleep,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            sent_at, answer, data = retrying(self._once, content)
        except Again as again:
            raise self._gave_up(again, retrying) from None
        self.spent.points += cost.points
        log.debug("graphql: %d points", cost.points)
        return Found(data=data, cost=cost, sunset=sunset_of(answer), fetched_at=sent_at)

    def pages(
        self, query: str, variables: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[list[Any], Found]]:
        """The nodes of a connection, page by page, to the last.

        The query takes the cursor as the variable `$after` and asks for `edges { node }` and
        `pageInfo { hasNextPage endCursor }` of its root. Raises NoPage where the answer has them
        not, Unpageable when a cursor repeats, and whatever `ask` does.
        """
        seen: set[str] = set()
        after: str | None = None
        while True:
            found = self.ask(query, {**(variables or {}), "after": after})
            nodes, after = connection_of(found.root)
            yield nodes, found
            if after is None:
                return
            if after in seen:
                raise Unpageable(
                    "Ordergroove repeats itself while a GraphQL list is read: a cursor came a"
                    " second time.",
                    "Please report it to Ordergroove.",
                    UNCHANGED,
                )
            seen.add(after)

    def _once(self, content: bytes) -> tuple[Any, httpx.Response, Mapping[str, Any]]:
        while not self._pace.may_go():
            self._sleep(LOOK_AGAIN_S)
        if self.stop.is_set():
            raise stopped()
        sent_at = self.clock.now()
        self.spent.requests += 1
        try:
            answer = self._http.post(f"/graphql/{self.version}/", content=content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise trouble(self.base, error) from None
        return sent_at, answer, data_of(answer, self.version)

    def _is_spent(self, state: RetryCallState) -> bool:
        return (state.seconds_since_start or 0.0) + state.upcoming_sleep > self.retry_limit_s

    def _before_sleep(self, state: RetryCallState) -> None:
        again = state.outcome and state.outcome.exception()
        self.spent.retries += 1
        log.info("graphql: %s, next try in %.1f s", again, state.upcoming_sleep)

    def _gave_up(self, again: Again, retrying: Retrying) -> Transient:
        tries = int(retrying.statistics.get("attempt_number", 1))
        counted = "1 try" if tries == 1 else f"{tries} tries"
        return Transient(
            f"GraphQL: {again.reason}; gave up after {counted}.",
            "It may pass by itself: run the same command again later.",
            UNCHANGED,
        )

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise stopped()


def connection_of(root: object) -> tuple[list[Any], str | None]:
    """The nodes of a page, and the cursor of the next one. Raises NoPage for another shape."""
    edges = root.get("edges") if isinstance(root, dict) else None
    told = root.get("pageInfo") if isinstance(root, dict) else None
    if not isinstance(edges, list) or not isinstance(told, dict) or "hasNextPage" not in told:
        raise no_connection("it has no list of `edges` or no `pageInfo`")
    nodes = [edge.get("node") if isinstance(edge, dict) else None for edge in edges]
    if not told["hasNextPage"]:
        return nodes, None
    cursor = told.get("endCursor")
    if not isinstance(cursor, str) or not cursor:
        raise no_connection("it says that more follows, and not where")
    return nodes, cursor


def no_connection(why: str) -> NoPage:
    return NoPage(
        f"Ordergroove's answer to a GraphQL list is no page: {why}.",
        "Please report it.",
        UNCHANGED,
    )


def checked_version(version: str) -> str:
    """The version. Raises ConfigError for one that is written otherwise than documented."""
    if not VERSION.fullmatch(version):
        raise ConfigError(
            f"{version!r} is no version of Ordergroove's GraphQL API.",
            f"Write {SETTING} as year and month, like {LATEST}, or unstable.",
            UNCHANGED,
        )
    return version
