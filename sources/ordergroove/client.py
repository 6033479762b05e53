"""Ordergroove's REST API over HTTP: one request at a time, pages in order, retries, guards.

It knows nothing of windows or warehouses: it is given a path and parameters, and answers with
parsed pages.
Source: Ordergroove docs "Cursor Pagination", "API Rate Limits", "API response codes".
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from sources.ordergroove.answers import TOO_MANY, Again, lead_of, refuse, waits
from sources.ordergroove.connection import checked_base, connection_to, stopped, trouble
from sources.ordergroove.errors import BadRequest, EntityError, Gone, NotFound, Transient
from sources.ordergroove.model import Entity
from sources.ordergroove.pace import LOOK_AGAIN_S, Pace
from sources.ordergroove.page import (
    Answered,
    Page,
    count_in,
    document_of,
    envelope,
    no_page,
    position_lost,
)
from sources.ordergroove.request import Question, origin, shown_origin
from sources.ordergroove.run_clock import RunClock
from sources.ordergroove.trail import Trail, place_of

log = logging.getLogger(__name__)

PAGE_SIZE = 100
"""The largest page Ordergroove gives."""

VERSION_HEADER = "X-OG-API-VERSION"

# Ordergroove allows 6,000 requests a minute for each address. What leaves here evenly can arrive
# bunched, so a tenth is left free.
REQUESTS_A_SECOND = 90


@dataclass
class Tally:
    """What one object type has cost so far; read by progress and ledger while it grows."""

    requests: int = 0
    retries: int = 0
    waiting: str = ""
    """Why the next request waits, in words; empty while it does not."""


class Client:
    """Requests to one Ordergroove host with one key, shared by the reading threads.

    Times in seconds. `retry_limit_s` bounds the tries of one request, `first_contact_limit_s` does
    while nothing at the host has answered at all; `back_off_s` is the longest first wait between
    two of them. `stop` ends waits early with Stopped. `transport` replaces the network (tests).
    Each object type must be read by one thread only; `tally` counts for it.
    Raises ConfigError for a base URL or a key that no request can be made with.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 120.0,
        retry_limit_s: float = 120.0,
        first_contact_limit_s: float = 20.0,
        back_off_s: float = 0.5,
        stop: threading.Event | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base = checked_base(base_url)
        self.retry_limit_s = retry_limit_s
        self.first_contact_limit_s = first_contact_limit_s
        self.stop = stop or threading.Event()
        self.clock = RunClock()
        self.last_answer_at: float | None = None
        self._wait = waits(back_off_s)
        self._hold = threading.Lock()
        self._held_until = 0.0
        self._pace = Pace(REQUESTS_A_SECOND)
        timeout = httpx.Timeout(read_timeout_s, connect=connect_timeout_s)
        headers = {VERSION_HEADER: "2"}
        self._http = connection_to(self.base, key, timeout, transport, headers)

    def close(self) -> None:
        self._http.close()
        self._pace.close()

    def pages(
        self,
        entity: Entity,
        *,
        params: Mapping[str, str],
        resume: str | None = None,
        tally: Tally | None = None,
    ) -> Iterator[Page]:
        """The pages of a list, strictly one after the other, to the last.

        `params` are the window's; the entity's own and the page size are added. `resume` is the
        `next` of a page to go on from instead, at any later time. The first records of a page may
        have been shown by the one before. Raises EntityError of the kind that fits: Refused,
        NotFound, NoPage, Unpageable when links or pages repeat or a second does not hold still,
        PositionLost when a link is not taken back, Transient when retries ran out.
        """
        tally = tally or Tally()
        url = place_of(self.checked(entity, resume)).whole if resume else entity.path
        query = None if resume else {"page_size": str(PAGE_SIZE), **entity.params, **params}
        trail = Trail(entity, url)
        while True:
            page = self._page(entity, Question(url, query), tally)
            if trail.has_lost(page):
                url, query = trail.turn_back(), None
                continue
            link = self.checked(entity, page.next) if page.next is not None else None
            yield trail.add(page, link, PAGE_SIZE)
            if link is None:
                return
            url, query = trail.onward, None

    def single(self, entity: Entity, key: str, tally: Tally) -> Page | None:
        """One object by its key, as a page of one record; None when the server answers 404."""
        path = (entity.single or "").format(key=quote(key, safe=""))
        try:
            # a record has to show the same fields here as in its list
            answer = self._ask(entity, Question(path, entity.params or None), tally)
        except NotFound:
            return None
        if not isinstance(answer.document, dict):
            raise no_page(entity, "the answer to a single-object GET is no object")
        return answer.page([answer.document], None)

    def count(self, entity: Entity, params: Mapping[str, str], tally: Tally) -> int | None:
        """How many records a list holds; None where the platform does not tell.

        Only the first version of the API counts. Source: "Cursor Pagination"; that it counts what
        was filtered was not tried live.
        """
        query = {"page_size": "1", **entity.params, **params}
        try:
            answer = self._ask(entity, Question(entity.path, query, is_first_version=True), tally)
        except EntityError:
            return None
        return count_in(answer.document)

    def checked(self, entity: Entity, link: str) -> str:
        """The link, if it leads to the host that the key belongs to. Raises EntityError."""
        try:
            url = self.base.join(link)
        except (httpx.InvalidURL, ValueError):
            url = httpx.URL("")
        if origin(self.base) != origin(url) or url.userinfo:
            raise EntityError(
                f"Ordergroove's list of {entity.name} went on at another address"
                f" ({shown_origin(url)}) than the one that was asked.",
                "The key was not sent there. Tell Ordergroove's support, or check the base URL.",
            )
        return str(url)

    def _page(self, entity: Entity, question: Question, tally: Tally) -> Page:
        try:
            answer = self._ask(entity, question, tally)
        except (BadRequest, NotFound, Gone):
            if question.query is not None:
                raise
            raise position_lost(entity) from None
        records, link = envelope(entity, answer.document)
        log.debug("%s: page of %d records", entity.name, len(records))
        return answer.page(records, link)

    def _ask(self, entity: Entity, question: Question, tally: Tally) -> Answered:
        """One GET with its retries."""
        retrying = Retrying(
            retry=retry_if_exception_type(Again),
            wait=self._wait,
            stop=self._is_spent,
            sleep=self._sleep,
            before_sleep=lambda state: self._before_sleep(entity, state, tally),
            reraise=True,
        )
        try:
            return retrying(self._once, entity, question, tally)
        except Again as again:
            raise self._gave_up(entity, again, retrying) from None

    def _once(self, entity: Entity, question: Question, tally: Tally) -> Answered:
        self._wait_for_leave(tally)
        sent_at = self.clock.now()
        tally.requests += 1
        try:
            request = self._http.build_request("GET", question.url, params=question.query)
            if question.is_first_version:
                del request.headers[VERSION_HEADER]
            answer = self._http.send(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise trouble(self.base, error) from None
        refuse(entity, answer)
        try:
            document = document_of(answer.content)
        except ValueError:
            what = "was cut off" if answer.content else "was empty"
            raise Again(f"Ordergroove's answer {what}", answer.status_code) from None
        self.last_answer_at = time.monotonic()
        return Answered(
            document=document,
            body=answer.content,
            fetched_at=sent_at,
            server_ahead_s=lead_of(answer, self.clock.now()),
        )

    def _wait_for_leave(self, tally: Tally) -> None:
        """Waits while Ordergroove asked for patience, then for the rate limit. Raises Stopped."""
        while (left_s := self._held_until - time.monotonic()) > 0:
            tally.waiting = tally.waiting or "Ordergroove's rate limit"
            self._sleep(left_s)
        while not self._pace.may_go():
            self._sleep(LOOK_AGAIN_S)
        tally.waiting = ""
        if self.stop.is_set():
            raise stopped()

    def _is_spent(self, state: RetryCallState) -> bool:
        """Whether the bound on total retry time would be passed by waiting once more."""
        again = state.outcome and state.outcome.exception()
        is_silent = isinstance(again, Again) and again.status is None
        limit_s = self.retry_limit_s
        if is_silent and self.last_answer_at is None:
            limit_s = min(limit_s, self.first_contact_limit_s)
        return (state.seconds_since_start or 0.0) + state.upcoming_sleep > limit_s

    def _before_sleep(self, entity: Entity, state: RetryCallState, tally: Tally) -> None:
        again = state.outcome and state.outcome.exception()
        if not isinstance(again, Again):
            return
        tally.retries += 1
        tally.waiting = again.reason
        log.info("%s: %s, next try in %.1f s", entity.name, again.reason, state.upcoming_sleep)
        if again.status == TOO_MANY:
            # the limit is counted for the address, so every object type has to wait
            with self._hold:
                until = time.monotonic() + state.upcoming_sleep
                self._held_until = max(self._held_until, until)

    def _gave_up(self, entity: Entity, again: Again, retrying: Retrying) -> Transient:
        tries = int(retrying.statistics.get("attempt_number", 1))
        counted = "1 try" if tries == 1 else f"{tries} tries"
        asked = (
            "" if again.asked_s is None else f" and asked for {again.asked_s:,.0f} s of patience"
        )
        is_silent = again.status is None and self.last_answer_at is None
        return Transient(
            f"{entity.name}: {again.reason}{asked}; gave up after {counted}.",
            f"Nothing at {self.base.netloc.decode()} has answered: check the base URL and the"
            " network, then run the same command again."
            if is_silent
            else "It may pass by itself: run the same command again later.",
        )

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise stopped()
